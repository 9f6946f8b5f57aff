"""Range coding with distributions that are known beforehand.

Few distributions with many symbols of each, or the rows of a table, one for each symbol. It uses
constriction if it is installed, else the package's own range coder: constriction has no wheels for
some machines. The bytes are the same.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..errors import FormatError
from .range_coder import RangeDecoder, RangeEncoder

try:
    import constriction  # "from constriction.stream import queue" does not work
except ImportError:
    constriction = None

__all__ = ["Decoder", "Encoder", "Table", "decoder", "distribution", "encoder"]


class Encoder(Protocol):
    """Symbols to a payload."""

    def encode(self, symbols: np.ndarray, distribution: Any) -> None:
        """More symbols, ``int[n]``, of one distribution."""

    def encode_rows(self, symbols: np.ndarray, table: Table, rows: np.ndarray) -> None:
        """More symbols, ``int[n]``, each of the distribution in its row, ``int[n]``."""

    def finish(self) -> bytes:
        """The payload, without the zeros that it ends with; nothing can follow."""


class Decoder(Protocol):
    """A payload to symbols."""

    def decode(self, distribution: Any, count: int) -> np.ndarray:
        """The next symbols, ``int32[count]``; `FormatError` if no symbols have this code."""

    def decode_rows(self, table: Table, rows: np.ndarray) -> np.ndarray:
        """The next symbols, ``int32[n]``, of the distributions in these rows, ``int[n]``."""


class Table:
    """Distributions of as many symbols each.

    Parameters
    ----------
    weights : ndarray
        ``int64[rows, n]``, as of `coders.range_weights`.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights.astype(np.float64)
        self.ends = np.cumsum(weights + 1, axis=1)


def distribution(weights: np.ndarray) -> Any:
    """What `Encoder` and `Decoder` take for a distribution of exactly these weights.

    Parameters
    ----------
    weights : ndarray
        ``int64[n]``, as of `coders.range_weights`.
    """
    if constriction is None:
        return np.cumsum(weights + 1).tolist()
    return constriction.stream.model.Categorical(weights.astype(np.float64), perfect=False)


def encoder() -> Encoder:
    """One that is new."""
    return _OwnEncoder() if constriction is None else _Encoder()


def decoder(payload: bytes) -> Decoder:
    """One at the beginning of a payload."""
    return _OwnDecoder(payload) if constriction is None else _Decoder(payload)


_FAMILY = constriction and constriction.stream.model.Categorical(perfect=False)


class _Encoder:
    def __init__(self) -> None:
        self._encoder = constriction.stream.queue.RangeEncoder()

    def encode(self, symbols: np.ndarray, distribution: Any) -> None:
        self._encoder.encode(symbols.astype(np.int32), distribution)

    def encode_rows(self, symbols: np.ndarray, table: Table, rows: np.ndarray) -> None:
        self._encoder.encode(symbols.astype(np.int32), _FAMILY, table.weights[rows])

    def finish(self) -> bytes:
        words: np.ndarray = self._encoder.get_compressed()
        return words.astype("<u4").tobytes().rstrip(b"\0")


class _Decoder:
    def __init__(self, payload: bytes) -> None:
        words = np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").astype(np.uint32)
        self._decoder = constriction.stream.queue.RangeDecoder(words)

    def decode(self, distribution: Any, count: int) -> np.ndarray:
        return self._take(distribution, count)

    def decode_rows(self, table: Table, rows: np.ndarray) -> np.ndarray:
        return self._take(_FAMILY, table.weights[rows])

    def _take(self, *what: Any) -> np.ndarray:
        try:
            symbols: np.ndarray = self._decoder.decode(*what)
            return symbols
        except AssertionError as e:  # what it raises for a number outside its interval
            raise FormatError("range code: no symbols have this code") from e


class _OwnEncoder:
    def __init__(self) -> None:
        self._encoder = RangeEncoder()

    def encode(self, symbols: np.ndarray, distribution: list[int]) -> None:
        ends = np.array(distribution)
        begins = np.concatenate([[0], ends[:-1]])
        self._encoder.encode(begins[symbols].tolist(), ends[symbols].tolist())

    def encode_rows(self, symbols: np.ndarray, table: Table, rows: np.ndarray) -> None:
        begins = np.where(symbols > 0, table.ends[rows, symbols - 1], 0)
        self._encoder.encode(begins.tolist(), table.ends[rows, symbols].tolist())

    def finish(self) -> bytes:
        return self._encoder.finish()


class _OwnDecoder:
    def __init__(self, payload: bytes) -> None:
        self._decoder = RangeDecoder(payload)

    def decode(self, distribution: list[int], count: int) -> np.ndarray:
        decode, size = self._decoder.decode, len(distribution)
        return np.array([decode(distribution, 0, size) for _ in range(count)], np.int32)

    def decode_rows(self, table: Table, rows: np.ndarray) -> np.ndarray:
        decode, size = self._decoder.decode, table.ends.shape[1]
        return np.array([decode(ends, 0, size) for ends in table.ends[rows].tolist()], np.int32)
