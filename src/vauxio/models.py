"""Model bundles: find them, check them, describe them, and open their networks.

A bundle is a folder ``<weights>/<name>/`` with a ``model.json`` and the files that it names. This
room knows where bundles lie and that their files are what ``model.json`` says they are; it knows
nothing of audio, of codes or of ``.vx`` files. onnxruntime is imported when the first network is
opened, not before.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

    from . import lm

__all__ = ["DEFAULT", "Denoiser", "Model", "ModelList", "find_denoiser", "find_model", "models"]

DEFAULT = "general-24k"
"""The model that ``model='auto'`` stands for."""

_DENOISER = "denoise-24k"

_FORMAT = 1  # of model.json


@dataclass(frozen=True)
class Asset:
    """A file of a bundle and the SHA-256 that it must have."""

    path: Path
    sha256: str

    @property
    def hash(self) -> bytes:
        """The first 8 bytes of the SHA-256, as ``.vx`` files store it."""
        return bytes.fromhex(self.sha256)[:8]

    def load(self) -> bytes:
        """The content; `ModelError` if it is missing or is not what it should be."""
        try:
            content = self.path.read_bytes()
        except OSError as e:
            raise ModelError(f"{self.path}: {e.strerror}; reinstall vauxio or the model") from e
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(
                f"{self.path}: damaged (SHA-256 is not the one in model.json); reinstall the model"
            )
        return content


@dataclass(frozen=True)
class Network(Asset):
    """An ONNX graph with explicit state.

    Attributes
    ----------
    state : int
        Length of the state vector, one per batch row. All zeros is the start of a signal.
    receptive_field : int
        Tokens after which the state no longer depends on what came before them.
    """

    state: int
    receptive_field: int

    def open(self, threads: int) -> onnxruntime.InferenceSession:
        """The session on `threads` threads: opened once per process, then shared (and safe to)."""
        key = (self.path, self.sha256, threads)
        with _sessions_lock:
            if key not in _sessions:
                _sessions[key] = _open_session(self, threads)
            return _sessions[key]


@dataclass(frozen=True)
class LanguageModel(Asset):
    """The network that predicts the codes of a model.

    Attributes
    ----------
    codebooks : int
        It predicts the first so many.
    """

    codebooks: int

    def open(self) -> lm.Network:
        """The network on one thread: opened once per process, then shared (and safe to)."""
        key = (self.path, self.sha256)
        with _sessions_lock:
            if key not in _language_models:
                _language_models[key] = _open_language_model(self)
            return _language_models[key]


@dataclass(frozen=True)
class Model:
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
    default_bitrate : float
        Nominal kbps per channel where none is asked for.
    encoder, decoder : Network
    static : Asset
        ``uint16[codebooks, codebook_size]``: relative frequencies of the codes.
    lm : LanguageModel or None
        What predicts the codes, where the model has it.
    """

    name: str
    description: str
    samplerate: int
    hop: int
    delay: int
    codebooks: int
    codebook_size: int
    default_bitrate: float
    encoder: Network
    decoder: Network
    static: Asset
    lm: LanguageModel | None = None

    @property
    def token_rate(self) -> float:
        """Tokens per second."""
        return self.samplerate / self.hop

    @property
    def latency(self) -> float:
        """Algorithmic delay of a live stream in seconds: a sample waits for the rest of its token,
        and for `delay` samples more."""
        return (self.delay + self.hop) / self.samplerate

    @property
    def code_bits(self) -> int:
        """Bits of one code, stored bare."""
        return math.ceil(math.log2(self.codebook_size))

    def bitrate(self, codebooks: int) -> float:
        """Nominal kbps per channel of that many codebooks: their codes stored bare."""
        return codebooks * self.code_bits * self.token_rate / 1000

    @property
    def bitrates(self) -> tuple[float, ...]:
        """Every nominal bitrate of this model, in kbps per channel, lowest first."""
        return tuple(self.bitrate(k) for k in range(1, self.codebooks + 1))

    def codebooks_for(self, bitrate: float | None) -> int:
        """Number of codebooks whose nominal bitrate is nearest to `bitrate`.

        Parameters
        ----------
        bitrate : float or None
            kbps per channel; None stands for `default_bitrate`. Halfway between two, the higher.

        Raises
        ------
        ValueError
            If `bitrate` is below the model's lowest bitrate or above its highest.
        """
        bitrate = self.default_bitrate if bitrate is None else bitrate
        low, high = self.bitrate(1), self.bitrate(self.codebooks)
        if not low <= bitrate <= high:
            raise ValueError(
                f"bitrate of {bitrate:g} kbps: {self.name} has {low:g} to {high:g} kbps per channel"
            )
        return math.floor(bitrate / low + 0.5)

    def tokens_for(self, frames: int, samplerate: int) -> int:
        """Tokens that carry `frames` frames at `samplerate` Hz, the decoder's delay included."""
        return -(-(self.samples_for(frames, samplerate) + self.delay) // self.hop)

    def samples_for(self, frames: int, samplerate: int) -> int:
        """Samples at the model's rate that `frames` frames at `samplerate` Hz become."""
        return -(-frames * self.samplerate // samplerate)

    def frames_in(self, tokens: int, samplerate: int) -> int:
        """Frames at `samplerate` Hz that can be decoded from the first `tokens` tokens."""
        return max(0, tokens * self.hop - self.delay) * samplerate // self.samplerate

    def static_table(self) -> np.ndarray:
        """The relative frequencies of the codes, ``uint16[codebooks, codebook_size]``."""
        try:
            table = np.load(io.BytesIO(self.static.load()), allow_pickle=False)
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
            f"decoder {self.decoder.hash.hex()}"
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


class ModelList(list[Model]):
    """A list whose repr is meant to be read.

    Attributes
    ----------
    denoisers : list of Denoiser
        What else is installed: networks that take noise out of speech before it is coded.
    """

    def __init__(self, models: Iterable[Model] = (), denoisers: Iterable[Denoiser] = ()) -> None:
        super().__init__(models)
        self.denoisers = list(denoisers)

    def __repr__(self) -> str:
        if not self:
            return f"no models in {weights_folder()}"
        return "\n".join(map(repr, [*self, *self.denoisers]))


def models() -> ModelList:
    """What is installed.

    Returns
    -------
    ModelList
        A `Model` for each bundle in the weights folder, the default model first, then by name. Its
        attribute `denoisers` has what takes noise out of speech.

    Raises
    ------
    ModelError
        If there is no weights folder or a bundle's ``model.json`` is damaged.

    Examples
    --------
    >>> import vauxio
    >>> [model.name for model in vauxio.models()]
    ['general-24k']
    """
    folder = weights_folder()
    found = [_read_bundle(path.parent) for path in folder.glob("*/model.json")]
    found.sort(key=lambda m: (m.name != DEFAULT, m.name))
    return ModelList(
        (m for m in found if isinstance(m, Model)), (m for m in found if isinstance(m, Denoiser))
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


def find_model(name: str = "auto", decoder_hash: bytes | None = None) -> Model:
    """The installed model of that name.

    Parameters
    ----------
    name : str
        As in `models`; ``'auto'`` stands for the default model.
    decoder_hash : bytes, optional
        First 8 bytes of the SHA-256 of the decoder that a file was written for. With it, a bundle
        that has this decoder is found under any name: what decodes a file is the decoder.

    Raises
    ------
    ModelError
        If it is not installed, or not with that decoder.
    """
    name = DEFAULT if name == "auto" else name
    installed = models()
    named = [m for m in installed if m.name == name]
    if decoder_hash is None:
        if not named:
            raise ModelError(
                f"model {name!r} is not installed; {_names(installed)} in {weights_folder()}"
            )
        return named[0]
    for model in named + installed:
        if model.decoder.hash == decoder_hash:
            return model
    if named:
        raise ModelError(
            f"needs {name} with decoder {decoder_hash.hex()}, the one installed is "
            f"{named[0].decoder.hash.hex()}; install the version of vauxio that wrote the file, "
            "or name a folder that has that model in VAUXIO_WEIGHTS"
        )
    raise ModelError(
        f"needs model {name!r} (decoder {decoder_hash.hex()}), which is not installed; "
        f"{_names(installed)} in {weights_folder()}"
    )


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
    here = Path(__file__).resolve().parent
    for folder in (here / "weights", here.parents[1] / "weights"):
        if folder.is_dir():
            return folder
    raise ModelError("no models are installed; reinstall vauxio or set VAUXIO_WEIGHTS")


_sessions: dict[tuple[Path, str, int], onnxruntime.InferenceSession] = {}
_sessions_lock = threading.Lock()


_language_models: dict[tuple[Path, str], lm.Network] = {}


def _open_language_model(asset: LanguageModel) -> lm.Network:
    from . import lm

    session = _open_session(asset, 1)
    try:
        parameters = lm.read_parameters(asset.load())
        if parameters.shape.codebooks != asset.codebooks:
            raise ValueError(f"predicts {parameters.shape.codebooks} codebooks")
        return lm.Network(session, parameters)
    except ValueError as e:
        raise ModelError(f"{asset.path}: {_first_line(e)}; reinstall the model") from e


def _open_session(network: Asset, threads: int) -> onnxruntime.InferenceSession:
    content = network.load()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings are about the graph, not about the user
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as e:  # onnxruntime's own exceptions share no base class of their own
        raise ModelError(f"{network.path}: onnxruntime cannot load it: {_first_line(e)}") from e


def _read_bundle(folder: Path) -> Model | Denoiser:
    path = folder / "model.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ModelError(f"{path}: {e.strerror}; reinstall the model") from e
    except ValueError as e:
        raise ModelError(f"{path}: not JSON ({_first_line(e)}); reinstall the model") from e
    try:
        return _parse(fields, folder)
    except (KeyError, TypeError, ValueError) as e:
        reason = f"{e} is missing" if isinstance(e, KeyError) else _first_line(e)
        raise ModelError(f"{path}: damaged ({reason}); reinstall the model") from e


def _parse(fields: dict[str, Any], folder: Path) -> Model | Denoiser:
    kind = fields["kind"] if "kind" in fields else "codec"
    if fields["format"] != _FORMAT or fields["channels"] != 1 or kind not in ("codec", "denoiser"):
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
        default_bitrate=float(fields["default_bitrate"]),
        encoder=_network(fields["encoder"], folder),
        decoder=_network(fields["decoder"], folder),
        static=Asset(*_file(fields["static"], folder)),
        lm=_language_model(fields["lm"], folder) if "lm" in fields else None,
        **numbers,
    )


def _positive(fields: dict[str, Any], name: str, least: int = 1) -> int:
    value = fields[name]
    if type(value) is not int or value < least:
        raise ValueError(f"{name} is {value!r}")
    return value


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


def _names(installed: ModelList) -> str:
    return "installed: " + (", ".join(m.name for m in installed) or "none")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
