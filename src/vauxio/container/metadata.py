"""Tags, pictures and foreign metadata: what a ``.vx`` file carries beside the sound.

This module knows their chunks and limits. It gives them no meaning: a tag is a key and a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import FormatError, UnsupportedError
from .chunks import Fields, Head, number

__all__ = [
    "Foreign",
    "Metadata",
    "Picture",
    "check_foreign",
    "check_pictures",
    "check_tags",
    "make_foreign",
    "make_picture",
    "make_tags",
]

MAX_TAGS = 1024
MAX_TAG_BYTES = 1 << 18  # of one value
MAX_TAGS_BYTES = 1 << 20  # of all of them, as stored
MAX_PICTURES = 32
MAX_PICTURES_BYTES = 16_000_000  # of the data of all of them
MAX_DESCRIPTION_BYTES = 1024
MAX_FOREIGN = 256
MAX_FOREIGN_BYTES = 16_000_000  # of the data of all of them

_KEY = re.compile(r"[ -<>-~]{1,64}")  # printable ASCII but "="
_MIME = re.compile(r"[!-~]{1,64}")
_NAME = re.compile(r"[ -~]{1,64}")


@dataclass(frozen=True)
class Picture:
    """An image that belongs to the recording.

    Attributes
    ----------
    kind : int
        As in ID3v2 and FLAC: 3 is the front cover, 4 the back cover, 0 anything else.
    mime : str
        Type of `data`, such as ``image/jpeg``.
    description : str
    data : bytes
        The image file. Nothing in vauxio looks inside.
    """

    kind: int
    mime: str
    description: str
    data: bytes


@dataclass(frozen=True)
class Foreign:
    """Metadata of another format, unchanged, for programs that know that format.

    Attributes
    ----------
    format : str
        Whose it is: ``RIFF``, ``AIFF``, ``CAF``, ``FLAC``, ``ID3``.
    name : str
        What the format calls it: ``bext``, ``cue``, ``MARK``, ...
    data : bytes
        As it was. Nothing in the container looks inside.
    """

    format: str
    name: str
    data: bytes


@dataclass
class Metadata:
    """Metadata, collected chunk by chunk, before the first block."""

    tags: dict[str, str] | None = None
    pictures: list[Picture] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)

    def add(self, head: Head, body: bytes) -> None:
        """One more chunk; `FormatError` if it may not be there."""
        if head.kind == b"t":
            if self.tags is not None:
                raise FormatError("tags: there twice")
            self.tags = _parse_tags(body)
        elif head.kind == b"p":
            self.pictures.append(_parse_picture(body))
            check_pictures(self.pictures)
        elif head.kind == b"f":
            self.foreign.append(_parse_foreign(body))
            check_foreign(self.foreign)
        elif not head.optional:
            raise UnsupportedError(f"chunk {head.kind.decode()!r} is unknown here: update vauxio")


def check_tags(tags: Mapping[str, str]) -> None:
    """`FormatError` if a file cannot carry them."""
    if not isinstance(tags, Mapping):
        raise FormatError(f"tags: must be a mapping of str to str and not {type(tags).__name__}")
    if len(tags) > MAX_TAGS:
        raise FormatError(f"{len(tags)} tags, at most {MAX_TAGS} fit")
    seen = set()
    for key, value in tags.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise FormatError(f"tag {key!r}: a key is 1 to 64 printable ASCII characters, no '='")
        if key.lower() in seen:
            raise FormatError(f"tag {key!r}: there twice (upper and lower case are the same)")
        seen.add(key.lower())
        if not isinstance(value, str):
            raise FormatError(f"tag {key!r}: a value is text and not {type(value).__name__}")
        _check_text(value, MAX_TAG_BYTES, f"tag {key!r}")
    stored = len(make_tags(tags))
    if stored > MAX_TAGS_BYTES:
        raise FormatError(f"tags: {stored} bytes, at most {MAX_TAGS_BYTES} fit")


def check_pictures(pictures: Sequence[Picture]) -> None:
    """`FormatError` if a file cannot carry them."""
    for picture in pictures:
        if not isinstance(picture, Picture):
            raise FormatError(f"pictures: must be Pictures and not {type(picture).__name__}")
    size = sum(len(picture.data) for picture in pictures)
    if len(pictures) > MAX_PICTURES or size > MAX_PICTURES_BYTES:
        raise FormatError(
            f"{len(pictures)} pictures of {size} bytes: "
            f"at most {MAX_PICTURES} of {MAX_PICTURES_BYTES} bytes together fit"
        )
    for picture in pictures:
        if not 0 <= picture.kind <= 255:
            raise FormatError(f"picture: kind {picture.kind} is not 0 to 255")
        if not _MIME.fullmatch(picture.mime):
            raise FormatError(f"picture: {picture.mime!r} is no MIME type")
        _check_text(picture.description, MAX_DESCRIPTION_BYTES, "picture description")


def check_foreign(foreign: Sequence[Foreign]) -> None:
    """`FormatError` if a file cannot carry it."""
    size = sum(len(one.data) for one in foreign)
    if len(foreign) > MAX_FOREIGN or size > MAX_FOREIGN_BYTES:
        raise FormatError(
            f"{len(foreign)} pieces of foreign metadata of {size} bytes: "
            f"at most {MAX_FOREIGN} of {MAX_FOREIGN_BYTES} bytes together fit"
        )
    for one in foreign:
        for text in (one.format, one.name):
            if not _NAME.fullmatch(text):
                raise FormatError(f"foreign metadata: {text!r} is not 1 to 64 printable ASCII")


def make_tags(tags: Mapping[str, str]) -> bytes:
    """The body of their chunk."""
    texts = [text.encode() for item in tags.items() for text in item]
    return number(len(tags)) + b"".join(number(len(text)) + text for text in texts)


def _parse_tags(body: bytes) -> dict[str, str]:
    """The tags in the body of their chunk."""
    fields = Fields(body, "tags")
    count = fields.number()
    if count > MAX_TAGS:
        raise FormatError(f"{count} tags, at most {MAX_TAGS} are allowed")
    items = [(fields.text(fields.number()), fields.text(fields.number())) for _ in range(count)]
    tags = dict(items)
    if len(tags) < count:
        raise FormatError("tags: one is there twice")
    if fields.rest():
        raise FormatError("tags: more bytes than tags")
    check_tags(tags)
    return tags


def make_picture(picture: Picture) -> bytes:
    """The body of its chunk."""
    texts = [picture.mime.encode(), picture.description.encode()]
    head = bytes([picture.kind]) + b"".join(number(len(text)) + text for text in texts)
    return head + picture.data


def _parse_picture(body: bytes) -> Picture:
    """The picture in the body of a chunk."""
    fields = Fields(body, "picture")
    kind = fields.byte()
    mime, description = fields.text(fields.number()), fields.text(fields.number())
    return Picture(kind, mime, description, fields.rest())


def make_foreign(foreign: Foreign) -> bytes:
    """The body of its chunk."""
    texts = [foreign.format.encode(), foreign.name.encode()]
    return b"".join(number(len(text)) + text for text in texts) + foreign.data


def _parse_foreign(body: bytes) -> Foreign:
    """The foreign metadata in the body of a chunk."""
    fields = Fields(body, "foreign metadata")
    format, name = fields.text(fields.number()), fields.text(fields.number())
    return Foreign(format, name, fields.rest())


def _check_text(text: str, limit: int, what: str) -> None:
    try:
        stored = text.encode()
    except UnicodeEncodeError as e:
        raise FormatError(f"{what}: text that has no UTF-8 form") from e
    if len(stored) > limit or "\0" in text:
        raise FormatError(f"{what}: a text is at most {limit} bytes of UTF-8 without NUL")
