"""Killed, out of room, robbed of its input: no broken output under its name, no input changed.

`VAUXIO_KILLS` sets how often a process is killed; more often than here finds rarer moments.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import tree
from support.signals import voice
from support.waiting import wait_until

KILLS = int(os.environ.get("VAUXIO_KILLS", "4"))
RATE = 24000


@pytest.fixture
def long_wav(tmp_path) -> Path:
    """A minute: work for longer than a process takes to start, and six blocks."""
    data = np.tile(voice(RATE * 10), (6, 1))
    soundfile.write(tmp_path / "in.wav", data, RATE)
    return tmp_path / "in.wav"


@pytest.mark.parametrize("there", [False, True], ids=["no target", "a target"])
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_at_random_moments(vaux_process, long_wav, tmp_path, there):
    source, target = long_wav.read_bytes(), tmp_path / "out.vx"
    before = vauxio.compress(voice(1000), RATE) if there else None
    process = vaux_process("encode", "-f", "--no-lm", "in.wav", "out.vx")
    assert process.wait() == 0
    whole = target.read_bytes()
    rng = random.Random(0)
    for number in range(KILLS):
        for leftover in tmp_path.glob(".*.part"):
            leftover.unlink()
        target.unlink() if before is None else target.write_bytes(before)
        process = vaux_process("encode", "-f", "--no-lm", "in.wav" if number % 2 else "-", "out.vx")
        if number % 2:
            wait_until(lambda p=process: p.poll() is not None or any(tmp_path.glob(".*.part")))
        else:  # it waits for more than it will get
            process.stdin.write(source[: rng.randrange(len(source))])
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        code = process.wait()
        assert code == -signal.SIGKILL or (number % 2 and code == 0)
        assert long_wav.read_bytes() == source
        names = {name for name in tree(tmp_path) if not name.startswith(".")}
        assert names <= {"in.wav", "out.vx"}
        now = target.read_bytes() if target.exists() else None
        assert now in (before, whole)
        if now is None:
            target.touch()
        for leftover in tmp_path.glob(".*.part"):  # what could be saved of it can be read
            try:
                frames = vauxio.info(leftover).frames
            except vauxio.FormatError:
                assert leftover.stat().st_size < 200  # killed within the header
                continue
            data, _ = vauxio.read(leftover, frames=frames)
            assert len(data) == frames and np.isfinite(data).all()


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_while_it_writes_to_a_pipe(vaux_process, long_wav, tmp_path):
    """What has come through a pipe by then reads up to the last whole block."""
    process = vaux_process("encode", "in.wav", "-", stdin=subprocess.DEVNULL)
    received = process.stdout.read(4000)
    process.kill()
    received += process.stdout.read()
    (tmp_path / "cut.vx").write_bytes(received)
    report = vauxio.info(tmp_path / "cut.vx")
    if not report.complete:  # else it was faster
        assert "CUT OFF" in repr(report)
    assert report.blocks >= 1 and report.tokens >= 750
    data, _ = vauxio.read(tmp_path / "cut.vx", frames=report.frames)
    assert len(data) == report.frames


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("seconds", [0, 3])
def test_the_writer_of_its_input_is_killed(vaux_process, tmp_path, seconds):
    """The end of a pipe is an end: what came by then is a whole file, and nothing is nothing."""
    soundfile.write(tmp_path / "in.wav", voice(RATE * 5), RATE)
    size = 44 + seconds * RATE * 2 if seconds else 0
    dies = f"import os, sys; sys.stdout.buffer.write(open('in.wav', 'rb').read({size})); "
    dies += "sys.stdout.flush(); os.kill(os.getpid(), 9)"
    writer = subprocess.Popen([sys.executable, "-c", dies], cwd=tmp_path, stdout=subprocess.PIPE)
    process = vaux_process("encode", "-", "out.vx", stdin=writer.stdout)
    writer.stdout.close()
    _, said = process.communicate()
    assert writer.wait() == -signal.SIGKILL
    if seconds:
        assert (process.returncode, said) == (0, b"")
        report = vauxio.info(tmp_path / "out.vx")
        assert report.complete and report.duration == seconds
    else:
        assert process.returncode == 1 and said.count(b"\n") == 1
        assert set(tree(tmp_path)) == {"in.wav"}


@pytest.fixture
def mounted(tmp_path):
    """A file system of its own, if that may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("tmpfs cannot be mounted here")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True)


