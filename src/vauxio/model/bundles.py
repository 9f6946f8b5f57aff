"""Model bundles on disk: where they are, and their properties.

A bundle is a folder ``<weights>/<name>/`` with a ``model.json`` and the files that it names. This
module reads and checks that. It knows nothing of the choice of a model, of audio or of files.
"""

from __future__ import annotations

import atexit
import functools
import importlib.resources
import io
import json
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..entropy.allocation import Allocation
from ..errors import ModelError, first_line
from .grid import Grid
from .networks import Asset, LanguageModel, Network

__all__ = ["SILENT", "Denoiser", "Model", "Transform", "read_bundles", "weights_folder"]

SILENT = 1 / 40
"""Of the distortion of quality 10: what is as near as that is silence, at any bitrate."""

_FORMAT = 1  # of model.json


@dataclass(frozen=True, repr=False)
class Model(Grid):
    """What ``model.json`` says of one installed model.

    Attributes
    ----------
    name, description : str
    samplerate : int
        Rate at which the networks work, in Hz.
    hop : int
        Samples (at `samplerate`) per token.
    delay : int
        Samples by which the decoder's output comes after the encoder's input.
    codebooks, codebook_size : int
        Codebooks at most, and entries of each.
    code_space : bytes
        Names what codes mean, 8 bytes: decoders that were trained on the same codes share it.
    default_bitrate : float
        Nominal kbps per channel where none is asked for.
    encoder, decoder : Network
    static : Asset
        ``uint16[codebooks, codebook_size]``: relative frequencies of the codes.
    lm : LanguageModel or None
        What predicts the codes, where the model has it.
    distortions : tuple of float
        The distortion that spans may have (`allocation.needs`) at quality 0, 1, and so on to 10;
        empty where the model has no variable bitrate.
    """

    name: str
    description: str
    codebooks: int
    codebook_size: int
    code_space: bytes
    default_bitrate: float
    encoder: Network
    decoder: Network
    static: Asset
    lm: LanguageModel | None = None
    distortions: tuple[float, ...] = ()

    @property
    def latency(self) -> float:
        """Algorithmic delay of a live stream in seconds: a sample waits for the rest of its token,
        and for `delay` samples more."""
        return (self.delay + self.hop) / self.samplerate

    @property
    def code_bits(self) -> int:
        """Bits of one code, stored bare."""
        return math.ceil(math.log2(self.codebook_size))

    def bitrate(self, codebooks: float) -> float:
        """Nominal kbps per channel of that many codebooks: their codes stored bare."""
        return codebooks * self.code_bits * self.token_rate / 1000

    @property
    def bitrates(self) -> tuple[float, ...]:
        """Every nominal bitrate of this model, in kbps per channel, lowest first."""
        return tuple(self.bitrate(k) for k in range(1, self.codebooks + 1))

    def has_bitrate(self, bitrate: float) -> bool:
        """Whether `bitrate` lies between this model's lowest and highest."""
        return self.bitrate(1) <= bitrate <= self.bitrate(self.codebooks)

    def codebooks_for(self, bitrate: float | None, channels: int = 1) -> int:
        """Number of codebooks whose nominal bitrate is nearest to `bitrate`.

        Parameters
        ----------
        bitrate : float or None
            kbps of all channels; None stands for `default_bitrate` of each. Halfway between two,
            the higher.
        channels : int, optional
            That share it.

        Raises
        ------
        ValueError
            If `bitrate` is below the model's lowest bitrate or above its highest.
        """
        each = self.default_bitrate if bitrate is None else bitrate / channels
        low, high = self.bitrate(1), self.bitrate(self.codebooks)
        if not self.has_bitrate(each):
            raise ValueError(
                f"bitrate of {bitrate:g} kbps: {self.name} has {_range(low, high, channels)}"
            )
        return math.floor(each / low + 0.5)

    def allocation(self, bitrate: float | None, quality: float | None) -> Allocation:
        """How many codes a channel's tokens have, at a bitrate of its own or at a quality instead.

        A bitrate is an average.

        Raises
        ------
        TypeError
            If both are given.
        ValueError
            If the model does not have that one.
        """
        if quality is not None:
            if bitrate is not None:
                raise TypeError("Only one of {bitrate, quality} may be used")
            return Allocation(self.codebooks, distortion=self.distortion_for(quality))
        average = self.codebooks_for(bitrate)
        if not self.distortions:
            return Allocation.constant(average)
        return Allocation.averaging(average, self.codebooks, SILENT * self.distortions[-1])

    def distortion_for(self, quality: float) -> float:
        """The distortion that spans may have (`allocation.needs`) at a quality.

        Parameters
        ----------
        quality : float
            0 to 10.

        Raises
        ------
        ValueError
            If `quality` is out of range, or the model has no variable bitrate.
        """
        if not 0 <= quality <= 10:
            raise ValueError(f"quality of {quality:g}: must be 0 to 10")
        if not self.distortions:
            raise ValueError(f"quality: {self.name} has no variable bitrate; give a bitrate")
        below = min(int(quality), 9)
        share = quality - below
        low, high = self.distortions[below : below + 2]
        return float(low ** (1 - share) * high**share)

    def static_table(self) -> np.ndarray:
        """The relative frequencies of the codes, ``uint16[codebooks, codebook_size]``."""
        try:
            table: np.ndarray = np.load(io.BytesIO(self.static.load()), allow_pickle=False)
        except (ValueError, EOFError, OSError) as e:
            raise ModelError(f"{self.static.path}: not a NumPy array; reinstall the model") from e
        expected = (self.codebooks, self.codebook_size)
        if table.dtype != np.uint16 or table.shape != expected or table.min() < 1:
            raise ModelError(
                f"{self.static.path}: {table.dtype}{list(table.shape)} is not the frequency table "
                f"uint16{list(expected)} that {self.name} needs; reinstall the model"
            )
        return table

    def __repr__(self) -> str:
        return (
            f"{self.name}: {self.description}\n"
            f"    {self.samplerate} Hz, {self.bitrates[0]:g} to {self.bitrates[-1]:g} kbps "
            f"per channel (default {self.default_bitrate:g}), "
            f"{self.latency * 1000:.1f} ms delay, "
            f"code space {self.code_space.hex()}, decoder {self.decoder.hash.hex()}"
        )


