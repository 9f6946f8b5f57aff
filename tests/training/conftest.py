"""Training in few and small steps."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Each worker of pytest has a core: threads of PyTorch would wait for those of the others."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
