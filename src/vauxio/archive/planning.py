"""What is to be done with a tree: which files, to become which, and which are done already.

This module looks at names, sizes and the manifest. It opens no recording and changes nothing.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from ..audio.formats import FORMATS
from ..codec.bandwidth_extension import allot
from ..errors import VauxError
from ..model.bundles import Model
from ..model.installed import candidates, find_denoiser
from . import manifest
from .store import Entry, is_safe, open_store

__all__ = ["Plan", "Result", "Settings", "Task", "count", "plan"]

RECORDINGS = frozenset(
    ".wav .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .voc .wve .paf .avr "
    ".sd2 .ircam .sf .nist .sph".split()
)
"""Endings of what is taken for a recording where nobody says what to include."""


@dataclass(frozen=True)
class Settings:
    """How files are made.

    Attributes
    ----------
    model, bitrate, quality, lm, denoise
        To encode; see `vauxio.VauxFile`.
    mono : bool
        Encode all channels mixed down to one.
    format : str
        Ending of decoded files: ``'.wav'``, ``'.flac'``, ..., in small letters.
    on_error : {'stop', 'conceal'}
        What to do about damage in a file that is decoded: let it fail, or put something in its
        place, and list it in `Result.damage`.
    deep : bool
        Verify by decoding, not only by checksums.
    """

    model: str = "auto"
    bitrate: float | None = None
    quality: float | None = None
    lm: bool = True
    denoise: bool = False
    mono: bool = False
    format: str = ".wav"
    on_error: Literal["stop", "conceal"] = "stop"
    deep: bool = False


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
class Result:
    """How a task ended.

    Attributes
    ----------
    source, target : str
    error : str or None
        Why it failed; None if it did not.
    seconds : float
        Of audio.
    bytes_in, bytes_out : int
    elapsed : float
        Seconds of work.
    notes : tuple of str
        What could not be kept: tags that do not fit, say.
    damage : tuple of str
        What was concealed.
    """

    source: str
    target: str
    error: str | None = None
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    elapsed: float = 0.0
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.error is None


@dataclass(frozen=True)
class Plan:
    """What `run` is to do. Its repr says it in a line.

    Attributes
    ----------
    verb : {'encode', 'decode', 'verify'}
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
    others : int
        Files that are left alone: not meant, or no recordings by their names.
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
    others: int = 0
    fingerprint: str = field(default="", repr=False)

    @property
    def bytes(self) -> int:
        """Of all sources that are to be worked on, as far as is known."""
        return sum(task.entry.size or 0 for task in self.tasks)

    def __repr__(self) -> str:
        return (
            f"{self.verb} {self.source}: {count(len(self.tasks))} to do "
            f"({self.bytes / 1e6:.1f} MB), {len(self.skipped)} done already, "
            f"{len(self.refused)} refused, {count(self.others, 'other')} left alone"
        )


def plan(
    verb: str,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    *,
    include: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    delete_input: bool = False,
    force: bool = False,
) -> Plan:
    """Look at a tree and at what has been made of it.

    Parameters
    ----------
    verb : {'encode', 'decode', 'verify'}
    source, target : folder or fsspec URL
        Roots of the trees. Without a target, files are made beside their sources.
    settings : Settings, optional
    include, exclude : str or sequence of str, optional
        A glob, or several. One with a ``/`` is for the whole name below the root, else for its
        last part. What is included is tried whatever its ending; nothing that is excluded is.
    delete_input : bool, optional
        Delete each recording once its ``.vx`` file was read back without fault.
    force : bool, optional
        Replace files in the target tree that are not known to be what an earlier run made of the
        same sources; of each source, only the last file is known.

    Returns
    -------
    Plan

    Raises
    ------
    VauxError
        If a root cannot be opened, another run is at work, or the model or the denoiser is not
        installed.
    ValueError
        If there is no such verb or setting, the model does not have that bitrate, or what is to be
        deleted is not encoded.
    OSError
        If a tree cannot be read.
    """
    if verb not in ("encode", "decode", "verify"):
        raise ValueError(f"verb must be 'encode', 'decode' or 'verify' and not {verb!r}")
    if delete_input and verb != "encode":
        raise ValueError("delete_input is for recordings that are encoded")
    settings = settings or Settings()
    if settings.on_error not in ("stop", "conceal"):
        raise ValueError(f"on_error must be 'stop' or 'conceal' and not {settings.on_error!r}")
    if settings.format not in FORMATS:
        raise ValueError(f"format must be one of {' '.join(FORMATS)} and not {settings.format!r}")
    include, exclude = (
        (globs,) if isinstance(globs, str) else globs for globs in (include, exclude)
    )
    sources = open_store(source)
    unreadable: dict[str, str] = {}
    found = sources.find(unreadable)
    if not found and not unreadable and not _is_there(sources.url):
        raise FileNotFoundError(2, "no such folder", sources.url)
    wanted = [name for name in sorted(found) if _wanted(name, verb, include, exclude)]
    others = len(found) - len(wanted) - (manifest.NAME in found)
    refused = [Result(name, "", f"cannot be read: {reason}") for name, reason in unreadable.items()]
    refused += [Result(name, "", "its name leads out of the tree") for name in wanted
                if not is_safe(name)]  # fmt: skip
    wanted = [name for name in wanted if is_safe(name)]
    fingerprint = _fingerprint(verb, settings)
    if verb == "verify":
        tasks = [Task(name, "", found[name]) for name in wanted]
        return Plan(verb, sources.url, "", settings, False, _largest_first(tasks), (),
                    tuple(refused), others, fingerprint)  # fmt: skip

    targets = sources if target is None else open_store(target)
    if not targets.writable:
        raise VauxError(f"{targets.url}: files cannot be put there; name a folder with -o")
    if delete_input and not sources.writable:
        raise VauxError(f"{sources.url}: files cannot be deleted there")
    rows = manifest.reading(targets, verb, sources.url)
    existing = found if targets is sources else targets.find()
    tasks, skipped = [], []
    suffix = ".vx" if verb == "encode" else settings.format
    for name, made in _targets(wanted, suffix, rows).items():
        task, row = Task(name, made, found[name]), rows.get(name)
        known = row is not None and row.target == made
        if delete_input and row is not None and row.done and row[2:4] != task.entry:
            known = False  # of another recording of that name, which was deleted
        if made in existing and not known and not force:
            refused.append(Result(name, made, f"{made} exists; -f replaces it"))
        elif made == name:
            refused.append(Result(name, made, "would be written over itself"))
        elif (
            row is not None
            and row[1:] == (made, *task.entry, fingerprint, True)
            and made in existing
            and not delete_input  # what is to be deleted is made and read back once more
        ):
            skipped.append(task)
        else:
            tasks.append(task)
    return Plan(verb, sources.url, targets.url, settings, delete_input, _largest_first(tasks),
                tuple(skipped), tuple(refused), others, fingerprint)  # fmt: skip


