"""Tags, pictures and foreign metadata of one recording, within the limits of ``.vx`` files.

Readers of the formats add what they find. What does not fit becomes a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...container.metadata import Foreign, Picture, check_foreign, check_pictures, check_tags
from ...errors import FormatError
from .keys import SPELLINGS, is_known, joined

__all__ = ["Tags"]


@dataclass
class Tags:
    """Tags, pictures and foreign metadata of a recording, within the limits of ``.vx`` files.

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
        """Add a tag, or a note if it does not fit."""
        if reason := self.try_add(key, values):
            self.notes.append(f"left out: {reason}")

    def try_add(self, key: str, values: Sequence[str]) -> str:
        """Add a tag. Returns why that is not possible, or an empty string."""
        spelled = key.lower()
        key = SPELLINGS.get(spelled, spelled if is_known(spelled) else key)
        text = joined(key, [value.replace("\0", "\n") for value in values])
        if any("\0" in value for value in values):
            self.notes.append(f"changed: NUL in tag {key!r} became the end of a line")
        there = {name.lower(): name for name in self.tags}
        if not text.strip() or key.lower() == "encoder":
            return ""
        if key.lower() in there:
            if self.tags[there[key.lower()]] == text:
                return ""
            if spelled in there or spelled not in SPELLINGS:
                return f"tag {key!r}: there twice"
            key = spelled
        try:
            check_tags({**self.tags, key: text})
        except FormatError as e:
            return str(e)
        self.tags[key] = text
        return ""

    def add_foreign(self, foreign: Foreign) -> None:
        """Add foreign metadata, or a note if it does not fit."""
        try:
            check_foreign([*self.foreign, foreign])
        except FormatError as e:
            self.notes.append(f"left out: {foreign.name.strip()} of {foreign.format}: {e}")
        else:
            self.foreign.append(foreign)

    def add_picture(self, kind: int, mime: str, description: str, data: bytes) -> None:
        """Add a picture, or a note if it does not fit."""
        picture = Picture(int(kind), mime or "image/", description.replace("\0", ""), bytes(data))
        try:
            check_pictures([*self.pictures, picture])
        except FormatError as e:
            self.notes.append(f"left out: {e}")
        else:
            self.pictures.append(picture)
