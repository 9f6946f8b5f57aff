"""ID3: tags of MP3, WAV and AIFF files, and of others that have ID3 in front.

Frames that no tag can hold are kept together as one piece of foreign metadata.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ...container.metadata import Foreign, Picture
from ..foreign import ID3
from .collection import Tags
from .keys import FRAMES, separated

__all__ = ["from_id3", "from_id3_in_front", "to_id3"]

_KEYS = {frame: key for key, frame in FRAMES.items()}
_COUNTS = {"TRCK": ("tracknumber", "tracktotal"), "TPOS": ("discnumber", "disctotal")}


def from_id3(id3: Any, found: Tags) -> None:
    """Add frames, as mutagen has them."""
    rest = []  # what does not become a tag
    # A comment without a description is the comment, so it comes first; lyrics the same.
    for frame in sorted(id3.values(), key=lambda f: f.FrameID in ("COMM", "USLT") and f.desc > ""):
        name = frame.FrameID
        refused = ""
        if name in _KEYS:
            refused = found.try_add(_KEYS[name], _texts(frame))
        elif name in _COUNTS:
            numbers = str(frame.text[0]).split("/") if frame.text else []
            for key, number in zip(_COUNTS[name], numbers, strict=False):
                refused += found.try_add(key, [number])
        elif name == "TXXX":
            refused = found.try_add(frame.desc, _texts(frame))
        elif name == "COMM" and not frame.desc.startswith("iTun"):
            refused = found.try_add("comment", _texts(frame))
        elif name == "USLT":
            refused = found.try_add("lyrics", [frame.text])
        elif name == "APIC":
            found.add_picture(frame.type, frame.mime, frame.desc, frame.data)
        elif name != "RVA2":
            refused = name
        if refused:
            rest.append(frame)
    if rest:
        found.add_foreign(_bundle(rest))
    for raw in getattr(id3, "unknown_frames", []):
        found.notes.append(f"left out: {raw[:4].decode('latin-1')} of ID3, which nobody knows")
    for frame in id3.getall("RVA2"):
        which = "album" if frame.desc.lower() == "album" else "track"
        found.add(f"replaygain_{which}_gain", [f"{frame.gain:.2f} dB"])
        if frame.peak:
            found.add(f"replaygain_{which}_peak", [f"{frame.peak:.6f}"])


def _bundle(frames: Sequence[Any]) -> Foreign:
    """Frames as a tag of their own, with the names of their kinds."""
    from mutagen import id3

    tag, out = id3.ID3(), io.BytesIO()
    for frame in frames:
        tag.add(frame)
    tag.save(out, v1=0, v2_version=4, padding=lambda info: 0)
    names = ",".join(dict.fromkeys(frame.FrameID for frame in frames))
    return Foreign(ID3, names[:64], out.getvalue())


def from_id3_in_front(file: Any, found: Tags, version_1: bool = False) -> None:
    """Add the ID3 tags that some programs put in front of a recording.

    Parameters
    ----------
    file : path or binary file object
    found : Tags
    version_1 : bool, optional
        Also those of ID3 version 1, behind it.
    """
    from mutagen import id3

    try:
        frames = id3.ID3(file, load_v1=version_1)
    except Exception:  # there are none, or they are damaged
        return
    from_id3(frames, found)


def to_id3(format: str, path: str, tags: Mapping[str, str], pictures: Sequence[Picture]) -> None:
    """Write tags into a file."""
    from mutagen import id3
    from mutagen.aiff import AIFF
    from mutagen.wave import WAVE

    # By the known format: mutagen does not guess MPEG 2.5 under a name that does not end in .mp3.
    openers: dict[str, Any] = {"MP3": id3.ID3FileType, "WAV": WAVE, "AIFF": AIFF}
    file = openers[format](path)
    if file.tags is None:
        file.add_tags()
    counts: dict[str, list[str]] = {frame: ["", ""] for frame in _COUNTS}
    places = {key: (frame, i) for frame, keys in _COUNTS.items() for i, key in enumerate(keys)}
    for key, text in tags.items():
        texts = separated(key, text)
        lower = key.lower()
        if lower in FRAMES:
            frame = getattr(id3, FRAMES[lower])(encoding=id3.Encoding.UTF8, text=texts)
            if _texts(frame) != texts:  # such as a date in words: kept as it is, as others' keys
                frame = id3.TXXX(encoding=id3.Encoding.UTF8, desc=key, text=texts)
            file.tags.add(frame)
        elif lower in places:
            name, i = places[lower]
            counts[name][i] = texts[0]
        elif lower == "comment":
            file.tags.add(id3.COMM(encoding=id3.Encoding.UTF8, lang="XXX", desc="", text=texts))
        elif lower == "lyrics":
            file.tags.add(id3.USLT(encoding=id3.Encoding.UTF8, lang="XXX", desc="", text=texts[0]))
        else:
            file.tags.add(id3.TXXX(encoding=id3.Encoding.UTF8, desc=key, text=texts))
    for name, (number, total) in counts.items():
        if number or total:
            number = number.partition("/")[0] if total else number
            text = f"{number or 0}/{total}" if total else number
            file.tags.add(getattr(id3, name)(encoding=id3.Encoding.UTF8, text=[text]))
    for i, picture in enumerate(pictures):
        # Two of one kind need different descriptions, or the second takes the first one's place.
        same = any(p.kind == picture.kind and p.description == picture.description
                   for p in pictures[:i])  # fmt: skip
        file.tags.add(
            id3.APIC(
                encoding=id3.Encoding.UTF8,
                mime=picture.mime,
                type=picture.kind,
                desc=f"{picture.description} {i + 1}".strip() if same else picture.description,
                data=picture.data,
            )  # fmt: skip
        )
    file.save()


def _texts(frame: Any) -> list[str]:
    return [str(text) for text in getattr(frame, "genres", frame.text)]
