"""Arguments of a wrong type, refused by name. It knows nothing of what they are for."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

__all__ = ["check_number", "to_integer"]


def check_number(name: str, value: Any, error: type[ValueError] = ValueError) -> None:
    """An error, `ValueError` by default, if it is given and is no real number."""
    found = np.asarray(0 if value is None else value)
    if found.ndim or found.dtype.kind not in "fiu":
        raise error(f"{name} of {value!r}: must be a number")


def to_integer(name: str, value: Any) -> int:
    """It as a plain integer; `TypeError` if it is none."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} of {value!r}: must be an integer") from None
