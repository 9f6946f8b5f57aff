"""Arrays of other libraries, in and out: PyTorch, JAX, CuPy, and others with DLPack.

None of them is imported here. Arrays on an accelerator are copied to the host.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from ..errors import AudioError

__all__ = ["give_back", "is_array", "to_numpy"]

_HOST = (1, 3, 11, 13)  # DLPack's CPU, and memory that CUDA, ROCm or both share with it
_TURNS = ("detach", "cpu", "get")  # methods of PyTorch and CuPy that give a copy on the CPU


def is_array(data: Any) -> bool:
    """Whether it is an array of at least one dimension, of whatever library."""
    known = hasattr(data, "__array__") or hasattr(data, "__dlpack__")
    return known and len(getattr(data, "shape", ())) > 0


def to_numpy(data: Any) -> np.ndarray:
    """An array of any library, or a list, as NumPy's; not copied where it need not be.

    Raises
    ------
    AudioError
        If it cannot be had.
    """
    if isinstance(data, np.ndarray):
        return data
    if not hasattr(data, "__dlpack__"):
        try:
            return np.asarray(data)
        except TypeError as e:
            raise AudioError(f"{type(data).__name__}: not an array that can be read: {e}") from e
    try:
        if data.__dlpack_device__()[0] in _HOST:
            return np.from_dlpack(data)
    except (BufferError, RuntimeError, TypeError, AttributeError):
        pass  # it needs a gradient, say
    plain = data
    for turn in _TURNS:
        if hasattr(plain, turn):
            plain = getattr(plain, turn)()
    try:
        return np.asarray(plain)
    except (TypeError, RuntimeError, ValueError) as e:
        raise AudioError(f"{type(data).__name__}: not an array that can be read: {e}") from e


def give_back(array: np.ndarray, like: Any) -> Any:
    """A NumPy array as one of the library, and on the device, of `like`.

    Parameters
    ----------
    array : ndarray
        Its memory is shared where the library can. Codes, uint16, become int64 for PyTorch, which
        indexes with nothing less.
    like : array
        Of NumPy, PyTorch, JAX, CuPy, or of another library with ``from_dlpack``.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(like, np.ndarray):
        return array
    name = type(like).__module__.partition(".")[0]
    name = {"jaxlib": "jax"}.get(name, name)
    library: Any = sys.modules.get(name)
    if name == "jax":
        library = importlib.import_module("jax.numpy")
    if not hasattr(library, "from_dlpack"):
        raise TypeError(f"like: {type(like).__name__} is not an array of a library with DLPack")
    if name == "torch" and array.dtype == np.uint16:
        array = array.astype(np.int64)
    if not array.flags.writeable or not array.flags.c_contiguous:
        array = array.copy()
    if name == "cupy":
        return library.asarray(array)
    made = library.from_dlpack(array)
    return made.to(like.device) if name == "torch" else made
