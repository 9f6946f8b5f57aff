"""Temporary files and folders: none is left, whatever is interrupted, however a process ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vauxio
from vauxio import fileio, temporary
from vauxio.cli import streams
from vauxio.container import retag
from vauxio.file import codes, functions, vauxfile

STEPS = {module.__file__ for module in (codes, fileio, functions, retag, streams, vauxfile)}
SILENCE = np.zeros(100, np.float32)


def interrupted(work: Callable[[], Any], steps: int) -> bool:
    """Whether it was interrupted: after so many lines of `STEPS` and returns from functions."""

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal steps
        inside = frame.f_code.co_filename == temporary.__file__
        if frame.f_code.co_name == "__del__":
            sys.settrace(None)  # nothing that is raised there gets anywhere
        if not (inside or frame.f_code.co_filename in STEPS):
            return None
        if event == "return" or (event == "line" and not inside):  # there, it would keep its lock
            steps -= 1
            if steps < 0:
                raise KeyboardInterrupt  # and Python traces no more
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def by_the_command(path: str) -> None:
    with streams.writing(path, force=True) as output:
        output.file.write(b"whole")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
@pytest.mark.parametrize("way", ["write", "exclusive", "codes", "tags", "command"])
def test_an_interrupt_at_any_step(tmp_path, way, there):
    """What was there is as it was, or what replaces it is whole; nothing else is there."""
    path, old = tmp_path / "a.vx", vauxio.compress(SILENCE, 8000, lm=False)
    read = vauxio.read_codes(io.BytesIO(vauxio.compress(SILENCE[:50], 8000, lm=False)))
    work = {
        "write": lambda: vauxio.write(path, SILENCE[:50], 8000, lm=False),
        "exclusive": lambda: vauxio.VauxFile(path, "x", 8000, 1, lm=False).close(),
        "codes": lambda: vauxio.write_codes(path, read),
        "tags": lambda: retag.retag(path, {"title": "a"}),
        "command": lambda: by_the_command(str(path)),
    }[way]
    steps, found = 0, set()
    while True:
        path.unlink(missing_ok=True)
        if there:
            path.write_bytes(old)
        try:
            again = interrupted(work, steps)
        except FileNotFoundError:
            assert way == "tags" and not there
            return
        except FileExistsError:
            assert way == "exclusive" and there
            return
        left = os.listdir(tmp_path)
        assert left in ([], ["a.vx"]) and not temporary._known
        found.add(path.read_bytes() if left else b"")
        if not again:
            break
        steps += 1
    assert steps > 20 and len(found) == 2 and (old if there else b"") in found


SLOW = """
import builtins, os, sys, tempfile, threading, time
from vauxio import fileio, temporary

def slow(make):
    def made(*arguments, **options):
        one = make(*arguments, **options)
        if not begun.is_set() and (make is not real or "xb" in arguments):
            begun.set()
            time.sleep(0.2)
        return one
    return made

def work():
    for _ in range(3):
        made.append(fileio.Output("a.vx") if sys.argv[1] == "file" else temporary.folder())

real, begun, made = open, threading.Event(), []
builtins.open, tempfile.mkdtemp = slow(real), slow(tempfile.mkdtemp)
threading.Thread(target=work, daemon=True).start()
begun.wait()
temporary.abandon()
time.sleep(0.5)
os._exit(0)
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_just_being_made_is_abandoned_too(tmp_path, what):
    """In the moment in which it is there, but not yet among those that are known."""
    above = str(Path(vauxio.__file__).parents[1])
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": above}
    command = [sys.executable, "-c", SLOW, what]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert os.listdir(tmp_path) == []


def test_a_file_system_without_permissions(tmp_path, monkeypatch):
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "a.vx"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "chmod", refuse)
    vauxio.write(path, SILENCE, 8000, lm=False)
    assert vauxio.info(path).frames == 100 and os.listdir(tmp_path) == ["a.vx"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("end", [fileio.Output.discard, fileio.Output.__del__])
def test_a_child_that_ends_leaves_the_file_to_its_parent(tmp_path, end):
    """With what the parent has written and its buffer still holds, once."""
    output = fileio.Output(tmp_path / "a.vx")
    output.file.write(b"begin ")
    if not (child := os.fork()):
        end(output)
        os._exit(not output.file.closed)
    assert os.waitpid(child, 0)[1] == 0
    output.file.write(b"end")
    output.commit()
    assert (tmp_path / "a.vx").read_bytes() == b"begin end" and os.listdir(tmp_path) == ["a.vx"]
