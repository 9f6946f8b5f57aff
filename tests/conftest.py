"""What the tests of the command line share: a way to call it, and what it may leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from support.browser import chromium, missing
from support.commands import Result
from support.paths import DATA
from vauxio.archive import running
from vauxio.archive.engine import Engine
from vauxio.audio import chatter
from vauxio.cli import main

# Each worker of pytest has a core: threads of PyTorch would wait for those of other workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Whoever runs the tests in the background may have these ignored, and commands would inherit that.
for _number in {"SIGINT", "SIGHUP"} & set(dir(signal)):
    if signal.getsignal(getattr(signal, _number)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _number), signal.SIG_DFL)
_HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

# The same examples in each run; --hypothesis-profile=default takes others. A machine may be slow.
settings.register_profile("same", derandomize=True, database=None, deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-page", action="store_true",
                     help="check the accessibility of every page of the site")  # fmt: skip


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """No test leaves a handler behind, which tests that come later in its process would have."""
    yield
    for number, handler in _HANDLERS.items():
        assert signal.signal(number, handler) == handler


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One for all tests of a process: Playwright can be started only once in each."""
    if reason := missing():
        pytest.skip(reason)
    with chromium() as browser:
        yield browser


@pytest.fixture
def recordings() -> Path:
    """The folder of real recordings."""
    return DATA


@pytest.fixture
def speech() -> Path:
    """A real recording: 4.2 s of speech, 48 kHz mono."""
    return DATA / "speech-48k.flac"


@pytest.fixture
def music() -> Path:
    """A real recording: 1.6 s of music, 44.1 kHz stereo."""
    return DATA / "music-44k-stereo.flac"


@pytest.fixture
def vaux(tmp_path, monkeypatch, capfdbinary) -> Callable[..., Result]:
    """Call the command in this process, in an empty folder; only ``-j 2`` and more start others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "_engine", _engine)
    monkeypatch.setattr(chatter, "_own", True)  # as where the command is the whole process

    def call(*arguments: object) -> Result:
        capfdbinary.readouterr()
        code = main([os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments])
        out, err = capfdbinary.readouterr()
        return Result(code, out, err.decode())

    return call


def _engine(name: str, jobs: int | None, *rest: object, started=running._engine) -> Engine:
    """What works on a tree. A process takes longer to start than a test's few seconds of sound."""
    return started("inline" if name == "processes" and jobs in (None, 1) else name, jobs, *rest)


@pytest.fixture
def vaux_process(tmp_path) -> Callable[..., subprocess.Popen]:
    """Start the command in a process of its own, in an empty folder."""
    started = []

    def start(*arguments: object, **options: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "vauxio", *map(str, arguments)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(command, cwd=tmp_path, **{**pipes, **options})
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
