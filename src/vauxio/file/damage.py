"""What is damaged in a file that is read all the same."""

from __future__ import annotations

from typing import NamedTuple

from .block_reader import TokenReader

__all__ = ["Damage", "damage_in"]


class Damage(NamedTuple):
    """A damaged part of a file.

    Attributes
    ----------
    start, stop : int
        The frames that are concealed; equal where none are: tags, or the file's end.
    reason : str
    """

    start: int
    stop: int
    reason: str

    def describe(self, samplerate: int) -> str:
        """One line, with times."""
        if self.start == self.stop:
            return self.reason
        times = [frame / samplerate for frame in self[:2]]
        begin, end = (f"{int(time) // 60}:{time % 60:06.3f}" for time in times)
        return f"concealed {begin} to {end}: {self.reason}"


def damage_in(reader: TokenReader) -> list[Damage]:
    """Damage that a concealing reader has found so far."""
    header, frames = reader.header, reader.frames
    found = [] if reader.lost is None else [Damage(0, 0, reader.lost.reason)]
    for index, error in sorted(reader.damage.items()):
        first = index * header.block_tokens
        last = min(first + header.block_tokens, reader.tokens)
        start, stop = (reader.grid.frames_in(t, header.samplerate) for t in (first, last))
        found.append(Damage(start, min(stop, frames or stop), error.reason))
    if reader.fault is not None and frames is not None:
        found.append(Damage(frames, frames, reader.fault.reason))
    return found
