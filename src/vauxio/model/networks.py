"""The networks of a bundle: files checked against ``model.json``, and ONNX Runtime sessions.

This module knows hashes, sessions and threads; it knows nothing of what lies beside a file, of
audio or of codes. onnxruntime is imported when the first network is opened, not before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..locks import process_lock
from ..text import first_line

if TYPE_CHECKING:
    import onnxruntime

    from ..entropy import transformer

__all__ = [
    "CPU",
    "Asset",
    "Enhancement",
    "LanguageModel",
    "Network",
    "Providers",
    "check_providers",
]

Providers = tuple[Any, ...]
"""Names of execution providers, or pairs of a name and its options."""

CPU: Providers = ("CPUExecutionProvider",)


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
        """The content; `ModelError` if the file is missing or has another SHA-256."""
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

    def open(self, threads: int, providers: Providers = CPU) -> onnxruntime.InferenceSession:
        """The session on `threads` threads: opened once per process, then shared (and safe to).

        Parameters
        ----------
        threads : int
        providers : tuple
            Execution providers of ONNX Runtime, as of `check_providers`.
        """
        key = (self, threads, providers)
        with _sessions_lock:
            if key not in _sessions:
                _sessions[key] = self._checked(_open_session(self, threads, providers))
            return _sessions[key]

    def _checked(self, session: onnxruntime.InferenceSession) -> onnxruntime.InferenceSession:
        states = [each.shape[-1] for each in session.get_inputs() if each.name == "state"]
        if states != [self.state]:
            raise ModelError(
                f"{self.path}: not the network that model.json describes; reinstall the model"
            )
        return session


@dataclass(frozen=True)
class Enhancement(Network):
    """What makes decoded sound more like the original.

    Attributes
    ----------
    hop : int
        Samples that it takes, and gives, at least.
    delay : int
        Samples by which its output comes after its input, and that it hears before and after one.
    """

    hop: int
    delay: int


@dataclass(frozen=True)
class LanguageModel(Asset):
    """The network that predicts the codes of a model.

    Attributes
    ----------
    codebooks : int
        It predicts the first so many.
    """

    codebooks: int

    def open(self) -> transformer.Network:
        """The network on one thread: opened once per process, then shared (and safe to)."""
        key = (self.path, self.sha256)
        with _sessions_lock:
            if key not in _language_models:
                _language_models[key] = _open_language_model(self)
            return _language_models[key]


_sessions: dict[tuple[Network, int, Providers], onnxruntime.InferenceSession] = {}
_sessions_lock = process_lock()
_language_models: dict[tuple[Path, str], transformer.Network] = {}


def _open_language_model(asset: LanguageModel) -> transformer.Network:
    from ..entropy import transformer
    from ..entropy.transformer_parameters import read_parameters

    session = _open_session(asset, 1)
    try:
        parameters = read_parameters(asset.load())
        if parameters.shape.codebooks != asset.codebooks:
            raise ValueError(f"predicts {parameters.shape.codebooks} codebooks")
        return transformer.Network(session, parameters)
    except ValueError as e:
        raise ModelError(f"{asset.path}: {first_line(e)}; reinstall the model") from e


def check_providers(providers: Any) -> Providers:
    """Execution providers as they are given, in a form that can be compared.

    Parameters
    ----------
    providers : sequence of (str or (str, dict)), or None
        None for the CPU.

    Raises
    ------
    ModelError
        If the installed ONNX Runtime does not have one of them.
    """
    if providers is None:
        return CPU
    found: list[Any] = []
    for each in [providers] if isinstance(providers, str) else providers:
        name, options = (each, {}) if isinstance(each, str) else each
        found.append((name, tuple(sorted(options.items()))) if options else name)
    if not found:
        raise ValueError("providers: name at least one")
    import onnxruntime

    there = onnxruntime.get_available_providers()
    for each in found:
        name = each if isinstance(each, str) else each[0]
        if name not in there:
            raise ModelError(
                f"provider {name!r}: onnxruntime has {', '.join(there)}; CUDA needs the package "
                "onnxruntime-gpu instead of onnxruntime"
            )
    return tuple(found)


def _open_session(
    network: Asset, threads: int, providers: Providers = CPU
) -> onnxruntime.InferenceSession:
    content = network.load()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings are about the graph, not about the user
    try:
        return onnxruntime.InferenceSession(content, options, _for_runtime(providers))
    except Exception as e:  # onnxruntime's own exceptions share no base class of their own
        raise ModelError(f"{network.path}: onnxruntime cannot load it: {first_line(e)}") from e


def _for_runtime(providers: Providers) -> list[Any]:
    return [each if isinstance(each, str) else (each[0], dict(each[1])) for each in providers]
