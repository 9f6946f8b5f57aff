"""What a plan is made of: settings and tasks. It opens nothing and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..audio.formats import Raw
from ..results import Result
from .store import Entry

__all__ = ["Plan", "Settings", "Task", "count"]


@dataclass(frozen=True)
class Settings:
    """How files are made.

    Attributes
    ----------
    model, bitrate, quality, lm, denoise
        To encode; see `vauxio.VauxFile`.
    mono : bool
        Encode all channels mixed down to one.
    raw : Raw, optional
        What files without a header are, when they are encoded: those named ``.raw`` or ``.pcm``,
        and whatever else is included that is not named as a recording.
    format : str
        Ending of decoded files: ``'.wav'``, ``'.flac'``, ..., in small letters; of tokens,
        ``'.npz'``, ``'.parquet'`` or ``'.tar'`` (WebDataset).
    on_error : {'stop', 'conceal'}
        What to do about damage in a file that is decoded: let it fail, or put something in its
        place, and list it in `Result.damage`.
    deep : bool
        Verify by decoding, not only by the checksums of what files hold.
    codebooks : int or None
        For tokens, instead of `bitrate`: how many codes every token has.
    shard : int
        For tokens: recordings in a Parquet or tar file at most.
    """

    model: str = "auto"
    bitrate: float | None = None
    quality: float | None = None
    lm: bool = True
    denoise: bool = False
    mono: bool = False
    raw: Raw | None = None
    format: str = ".wav"
    on_error: Literal["stop", "conceal"] = "stop"
    deep: bool = False
    codebooks: int | None = None
    shard: int = 500


@dataclass(frozen=True)
class Task:
    """One file to be made of another, or to be verified.

    Attributes
    ----------
    source : str
        Its name in the source tree.
    target : str
        The other's in the target tree; empty if there is none.
    entry : Entry
        The source as it was found.
    """

    source: str
    target: str
    entry: Entry


@dataclass(frozen=True)
class Plan:
    """The work of a run. Its repr is one line.

    Attributes
    ----------
    verb : {'encode', 'decode', 'verify', 'tokens'}
    source, target : str
        Roots of the trees; the target is empty to verify.
    settings : Settings
    delete_input : bool
    tasks : tuple of Task
        The largest first.
    skipped : tuple of Task
        What is done already, and unchanged since.
    refused : tuple of Result
        What is not even tried.
    left : tuple of str
        Files that are left alone: not meant, or no recordings by their names.
    gone : tuple of str
        Files that were made of sources which are not there any more.
    delete_lossy : bool
        Delete also what could not be kept whole: tags, chunks or samples that a note names.
    fingerprint : str
        What the targets depend on besides the sources.
    """

    verb: str
    source: str
    target: str
    settings: Settings
    delete_input: bool
    tasks: tuple[Task, ...]
    skipped: tuple[Task, ...] = ()
    refused: tuple[Result, ...] = ()
    left: tuple[str, ...] = ()
    fingerprint: str = field(default="", repr=False)
    gone: tuple[str, ...] = ()
    delete_lossy: bool = False

    @property
    def suffix(self) -> str:
        """Ending of what is made."""
        return ".vx" if self.verb == "encode" else self.settings.format

    @property
    def others(self) -> int:
        """How many files are left alone."""
        return len(self.left)

    @property
    def bytes(self) -> int:
        """Size of all sources to be worked on, as far as it is known."""
        return sum(task.entry.size or 0 for task in self.tasks)

    def __repr__(self) -> str:
        return (
            f"{self.verb} {self.source}: {count(len(self.tasks))} to do "
            f"({self.bytes / 1e6:.1f} MB), {len(self.skipped)} done already, "
            f"{len(self.refused)} refused, {count(self.others, 'other')} left alone"
        )


def count(number: int, what: str = "file") -> str:
    """A number with its noun."""
    return f"{number} {what}{'s' * (number != 1)}"
