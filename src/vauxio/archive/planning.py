"""The plan for a tree: source files, their targets, and which are done already.

This module looks at names, sizes and the manifest. It opens no recording and changes nothing.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

from ..arguments import to_integer
from ..audio import pcm
from ..audio.formats import FORMATS, Raw
from ..codec.stereo.rates import plan as plan_coding
from ..errors import VauxError
from ..fileio import naming
from ..model.installed import candidates, file_candidates, find_denoiser, find_model
from ..model.models import Transform
from ..results import Result
from . import manifest
from .plans import Plan, Settings, Task
from .replacing import Guard
from .shards import SHARDED, fill_shards
from .store import SPECIAL, is_safe, open_store
from .targets import name_targets

__all__ = ["RECORDINGS", "TOKENS", "by_channels", "encoded_with", "plan", "raw_of",
           "tokens_bitrate"]  # fmt: skip

T = TypeVar("T")

TOKENS = ".npz", ".parquet", ".tar"
"""Endings of files of tokens."""

RECORDINGS = frozenset(
    ".wav .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .voc .wve .paf .avr "
    ".sd2 .ircam .sf .nist .sph "
    ".m4a .m4b .aac .mp2 .webm .weba .wma .wv .ape .mpc .tta .tak .mka .ac3 .eac3 .dts .amr .3gp "
    ".spx .g722 .dsf .dff".split()
)
"""Endings of what is taken for a recording where nobody says what to include."""

_HEADERLESS = ".raw", ".pcm"
"""And of samples without a header, where somebody says what they are."""


def plan(
    verb: str,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    *,
    include: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    delete_input: bool = False,
    delete_lossy: bool = False,
    force: bool = False,
    names: Sequence[str] | None = None,
) -> Plan:
    """Look at a tree and at what has been made of it.

    Parameters
    ----------
    verb : {'encode', 'decode', 'verify', 'tokens'}
        ``'tokens'`` makes files for machine learning, of recordings and of ``.vx`` files.
    source, target : folder or fsspec URL
        Roots of the trees. Without a target, files are made beside their sources.
    settings : Settings, optional
    include, exclude : str or sequence of str, optional
        A glob, or several. One with a ``/`` is for the whole name below the root, else for its
        last part. What is included is tried whatever its ending; nothing that is excluded is.
        Folders whose names begin with a dot are left alone, unless a glob has such a part.
    delete_input : bool, optional
        Delete each recording once its ``.vx`` file was read back without fault; not one of which
        something could not be kept, be it a tag.
    delete_lossy : bool, optional
        Delete that, too.
    force : bool, optional
        Replace files in the target tree that no earlier run made of the same sources, that were
        changed since, or that are all that there is of a recording: whose source was deleted, or
        was decoded from them.
    names : sequence of str, optional
        Look at these files of the source tree only; they are tried whatever their endings.

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
    if verb not in ("encode", "decode", "verify", "tokens"):
        raise ValueError(f"verb must be 'encode', 'decode', 'verify' or 'tokens' and not {verb!r}")
    if delete_input and verb != "encode":
        raise ValueError("delete_input is for recordings that are encoded")
    settings = settings or Settings()
    if settings.raw and verb != "encode":
        raise ValueError("raw is for recordings that are encoded")
    if settings.on_error not in ("stop", "conceal"):
        raise ValueError(f"on_error must be 'stop' or 'conceal' and not {settings.on_error!r}")
    formats = TOKENS if verb == "tokens" else tuple(FORMATS)
    if settings.format not in formats:
        raise ValueError(f"format must be one of {' '.join(formats)} and not {settings.format!r}")
    if to_integer("shard", settings.shard) < 1:
        raise ValueError(f"{settings.shard} recordings in a shard: must be at least 1")
    include, exclude = (
        (globs,) if isinstance(globs, str) else globs for globs in (include, exclude)
    )
    sources = open_store(source)
    unreadable: dict[str, str] = {}
    found = sources.find(unreadable)
    if not found and not unreadable and not _is_there(sources.url):
        raise FileNotFoundError(2, "no such folder", sources.url)
    if names is None:
        wanted = [name for name in sorted(found) if _wanted(name, verb, include, exclude, settings)]
    else:
        wanted = [name for name in dict.fromkeys(names) if not _matches(name, exclude)]
    missing = [name for name in wanted if name not in found]
    wanted = [name for name in wanted if name in found]
    meant = set(wanted)
    left = tuple(name for name in sorted(found) if name not in meant and name != manifest.NAME)
    if names is not None:
        left = ()
    refused = [Result(name, "", "no such file") for name in missing]
    refused += [
        Result(name, "", f"cannot be read: {reason}") for name, reason in unreadable.items()
    ]
    refused += [Result(name, "", "its name leads out of the tree") for name in wanted
                if not is_safe(name)]  # fmt: skip
    refused += [Result(name, "", "is a device or a pipe, no file") for name in wanted
                if found[name].mark == SPECIAL]  # fmt: skip
    wanted = [name for name in wanted if is_safe(name) and found[name].mark != SPECIAL]
    fingerprint = _fingerprint(verb, settings)
    if verb == "verify":
        tasks = [Task(name, "", found[name]) for name in wanted]
        return Plan(verb, sources.url, "", settings, False, _largest_first(tasks), (),
                    tuple(refused), left, fingerprint)  # fmt: skip

    targets = sources if target is None else open_store(target)
    if not targets.writable:
        with naming(targets.url):
            raise VauxError("files cannot be put there; name a folder with -o")
    if delete_input and not sources.writable:
        with naming(sources.url):
            raise VauxError("files cannot be deleted there")
    suffix = ".vx" if verb == "encode" else settings.format
    rows = {row.source: row for row in manifest.reading(targets, verb, sources.url, suffix)}
    existing = found if targets is sources else targets.find()
    guard = Guard(verb, sources, targets, existing)
    if verb == "tokens" and settings.format in SHARDED:
        tasks, skipped, barred = fill_shards(
            {name: found[name] for name in wanted}, rows, existing, settings, fingerprint, guard,
            force,
        )  # fmt: skip
        return Plan(verb, sources.url, targets.url, settings, False, tuple(tasks), tuple(skipped),
                    (*refused, *barred), left, fingerprint)  # fmt: skip
    tasks, skipped = [], []
    for name, made in name_targets(wanted, suffix, rows).items():
        task, row = Task(name, made, found[name]), rows.get(name)
        # To be deleted, it is encoded anew and read back first.
        if not delete_input and guard.is_done(task, row, fingerprint):
            skipped.append(task)
        elif not force and (objection := guard.objection(task, row)):
            refused.append(Result(name, made, objection))
        elif made == name:
            refused.append(Result(name, made, "would be written over itself"))
        else:
            tasks.append(task)
    gone = sorted(row.target for row in rows.values()
                  if row.source not in found and row.done and row.target in existing)  # fmt: skip
    return Plan(verb, sources.url, targets.url, settings, delete_input, _largest_first(tasks),
                tuple(skipped), tuple(refused), left, fingerprint, tuple(gone),
                delete_lossy)  # fmt: skip


