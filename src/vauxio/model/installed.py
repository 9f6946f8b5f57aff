"""The installed models, and the choice of one by name, file or signal.

This module chooses. `models` knows what a model is, `bundles` where it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..arguments import to_number
from ..errors import BitrateError, ModelError
from .bundles import read_bundles, weights_folder
from .models import MOST_CODES, Denoiser, Model, Transform

__all__ = [
    "Choice",
    "DEFAULT",
    "ModelList",
    "SPEECH",
    "candidates",
    "choose_codec",
    "choose_model",
    "file_candidates",
    "find_denoiser",
    "find_model",
    "find_transform",
    "models",
]

DEFAULT = "general-24k"
"""The model for anything."""

SPEECH = "speech-24k"
"""The model for voices, which need not be installed."""

HIFI = "hifi-48k"
"""The transform codec for bitrates above those, which need not be installed."""

_NARROW = 16000  # Hz: recordings up to there are mostly of voices

_DENOISER = "denoise-24k"


@dataclass(frozen=True)
class Choice:
    """What writes a signal into a file.

    Attributes
    ----------
    codec : Model or Transform
    for_music : Transform or None
        Instead of it, if the signal is music; None where that makes no difference.
    """

    codec: Model | Transform
    for_music: Transform | None = None


class ModelList(list[Model]):
    """A list whose repr is meant to be read.

    Attributes
    ----------
    denoisers : list of Denoiser
        What else is installed: networks that take noise out of speech before it is coded.
    transforms : list of Transform
        And codecs without tokens, for files of higher bitrates.
    """

    def __init__(
        self,
        models: Iterable[Model] = (),
        denoisers: Iterable[Denoiser] = (),
        transforms: Iterable[Transform] = (),
    ) -> None:
        super().__init__(models)
        self.denoisers = list(denoisers)
        self.transforms = list(transforms)

    def __repr__(self) -> str:
        if not self:
            return f"no models in {weights_folder()}"
        return "\n".join(map(repr, [*self, *self.transforms, *self.denoisers]))


def models() -> ModelList:
    """What is installed.

    Returns
    -------
    ModelList
        A `Model` for each bundle in the weights folder, the default model first, then by name. Its
        attribute `denoisers` has what takes noise out of speech, `transforms` has codecs without
        tokens.

    Raises
    ------
    ModelError
        If there is no weights folder or a bundle's ``model.json`` is damaged.

    Examples
    --------
    >>> import vauxio
    >>> [model.name for model in vauxio.models()]
    ['general-24k', 'speech-24k']
    """
    found = read_bundles()
    found.sort(key=lambda m: (m.name != DEFAULT, m.name))
    return ModelList(
        (m for m in found if isinstance(m, Model)),
        (m for m in found if isinstance(m, Denoiser)),
        (m for m in found if isinstance(m, Transform)),
    )


def find_denoiser(samplerate: int | None = None) -> Denoiser:
    """The installed denoiser.

    Parameters
    ----------
    samplerate : int, optional
        In Hz, at which it is to work.

    Raises
    ------
    ModelError
        If none is installed.
    ValueError
        If it works at another rate.
    """
    for denoiser in models().denoisers:
        if denoiser.name != _DENOISER:
            continue
        if samplerate not in (None, denoiser.samplerate):
            raise ValueError(
                f"denoise: {denoiser.name} works at {denoiser.samplerate} Hz, not at {samplerate} "
                "Hz; use a model of that rate, or denoise the recording first"
            )
        return denoiser
    raise ModelError(
        f"denoiser {_DENOISER!r} is not installed in {weights_folder()}; reinstall vauxio"
    )


def find_transform(name: str = HIFI, tables_hash: bytes | None = None) -> Transform:
    """The installed transform codec of that name.

    Parameters
    ----------
    name : str
    tables_hash : bytes, optional
        First 8 bytes of the SHA-256 of the tables that a file was written with. One with these is
        found under any name.

    Raises
    ------
    ModelError
        If it is not installed, or not with these tables.
    """
    installed = models().transforms
    named = [t for t in installed if t.name == name]
    for transform in named + installed:
        if transform.tables.hash == tables_hash or (tables_hash is None and transform in named):
            return transform
    if named and tables_hash is not None:
        raise ModelError(
            f"needs {name} with tables {tables_hash.hex()}, those installed are "
            f"{named[0].tables.hash.hex()}; install the version of vauxio that wrote the file"
        )
    raise ModelError(f"transform codec {name!r} is not installed in {weights_folder()}")


def candidates(name: str = "auto", bitrate: float | None = None, channels: int = 1) -> list[Model]:
    """The models that a name can stand for, whatever the signal.

    Parameters
    ----------
    name : str
        As in `models`, or ``'auto'``.
    bitrate : float, optional
        Nominal kbps of all channels that is asked for.
    channels : int, optional

    Returns
    -------
    list of Model
        The first is for narrow-band mono, the last for everything else; mostly they are one.

    Raises
    ------
    ModelError
        If it is not installed.
    ValueError
        If there is none with that bitrate.
    """
    return _models_for(models(), name, bitrate, channels)


def choose_model(name: str, samplerate: int, channels: int, bitrate: float | None = None) -> Model:
    """The model to code a signal with.

    ``'auto'`` is the model for speech if the signal is one channel of 16 kHz or less, that model
    is installed, and has the bitrate; else it is the default model.

    Parameters
    ----------
    name : str
        As in `models`, or ``'auto'``.
    samplerate, channels : int
        Of the signal, as it is coded.
    bitrate : float, optional
        Nominal kbps of all channels; the model's default for each if not given.

    Raises
    ------
    ModelError
        If it is not installed.
    ValueError
        If it does not have that bitrate.
    """
    return candidates(name, bitrate, channels)[_place(samplerate, channels)]


def file_candidates(
    name: str,
    bitrate: float | None = None,
    quality: float | None = None,
    channels: int = 1,
    *,
    lm: bool = True,
    denoise: bool = False,
) -> list[Model | Transform]:
    """What a name can stand for where a file is written, whatever the signal.

    As `candidates`, or the transform codec alone, or both. ``'auto'`` stands for that one from its
    `Transform.auto_bitrate` on, for music from its `Transform.music_bitrate` on, and for a quality
    above `MOST_CODES`; where something is asked for that it does not have, only above what
    `DEFAULT` has.

    Parameters
    ----------
    name, bitrate, quality, lm, denoise
        As of `VauxFile`.
    channels : int, optional
        That share the bitrate.

    Raises
    ------
    ModelError
        If it is not installed.
    ValueError
        If it has no such thing.
    """
    found, for_music = _for_files(name, bitrate, quality, channels, lm, denoise)
    return [*found, *([for_music] if for_music else [])]


def choose_codec(
    name: str,
    samplerate: int,
    channels: int,
    bitrate: float | None = None,
    quality: float | None = None,
    *,
    lm: bool = True,
    denoise: bool = False,
) -> Choice:
    """The model to write a signal into a file with, or the transform codec.

    Parameters as of `file_candidates` and `choose_model`, errors too.
    """
    found, for_music = _for_files(name, bitrate, quality, channels, lm, denoise)
    return Choice(found[_place(samplerate, channels)], for_music)


def _for_files(
    name: str,
    bitrate: float | None,
    quality: float | None,
    channels: int,
    lm: bool,
    denoise: bool,
) -> tuple[list[Model] | list[Transform], Transform | None]:
    """As `candidates`, or the transform codec alone; and what takes their place for music."""
    bitrate = to_number("bitrate", bitrate, BitrateError)
    quality = to_number("quality", quality)
    installed = models()
    chosen = name == "auto"
    for_music = None
    if chosen:
        most = max((m.bitrates[-1] for m in installed if m.name == DEFAULT), default=math.inf)
        each = -math.inf if bitrate is None or quality is not None else bitrate / channels
        beyond = each > most or (quality is not None and quality > MOST_CODES)
        hifi = [t for t in installed.transforms if t.name == HIFI]
        able = lm and not denoise
        found = [t for t in hifi if beyond or (able and each >= t.auto_bitrate)]
        for_music = next((t for t in hifi if able and each >= t.music_bitrate), None)
    else:
        found = [t for t in installed.transforms if t.name == name]
    if not found:
        return _models_for(installed, name, bitrate, channels), for_music
    found[0].bitrate_for(bitrate, quality, channels)
    for what, given in (("plain codes", not lm), ("denoising", denoise)):
        if given:
            where = f"above {most:g} kbps per channel or quality {MOST_CODES}, " if chosen else ""
            raise ValueError(f"{what}: {where}not with {found[0].name}, which has no tokens")
    return found[:1], None


def find_model(name: str = "auto", code_space: bytes | None = None) -> Model:
    """The installed model of that name.

    Parameters
    ----------
    name : str
        As in `models`; ``'auto'`` stands for `DEFAULT`, as nothing is known of the signal.
    code_space : bytes, optional
        Of a file. With it, a bundle of that code space is found under any name: its decoder knows
        what the codes mean.

    Raises
    ------
    ModelError
        If it is not installed, or not with that code space.
    """
    return _named(models(), name, code_space)


def _named(installed: ModelList, name: str, code_space: bytes | None = None) -> Model:
    name = DEFAULT if name == "auto" else name
    named = [m for m in installed if m.name == name]
    if code_space is None:
        if any(t.name == name for t in installed.transforms):
            raise ModelError(
                f"{name} has no tokens, so no codes and no live streams; "
                "it is for files: vauxio.write, vaux encode"
            )
        if not named:
            raise ModelError(
                f"model {name!r} is not installed; {_names(installed)} in {weights_folder()}"
            )
        return named[0]
    for model in named + installed:
        if model.code_space == code_space:
            return model
    if named:
        raise ModelError(
            f"needs {name} with code space {code_space.hex()}, the one installed has "
            f"{named[0].code_space.hex()}; install the version of vauxio that wrote the file, "
            "or name a folder that has that model in VAUXIO_WEIGHTS"
        )
    raise ModelError(
        f"needs model {name!r} (code space {code_space.hex()}), which is not installed; "
        f"{_names(installed)} in {weights_folder()}"
    )


def _models_for(
    installed: ModelList, name: str, bitrate: float | None, channels: int
) -> list[Model]:
    last = _named(installed, name)
    last.codebooks_for(bitrate, channels)
    if name != "auto":
        return [last]
    each = None if bitrate is None else bitrate / channels
    speech = (m for m in installed if m.name == SPEECH)
    return [*(m for m in speech if each is None or m.has_bitrate(each)), last]


def _place(samplerate: int, channels: int) -> int:
    """Which of the candidates is for a signal."""
    return 0 if channels == 1 and samplerate <= _NARROW else -1


def _names(installed: ModelList) -> str:
    return "installed: " + (
        ", ".join(m.name for m in [*installed, *installed.transforms]) or "none"
    )
