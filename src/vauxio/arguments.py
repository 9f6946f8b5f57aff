"""Arguments of a wrong type, refused by name. It knows nothing of what they are for."""

from __future__ import annotations

import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["to_integer", "to_number"]


def to_number(name: str, value: Any, error: type[ValueError] = ValueError) -> Any:
    """It as a plain number, or None; an error, `ValueError` by default, if it is no real number.

    Numbers of NumPy become Python's: half precision would overflow where others do not.
    """
    if value is None:
        return None
    if isinstance(value, Fraction | Decimal):
        value = float(value)
    found = np.asarray(value)
    if found.ndim or found.dtype.kind not in "fiu":
        raise error(f"{name} of {value!r}: must be a number")
    return found.item()


def to_integer(name: str, value: Any) -> int:
    """It as a plain integer; `TypeError` if it is none."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} of {value!r}: must be an integer") from None