def raw_of(name: str, settings: Settings) -> Raw | None:
    """What a file's samples are, if it has no header that says it."""
    return None if PurePosixPath(name).suffix.lower() in RECORDINGS else settings.raw


def _wanted(
    name: str, verb: str, include: Sequence[str], exclude: Sequence[str], settings: Settings
) -> bool:
    if name == manifest.NAME or _matches(name, exclude) or _is_hidden(name, include):
        return False
    suffix = PurePosixPath(name).suffix.lower()
    if verb == "tokens":
        if include:
            return _matches(name, include)
        own = suffix in RECORDINGS or suffix == ".vx"
        return own and not PurePosixPath(name).name.startswith("._")
    if verb != "encode":
        return suffix == ".vx" and (not include or _matches(name, include))
    if include:
        return suffix != ".vx" and _matches(name, include)
    known = suffix in RECORDINGS or (settings.raw is not None and suffix in _HEADERLESS)
    return known and not PurePosixPath(name).name.startswith("._")


def _is_hidden(name: str, include: Sequence[str]) -> bool:
    """Whether it lies in a folder that begins with a dot, and no glob names such a folder."""
    hidden = any(part.startswith(".") for part in PurePosixPath(name).parts[:-1])
    return hidden and not any(glob.startswith(".") or "/." in glob for glob in include)


