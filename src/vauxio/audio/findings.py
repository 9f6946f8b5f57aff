"""What going through a file has found, before libsndfile decodes it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Findings"]


@dataclass
class Findings:
    """Damage that a decoder would pass over in silence.

    Attributes
    ----------
    wrong : str
        Why not all of the recording can be read, or not as it was; empty if nothing is wrong.
    notes : list of str
        What may be missing, as far as can be told.
    """

    wrong: str = ""
    notes: list[str] = field(default_factory=list)
