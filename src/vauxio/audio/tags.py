"""Tags and pictures of recordings, from and to the ways in which audio formats keep them.

In a ``.vx`` file a tag is a key and a text. Keys are those of Vorbis comments in lower case:
``title``, ``artist``, ``album``, ``date``, ``tracknumber``, ``comment``, ``lyrics``,
``replaygain_track_gain`` and so on; keys that nobody knows travel like any other. Several values
of one key are lines of one text. This module knows mutagen, which is imported when needed; it
decodes no audio.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..container.metadata import Picture, check_pictures, check_tags
from ..errors import FormatError, first_line
from .pcm import native

__all__ = ["Tags", "read_tags", "write_tags"]

_ONE_TEXT = {"comment", "description", "lyrics", "unsyncedlyrics"}
"""Keys whose value may have lines of its own, and so is never several values."""

_FRAMES = {  # of ID3v2.4
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "date": "TDRC",
    "originaldate": "TDOR",
    "genre": "TCON",
    "composer": "TCOM",
    "conductor": "TPE3",
    "lyricist": "TEXT",
    "subtitle": "TIT3",
    "grouping": "TIT1",
    "language": "TLAN",
    "copyright": "TCOP",
    "encodedby": "TENC",
    "encodersettings": "TSSE",
    "organization": "TPUB",
    "isrc": "TSRC",
    "bpm": "TBPM",
    "mood": "TMOO",
    "media": "TMED",
    "compilation": "TCMP",
}
_KEYS = {frame: key for key, frame in _FRAMES.items()}
_COUNTS = {"TRCK": ("tracknumber", "tracktotal"), "TPOS": ("discnumber", "disctotal")}
_SPELLINGS = {"totaltracks": "tracktotal", "totaldiscs": "disctotal", "unsyncedlyrics": "lyrics",
              "album artist": "albumartist"}  # fmt: skip
_PICTURE = "metadata_block_picture"  # in Ogg: a FLAC picture block, in base64
_IDLE = {"encoder"}  # of the program that wrote the file, not of the recording


@dataclass
class Tags:
    """What a recording says of itself, within the limits of ``.vx`` files.

    Attributes
    ----------
    tags : dict of str to str
    pictures : list of Picture
    notes : list of str
        What had to be left out, and why.
    """

    tags: dict[str, str] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, key: str, values: Sequence[str]) -> None:
        """One more tag, or a note if it does not fit."""
        key = _SPELLINGS.get(key.lower(), key.lower())
        texts = [value.replace("\0", "\n").strip() for value in values]
        text = "\n".join(value for value in texts if value)
        if not text or key in self.tags or key in _IDLE:
            return
        try:
            check_tags({**self.tags, key: text})
        except FormatError as e:
            self.notes.append(f"left out: {e}")
        else:
            self.tags[key] = text

    def add_picture(self, kind: int, mime: str, description: str, data: bytes) -> None:
        """One more picture, or a note if it does not fit."""
        picture = Picture(int(kind), mime or "image/", description.replace("\0", ""), bytes(data))
        try:
            check_pictures([*self.pictures, picture])
        except FormatError as e:
            self.notes.append(f"left out: {e}")
        else:
            self.pictures.append(picture)


def read_tags(file: Any) -> Tags:
    """Tags and pictures of a recording.

    Parameters
    ----------
    file : path or binary file object
        Of any format that mutagen or soundfile knows. A file object must seek, and is left at its
        beginning.

    Returns
    -------
    Tags
        With nothing in it if there is nothing, or nothing that can be read: whether it is a
        recording at all is not for its tags to say.
    """
    import mutagen

    found = Tags()
    with _rewound(file):
        try:
            opened = None if _is_rf64(file) else mutagen.File(file)
        except Exception as e:  # damaged tags raise whatever parsing them raises
            if not isinstance(e, OSError):
                found.notes.append(f"its tags cannot be read: {first_line(e)}")
            opened = None
    tags = getattr(opened, "tags", None)
    if tags is not None:
        from mutagen.id3 import ID3

        if isinstance(tags, ID3):
            _from_id3(tags, found)
        elif hasattr(tags, "as_dict"):
            _from_vorbis(tags.as_dict(), found)
    for picture in getattr(opened, "pictures", []):
        found.add_picture(picture.type, picture.mime, picture.desc, picture.data)
    if opened is None or type(opened).__name__ in ("WAVE", "AIFF"):
        with _rewound(file):
            _from_soundfile(file, found)
    return found


def write_tags(
    path: str | os.PathLike[str],
    format: str,
    tags: Mapping[str, str],
    pictures: Sequence[Picture] = (),
) -> list[str]:
    """Give a recording its tags and pictures.

    Parameters
    ----------
    path : path
    format : str
        As soundfile names it: WAV, FLAC, OGG, MP3, AIFF, ...
    tags : mapping of str to str
    pictures : sequence of Picture, optional

    Returns
    -------
    list of str
        What had to be left out, and why.
    """
    if not tags and not pictures:
        return []
    writers: dict[str, Callable[..., list[str]]] = {
        "FLAC": _to_flac, "OGG": _to_ogg, "MP3": partial(_to_id3, "MP3"),
        "WAV": partial(_to_id3, "WAV"), "AIFF": partial(_to_id3, "AIFF"),
    }  # fmt: skip
    if format not in writers:
        return [f"left out: {len(tags)} tags, {len(pictures)} pictures: {format} has no room"]
    return writers[format](os.fspath(path), tags, pictures)


def _from_vorbis(comments: Mapping[str, list[str]], found: Tags) -> None:
    from mutagen.flac import Picture as Block

    for key, values in comments.items():
        if key.lower() != _PICTURE:
            found.add(key, values)
            continue
        for value in values:
            try:
                block = Block(base64.b64decode(value))
            except Exception as e:
                found.notes.append(f"left out: a picture that cannot be read: {first_line(e)}")
            else:
                found.add_picture(block.type, block.mime, block.desc, block.data)


def _from_id3(id3: Any, found: Tags) -> None:
    for frame in id3.values():
        name = frame.FrameID
        if name in _KEYS:
            found.add(_KEYS[name], _texts(frame))
        elif name in _COUNTS:
            numbers = str(frame.text[0]).split("/") if frame.text else []
            for key, number in zip(_COUNTS[name], numbers, strict=False):
                found.add(key, [number])
        elif name == "TXXX":
            found.add(frame.desc, _texts(frame))
        elif name == "COMM" and not frame.desc.startswith("iTun"):
            found.add("comment", _texts(frame))
        elif name == "USLT":
            found.add("lyrics", [frame.text])
        elif name == "APIC":
            found.add_picture(frame.type, frame.mime, frame.desc, frame.data)
    for frame in id3.getall("RVA2"):
        which = "album" if frame.desc.lower() == "album" else "track"
        found.add(f"replaygain_{which}_gain", [f"{frame.gain:.2f} dB"])
        if frame.peak:
            found.add(f"replaygain_{which}_peak", [f"{frame.peak:.6f}"])


def _texts(frame: Any) -> list[str]:
    return [str(text) for text in getattr(frame, "genres", frame.text)]


def _from_soundfile(file: Any, found: Tags) -> None:
    """Texts that mutagen does not read: of RIFF's INFO list, of RF64 and CAF."""
    import soundfile

    try:
        with soundfile.SoundFile(file if hasattr(file, "read") else native(file)) as sound:
            texts = sound.copy_metadata()
    except (soundfile.SoundFileError, OSError):
        return
    for key, text in texts.items():
        if key not in ("software", "loop"):  # libsndfile puts itself there
            found.add(key, [text])