def _matches(name: str, globs: Iterable[str]) -> bool:
    last = name.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(name if "/" in glob else last, glob) for glob in globs)


def tokens_bitrate(settings: Settings, channels: int = 1) -> float | None:
    """The bitrate that tokens are to have, be it given as such or as `codebooks`.

    Raises
    ------
    TypeError
        If both are given.
    ValueError
        If no model has so many codebooks.
    """
    if settings.codebooks is None:
        return settings.bitrate
    if settings.bitrate is not None:
        raise TypeError("Only one of {bitrate, codebooks} may be used")
    model = find_model(settings.model)
    to_integer("codebooks", settings.codebooks)
    if not 1 <= settings.codebooks <= model.codebooks:
        raise ValueError(f"{settings.codebooks} codebooks: {model.name} has 1 to {model.codebooks}")
    return channels * model.bitrate(settings.codebooks)


def _fingerprint(verb: str, settings: Settings) -> str:
    if verb == "decode":
        about: dict[str, object] = {"format": settings.format}
        if settings.on_error != "stop":
            about["on_error"] = settings.on_error
    elif verb == "verify":
        about = {"deep": settings.deep}
    elif verb == "tokens":
        about = {"format": settings.format, "mono": settings.mono}
        about["made"] = by_channels(settings, _tokens_made)
    else:
        about = {"lm": settings.lm, "mono": settings.mono}
        about["made"] = by_channels(settings, encoded_with)
        if settings.raw:
            about["raw"] = settings.raw
        if settings.denoise:
            about["denoiser"] = find_denoiser().network.sha256
    return json.dumps(about)


def by_channels(settings: Settings, made: Callable[[Settings, int], T]) -> list[T]:
    """What recordings are made with, by their number of channels.

    Raises
    ------
    ValueError
        If there is no number of channels that the model has that bitrate for.
    """
    found: list[T] = []
    refused: ValueError | None = None
    for channels in range(1, 2 if settings.mono else pcm.CHANNELS + 1):
        try:
            found.append(made(settings, channels))
        except ValueError as e:
            refused = refused or e
    if refused is not None and not found:
        raise refused
    return found


def _tokens_made(settings: Settings, channels: int) -> list[object]:
    made: list[object] = [channels]
    bitrate = tokens_bitrate(settings, channels)
    for model in candidates(settings.model, bitrate, channels):
        made += [model.name, model.encoder.sha256, model.code_space.hex(),
                 model.codebooks_for(bitrate, channels)]  # fmt: skip
        if settings.denoise:
            made.append(find_denoiser(model.samplerate).network.sha256)
    return made


def encoded_with(settings: Settings, channels: int) -> list[object]:
    """What makes files of recordings of so many channels; `ValueError` if nothing does."""
    made: list[object] = [channels]
    for model in file_candidates(settings.model, settings.bitrate, settings.quality, channels,
                                 lm=settings.lm, denoise=settings.denoise):  # fmt: skip
        if isinstance(model, Transform):
            rate = model.bitrate_for(settings.bitrate, settings.quality, channels)
            made += [model.name, model.tables.sha256, rate, settings.quality is not None]
            continue
        if settings.denoise:
            find_denoiser(model.samplerate)
        planned = plan_coding(
            model, 48000, channels, settings.bitrate, settings.quality, settings.denoise
        )
        made += [model.name, model.encoder.sha256, model.code_space.hex(), model.static.sha256,
                 settings.lm and (model.lm is None or model.lm.sha256),
                 dataclasses.astuple(planned)]  # fmt: skip
    return made


def _largest_first(tasks: list[Task]) -> tuple[Task, ...]:
    """Put long files first, so that no process works alone at the end."""
    return tuple(sorted(tasks, key=lambda task: (-(task.entry.size or 0), task.source)))


def _is_there(url: str) -> bool:
    """Whether an empty tree exists; for a URL, that cannot be known."""
    return os.path.isdir(url) or not os.path.isabs(url)
