"""A run that is killed at any moment, and taken up: nothing lost, nothing harmed, same bytes.

``VAUXIO_KILLS`` says how many times (3 if not set).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vauxio
from support.signals import voice
from support.waiting import PATIENCE, wait_until
from vauxio import archive
from vauxio.archive import jobs, manifest
from vauxio.archive.engine import Lost, Processes
from vauxio.archive.store import open_store

KILLS = int(os.environ.get("VAUXIO_KILLS", "3"))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """Short files, and one that is longer."""
    root = tmp_path_factory.mktemp("library")
    for i in range(12):
        folder = root / f"{i % 3}"
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / f"{i}.wav", voice(16000 + 7000 * i, 16000, seed=i), 16000)
    soundfile.write(root / "longer.wav", voice(40 * 16000, 16000), 16000)
    return root


@pytest.fixture(scope="module")
def undisturbed(library, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("out")
    plan = archive.plan("encode", library, out, archive.Settings(lm=False))
    assert all(result.ok for result in archive.run(plan, engine="inline"))
    return content(out)


def content(folder: Path) -> dict[str, bytes]:
    """Every file but the manifest: what was half done, too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(manifest.NAME)
    }


def start(library: Path, out: Path) -> subprocess.Popen:
    verb = ["encode", "--no-lm", "-r", library]
    command = [sys.executable, "-m", "vauxio", *verb, "-o", out, "-j", "2"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def workers_in(out: Path) -> set[int]:
    """Processes that have a file of that folder open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link).startswith(f"{out}/"):
                found.add(int(link.parts[2]))
        except OSError:
            pass  # it has ended
    return found


def test_killed_and_taken_up(library, undisturbed, tmp_path):
    rng = random.Random(0)
    before = content(library)
    for number in range(KILLS):
        out = tmp_path / str(number)
        # From the first file that is there on, at any moment; now and then twice.
        for _ in range(rng.choice([1, 1, 2])):
            process = start(library, out)
            wait_until(lambda p=process, out=out: p.poll() is not None or any(out.rglob("*.part")))
            time.sleep(rng.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        for name, data in content(out).items():
            if name.endswith(".vx"):
                assert data == undisturbed[name]
        process = start(library, out)
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, b"")
        assert content(out) == undisturbed
        assert content(library) == before
        assert not workers_in(out)
        assert not archive.plan("encode", library, out, archive.Settings(lm=False)).tasks


def workers_of(process: subprocess.Popen) -> list[int]:
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    found = [int(pid) for path in children for pid in path.read_text().split()]
    return [pid for pid in found
            if b"vauxio.archive.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]  # fmt: skip


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def long_silence(path: Path) -> None:
    """An hour and a half."""
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(90):
            file.write(np.zeros(60 * 8000, np.int16))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
def test_workers_end_with_their_parent(tmp_path):
    """In the middle of a job that takes a minute, too."""
    (tmp_path / "in").mkdir()
    for name in "abc":
        long_silence(tmp_path / "in" / f"{name}.flac")
    process = start(tmp_path / "in", tmp_path / "out")
    wait_until(lambda: process.poll() is not None or len(list(tmp_path.rglob("*.part"))) > 1)
    workers = workers_of(process)
    assert len(workers) == 2 and all(map(lives, workers))
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(lives, workers)))
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.parametrize("source", ["", "file://"])
def test_a_worker_that_is_told_to_end(tmp_path, monkeypatch, source):
    """In the middle of a job of a minute: its job is given up, and nothing is left."""
    (tmp_path / "in").mkdir()
    (tmp_path / "local").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "local"))
    long_silence(tmp_path / "in" / "a.flac")
    settings = archive.Settings(lm=False)
    plan = archive.plan("encode", tmp_path / "in", f"{source}{tmp_path / 'out'}", settings)
    context = jobs.Context(plan.verb, plan.source, plan.target, plan.settings, False)
    engine = Processes(1)
    try:
        engine.submit(jobs.Many(context, plan.tasks))
        wait_until(lambda: any(tmp_path.rglob("*.part")))
        engine._processes[0].terminate()
        _, outcome = engine.next()
    finally:
        engine.close()
    assert isinstance(outcome, Lost) and "exit code 1" in outcome.reason
    left = [*tmp_path.rglob("*.part"), *(tmp_path / "local").glob("vauxio-*")]
    assert left == []  # ONNX Runtime puts a file of its own into the latter folder


def test_what_is_swept_while_others_go(tmp_path, monkeypatch):
    """Processes of a run that was killed may be removing their files when the next one begins."""
    parts = [tmp_path / f".a.vx.0000000{number}.part" for number in range(3)]
    for path in parts:
        path.touch()
    scandir = os.scandir

    def late(folder):
        found = sorted(scandir(folder), key=lambda entry: entry.name)
        parts[0].unlink()
        return found

    monkeypatch.setattr(os, "scandir", late)
    open_store(tmp_path).sweep({"a.vx"})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("sent", [b"", b"no pickle", b"cnot.a\nmodule\n.", b"\x80\x05\x95"])
def test_a_worker_ends_when_its_input_makes_no_sense(sent):
    command = [sys.executable, "-m", "vauxio.archive.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(sent)
        process.stdin.flush()
        if sent in (b"", b"\x80\x05\x95"):  # could go on
            process.stdin.close()
        assert process.wait(PATIENCE) == 1


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_told_to_end(library, undisturbed, tmp_path, number, code):
    process = start(library, tmp_path / "out")
    wait_until(lambda: process.poll() is not None or any((tmp_path / "out").rglob("*.part")))
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err.strip()) == (code, b"")
    left = content(tmp_path / "out")
    assert left.items() <= undisturbed.items()
    plan = archive.plan("encode", library, tmp_path / "out", archive.Settings(lm=False))
    assert all(result.ok for result in archive.run(plan, engine="inline"))
    assert content(tmp_path / "out") == undisturbed


def test_a_full_disk(library, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk],
                             capture_output=True)  # fmt: skip
    if mounted.returncode:
        pytest.skip("cannot mount a small disk")
    try:
        plan = archive.plan("encode", library, disk)
        try:
            results = list(archive.run(plan, engine="inline"))
        except vauxio.VauxError as e:
            assert "full" in str(e)
        else:
            assert any(not result.ok for result in results)
        for name in content(disk):
            assert name.endswith(".vx") and vauxio.info(disk / name).complete
    finally:
        subprocess.run(["umount", disk], check=True)
