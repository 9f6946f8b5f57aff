"""Metadata of recordings that no tag can hold: taken as it is, and put back where it came from.

Chunks of WAV, RF64, AIFF and CAF, blocks of FLAC, frames of ID3. This module does not know what
they mean, only which ones are about the coding of the samples, and so of no use to another file.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

from ..container.metadata import Foreign
from .around import after_tags
from .riff import chunks, kind_of
from .window import Window

__all__ = ["ID3", "mask_in", "put_back", "read_foreign", "unkept"]

ID3 = "ID3"
"""The format of frames of ID3; their data is a tag of version 2.4 that holds them."""

_OF_THE_CODING = {
    "RIFF": {b"fmt ", b"data", b"fact", b"ds64", b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR",
             b"id3 ", b"ID3 ", b"slnt", b"levl"},
    "AIFF": {b"COMM", b"SSND", b"FVER", b"PEAK", b"ID3 ", b"NAME", b"AUTH", b"(c) ", b"ANNO"},
    "CAF": {b"desc", b"data", b"pakt", b"kuki", b"free", b"info", b"chan", b"peak"},
}  # fmt: skip
_INFO = {b"INAM", b"ICMT", b"ICRD", b"IART", b"ICOP", b"ISFT", b"IPRD", b"IGNR", b"ITRK"}
"""What libsndfile reads of a list of texts."""

_FLAC = {2: "APPLICATION", 5: "CUESHEET"}


def read_foreign(file: Any) -> Iterator[Foreign]:
    """The foreign metadata of a recording, except ID3.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """
    with Window(file) as window:
        kind = kind_of(window.take(0, 40))
        if kind in _OF_THE_CODING:
            for chunk in chunks(window):
                data = b""
                if chunk.name not in _OF_THE_CODING[kind]:
                    data = window.take(chunk.at, chunk.length)
                if data and not (chunk.name == b"LIST" and _is_known(data)):
                    yield Foreign(kind, chunk.name.decode("ascii"), data)
        elif window.take(begin := after_tags(window, 0), 4) == b"fLaC":
            yield from _flac_blocks(window, begin + 4)


def mask_in(file: Any) -> int:
    """The channel mask of a WAV file; 0 if it has none, or that of any mono or stereo file."""
    with Window(file) as window:
        if kind_of(window.take(0, 40)) not in ("RIFF", "W64"):
            return 0
        for chunk in chunks(window):
            if chunk.name == b"fmt ":
                form = window.take(chunk.at, chunk.length)
                mask = int.from_bytes(form[20:24], "little")
                usual = {1: 4, 2: 3}.get(form[2]) if len(form) >= 24 else mask
                return mask if form[:2] == b"\xfe\xff" and mask != usual else 0
    return 0


def put_back(path: str | os.PathLike[str], format: str, foreign: Sequence[Foreign]) -> list[str]:
    """Give a recording foreign metadata of its own format. Returns notes on what is left out.

    Parameters
    ----------
    path : path
    format : str
        As soundfile names it.
    foreign : sequence of Foreign
    """
    ours = {"WAV": "RIFF", "WAVEX": "RIFF"}.get(format, format)
    fits = [one for one in foreign if one.format == ours]
    if fits and ours in ("RIFF", "AIFF"):
        _append_chunks(path, ours, fits)
    elif fits and ours == "FLAC":
        _append_blocks(path, fits)
    else:
        fits = []
    notes = [
        f"left out: {one.name.strip()} of {one.format}, for which {format} has no room"
        for one in foreign if one not in fits and one.format != ID3
    ]  # fmt: skip
    try:
        frames = [one for one in foreign if one.format == ID3]
        if frames and ours in ("MP3", "RIFF", "AIFF"):
            _add_frames(path, ours, frames)
        else:
            notes += [f"left out: {one.name} of ID3, for which {format} has no room"
                      for one in frames]  # fmt: skip
    except Exception as e:  # mutagen raises many errors for frames that are not valid
        notes.append(f"left out: frames of ID3 that make no sense ({e})")
    return notes


def unkept(file: Any) -> list[str]:
    """Notes on metadata that is not kept."""
    with Window(file) as window:
        if kind_of(window.take(0, 40)) != "W64":
            return []
        known = {b"fmt ", b"fact", b"data", b"junk", b"levl"}
        return [f"left out: {chunk.name.decode('ascii').strip()} of W64, which is not kept"
                for chunk in chunks(window) if chunk.name not in known]  # fmt: skip


def _is_known(data: bytes) -> bool:
    """Whether a LIST chunk has only texts that become tags."""
    if data[:4] != b"INFO":
        return False
    at = 4
    while at + 8 <= len(data):
        if data[at : at + 4] not in _INFO:
            return False
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return True


def _flac_blocks(window: Window, at: int) -> Iterator[Foreign]:
    last = False
    while not last:
        head = window.take(at, 4)
        if len(head) < 4:
            return
        last, kind, length = head[0] > 127, head[0] & 127, int.from_bytes(head[1:], "big")
        if kind in _FLAC or 6 < kind < 127:
            data = window.take(at + 4, length)
            if len(data) == length:
                yield Foreign("FLAC", _FLAC.get(kind, f"block {kind}"), data)
        at += 4 + length


def _append_chunks(path: str | os.PathLike[str], ours: str, foreign: Sequence[Foreign]) -> None:
    order: Any = "little" if ours == "RIFF" else "big"
    with open(path, "r+b") as file:
        end = file.seek(0, io.SEEK_END)
        file.write(bytes(end % 2))
        for one in foreign:
            file.write(one.name.encode() + len(one.data).to_bytes(4, order) + one.data)
            file.write(bytes(len(one.data) % 2))
        size = file.tell() - 8
        if size < 1 << 32:
            file.seek(4)
            file.write(size.to_bytes(4, order))


def _append_blocks(path: str | os.PathLike[str], foreign: Sequence[Foreign]) -> None:
    from mutagen.flac import FLAC, MetadataBlock

    codes = {name: code for code, name in _FLAC.items()}
    file = FLAC(path)
    for one in foreign:
        block: Any = MetadataBlock(one.data)
        block.code = codes.get(one.name) or int(one.name.removeprefix("block "))
        file.metadata_blocks.append(block)
    file.save()


def _add_frames(path: str | os.PathLike[str], ours: str, foreign: Sequence[Foreign]) -> None:
    from mutagen import id3
    from mutagen.aiff import AIFF
    from mutagen.wave import WAVE

    openers: dict[str, Any] = {"MP3": id3.ID3FileType, "RIFF": WAVE, "AIFF": AIFF}
    file = openers[ours](path)
    if file.tags is None:
        file.add_tags()
    for one in foreign:
        for frame in id3.ID3(io.BytesIO(one.data)).values():
            file.tags.add(frame)
    file.save()
