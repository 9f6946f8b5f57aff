"""Read the tags of a recording, whatever its format."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ...fileio import name_of
from ...text import first_line
from ..around import after_tags
from ..channels import MASK
from ..foreign import mask_in, read_foreign, unkept
from ..media.kinds import HEAD, kind_of
from ..window import Window
from .ape import from_ape, from_ape_behind
from .asf import from_asf
from .collection import Tags
from .ffmpeg import from_ffmpeg
from .id3 import from_id3, from_id3_in_front
from .libsndfile import from_libsndfile
from .mp4 import from_mp4
from .vorbis import from_vorbis

__all__ = ["read_tags"]


def read_tags(file: Any) -> Tags:
    """Tags and pictures of a recording.

    Parameters
    ----------
    file : path or binary file object
        Of any format that mutagen, soundfile or FFmpeg knows. A file object must be seekable, and
        is left at its beginning.

    Returns
    -------
    Tags
        Empty if there are none, or none that can be read. No error tells whether the file is a
        recording at all.
    """
    found = Tags()
    with _binary(file) as binary:
        kind = kind_of(binary.read(HEAD), name_of(file))
    is_adts = kind is not None and kind.demuxer == "aac"  # has no tags but ID3 in front
    with _rewound(file):
        try:
            opened = None if is_adts or _is_rf64(file) else _open(file)
        except Exception as e:  # damaged tags raise whatever parsing them raises
            if not isinstance(e, OSError):
                found.notes.append(f"its tags cannot be read: {first_line(e)}")
            opened = None
    form = type(opened).__name__
    _from_mutagen(opened, found)
    if form == "FLAC":
        with _rewound(file):
            from_id3_in_front(file, found)
    if form in ("MP3", "TrueAudio"):
        with _rewound(file):
            from_ape_behind(file, found)
    for picture in getattr(opened, "pictures", []):
        found.add_picture(picture.type, picture.mime, picture.desc, picture.data)
    if kind is not None:
        with _binary(file) as binary:
            if is_adts:
                from_id3_in_front(binary, found, version_1=True)
                binary.seek(0)
            from_ffmpeg(binary, kind, found, with_tags=opened is None and not is_adts)
    elif opened is None or form in ("WAVE", "AIFF"):
        with _rewound(file):
            from_libsndfile(file, found)
    with _binary(file) as binary:
        for one in read_foreign(binary):
            found.add_foreign(one)
        found.notes += unkept(binary)
        if mask := mask_in(binary):
            found.add(MASK, [f"0x{mask:04X}"])
    return found


def _open(file: Any) -> Any:
    """What mutagen recognises; but it takes FLAC with ID3 in front for MP3."""
    import mutagen
    from mutagen.flac import FLAC

    with _binary(file) as binary, Window(binary) as window:
        begin = after_tags(window, 0)
        is_flac = begin > 0 and window.take(begin, 4) == b"fLaC"
    return FLAC(file) if is_flac else mutagen.File(file)


def _from_mutagen(opened: Any, found: Tags) -> None:
    """Add the tags of a file that mutagen has opened; None where it has not."""
    if opened is None:
        return
    from mutagen._vorbis import VComment
    from mutagen.apev2 import APEv2
    from mutagen.asf import ASF
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4

    tags: Any = getattr(opened, "tags", None)
    if isinstance(tags, ID3):
        from_id3(tags, found)
    elif isinstance(tags, VComment):
        from_vorbis(tags, found)
    elif isinstance(opened, MP4):
        from_mp4(tags or {}, found)
    elif isinstance(opened, ASF):
        from_asf({key: tags[key] for key, _ in tags or ()}, found)
    elif isinstance(tags, APEv2):
        from_ape(dict(tags.items()), found)


def _is_rf64(file: Any) -> bool:
    """Whether it is RF64, which mutagen takes for a damaged WAV file."""
    with _binary(file) as binary:
        return bool(binary.read(4) == b"RF64")


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
    """Leave a file object at its beginning."""
    try:
        yield
    finally:
        if hasattr(file, "seek"):
            file.seek(0)