def test_a_read_only_target(vaux, mounted, speech, tmp_path):
    folder = mounted("size=1m")
    (folder / "old.vx").write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    for name in ("old.vx", "new.vx"):
        result = vaux("encode", "-f", speech, folder / name)
        assert result.code == 1 and result.err.count("\n") == 1
        assert tree(folder) == {"old.vx": b"old"}


@pytest.mark.parametrize("there", [False, True], ids=["no target", "a target"])
def test_a_disk_that_fills_up_while_encoding(vaux, mounted, long_wav, there):
    folder = mounted("size=32k")
    source = long_wav.read_bytes()
    if there:
        (folder / "out.vx").write_bytes(b"old")
    before = tree(folder)
    result = vaux("encode", "-f", "-b", "12", "in.wav", folder / "out.vx")
    assert result.code == 1 and "disk is full" in result.err and result.err.count("\n") == 1
    assert tree(folder) == before
    assert long_wav.read_bytes() == source


def test_the_input_is_cut_off_while_it_is_read(vaux, long_wav, tmp_path, monkeypatch):
    """Somebody truncates the recording after its first block was read."""
    from vauxio.file import vauxfile

    push = vauxfile.VauxFile.write

    def write(self, data):
        os.truncate(long_wav, 100_000)
        return push(self, data)

    monkeypatch.setattr(vauxfile.VauxFile, "write", write)
    result = vaux("encode", "in.wav", "out.vx")
    assert result.code == 1 and result.err.startswith("vaux: in.wav: ")
    assert set(tree(tmp_path)) == {"in.wav"}


@pytest.mark.skipif(os.name != "posix", reason="unlinks an open file")
def test_the_input_loses_its_name_while_it_is_read(vaux, long_wav, tmp_path, monkeypatch):
    from vauxio.file import vauxfile

    push = vauxfile.VauxFile.write

    def write(self, data):
        long_wav.unlink(missing_ok=True)
        return push(self, data)

    monkeypatch.setattr(vauxfile.VauxFile, "write", write)
    result = vaux("encode", "in.wav", "out.vx")
    assert result.code == 0  # an open file stays readable
    assert vauxio.info(tmp_path / "out.vx").duration == 60


def test_a_file_that_vanishes_while_it_is_decoded(vaux, tmp_path, monkeypatch):
    blob = vauxio.compress(np.tile(voice(RATE * 10), (3, 1)), RATE)
    path = tmp_path / "in.vx"
    path.write_bytes(blob)
    started = threading.Event()
    from vauxio.cli import decode

    monkeypatch.setattr(decode, "_PIECE", RATE)
    read = vauxio.VauxFile.blocks

    def blocks(self, *args, **options):
        for block in read(self, *args, **options):
            if not started.is_set():
                started.set()
                os.truncate(path, 0)
            yield block

    monkeypatch.setattr(vauxio.VauxFile, "blocks", blocks)
    result = vaux("decode", "in.vx", "out.wav")
    assert started.is_set()
    assert result.code == 1 and result.err.startswith("vaux: in.vx: ")
    assert set(tree(tmp_path)) == {"in.vx"}


@pytest.fixture(params=[errno.EPERM, errno.ENOTSUP], ids=errno.errorcode.get)
def no_links(request, monkeypatch):
    """A file system without hard links, such as FAT."""

    def link(*names):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(os, "link", link)


def test_new_files_without_hard_links(vaux, no_links, speech, tmp_path):
    assert vaux("encode", speech, "out.vx") == (0, b"", "")
    assert set(tree(tmp_path)) == {"out.vx"}
    assert vauxio.info("out.vx").complete


def test_no_file_is_replaced_without_hard_links(no_links, tmp_path):
    f = vauxio.VauxFile(tmp_path / "out.vx", "x", RATE, 1)
    (tmp_path / "out.vx").write_bytes(b"somebody else's")
    with pytest.raises(FileExistsError):
        f.close()
    assert tree(tmp_path) == {"out.vx": b"somebody else's"}


def test_nothing_is_left_if_a_new_file_cannot_be_renamed(no_links, tmp_path, monkeypatch):
    def replace(*names):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        vauxio.VauxFile(tmp_path / "out.vx", "x", RATE, 1).close()
    assert tree(tmp_path) == {}


def test_a_file_being_written_has_no_damage(tmp_path):
    with vauxio.VauxFile(tmp_path / "out.vx", "w", RATE, 1) as f:
        f.write(voice(1000))
        assert f.damage == []
