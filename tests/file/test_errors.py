"""Errors of a file say which file."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from pathlib import Path

import pytest

import vauxio
from support.signals import voice
from vauxio.archive.verify import verify
from vauxio.audio.recording import Recording
from vauxio.compare.comparison import read_part
from vauxio.container.retag import retag

RATE = 24000


@pytest.fixture(scope="module")
def blob() -> bytes:
    """11 s: two blocks, of which the first is damaged."""
    content = bytearray(vauxio.compress(voice(11 * RATE), RATE, bitrate=0.75, lm=False))
    content[len(content) // 4] ^= 1
    return bytes(content)


@pytest.fixture(autouse=True)
def files(blob, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.vx").write_bytes(blob)
    Path("cut.vx").write_bytes(blob[:30])


WAYS = {
    "read": lambda file: vauxio.read(file),
    "blocks": lambda file: list(vauxio.blocks(file, 1 << 20)),
    "read_codes": lambda file: vauxio.read_codes(file),
    "read of an open file": lambda file: vauxio.VauxFile(file).read(),
    "max_frames": lambda file: vauxio.VauxFile(file, max_frames=5),
    "verify": lambda file: verify(file),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("kind", [str, Path, os.fsencode, open],
                         ids=["str", "Path", "bytes", "file object"])  # fmt: skip
def test_the_message_begins_with_the_name(way, kind):
    with contextlib.ExitStack() as stack, pytest.raises(vauxio.VauxError) as caught:
        file = stack.enter_context(open("a.vx", "rb")) if kind is open else kind("a.vx")
        way(file)
    error = caught.value
    assert error.filename == "a.vx"
    assert str(error) == f"a.vx: {error.reason}"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # from a worker process


def test_the_message_is_one_line_whatever_the_name():
    os.rename("cut.vx", "cut\n\x1b[31moff.vx")
    for read in (vauxio.info, Recording):
        with pytest.raises(vauxio.VauxError) as caught:
            read("cut\n\x1b[31moff.vx")
        assert caught.value.filename == "cut\n\x1b[31moff.vx"
        assert str(caught.value).startswith(r"cut\n\x1b[31moff.vx: ")
    assert str(vauxio.AudioError("of a\nb.wav")) == r"of a\nb.wav"


@pytest.mark.parametrize(
    "way",
    [vauxio.info, vauxio.VauxFile, vauxio.read, lambda name: retag(name, {"a": "b"}), Recording,
     lambda name: read_part(name, 0, 1)],
    ids=["info", "VauxFile", "read", "retag", "Recording", "compare"],
)  # fmt: skip
def test_of_a_file_that_cannot_be_opened(way):
    with pytest.raises(vauxio.VauxError, match=r"^cut\.vx: (?!cut\.vx)"):
        way("cut.vx")


def test_damage_elsewhere_than_in_the_part_that_is_compared():
    with pytest.raises(vauxio.ChecksumError, match=r"^a\.vx: block 0"):
        read_part("a.vx", 10.5, 0.1)


def test_what_has_no_name_gets_none(blob):
    with pytest.raises(vauxio.ChecksumError, match="^block 0: ") as caught:
        vauxio.decompress(blob)
    assert caught.value.filename is None
    with open("a.vx", "rb") as file, pytest.raises(vauxio.ChecksumError, match="^block 0: "):
        vauxio.read(file.fileno(), closefd=False)
    with pytest.raises(vauxio.AudioError, match="^not a recording"):
        Recording(io.BytesIO(b"no recording"))


def test_a_name_is_said_once():
    """What is listed as damage, and what an outer file's reader says, has no second name."""
    with vauxio.VauxFile("a.vx", on_error="conceal") as f:
        f.read()
        assert [damage.reason[:8] for damage in f.damage] == ["block 0:"]
    with vauxio.VauxFile("a.vx") as f:
        for _ in range(2):
            with pytest.raises(vauxio.ChecksumError, match=r"^a\.vx: block 0"):
                f.read()


def test_an_error_of_another_file_keeps_its_name():
    """Of what is done with the samples, the file that they come from is not to blame."""
    with vauxio.VauxFile("a.vx", on_error="conceal") as f:
        with pytest.raises(vauxio.AudioError) as caught:
            for block in f.blocks(RATE):
                vauxio.write("b.vx", block, 10)
    assert caught.value.filename is None