def _wanted(name: str, verb: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    if name == manifest.NAME or _matches(name, exclude):
        return False
    suffix = PurePosixPath(name).suffix.lower()
    if verb != "encode":
        return suffix == ".vx" and (not include or _matches(name, include))
    if include:
        return suffix != ".vx" and _matches(name, include)
    return suffix in RECORDINGS and not PurePosixPath(name).name.startswith("._")


def _matches(name: str, globs: Iterable[str]) -> bool:
    last = name.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(name if "/" in glob else last, glob) for glob in globs)


def _targets(names: list[str], suffix: str, rows: dict[str, manifest.Row]) -> dict[str, str]:
    """What each becomes: its name with another ending, or with one more where two would clash.

    A name that was given before stays, whatever has come to the tree since. No two become one.
    """
    plain = {name: str(PurePosixPath(name).with_suffix(suffix)) for name in names}
    count = Counter(map(_same, plain.values()))
    given = {source: row.target for source, row in rows.items()
             if PurePosixPath(row.target).suffix == suffix}  # fmt: skip
    taken = Counter(map(_same, given.values()))
    made = {name: given[name] for name in names if name in given and taken[_same(given[name])] == 1}
    new = [name for name in names if name not in made]
    alone = {name for name in new
             if count[_same(plain[name])] == 1 and not taken[_same(plain[name])]}  # fmt: skip
    made |= {name: plain[name] for name in alone}
    used = taken.keys() | set(map(_same, made.values()))
    for name in sorted(set(new) - alone):
        # The name with one more ending may be that of yet another, without its last.
        numbered = (f"{name}.{number}{suffix}" for number in itertools.count(2))
        made[name] = next(target for target in itertools.chain([name + suffix], numbered)
                          if _same(target) not in used)  # fmt: skip
        used.add(_same(made[name]))
    return made


def _same(name: str) -> str:
    """Equal for names that some file systems do not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _fingerprint(verb: str, settings: Settings) -> str:
    if verb == "decode":
        about: dict[str, object] = {"format": settings.format}
        if settings.on_error != "stop":
            about["on_error"] = settings.on_error
    elif verb == "verify":
        about = {"deep": settings.deep}
    else:
        *narrow, model = candidates(settings.model, settings.bitrate)
        about = _made_by(model, settings)
        if narrow:
            about["narrow"] = [_made_by(each, settings) for each in narrow]
        if settings.denoise:
            about["denoiser"] = find_denoiser(model.samplerate).network.sha256
    return json.dumps(about)


def _made_by(model: Model, settings: Settings) -> dict[str, object]:
    allocation = allot(model, 48000, settings.bitrate, settings.quality, settings.denoise)
    return {
        "model": model.name,
        "encoder": model.encoder.sha256,
        "decoder": model.decoder.sha256,
        "static": model.static.sha256,
        "allocation": [dataclasses.astuple(one) for one in allocation],
        "mono": settings.mono,
        "lm": settings.lm and (model.lm is None or model.lm.sha256),
    }


def _largest_first(tasks: list[Task]) -> tuple[Task, ...]:
    """So that no long one is left for the end, when the other processes have nothing to do."""
    return tuple(sorted(tasks, key=lambda task: (-(task.entry.size or 0), task.source)))


def count(number: int, what: str = "file") -> str:
    """So many of them, in words."""
    return f"{number} {what}{'s' * (number != 1)}"


def _is_there(url: str) -> bool:
    """Whether an empty tree is at least there; of a URL, nobody can tell."""
    return os.path.isdir(url) or not os.path.isabs(url)
