"""The command line and everything that is wrong with what it is given.

Each time: one clear line, the right exit code, no traceback, nothing left, nothing lost.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vauxio
from support.commands import Result
from support.paths import DATA, tree
from support.waiting import PATIENCE
from vauxio import container
from vauxio.archive import manifest


@pytest.fixture(scope="module")
def blob() -> bytes:
    """A small ``.vx`` file of real speech: one block, and little in it."""
    data, samplerate = soundfile.read(DATA / "speech-16k.flac")
    return vauxio.compress(data[8000:8800], samplerate, bitrate=1.5)


@pytest.fixture
def refused(vaux, tmp_path):
    """Call the command: it must fail in one line about that file and leave all as it is."""

    def call(*arguments: object, name: str, says: str = "", code: int = 1) -> Result:
        before = tree(tmp_path)
        result = vaux(*arguments)
        assert result.code == code
        assert result.out == b""
        assert result.err.startswith(f"vaux: {name}: ")
        assert result.err.count("\n") == 1 and result.err.endswith("\n")
        assert says in result.err
        assert tree(tmp_path) == before
        return result

    return call


# -- recordings ----------------------------------------------------------------------------------


def wav(data: np.ndarray, **options: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, data, 16000, format="WAV", **options)
    return file.getvalue()


NOISE = np.random.default_rng(0).standard_normal(8000).astype(np.float32) / 10
NOT_AUDIO = {
    "empty": b"",
    "text": b"This is not audio.\n" * 100,
    "zeros": bytes(5000),
    "noise": NOISE.tobytes(),
    "png": b"\x89PNG\r\n\x1a\n" + NOISE.tobytes(),
    "wav, header cut": wav(NOISE)[:20],
    "riff, nothing else": b"RIFF\x00\x00\x00\x00",
    "flac signature only": b"fLaC",
    "zip": b"PK\x03\x04" + NOISE.tobytes(),
}


@pytest.mark.parametrize("content", NOT_AUDIO.values(), ids=NOT_AUDIO.keys())
def test_not_audio(refused, content):
    Path("in.wav").write_bytes(content)
    refused("encode", "in.wav", "out.vx", name="in.wav", says="not a recording")


def test_a_vx_file_is_no_recording(refused, blob):
    Path("in.vx").write_bytes(blob)
    refused("encode", "in.vx", "out.vx", name="in.vx", says="not a recording")


def test_a_recording_cut_off(refused, recordings):
    content = (recordings / "speech-16k.flac").read_bytes()
    Path("in.flac").write_bytes(content[: len(content) // 2])
    refused("encode", "in.flac", "out.vx", name="in.flac")


def test_a_recording_that_was_never_finished(refused, vaux):
    """The recorder was interrupted, and its header still says that there is nothing."""
    content = bytearray(wav(NOISE))
    content[40:44] = bytes(4)
    Path("in.wav").write_bytes(content)
    assert vaux("encode", "in.wav", "wav.vx").code == 0
    assert vauxio.info("wav.vx").frames == len(NOISE)
    soundfile.write("in.au", NOISE, 16000)
    content = bytearray(Path("in.au").read_bytes())
    content[8:12] = bytes(4)
    Path("in.au").write_bytes(content)
    refused("encode", "in.au", "au.vx", name="in.au", says="repair its header")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("options", [[], ["--mono"], ["--no-lm"]], ids=" ".join)
def test_samples_that_are_no_numbers(refused, value, form, options):
    data = np.stack([NOISE, NOISE], axis=1)
    data[4321, 1] = value
    Path("in.wav").write_bytes(wav(data, subtype=form))
    refused("encode", *options, "in.wav", name="in.wav", says="frame 4321")


@pytest.mark.parametrize(
    "samplerate, channels, says", [(999, 1, "999 Hz"), (800000, 1, "800000 Hz"), (16000, 33, "33")]
)
def test_recordings_outside_the_limits(refused, samplerate, channels, says):
    soundfile.write("in.wav", np.zeros((100, channels)), samplerate)
    refused("encode", "in.wav", name="in.wav", says=says)


# -- .vx files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["decode", "info"])
@pytest.mark.parametrize("content", [b"", b"RIFF", NOISE.tobytes(), b"\x89VX", b"\x89VX\r\n\0\0"],
                         ids=["empty", "short", "noise", "cut", "mangled"])  # fmt: skip
def test_not_a_vx_file(refused, verb, content):
    Path("in.vx").write_bytes(content)
    refused(verb, "in.vx", name="in.vx")


def test_cut_off_at_every_byte(refused, blob):
    assert len(blob) < 200
    for length in range(len(blob)):
        Path("in.vx").write_bytes(blob[:length])
        refused("decode", "in.vx", "out.wav", name="in.vx")


def test_cut_off_says_what_is_left(refused, speech):
    data, samplerate = soundfile.read(speech)
    blob = vauxio.compress(np.tile(data, 6), samplerate, bitrate=1.5)
    Path("in.vx").write_bytes(blob[: len(blob) // 2])
    frames = vauxio.info("in.vx").frames
    assert frames
    line = refused("decode", "in.vx", name="in.vx", says="cut off").err
    assert f"{frames / samplerate:.1f} s" in line
    assert "--on-error conceal" in line
    assert len(vauxio.read("in.vx", on_error="conceal")[0]) == frames  # as the line says
    Path("in.vx").write_bytes(blob[: header_size(blob) + 20])
    line = refused("decode", "in.vx", name="in.vx", says="nothing of its first block").err
    assert "conceal" not in line


def header_size(blob: bytes) -> int:
    """Bytes up to the first block: the smallest part that reads as a file without blocks."""
    for length in range(len(blob)):
        try:
            container.Reader(io.BytesIO(blob[:length]))
        except vauxio.FormatError:
            continue
        return length
    raise AssertionError("no part of the file is a file")


@pytest.mark.parametrize("verb", ["decode", "info"])
def test_every_bit_of_the_header(refused, blob, verb):
    for bit in range(header_size(blob) * 8):
        damaged = bytearray(blob)
        damaged[bit // 8] ^= 1 << bit % 8
        Path("in.vx").write_bytes(damaged)
        refused(verb, "in.vx", name="in.vx")


def test_every_byte_after_the_header(vaux, refused, blob):
    """Damage is found, or it was of no consequence: never other sound."""
    expected, _ = vauxio.decompress(blob)
    for at in range(header_size(blob), len(blob)):
        damaged = bytearray(blob)
        damaged[at] ^= 0xFF
        Path("in.vx").write_bytes(damaged)
        try:
            decoded, _ = vauxio.read("in.vx")
        except vauxio.VauxError:
            refused("decode", "in.vx", "out.wav", name="in.vx")
        else:
            np.testing.assert_array_equal(decoded, expected)


def with_header(blob: bytes, **changes: object) -> bytes:
    """The same file with another header, and checksums that fit."""
    reader, file = container.Reader(io.BytesIO(blob)), io.BytesIO()
    writer = container.Writer(file, dataclasses.replace(reader.header, **changes))
    for index in range(reader.blocks):
        block = reader.read(index)
        writer.write(dataclasses.replace(block, coder=changes.get("coder", block.coder)))
    assert reader.frames is not None
    writer.close(reader.frames)
    return file.getvalue()


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"code_space": b"\1" * 8}, "0101010101010101"),
        ({"model": "whale-96k", "code_space": b"\1" * 8}, "whale-96k"),
        ({"coder_hash": b"\2" * 8}, "0202020202020202"),
        ({"samplerate": 1}, ""),
        ({"channels": 2}, ""),
        ({"codebooks": 3}, ""),
        ({"code_bits": 11}, ""),
        ({"coder": 99}, "99"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_the_wrong_model_or_none_that_could_be(refused, blob, changes, says):
    assert with_header(blob) == blob
    Path("in.vx").write_bytes(with_header(blob, **changes))
    refused("decode", "in.vx", name="in.vx", says=says)


def test_a_file_of_the_future(refused, blob):
    Path("in.vx").write_bytes(blob[:4] + b"\2" + blob[5:])
    refused("decode", "in.vx", name="in.vx", says="update vauxio")
    refused("info", "in.vx", name="in.vx", says="update vauxio")


@pytest.mark.parametrize("verb", ["decode", "info"])
def test_damaged_files_from_a_pipe(vaux_process, blob, tmp_path, verb):
    for content in (b"", blob[:10], blob[:-9], b"RIFF" + blob, blob[:70] + bytes(20) + blob[90:]):
        process = vaux_process(verb, "-", *["out.wav"][: verb == "decode"])
        out, err = process.communicate(content, timeout=PATIENCE)
        if verb == "info" and content == blob[:-9]:
            assert process.returncode == 0 and b"CUT OFF" in out
            continue
        assert (process.returncode, out) == (1, b"")
        assert err.startswith(b"vaux: -: ") and err.count(b"\n") == 1
        assert tree(tmp_path) == {}


# -- outputs -------------------------------------------------------------------------------------


@pytest.fixture
def files(vaux, recordings, blob, tmp_path) -> None:
    """A recording, a ``.vx`` file, and a folder with something in it."""
    Path("in.flac").write_bytes((recordings / "speech-16k.flac").read_bytes())
    Path("in.vx").write_bytes(blob)
    Path("folder/in.vx").mkdir(parents=True)
    Path("folder/in.wav").mkdir()
    Path("folder.vx").mkdir()
    Path("folder.flac").mkdir()


@pytest.mark.parametrize(
    "arguments, name, says",
    [
        (["encode", "in.flac", "folder.vx"], "folder.vx", "is a folder"),
        (["encode", "-f", "in.flac", "folder.vx"], "folder.vx", "is a folder"),
        (["encode", "in.flac", "-o", "folder"], "folder/in.vx", "is a folder"),
        (["encode", "folder"], "folder", "is a folder"),
        (["decode", "in.vx", "folder"], "folder", "is a folder"),
        (["decode", "-f", "in.vx", "folder"], "folder", "is a folder"),
        (["decode", "in.vx", "folder.flac"], "folder.flac", "is a folder"),
        (["decode", "in.vx", "-o", "folder"], "folder/in.wav", "is a folder"),
        (["decode", "folder.vx"], "folder.vx", "is a folder"),
        (["info", "folder"], "folder", "is a folder"),
        (["encode", "nosuch.wav"], "nosuch.wav", "no such file"),
        (["decode", "nosuch.vx"], "nosuch.vx", "no such file"),
        (["info", "nosuch.vx"], "nosuch.vx", "no such file"),
        (["encode", "in.flac", "nosuch/out.vx"], "nosuch/out.vx", "no such file or folder"),
        (["decode", "in.vx", "nosuch/out.wav"], "nosuch/out.wav", "no such file or folder"),
        (["encode", "in.flac", "in.vx/out.vx"], "in.vx/out.vx", "not a folder"),
        (["decode", "in.vx", "in.flac/out.wav"], "in.flac/out.wav", "not a folder"),
        (["encode", "in.flac", "/proc/out.vx"], "/proc/out.vx", ""),
        (["decode", "in.vx", "/proc/out.wav"], "/proc/out.wav", ""),
        (["encode", "in.flac", "x" * 300 + ".vx"], "x" * 300 + ".vx", "too long"),
        (["encode", "in.flac", "-o", "/dev/full"], "/dev/full", "the disk is full"),
        (["decode", "in.vx", "-o", "/dev/full"], "/dev/full", "the disk is full"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_read_or_written(refused, files, arguments, name, says):
    refused(*arguments, name=name, says=says)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
def test_no_permission(refused, files, tmp_path):
    Path("folder").chmod(0o500)
    Path("in.flac").chmod(0)
    try:
        refused("decode", "in.vx", "folder/out.wav", name="folder/out.wav", says="ermission denied")
    finally:
        Path("folder").chmod(0o700)
        Path("in.flac").chmod(0o600)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 16 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("target", ["out.vx", "out.wav", "out.flac", "out.ogg", "out.w64"])
def test_a_disk_that_fills_up(refused, speech, small_disk, target, there):
    data, samplerate = soundfile.read(speech)
    path = small_disk / target
    if there:
        path.write_bytes(b"precious")
    if target == "out.vx":
        soundfile.write("in.wav", np.tile(data, 6), samplerate)
        arguments = ["encode", "-b", 12, "in.wav"]
    else:
        vauxio.write("in.vx", np.tile(data, 6), samplerate, lm=False)
        arguments = ["decode", "in.vx"]
    refused(*arguments, *["-f"] * there, path, name=str(path), says="the disk is full")


def test_a_full_disk_keeps_the_input(refused, speech, small_disk):
    data, samplerate = soundfile.read(speech)
    soundfile.write("in.wav", np.tile(data, 6), samplerate)
    path = small_disk / "out.vx"
    refused("encode", "-b", 12, "--delete-input", "in.wav", path, name=str(path))


def test_a_format_that_cannot_hold_it(refused, vaux):
    soundfile.write("many.wav", np.zeros((100, 9)), 44100)
    assert vaux("encode", "many.wav").code == 0
    refused("decode", "many.vx", "out.flac", name="out.flac", says="9 channels")


@pytest.mark.parametrize(
    "arguments, name, says",
    [
        (["nosuch://a", "-o", "out"], "nosuch://a", "(Protocol not known|needs fsspec)"),
        (["tree", "-o", "nosuch://a"], "nosuch://a", "(Protocol not known|needs fsspec)"),
        (["tree", "-o", "spoilt"], f"spoilt/{manifest.NAME}", "remove it to begin anew"),
    ],
)
def test_trees_are_named_once(vaux, arguments, name, says):
    for folder in ("tree", "spoilt"):
        Path(folder).mkdir()
    Path("spoilt", manifest.NAME).write_bytes(b"not a database " * 100)
    result = vaux("encode", "-r", *arguments)
    assert result.code == 1
    assert re.fullmatch(f"vaux: (/.*/)?{re.escape(name)}: [^/]*{says}[^/]*\n", result.err)


def test_names_that_would_break_the_line(refused):
    Path("a\nb\x1b[31m.wav").write_bytes(b"")
    refused("encode", "a\nb\x1b[31m.wav", name="a\\nb\\x1b[31m.wav", says="not a recording")


@pytest.mark.parametrize("verb", ["info", "verify", "tags"])
def test_names_that_would_break_the_line_of_what_is_there(vaux, verb):
    name, shown = "a\nb\x1b[31m.vx", rb"a\nb\x1b[31m.vx"
    vauxio.write(name, np.zeros(800, "int16"), 8000)
    vauxio.write("other.vx", np.zeros(800, "int16"), 8000)
    for files in ((name,), (name, "other.vx")):
        code, out, err = vaux(verb, *files)
        assert (code, err) == (0, "") and b"\x1b" not in out and b"a\n" not in out
        assert out.startswith(shown) or b"\n" + shown in out or (verb == "tags" and not out)
    (line,) = vaux(verb, "--json", name).out.splitlines()
    assert name in json.loads(line).values()


# -- wrong usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["encode"], "Missing argument"),
        (["encode", "--loud", "in.flac"], "--loud"),
        (["encode", "-b", "13/2", "in.flac"], "'13/2' is not a number; write it like 6 or 6.5"),
        (["encode", "--quality", "6,5", "in.flac"], "'6,5' is not a number; write it like"),
        (["encode", "-r", ".", "-j", "two", "-o", "out"], "'two' is not a valid whole number"),
        (["compare", "--start", "1:30", "in.flac", "in.vx"], "is not a valid number of seconds"),
        (["encode", "-b", "0.5", "in.flac"], "0.5 kbps"),
        (["encode", "-b", "nan", "in.flac"], "nan kbps"),
        (["encode", "-m", "nosuch", "in.flac"], "'nosuch' is not installed"),
        (["encode", "--quality", "20.5", "in.flac"], "hifi-48k has those above 10, up to 20"),
        (["encode", "--quality", "-1", "in.flac"], "hifi-48k has those above, up to 20"),
        (["encode", "--quality", "16", "-m", "general-24k", "in.flac"], "hifi-48k has those above"),
        (["encode", "--quality", "5", "-m", "hifi-48k", "in.flac"], "other models have 0 to 10"),
        (["encode", "--quality", "16", "--no-lm", "in.flac"], "plain codes: above 12 kbps"),
        (["encode", "--quality", "16", "--denoise", "in.flac"], "denoising: above 12 kbps"),
        (["encode", "--quality", "16", "-b", "64", "in.flac"], "only one of"),
        (["tokens", "-m", "hifi-48k", "in.flac", "-o", "out.npz"], "hifi-48k has no tokens"),
        (["tokens", "-b", "48", ".", "-o", "out"], "of more than two channels, give --codebooks"),
        (["tokens", "-b", "24", "--mono", "in.flac", "-o", "out"], "0.75 to 12 kbps per channel"),
        (["encode", "in.flac", "in.vx", "out.vx"], "several files cannot become one"),
        (["encode", "in.flac", "in.wav", "-o", "nosuch"], "must name a folder"),
        (["encode", "in.flac", "-o", "nosuch/"], "no such folder"),
        (["encode", "in.flac", "in.wav"], "made of both in.flac and in.wav"),
        (["encode", "a/x.wav", "b/X.wav", "-o", "folder"], "made of both a/x.wav and b/X.wav"),
        (["encode", "-f", "in.vx", "in.vx"], "written over an input"),
        (["encode", "-f", "in.vx", "folder.vx/../in.vx"], "written over an input"),
        (["encode", "-f", "in.vx", "link.vx"], "written over an input"),
        (["encode", "-f", "in.vx"], "written over an input"),
        (["encode", "-", "-o", "folder"], "name the file"),
        (["encode", "-", "in.flac", "-", "-o", "folder.vx"], "name the file"),
        (["encode", "--delete-input", "-", "out.vx"], "--delete-input"),
        (["encode", "--delete-input", "in.flac", "-"], "--delete-input"),
        (["decode"], "Missing argument"),
        (["decode", "in.vx", "out.xyz"], "must end in one of .wav .flac"),
        (["decode", "in.vx", "out"], "must end in one of .wav .flac"),
        (["decode", "in.vx", "-o", "out.vx"], "must end in one of .wav .flac"),
        (["decode", "in.vx", "link.vx", "out.wav"], "several files cannot become one"),
        (["decode", "in.vx", "link.vx", "-o", "-"], "must name a folder"),
        (["decode", "-f", "in.wav", "-o", "in.wav"], "written over an input"),
        (["info"], "Missing argument"),
        (["info", "-", "-"], "only once"),
        (["models", "extra"], "extra"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(vaux, files, tmp_path, arguments, says):
    Path("in.wav").write_bytes(wav(NOISE))
    Path("link.vx").symlink_to("in.vx")
    before = tree(tmp_path)
    result = vaux(*arguments)
    assert result.code == 2
    assert result.out == b""
    assert result.err.startswith("vaux: ") and result.err.count("\n") == 1
    assert says in result.err
    assert " -h" in result.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("arguments", [["models"], ["encode", "in.flac"]], ids=" ".join)
def test_no_models(vaux, files, monkeypatch, tmp_path, arguments):
    monkeypatch.setenv("VAUXIO_WEIGHTS", "nosuch")
    before = tree(tmp_path)
    result = vaux(*arguments)
    assert (result.code, result.out, result.err.count("\n")) == (1, b"", 1)
    assert result.err.startswith("vaux: VAUXIO_WEIGHTS")
    assert tree(tmp_path) == before


def test_chatter_of_libmpg123_is_left_out_of_the_command_only(vaux_process, tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"\xff\xfb\x90\0" + b"hello" * 1000)
    process = vaux_process("encode", "a.mp3", "a.vx")
    _, err = process.communicate()
    assert err.count(b"\n") == 1 and err.startswith(b"vaux: a.mp3: ")
    code = (
        "import os\nfrom vauxio.audio.chatter import hushed\nwith hushed(): os.write(2, b'mine')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert run.stderr == b"mine"
