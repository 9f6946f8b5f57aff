"""Files of tokens: NumPy's ``.npz``, Parquet, and tar in the layout of WebDataset."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

from ..errors import AudioError, VauxError
from ..model.models import Model

__all__ = ["Sink", "Tokens", "keys_of", "sink_for"]

_GROUP = 1 << 22  # codes of a row group


@dataclass(frozen=True)
class Tokens:
    """The tokens of one recording, with its properties.

    Attributes
    ----------
    source : str
        Its name in the tree.
    codes : ndarray
        ``int16[channels, codebooks, tokens]``, int32 where that does not do; -1 where there is no
        code.
    samplerate, frames : int
        Of the recording.
    model : Model
    tags : dict of str to str
    notes : tuple of str
    """

    source: str
    codes: np.ndarray
    samplerate: int
    frames: int
    model: Model
    tags: dict[str, str]
    notes: tuple[str, ...] = ()

    def about(self) -> dict[str, Any]:
        """All properties but the codes, for JSON."""
        channels, codebooks, tokens = self.codes.shape
        return {
            "source": self.source,
            "samplerate": self.samplerate,
            "frames": self.frames,
            "seconds": self.frames / self.samplerate,
            "channels": channels,
            "codebooks": codebooks,
            "tokens": tokens,
            "token_rate": self.model.token_rate,
            "codebook_size": self.model.codebook_size,
            "model": self.model.name,
            "encoder": self.model.encoder.sha256,
            "code_space": self.model.code_space.hex(),
            "tags": self.tags,
        }


class Sink(Protocol):
    """A file of tokens, being written."""

    def add(self, key: str, tokens: Tokens) -> None:
        """Add a recording."""

    def close(self) -> None:
        """Finish the file."""


def sink_for(suffix: str, file: Any) -> Sink:
    """The writer for a kind of file.

    Parameters
    ----------
    suffix : {'.npz', '.parquet', '.tar'}
    file : binary file object
        Not closed.

    Raises
    ------
    VauxError
        If pyarrow is needed and not installed.
    """
    sinks: dict[str, Callable[[Any], Sink]] = {".npz": _Npz, ".parquet": _Parquet, ".tar": _Tar}
    return sinks[suffix](file)


class _Npz:
    """One recording as arrays, that ``numpy.load`` reads without pickles."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def add(self, key: str, tokens: Tokens) -> None:
        about = {name: np.array(json.dumps(value) if name == "tags" else value)
                 for name, value in tokens.about().items()}  # fmt: skip
        np.savez(self._file, allow_pickle=False, codes=tokens.codes, **about)

    def close(self) -> None:
        pass


class _Tar:
    """``KEY.npy`` and ``KEY.json`` of each, next to each other."""

    def __init__(self, file: Any) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w")

    def add(self, key: str, tokens: Tokens) -> None:
        array = io.BytesIO()
        np.save(array, tokens.codes, allow_pickle=False)
        about = json.dumps(tokens.about()).encode()
        for suffix, content in ((".json", about), (".npy", array.getvalue())):
            member = tarfile.TarInfo(key + suffix)
            member.size = len(content)
            self._tar.addfile(member, io.BytesIO(content))

    def close(self) -> None:
        self._tar.close()


class _Parquet:
    """A row of each: codes as lists in lists, ``[channels][codebooks][tokens]``; tags as JSON."""

    def __init__(self, file: Any) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as e:
            raise VauxError("Parquet needs pyarrow: pip install 'vauxio[parquet]'") from e
        self._arrow, self._parquet, self._file = pyarrow, pyarrow.parquet, file
        self._rows: list[Tokens] = []
        self._codes = 0
        self._writer: Any = None
        whole, text = pyarrow.int64(), pyarrow.string()
        codes: Any = pyarrow.int16()
        for _ in range(3):
            codes = pyarrow.list_(codes)
        self._types = {
            "source": text, "samplerate": whole, "frames": whole, "seconds": pyarrow.float64(),
            "channels": whole, "codebooks": whole, "tokens": whole,
            "token_rate": pyarrow.float64(), "codebook_size": whole, "model": text,
            "encoder": text, "code_space": text, "tags": text,
        }  # fmt: skip
        self._schema = pyarrow.schema([*self._types.items(), ("codes", codes)])

    def add(self, key: str, tokens: Tokens) -> None:
        if tokens.codes.dtype != np.int16:
            raise AudioError(f"codes of {tokens.model.name} do not go into 16 bits")
        self._rows.append(tokens)
        self._codes += tokens.codes.size
        if self._codes >= _GROUP:
            self._write()

    def close(self) -> None:
        self._write()
        self._writer.close()

    def _write(self) -> None:
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        abouts = [row.about() for row in self._rows]
        arrow = self._arrow
        columns = []
        for name, kind in self._types.items():
            values = [about[name] for about in abouts]
            if name == "tags":
                values = [json.dumps(tags) for tags in values]
            elif name == "source":
                values = [_text(value) for value in values]
            columns.append(arrow.array(values, kind))
        flat = np.concatenate([np.empty(0, np.int16), *(r.codes.ravel() for r in self._rows)])
        lists = arrow.array(flat)
        rows = [row.codes.shape for row in self._rows]
        for lengths in (
            [tokens for channels, books, tokens in rows for _ in range(channels * books)],
            [books for channels, books, _ in rows for _ in range(channels)],
            [channels for channels, _, _ in rows],
        ):
            offsets = arrow.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
            lists = arrow.ListArray.from_arrays(offsets, lists)
        columns.append(lists)
        self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema))
        self._rows, self._codes = [], 0


def _text(value: str) -> str:
    """A name that is not valid text, with escapes."""
    return value.encode("utf-8", "backslashreplace").decode()


def keys_of(sources: Sequence[str]) -> dict[str, str]:
    """Keys of WebDataset samples: names without their endings and without dots.

    Where two would be called the same, the ending stays, as ``_wav``.
    """
    keys, used = {}, set()
    stems = [PurePosixPath(source).with_suffix("").as_posix() for source in sources]
    for source, stem in zip(sources, stems, strict=True):
        folder, _, name = (stem if stems.count(stem) == 1 else source).rpartition("/")
        key = f"{folder}/{name}".lstrip("/").replace(".", "_")
        number = 1
        while key in used:
            number += 1
            key = f"{key.rpartition('-')[0] if number > 2 else key}-{number}"
        used.add(key)
        keys[source] = key
    return keys
