"""``python -m vauxio.archive.worker``: jobs as pickles on standard input, outcomes on output.

Only `engine.Processes` starts it. It ends when its input ends or is malformed, also in the middle
of a job, so it does not outlive a parent that was killed. It removes what is half done.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
from typing import Any, BinaryIO, NoReturn

from ..audio import chatter
from ..temporary import abandon
from .engine import attempt


def main() -> None:
    told: queue.SimpleQueue[None] = queue.SimpleQueue()
    threading.Thread(target=_wait, args=(told,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: told.put(None))  # which is safe in the middle of all
    chatter.own_process()
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the outcomes
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, jobs), daemon=True).start()
    while True:
        job = jobs.get()
        outcome = attempt(job)
        try:
            pickle.dump(outcome, sink, pickle.HIGHEST_PROTOCOL)
            sink.flush()
        except OSError:
            _leave()


def _wait(told: queue.SimpleQueue[None]) -> None:
    """Leave when told to.

    In a thread: what a signal interrupts may be creating a file, which `abandon` waits for. One
    that is there already: what it interrupts may be starting a thread.
    """
    told.get()
    _leave()


def _leave() -> NoReturn:
    """End at once. An exception could get lost in a callback from C."""
    abandon()
    os._exit(1)


def _listen(source: BinaryIO, jobs: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            jobs.put(pickle.load(source))
    finally:  # the end of the input, or a job that cannot be read: nobody waits for an outcome
        _leave()


if __name__ == "__main__":
    main()
