"""Worker processes, with one thread each, that get their jobs as pickles on a pipe.

This module starts processes, hands them jobs and notices when one dies. It does not know what jobs
are; `work.perform` does. It does not use `multiprocessing`, which would import the caller's main
module again.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
import traceback
from collections import deque
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Engine", "Inline", "Lost", "Processes", "attempt"]


class Lost:
    """Takes the place of an outcome if a job could not be finished.

    Parameters
    ----------
    reason : str
        One line.
    again : bool
        Whether it may be tried again: the process died, perhaps not by this job's fault.
    """

    def __init__(self, reason: str, again: bool = False) -> None:
        self.reason, self.again = reason, again


class Engine(Protocol):
    """Does jobs, here or elsewhere."""

    @property
    def workers(self) -> int:
        """How many jobs are worked on at once."""

    def submit(self, job: Any) -> None:
        """Have a job done. Jobs are begun in the order in which they are given."""

    def next(self) -> tuple[Any, Any]:
        """Wait for a job to end: the job, and its outcome or `Lost`."""

    def close(self) -> None:
        """Stop, whatever is still being done."""


def attempt(job: Any) -> Any:
    """The outcome of a job; `Lost` for unexpected errors."""
    from .work import perform

    try:
        return perform(job)
    except Exception as e:
        last = traceback.extract_tb(e.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return Lost(f"internal error: {type(e).__name__}: {str(e) or 'no message'} ({where})")


class Inline:
    """Work in this process, one job at a time."""

    workers = 1

    def __init__(self) -> None:
        self._jobs: deque[Any] = deque()

    def submit(self, job: Any) -> None:
        self._jobs.append(job)

    def next(self) -> tuple[Any, Any]:
        job = self._jobs.popleft()
        return job, attempt(job)

    def close(self) -> None:
        self._jobs.clear()


class Processes:
    """Worker processes on this machine.

    Parameters
    ----------
    workers : int
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._closing = False
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._attend, args=(number,), daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Any) -> None:
        self._jobs.put(job)

    def next(self) -> tuple[Any, Any]:
        return self._outcomes.get()

    def close(self) -> None:
        with self._lock:
            self._closing = True
            for process in self._processes.values():
                assert process.stdin is not None
                with contextlib.suppress(OSError):
                    process.stdin.close()  # it then ends, and removes what it has half done
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _attend(self, number: int) -> None:
        """Keep one process at work, and replace it when it dies."""
        process = None
        while (job := self._jobs.get()) is not None and not self._closing:
            try:
                if process is None:
                    process = self._start(number)
                    if process is None:
                        break
                assert process.stdin is not None and process.stdout is not None
                pickle.dump(job, process.stdin, pickle.HIGHEST_PROTOCOL)
                process.stdin.flush()
                outcome = pickle.load(process.stdout)
            except Exception as e:  # a pickle that is not whole raises anything
                outcome = Lost(_end(process, e), again=True)
                process = None
            self._outcomes.put((job, outcome))
        if process is not None:
            _end(process)

    def _start(self, number: int) -> subprocess.Popen[bytes] | None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        above = str(Path(__file__).resolve().parents[2])  # where this very package is
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([above, path] if path else [above])
        with self._lock:
            if self._closing:
                return None
            self._processes[number] = process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                start_new_session=True,  # the parent handles Ctrl-C
            )  # fmt: skip
            return process


def _end(process: subprocess.Popen[bytes] | None, error: Exception | None = None) -> str:
    """Let a process end; how it did, in a line."""
    if process is None:
        return f"no process could be started: {error}"
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    code = process.wait()
    process.stdout.close()
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"the process that worked on it died ({how}): short of memory, or a file that crashes it"
