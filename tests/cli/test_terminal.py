"""How things look: tables, events, silence, narrow terminals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import vauxio
from support.signals import voice
from support.terminals import on_terminal

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def vx(tmp_path) -> Path:
    path = tmp_path / "a.vx"
    vauxio.write(path, voice(12000, 24000), 24000)
    return path


def test_many_files_make_a_table(vaux, vx, tmp_path):
    long = tmp_path / f"{'x' * 60}.vx"
    long.write_bytes(vx.read_bytes())
    code, out, err = vaux("info", "a.vx", long.name, "nosuch.vx")
    assert code == 1 and "nosuch.vx" in err
    head, *lines = out.decode().splitlines()
    assert head.split() == ["file", "duration", "Hz", "channels", "model", "kbps", "bytes", "tags"]
    assert [line.split()[:3] for line in lines] == [
        ["a.vx", "0.500", "24000"], [long.name, "0.500", "24000"]
    ]  # fmt: skip
    assert len({line.index("24000") for line in lines}) == 1  # in columns


@pytest.mark.parametrize("columns", [40, 70, 120])
def test_nothing_is_wider_than_the_terminal(vx, tmp_path, columns):
    (tmp_path / ("y" * 90 + ".vx")).write_bytes(vx.read_bytes())
    names = sorted(path.name for path in tmp_path.glob("*.vx"))
    shown = CODES.sub("", on_terminal(["info", *names], tmp_path, columns))
    assert max(map(len, shown.splitlines())) <= columns
    shown = CODES.sub("", on_terminal(["decode", names[-1], "b.wav"], tmp_path, columns))
    assert max(len(line) for line in re.split("[\r\n]", shown)) <= columns
    assert "100 %" in shown or columns < 60


def test_colour_is_left_out_where_nobody_wants_it(vx, tmp_path):
    assert "\x1b[" in on_terminal(["info", "nosuch.vx"], tmp_path)
    shown = on_terminal(["info", "nosuch.vx"], tmp_path, NO_COLOR="1")
    assert shown == "vaux: nosuch.vx: no such file or folder\r\n"


def test_single_files_as_events(vaux, vx):
    code, out, err = vaux("decode", "--json", "a.vx")
    (event,) = map(json.loads, out.splitlines())
    assert (code, err) == (0, "")
    assert event.items() >= {"event": "file", "source": "a.vx", "target": "a.wav", "error": None,
                             "seconds": 0.5, "bytes_in": vx.stat().st_size,
                             "bytes_out": 24044, "notes": [], "damage": []}.items()  # fmt: skip
    code, out, err = vaux("encode", "--json", "a.wav", "nosuch.wav", "-o", ".", "-f")
    done, failed = map(json.loads, out.splitlines())
    assert (code, err) == (1, "")
    assert done["error"] is None and done["bytes_in"] == 24044
    assert failed["error"] == "no such file or folder"
    code, out, _ = vaux("verify", "--json", "a.vx")
    assert json.loads(out)["seconds"] == 0.5 and code == 0
    assert vaux("decode", "--json", "a.vx", "-").code == 2


def test_quiet_says_what_fails_and_nothing_else(vaux, vx, tmp_path):
    assert vaux("verify", "-q", "a.vx") == (0, b"", "")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.vx").write_bytes(vx.read_bytes())
    assert vaux("decode", "-q", "-r", "tree", "-o", "out", "-j", "1") == (0, b"", "")
    assert vaux("tokens", "-q", "tree", "-o", "tokens", "-j", "1") == (0, b"", "")
    assert on_terminal(["decode", "-q", "-f", "a.vx", "b.wav"], tmp_path) == ""
    code, out, err = vaux("verify", "-q", "nosuch.vx")
    assert (code, out) == (1, b"") and "nosuch.vx" in err


def test_totals_of_a_tree(vaux, vx, tmp_path):
    (tmp_path / "tree").mkdir()
    assert vaux("decode", "a.vx", "tree/a.wav").code == 0
    code, out, _ = vaux("encode", "-r", "tree", "-o", "out", "-j", "1")
    assert code == 0
    assert re.search(rb"bytes +24,044 -> [\d,]+, [\d.]+ times smaller, [\d.]+ kbps", out)