def _is_rf64(file: Any) -> bool:
    """Whether it is a WAV file of the kind that mutagen takes for a damaged one."""
    with contextlib.nullcontext(file) if hasattr(file, "read") else open(file, "rb") as opened:
        start: bytes = opened.read(4)
        if hasattr(file, "seek"):
            file.seek(0)
    return start == b"RF64"


def _to_comments(tags: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for key, text in tags.items():
        yield key, [text] if key.lower() in _ONE_TEXT else text.split("\n")


def _blocks(pictures: Sequence[Picture]) -> list[Any]:
    from mutagen.flac import Picture as Block

    blocks = []
    for picture in pictures:
        block = Block()
        block.type, block.mime = picture.kind, picture.mime
        block.desc, block.data = picture.description, picture.data
        blocks.append(block)
    return blocks


def _to_flac(path: str, tags: Mapping[str, str], pictures: Sequence[Picture]) -> list[str]:
    from mutagen.flac import FLAC

    file = FLAC(path)
    _comment(file, tags)
    for block in _blocks(pictures):
        file.add_picture(block)
    file.save()
    return []


def _to_ogg(path: str, tags: Mapping[str, str], pictures: Sequence[Picture]) -> list[str]:
    import mutagen
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis

    file = mutagen.File(path, [OggOpus, OggVorbis])
    assert file is not None
    _comment(file, tags)
    if pictures:
        file[_PICTURE] = [base64.b64encode(b.write()).decode() for b in _blocks(pictures)]
    file.save()
    return []


def _comment(file: Any, tags: Mapping[str, str]) -> None:
    """Vorbis comments, which take any key that a ``.vx`` file takes, but for a tilde."""
    if file.tags is None:
        file.add_tags()
    for key, values in _to_comments(tags):
        file[key.replace("~", "-")] = values


def _to_id3(
    format: str, path: str, tags: Mapping[str, str], pictures: Sequence[Picture]
) -> list[str]:
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
    for key, texts in _to_comments(tags):
        lower = key.lower()
        if lower in _FRAMES:
            frame = getattr(id3, _FRAMES[lower])(encoding=id3.Encoding.UTF8, text=texts)
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
    return []


@contextlib.contextmanager
def _rewound(file: Any) -> Iterator[None]:
    """Leave a file object where it was, at its beginning."""
    try:
        yield
    finally:
        if hasattr(file, "seek"):
            file.seek(0)
