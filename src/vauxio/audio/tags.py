"""Tags and pictures of recordings, from and to the ways in which audio formats keep them.

In a ``.vx`` file a tag is a key and a text. Keys are those of Vorbis comments in lower case:
``title``, ``artist``, ``album``, ``date``, ``tracknumber``, ``comment``, ``lyrics``,
``replaygain_track_gain`` and so on; keys that nobody knows travel like any other. Several values
of one key are lines of one text (`joined` says how they are told from a value of several lines).
What no tag can hold is kept as it is (`foreign`). This module knows mutagen, which is imported
when needed; it decodes no audio.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..container.metadata import (
    Foreign,
    Picture,
    check_foreign,
    check_pictures,
    check_tags,
)
from ..errors import AudioError, FormatError, first_line
from ..fileio import name_of
from .around import after_tags
from .channels import MASK, mask_of
from .chatter import hushed
from .foreign import ID3, mask_in, put_back, read_foreign, unkept
from .images import size_of
from .media.kinds import HEAD, Kind, kind_of
from .media.tags import APE, from_ape, from_asf, from_media, from_mp4
from .pcm import native
from .window import Window

__all__ = ["Tags", "joined", "read_tags", "separated", "write_tags"]

_ONE_TEXT = {"comment", "description", "lyrics", "unsyncedlyrics"}
"""Keys whose value may have lines of its own, and so is seldom several values."""

_BETWEEN = "\x1e"  # values, where line ends would not tell them apart

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
    "artistsort": "TSOP",
    "albumsort": "TSOA",
    "albumartistsort": "TSO2",
    "titlesort": "TSOT",
    "composersort": "TSOC",
    "discsubtitle": "TSST",
    "remixer": "TPE4",
    "originalartist": "TOPE",
    "initialkey": "TKEY",
    "releasedate": "TDRL",
}
_KEYS = {frame: key for key, frame in _FRAMES.items()}
_COUNTS = {"TRCK": ("tracknumber", "tracktotal"), "TPOS": ("discnumber", "disctotal")}
_SPELLINGS = {"totaltracks": "tracktotal", "totaldiscs": "disctotal", "unsyncedlyrics": "lyrics",
              "album artist": "albumartist"}  # fmt: skip
_PICTURE = "metadata_block_picture"  # in Ogg: a FLAC picture block, in base64
_IDLE = {"encoder"}  # of the program that wrote the file, not of the recording


_LOWER = {"comment", "lyrics", "tracknumber", "tracktotal", "discnumber", "disctotal", MASK}
"""Keys that are known besides, and so are given in lower case."""


@dataclass
class Tags:
    """What a recording says of itself, within the limits of ``.vx`` files.

    Attributes
    ----------
    tags : dict of str to str
    pictures : list of Picture
    foreign : list of Foreign
        What no tag can hold, as it was.
    notes : list of str
        What had to be left out, and why.
    """

    tags: dict[str, str] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, key: str, values: Sequence[str]) -> None:
        """One more tag, or a note if it does not fit."""
        if reason := self._refused(key, values):
            self.notes.append(f"left out: {reason}")

    def _refused(self, key: str, values: Sequence[str]) -> str:
        """Add a tag; why it cannot be, or nothing."""
        spelled = key.lower()
        known = spelled in _FRAMES or spelled in _LOWER or spelled.startswith("replaygain_")
        key = _SPELLINGS.get(spelled, spelled if known else key)
        text = joined(key, [value.replace("\0", "\n") for value in values])
        if any("\0" in value for value in values):
            self.notes.append(f"changed: NUL in tag {key!r} became the end of a line")
        there = {name.lower(): name for name in self.tags}
        if not text.strip() or key.lower() in _IDLE:
            return ""
        if key.lower() in there:
            if self.tags[there[key.lower()]] == text:
                return ""
            if spelled in there or spelled not in _SPELLINGS:
                return f"tag {key!r}: there twice"
            key = spelled
        try:
            check_tags({**self.tags, key: text})
        except FormatError as e:
            return str(e)
        self.tags[key] = text
        return ""

    def add_foreign(self, foreign: Foreign) -> None:
        """One more piece of it, or a note if it does not fit."""
        try:
            check_foreign([*self.foreign, foreign])
        except FormatError as e:
            self.notes.append(f"left out: {foreign.name.strip()} of {foreign.format}: {e}")
        else:
            self.foreign.append(foreign)

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
    found = Tags()
    with _binary(file) as binary:
        kind = kind_of(binary.read(HEAD), name_of(file))
    bare = kind is not None and kind.demuxer == "aac"  # nothing but what ID3 may be before it
    with _rewound(file):
        try:
            opened = None if bare or _is_rf64(file) else _open(file)
        except Exception as e:  # damaged tags raise whatever parsing them raises
            if not isinstance(e, OSError):
                found.notes.append(f"its tags cannot be read: {first_line(e)}")
            opened = None
    tags = getattr(opened, "tags", None)
    if tags is not None:
        from mutagen._vorbis import VComment
        from mutagen.id3 import ID3 as Frames

        if isinstance(tags, Frames):
            _from_id3(tags, found)
        elif isinstance(tags, VComment):
            _from_vorbis(tags, found)
        else:
            _from_others(opened, found)
    if type(opened).__name__ == "FLAC":
        with _rewound(file):
            _from_id3_in_front(file, found)
    if type(opened).__name__ in ("MP3", "TrueAudio"):
        with _rewound(file):
            _from_ape(file, found)
    for picture in getattr(opened, "pictures", []):
        found.add_picture(picture.type, picture.mime, picture.desc, picture.data)
    with _binary(file) as binary:
        if kind is not None:
            _from_media(binary, kind, found, opened is None)
    if kind is None and (opened is None or type(opened).__name__ in ("WAVE", "AIFF")):
        with _rewound(file):
            _from_soundfile(file, found)
    with _binary(file) as binary:
        for one in read_foreign(binary):
            found.add_foreign(one)
        found.notes += unkept(binary)
        if mask := mask_in(binary):
            found.add(MASK, [f"0x{mask:04X}"])
    return found


def write_tags(
    path: str | os.PathLike[str],
    format: str,
    tags: Mapping[str, str],
    pictures: Sequence[Picture] = (),
    foreign: Sequence[Foreign] = (),
) -> list[str]:
    """Give a recording its tags and pictures, and what came from one of its own format.

    Parameters
    ----------
    path : path
    format : str
        As soundfile names it: WAV, FLAC, OGG, MP3, AIFF, ...
    tags : mapping of str to str
    pictures : sequence of Picture, optional
    foreign : sequence of Foreign, optional

    Returns
    -------
    list of str
        What had to be left out, and why.
    """
    notes = put_back(path, format, foreign) if foreign else []
    if format == "WAV" and MASK in tags:
        _set_mask(path, tags[MASK])
        tags = {key: text for key, text in tags.items() if key != MASK}
    if not tags and not pictures:
        return notes
    writers: dict[str, Callable[..., list[str]]] = {
        "FLAC": _to_flac, "OGG": _to_ogg, "MP3": partial(_to_id3, "MP3"),
        "WAV": partial(_to_id3, "WAV"), "AIFF": partial(_to_id3, "AIFF"),
    }  # fmt: skip
    if format not in writers:
        return [
            *notes, f"left out: {len(tags)} tags, {len(pictures)} pictures: {format} has no room"
        ]  # fmt: skip
    return notes + writers[format](os.fspath(path), tags, pictures)


def joined(key: str, values: Sequence[str]) -> str:
    """Values of one key as one text.

    Several are lines. One that has lines itself ends in a line end more than it has, unless the key
    is of those that always have one text. Where neither would do, values are separated by U+001E.
    """
    values = [value for value in values if value.strip()]
    lines = any("\n" in value for value in values)
    if len(values) < 2:
        text = "".join(values)
        return text + "\n" if lines and key.lower() not in _ONE_TEXT else text
    return (_BETWEEN if lines or key.lower() in _ONE_TEXT else "\n").join(values)


def separated(key: str, text: str) -> list[str]:
    """The values that `joined` made a text of."""
    if _BETWEEN in text:
        return text.split(_BETWEEN)
    if key.lower() in _ONE_TEXT:
        return [text]
    return [text[:-1]] if text.endswith("\n") else text.split("\n")


def _set_mask(path: str | os.PathLike[str], text: str) -> None:
    """The channel mask of a WAV file that has room for one."""
    with open(path, "r+b") as file:
        start = file.read(44)
        if start[12:16] == b"fmt " and start[20:22] == b"\xfe\xff":
            mask = mask_of(text, int.from_bytes(start[22:24], "little"))
            if mask is not None:
                file.seek(40)
                file.write(mask.to_bytes(4, "little"))


def _from_vorbis(items: Sequence[tuple[str, str]], found: Tags) -> None:
    from mutagen.flac import Picture as Block

    comments: dict[str, list[str]] = {}
    for key, value in items:  # in the order of the file
        comments.setdefault(key.lower(), []).append(value)
    # A key by its own name before others of the same meaning.
    for key, values in sorted(comments.items(), key=lambda item: item[0] in _SPELLINGS):
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
    rest = []  # what does not become a tag
    # Texts before those that are one of many: a comment without a description is the comment.
    for frame in sorted(id3.values(), key=lambda f: f.FrameID in ("COMM", "USLT") and f.desc > ""):
        name = frame.FrameID
        refused = ""
        if name in _KEYS:
            refused = found._refused(_KEYS[name], _texts(frame))
        elif name in _COUNTS:
            numbers = str(frame.text[0]).split("/") if frame.text else []
            for key, number in zip(_COUNTS[name], numbers, strict=False):
                refused += found._refused(key, [number])
        elif name == "TXXX":
            refused = found._refused(frame.desc, _texts(frame))
        elif name == "COMM" and not frame.desc.startswith("iTun"):
            refused = found._refused("comment", _texts(frame))
        elif name == "USLT":
            refused = found._refused("lyrics", [frame.text])
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
    """Frames of ID3 in a tag of their own; called by the names of their kinds."""
    from mutagen import id3

    tag, out = id3.ID3(), io.BytesIO()
    for frame in frames:
        tag.add(frame)
    tag.save(out, v1=0, v2_version=4, padding=lambda info: 0)
    names = ",".join(dict.fromkeys(frame.FrameID for frame in frames))
    return Foreign(ID3, names[:64], out.getvalue())


def _open(file: Any) -> Any:
    """What mutagen takes it for; but FLAC with ID3 in front of it is no MP3."""
    import mutagen
    from mutagen.flac import FLAC

    with _binary(file) as binary, Window(binary) as window:
        begin = after_tags(window, 0)
        is_flac = begin > 0 and window.take(begin, 4) == b"fLaC"
    return FLAC(file) if is_flac else mutagen.File(file)


def _from_id3_in_front(file: Any, found: Tags) -> None:
    """What ID3 has besides, where some program has put it before a FLAC file."""
    from mutagen import id3

    try:
        frames = id3.ID3(file, load_v1=False)
    except id3.error:  # there is none, or none that can be read
        return
    _from_id3(frames, found)


def _from_others(opened: Any, found: Tags) -> None:
    """Of formats that libsndfile does not read."""
    from mutagen.apev2 import APEv2
    from mutagen.asf import ASF
    from mutagen.mp4 import MP4

    if isinstance(opened, MP4):
        from_mp4(opened.tags or {}, found)
    elif isinstance(opened, ASF):
        tags: Any = opened.tags
        from_asf({key: tags[key] for key, _ in tags}, found)
    elif isinstance(opened.tags, APEv2):
        from_ape(dict(opened.tags.items()), found)


def _from_media(file: Any, kind: Kind, found: Tags, all_of_it: bool) -> None:
    if kind.demuxer == "aac":
        from mutagen.id3 import ID3 as Frames

        with contextlib.suppress(Exception):  # there are none, or none that can be read
            _from_id3(Frames(file), found)
        file.seek(0)
        all_of_it = False
    try:
        from_media(file, kind, found, all_of_it, MASK)
    except AudioError:
        pass  # whether it can be read is not for its tags to say
    finally:
        file.seek(0)


def _from_ape(file: Any, found: Tags) -> None:
    """Tags that some programs put behind an MP3 file."""
    from mutagen.apev2 import APEv2

    try:
        items = APEv2(file)
    except Exception:  # there are none, or none that can be read
        return
    there = {key.lower() for key in found.tags}
    names = {key.lower(): _SPELLINGS.get(key.lower(), APE.get(key.lower(), key)) for key in items}
    # What ID3 says goes first.
    rest = {key: value for key, value in items.items() if names[key.lower()].lower() not in there}
    from_ape(rest, found, names)


def _texts(frame: Any) -> list[str]:
    return [str(text) for text in getattr(frame, "genres", frame.text)]


def _from_soundfile(file: Any, found: Tags) -> None:
    """Texts that mutagen does not read: of RIFF's INFO list, of RF64 and CAF."""
    import soundfile

    try:
        place = file if hasattr(file, "read") else native(file)
        with hushed(), soundfile.SoundFile(place) as sound:
            texts = sound.copy_metadata()
    except (soundfile.SoundFileError, OSError, TypeError):  # the last of samples without a header
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
        yield key, separated(key, text)


def _blocks(pictures: Sequence[Picture]) -> list[Any]:
    from mutagen.flac import Picture as Block

    blocks = []
    for picture in pictures:
        block = Block()
        block.type, block.mime = picture.kind, picture.mime
        block.desc, block.data = picture.description, picture.data
        block.width, block.height, block.depth, block.colors = size_of(picture.data)
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
    return []


@contextlib.contextmanager
def _binary(file: Any) -> Iterator[Any]:
    """The file, opened if it is a path; an object is left at its beginning."""
    if hasattr(file, "read"):
        with _rewound(file):
            yield file
    else:
        with open(file, "rb") as opened:
            yield opened


@contextlib.contextmanager
def _rewound(file: Any) -> Iterator[None]:
    """Leave a file object where it was, at its beginning."""
    try:
        yield
    finally:
        if hasattr(file, "seek"):
            file.seek(0)
