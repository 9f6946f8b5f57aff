"""How it went with one file: what the commands and runs over archives report."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """How it went with one file.

    Attributes
    ----------
    source, target : str
    error : str or None
        Why it failed; None if it did not.
    seconds : float
        Of audio.
    bytes_in, bytes_out : int
    elapsed : float
        Seconds of work.
    notes : tuple of str
        What could not be kept: tags that do not fit, say. What is odd about a verified file.
    damage : tuple of str
        What was concealed.
    """

    source: str
    target: str
    error: str | None = None
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    elapsed: float = 0.0
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.error is None
