"""A Dask cluster as an engine. dask.distributed is needed when this module is imported.

Its workers must reach both trees: through a file system that all machines share, or URLs. Dask
gives the jobs of a lost machine to others. Doing a job twice does no harm.
"""

from __future__ import annotations

import itertools
from typing import Any

from ..errors import VauxError
from .engine import Lost, attempt

try:
    from distributed import Client, as_completed
except ImportError as e:
    raise VauxError("a Dask cluster needs dask: pip install 'vauxio[dask]'") from e

__all__ = ["Cluster"]


class Cluster:
    """The workers of a scheduler; see `engine.Engine`.

    Parameters
    ----------
    scheduler : str or None
        Its address: ``tcp://host:8786``. None starts one with workers on this machine.

    Raises
    ------
    VauxError
        If nobody answers there, or no worker is there.
    """

    def __init__(self, scheduler: str | None) -> None:
        try:
            self._client = Client(scheduler, set_as_default=False)  # as long as Dask's settings say
        except (OSError, ValueError) as e:
            raise VauxError(f"scheduler {scheduler}: no answer ({e})") from e
        try:
            self._client.wait_for_workers(1, timeout=60)
        except TimeoutError as e:
            self._client.close()
            raise VauxError(f"scheduler {scheduler}: it has no workers") from e
        self._numbers = itertools.count()
        self._jobs: dict[Any, Any] = {}  # by the keys of their futures
        self._completed = as_completed(loop=self._client.loop)

    @property
    def workers(self) -> int:
        """Number of threads of all workers at present."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def submit(self, job: Any) -> None:
        name = f"vaux-{self._client.id}-{next(self._numbers)}"
        future = self._client.submit(attempt, job, key=name, pure=False)
        self._jobs[future.key] = job
        self._completed.add(future)

    def next(self) -> tuple[Any, Any]:
        future = next(self._completed)
        job = self._jobs.pop(future.key)
        if future.status == "finished":
            return job, future.result()
        return job, Lost(f"the cluster gave it up: {future.exception()}", again=True)

    def close(self) -> None:
        self._client.close()