@dataclass(frozen=True)
class Denoiser:
    """What ``model.json`` says of a network that takes noise out of speech.

    Attributes
    ----------
    name, description : str
    samplerate : int
        Rate at which it works, in Hz.
    hop : int
        Samples that it takes, and gives, at least.
    delay : int
        Samples by which its output comes after its input.
    network : Network
    """

    name: str
    description: str
    samplerate: int
    hop: int
    delay: int
    network: Network

    def __repr__(self) -> str:
        delay = self.delay / self.samplerate * 1000
        return (
            f"{self.name}: {self.description}\n"
            f"    denoiser, {self.samplerate} Hz, {delay:.1f} ms delay"
        )


@dataclass(frozen=True, repr=False)
class Transform(Grid):
    """What ``model.json`` says of a transform codec, which has no tokens.

    Attributes
    ----------
    name, description : str
    samplerate : int
        Rate at which it works, in Hz.
    hop : int
        Samples of a frame, which is to it what a token is to other models.
    lowest, highest, default_bitrate : float
        kbps per channel that it can have, and has where none is asked for.
    tables : Asset
        What predicts its coefficients, see `codec.hifi.network.Tables`.
    """

    name: str
    description: str
    lowest: float
    highest: float
    default_bitrate: float
    tables: Asset

    def bitrate_for(self, bitrate: float | None, channels: int = 1) -> float:
        """The kbps per channel to code at, of what all channels have; None stands for
        `default_bitrate` of each.

        Raises
        ------
        ValueError
            If it is out of range.
        """
        each = self.default_bitrate if bitrate is None else bitrate / channels
        if not self.lowest <= each <= self.highest:
            has = _range(self.lowest, self.highest, channels)
            raise ValueError(f"bitrate of {bitrate:g} kbps: {self.name} has {has}")
        return each

    def __repr__(self) -> str:
        return (
            f"{self.name}: {self.description}\n"
            f"    transform codec, {self.samplerate} Hz, {self.lowest:g} to {self.highest:g} kbps "
            f"per channel (default {self.default_bitrate:g}), tables {self.tables.hash.hex()}"
        )


def _range(low: float, high: float, channels: int) -> str:
    """What there is for so many channels."""
    if channels == 1:
        return f"{low:g} to {high:g} kbps per channel"
    return f"{low * channels:g} to {high * channels:g} kbps for {channels} channels"


def read_bundles() -> list[Model | Denoiser | Transform]:
    """All that is in the weights folder, in no particular order.

    Raises
    ------
    ModelError
        If there is no weights folder or a bundle's ``model.json`` is damaged.
    """
    return [_read_bundle(path.parent) for path in weights_folder().glob("*/model.json")]


def weights_folder() -> Path:
    """Where bundles are looked for.

    ``$VAUXIO_WEIGHTS`` if set, else what was installed with the package, else ``weights/`` of the
    checkout that an editable install points to.
    """
    named = os.environ.get("VAUXIO_WEIGHTS")
    if named:
        folder = Path(named)
        if not folder.is_dir():
            raise ModelError(f"VAUXIO_WEIGHTS names {named!r}, which is not a folder")
        return folder
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "weights", package.parents[1] / "weights"):
        if folder.is_dir():
            return folder
    if (unpacked := _unpacked()) is not None:
        return unpacked
    raise ModelError("no models are installed; reinstall vauxio or set VAUXIO_WEIGHTS")


