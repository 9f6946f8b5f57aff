"""What can be said of the models without a clock or a corpus: sizes, delays, and one example.

    python -m benchmarks.facts [--json benchmarks/results/facts.json]

Takes seconds, and needs the package ``onnx`` to count parameters.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import soundfile

import vauxio
from vauxio.model.models import Denoiser, Model, Transform

from .output import write
from .paths import RESULTS, SPEECH
from .provenance import measured

PARTS = "encoder", "decoder", "enhancer", "quantiser", "lm", "trunk"
RATES = 24000, 48000, 44100, 16000, 8000


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.facts", description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULTS / "facts.json")
    arguments = parser.parse_args()
    installed = vauxio.models()
    names = [m.name for m in (*installed, *installed.transforms, *installed.denoisers)]
    result = {
        "measured": measured(names),
        "vauxio": vauxio.__version__,
        "models": {model.name: facts(model) for model in installed},
        "transforms": {t.name: of_transform(t) for t in installed.transforms},
        "denoisers": {d.name: of_denoiser(d) for d in installed.denoisers},
        "example": example(),
    }
    write(result, arguments.json)


def facts(model: Model) -> dict[str, Any]:
    """Of one model: bytes of its files, parameters by their names in the graphs, delays in ms."""
    folder = model.decoder.path.parent
    files = [p for p in sorted(folder.iterdir()) if p.suffix in (".json", ".npy", ".onnx")]
    return {
        "decoder": model.decoder.hash.hex(),
        "bitrates": model.bitrates,
        "bytes": {path.name: path.stat().st_size for path in files},
        "parameters": parameters(files),
        "delay_ms": {str(rate): delay(model, rate) for rate in RATES},
    }


def of_transform(transform: Transform) -> dict[str, Any]:
    """Bitrates of a transform codec, bytes, and parameters of all its networks."""
    with np.load(transform.tables.path) as tables:
        count = sum(int(array.size) for name, array in tables.items()
                    if name.startswith(("weight", "bias")))  # fmt: skip
    files = [transform.tables.path]
    if transform.enhancer:
        files.append(transform.enhancer.path)
        count += sum(parameters([transform.enhancer.path]).values())
    return {
        "bitrates": [transform.lowest, transform.highest],
        "auto_bitrate": transform.auto_bitrate,
        "music_bitrate": transform.music_bitrate,
        "bytes": sum(path.stat().st_size for path in files),
        "parameters": count,
    }


def of_denoiser(denoiser: Denoiser) -> dict[str, Any]:
    """Bytes and parameters of a denoiser, and its delay in ms."""
    path = denoiser.network.path
    return {
        "network": denoiser.network.hash.hex(),
        "bytes": path.stat().st_size,
        "parameters": parameters([path])["trunk"],
        "delay_ms": round(1000 * denoiser.delay / denoiser.samplerate, 1),
    }


def parameters(files: list[Path]) -> dict[str, int]:
    """Numbers that were learned, by part. What is in several graphs is counted once."""
    counted: Counter[str] = Counter()
    seen = set()
    for path in files:
        if path.suffix != ".onnx":
            continue
        for tensor in onnx.load(path).graph.initializer:
            part = "lm" if path.stem == "lm" else tensor.name.split(".")[0]
            if tensor.name.startswith("quantiser.table."):
                part = "decoder"  # its own, beside the codebooks that the encoder searches
            if tensor.name not in seen and part in PARTS:
                seen.add(tensor.name)
                counted[part] += math.prod(tensor.dims)
    return dict(counted)


def delay(model: Model, rate: int) -> float:
    """Algorithmic delay of a live stream with that rate on both sides."""
    codec = vauxio.Codec(model)
    seconds = codec.stream_encoder(rate).delay + codec.stream_decoder(rate).delay
    return round(1000 * seconds, 1)


def example() -> dict[str, Any]:
    """A recording of the tests, coded with the defaults, and what ``vaux info`` says of it."""
    data, rate = soundfile.read(SPEECH, dtype="int16")
    with tempfile.TemporaryDirectory() as name:
        wav, vx = Path(name, "speech.wav"), Path(name, "speech.vx")
        soundfile.write(wav, data, rate)
        vauxio.write(vx, data, rate)
        return {
            "recording": SPEECH.name,
            "seconds": round(len(data) / rate, 3),
            "wav_bytes": wav.stat().st_size,
            "vx_bytes": vx.stat().st_size,
            "info": str(vauxio.info(vx)).replace(str(vx), vx.name),
        }


if __name__ == "__main__":
    main()
