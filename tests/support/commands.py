"""How a command ended."""

from __future__ import annotations

from typing import NamedTuple


class Result(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: bytes
    err: str