@functools.cache
def _unpacked() -> Path | None:
    """The weights of a package that is imported from an archive, in a folder until the end."""
    weights = importlib.resources.files("vauxio").joinpath("weights")
    if not weights.is_dir():
        return None
    folder = Path(tempfile.mkdtemp(prefix="vauxio-weights-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for bundle in weights.iterdir():
        if not bundle.is_dir():
            continue
        (folder / bundle.name).mkdir()
        for file in bundle.iterdir():
            if file.is_file():
                with file.open("rb") as stored, open(folder / bundle.name / file.name, "wb") as out:
                    shutil.copyfileobj(stored, out)
    return folder


def _read_bundle(folder: Path) -> Model | Denoiser | Transform:
    path = folder / "model.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ModelError(f"{path}: {e.strerror}; reinstall the model") from e
    except ValueError as e:
        raise ModelError(f"{path}: not JSON ({first_line(e)}); reinstall the model") from e
    try:
        return _parse(fields, folder)
    except (KeyError, TypeError, ValueError) as e:
        reason = f"{e} is missing" if isinstance(e, KeyError) else first_line(e)
        raise ModelError(f"{path}: damaged ({reason}); reinstall the model") from e


def _parse(fields: dict[str, Any], folder: Path) -> Model | Denoiser | Transform:
    kind = fields["kind"] if "kind" in fields else "codec"
    known = kind in ("codec", "denoiser", "transform")
    if fields["format"] != _FORMAT or fields["channels"] != 1 or not known:
        raise ModelError(
            f"{folder / 'model.json'}: made for a newer vauxio; update vauxio to use this model"
        )
    if kind == "denoiser":
        return Denoiser(
            name=str(fields["name"]),
            description=str(fields["description"]),
            samplerate=_positive(fields, "samplerate"),
            hop=_positive(fields, "hop"),
            delay=_positive(fields, "delay", least=0),
            network=_network(fields["network"], folder),
        )
    if kind == "transform":
        return Transform(
            name=str(fields["name"]),
            description=str(fields["description"]),
            samplerate=_positive(fields, "samplerate"),
            hop=_positive(fields, "hop"),
            delay=0,
            lowest=float(fields["lowest_bitrate"]),
            highest=float(fields["highest_bitrate"]),
            default_bitrate=float(fields["default_bitrate"]),
            tables=Asset(*_file(fields["tables"], folder)),
        )
    numbers = {
        name: _positive(fields, name)
        for name in ("samplerate", "hop", "codebooks", "codebook_size")
    }
    if numbers["codebook_size"] > 1 << 16:
        raise ValueError("codebook_size does not fit 16 bits")
    return Model(
        name=str(fields["name"]),
        description=str(fields["description"]),
        delay=_positive(fields, "delay", least=0),
        code_space=_code_space(fields["code_space"]),
        default_bitrate=float(fields["default_bitrate"]),
        encoder=_network(fields["encoder"], folder),
        decoder=_network(fields["decoder"], folder),
        static=Asset(*_file(fields["static"], folder)),
        lm=_language_model(fields["lm"], folder) if "lm" in fields else None,
        distortions=_distortions(fields["distortions"]) if "distortions" in fields else (),
        **numbers,
    )


def _positive(fields: dict[str, Any], name: str, least: int = 1) -> int:
    value = fields[name]
    if type(value) is not int or value < least:
        raise ValueError(f"{name} is {value!r}")
    return value


def _code_space(text: str) -> bytes:
    space = bytes.fromhex(text)
    if len(space) != 8:
        raise ValueError(f"code_space is {text!r}")
    return space


def _distortions(values: list[float]) -> tuple[float, ...]:
    distortions = tuple(map(float, values))
    if len(distortions) != 11 or not all(map(math.isfinite, distortions)) or min(distortions) <= 0:
        raise ValueError(f"distortions are {values!r}")
    return distortions


def _network(fields: dict[str, Any], folder: Path) -> Network:
    return Network(
        *_file(fields, folder),
        state=_positive(fields, "state"),
        receptive_field=_positive(fields, "receptive_field", least=0),
    )


def _language_model(fields: dict[str, Any], folder: Path) -> LanguageModel:
    return LanguageModel(*_file(fields, folder), codebooks=_positive(fields, "codebooks"))


def _file(fields: dict[str, Any], folder: Path) -> tuple[Path, str]:
    name, sha256 = str(fields["file"]), str(fields["sha256"])
    if Path(name).name != name:
        raise ValueError(f"file {name!r} is not in the model's folder")
    if len(bytes.fromhex(sha256)) != 32:
        raise ValueError(f"sha256 {sha256!r}")
    return folder / name, sha256.lower()
