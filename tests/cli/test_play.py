"""``vaux play``: what reaches a player, and the keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vauxio
from support.signals import voice
from support.waiting import PATIENCE
from vauxio.cli import speakers
from vauxio.errors import AudioError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a terminal is a pty here")

RATE = 24000


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """A player on PATH that keeps what it gets, with its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    player = folder / "aplay"
    player.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/arguments"\ncat >> "{tmp_path}/heard"\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(speakers, "_device", lambda *args: None)
    monkeypatch.setattr(speakers, "_PLAYERS", {"aplay": speakers._PLAYERS["aplay"]})
    return tmp_path / "heard"


@pytest.fixture
def file(tmp_path) -> Path:
    vauxio.write(tmp_path / "a.vx", voice(3 * RATE, RATE), RATE, bitrate=1.5, lm=False)
    return tmp_path / "a.vx"


def test_all_of_it_is_played(vaux, file, heard):
    assert vaux("play", file, file) == (0, b"", "")
    expected, _ = vauxio.read(file, dtype="int16")
    assert np.array_equal(np.frombuffer(heard.read_bytes(), "<i2"), np.tile(expected, 2))
    assert "-r 24000 -c 1" in (heard.parent / "arguments").read_text()


def test_damage(vaux, file, heard):
    content = file.read_bytes()
    file.write_bytes(content[:-40])
    found = vaux("play", file)
    assert found.code == 1 and "cut off" in found.err
    assert vaux("play", "--on-error", "conceal", file).code == 0


def test_a_player_that_fails(vaux, file, heard):
    (heard.parent / "bin" / "aplay").write_text("#!/bin/sh\nexit 3\n")
    found = vaux("play", file)
    assert found.code == 1 and "aplay" in found.err and "3" in found.err


def test_nothing_can_play(monkeypatch):
    monkeypatch.setattr(speakers, "_device", lambda *args: None)
    monkeypatch.setattr(speakers, "_PLAYERS", {"no-such-player": ""})
    with pytest.raises(AudioError, match=r"vauxio\[play\]"), speakers.open_speakers(RATE, 1):
        pass


PROGRAM = """
import sys
from vauxio.cli import main, speakers
speakers._device = lambda *args: None
speakers._PLAYERS = {"aplay": speakers._PLAYERS["aplay"]}
sys.exit(main(["play", *sys.argv[1:]]))
"""


def test_keys(file, heard):
    """In a terminal: pause, jump, the next file, quit.

    The player takes nothing until it may, so that no file ends before its key is pressed.
    """
    import pty

    may = heard.parent / "may"
    waits = f'while [ ! -e "{may}" ]; do sleep 0.01; done'
    (heard.parent / "bin" / "aplay").write_text(f"#!/bin/sh\n{waits}\nexec cat > /dev/null\n")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(file), str(file)], stdin=theirs, stderr=theirs
    )
    os.close(theirs)
    said = ""

    def until(text: str) -> None:
        nonlocal said
        while text not in said:
            said += os.read(ours, 4096).decode()  # an error, if the other end is closed
        said = ""

    until("0:00 of 0:03")
    os.write(ours, b" ")
    may.touch()
    until("(paused)")
    os.write(ours, b"\x1b[C")
    until("0:03 of 0:03 (paused)")
    os.write(ours, b"\x1b[D")
    until("0:00 of 0:03 (paused)")
    may.unlink()
    os.write(ours, b"n")
    until("0:00 of 0:03")
    os.write(ours, b"q")
    may.touch()
    assert process.wait(PATIENCE) == 0
    os.close(ours)
