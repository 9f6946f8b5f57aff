"""Model bundles on disk: where they are, and what their ``model.json`` says.

A bundle is a folder ``<weights>/<name>/`` with a ``model.json`` and the files that it names. This
module reads and checks that. It knows nothing of the choice of a model, of audio or of files.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.resources
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

from .. import temporary
from ..errors import ModelError
from ..text import first_line
from .models import Denoiser, Model, Transform
from .networks import Asset, Enhancement, LanguageModel, Network

__all__ = ["read_bundles", "weights_folder"]

_FORMAT = 1  # of model.json


def read_bundles() -> list[Model | Denoiser | Transform]:
    """Read all bundles of the weights folder, in any order.

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
    """Unpack the weights of a package in a zip file into a folder, until the process ends."""
    weights = importlib.resources.files("vauxio").joinpath("weights")
    if not weights.is_dir():
        return None
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(temporary.folder()))
        for bundle in weights.iterdir():
            if not bundle.is_dir():
                continue
            (folder / bundle.name).mkdir()
            for file in bundle.iterdir():
                if file.is_file():
                    target = folder / bundle.name / file.name
                    with file.open("rb") as stored, open(target, "wb") as out:
                        shutil.copyfileobj(stored, out)
        atexit.register(stack.pop_all().close)
    return folder


def _read_bundle(folder: Path) -> Model | Denoiser | Transform:
    path = folder / "model.json"
    try:
        content = path.read_bytes()
    except OSError as e:
        raise ModelError(f"{path}: {e.strerror}; reinstall the model") from e
    return _understand(content, path)


@functools.lru_cache(maxsize=64)  # every recording asks what is installed
def _understand(content: bytes, path: Path) -> Model | Denoiser | Transform:
    try:
        fields = json.loads(content.decode("utf-8"))
    except ValueError as e:
        raise ModelError(f"{path}: not JSON ({first_line(e)}); reinstall the model") from e
    try:
        return _parse(fields, path.parent)
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
            auto_bitrate=float(fields["auto_bitrate"]),
            music_bitrate=float(fields["music_bitrate"]),
            tables=Asset(*_file(fields["tables"], folder)),
            enhancer=_enhancement(fields["enhancer"], folder) if fields.get("enhancer") else None,
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


def _positive(fields: dict[str, Any], name: str, least: int = 1, most: float = math.inf) -> int:
    value = fields[name]
    if type(value) is not int or not least <= value <= most:
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


def _enhancement(fields: dict[str, Any], folder: Path) -> Enhancement:
    network = _network(fields, folder)
    return Enhancement(
        network.path, network.sha256, network.state, network.receptive_field,
        hop=_positive(fields, "hop", most=1 << 16),
        delay=_positive(fields, "delay", least=0, most=1 << 20),
    )  # fmt: skip


def _language_model(fields: dict[str, Any], folder: Path) -> LanguageModel:
    return LanguageModel(*_file(fields, folder), codebooks=_positive(fields, "codebooks"))


def _file(fields: dict[str, Any], folder: Path) -> tuple[Path, str]:
    name, sha256 = str(fields["file"]), str(fields["sha256"])
    if Path(name).name != name:
        raise ValueError(f"file {name!r} is not in the model's folder")
    if len(bytes.fromhex(sha256)) != 32:
        raise ValueError(f"sha256 {sha256!r}")
    return folder / name, sha256.lower()
