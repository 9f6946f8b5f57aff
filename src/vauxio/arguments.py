"""Arguments of a wrong type, refused by name. It knows nothing of what they are for."""

from __future__ import annotations

import math
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
    if isinstance(value, Fraction | Decimal) or type(value) is int and value.bit_length() > 63:
        value = _nearest_float(value)
    found = np.asarray(value)
    if found.ndim or found.dtype.kind not in "fiu":
        raise error(f"{name} of {value!r}: must be a number")
    return found.item()


def _nearest_float(value: Fraction | Decimal | int) -> float:
    """Infinite where it is too large for one, which no range has."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a signaling NaN
        return math.nan


def to_integer(name: str, value: Any) -> int:
    """It as a plain integer; `TypeError` if it is none."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} of {value!r}: must be an integer") from None
