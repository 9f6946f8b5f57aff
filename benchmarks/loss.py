"""What packet loss costs: PESQ-WB of speech streams whose packets are lost at random.

    python -m benchmarks.loss --corpus CORPUS --json loss.json

The first seconds of each speech recording are coded as a live stream. The same packets are then
decoded with none lost; with those lost concealed (`StreamDecoder.push(None)`); with the last packet
that arrived pushed again in place of one that is lost; and with silence in the place of its
samples. Which packets are lost depends on the seed only. Needs the packages pesq and soxr.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from pesq import NoUtterancesError, pesq

from vauxio import Codec

from .output import add_json_option, publish

RATE = 16000  # of PESQ-WB


def speech(path: Path, seconds: float, samplerate: int) -> np.ndarray:
    """The beginning of a recording, mixed down, at the model's rate."""
    rate = soundfile.info(path).samplerate
    data, _ = soundfile.read(path, int(seconds * rate), dtype="float32", always_2d=True)
    return soxr.resample(data.mean(axis=1), rate, samplerate)


def decode(codec: Codec, packets: list[bytes], lost: np.ndarray, way: str) -> np.ndarray:
    decoder, heard, last = codec.stream_decoder(), [], None
    for packet, gone in zip(packets, lost, strict=True):
        if way == "conceal":
            samples = decoder.push(None if gone else packet)
        elif way == "repeat":
            samples = decoder.push(last if gone and last is not None else packet)
        else:
            samples = decoder.push(packet)
            if way == "silence" and gone:
                samples = np.zeros_like(samples)
        last = last if gone else packet
        heard.append(samples)
    return np.concatenate(heard)


def score(original: np.ndarray, decoded: np.ndarray, samplerate: int) -> float | None:
    decoded = decoded[: len(original)]
    a, b = (soxr.resample(x, samplerate, RATE) for x in (original[: len(decoded)], decoded))
    try:
        return float(pesq(RATE, a, b, "wb"))
    except NoUtterancesError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="has a folder speech/")
    parser.add_argument("--bitrate", type=float, default=6)
    parser.add_argument("--loss", type=float, default=5, help="percent")
    parser.add_argument("--seconds", type=float, default=10, help="of each recording")
    parser.add_argument("--files", type=int, help="only so many")
    parser.add_argument("--seed", type=int, default=0)
    add_json_option(parser)
    arguments = parser.parse_args()
    codec = Codec()
    rate = codec.model.samplerate
    rng = np.random.default_rng(arguments.seed)
    ways = "none lost", "conceal", "repeat", "silence"
    rows = []
    for path in sorted((arguments.corpus / "speech").iterdir())[: arguments.files]:
        original = speech(path, arguments.seconds, rate)
        encoder = codec.stream_encoder(bitrate=arguments.bitrate)
        packets = encoder.push(original) + encoder.flush()
        lost = rng.random(len(packets)) < arguments.loss / 100
        row = {way: score(original, decode(codec, packets, lost, way), rate) for way in ways}
        if all(value is not None for value in row.values()):
            rows.append({"file": path.name, "lost": int(lost.sum()), **row})
            print(path.name, {way: round(row[way], 3) for way in ways}, file=sys.stderr)
    means = {way: round(float(np.mean([row[way] for row in rows])), 4) for way in ways}
    result = {
        "model": codec.model.name,
        "decoder": codec.model.decoder.hash.hex(),
        "bitrate": arguments.bitrate,
        "loss_percent": arguments.loss,
        "seconds": arguments.seconds,
        "seed": arguments.seed,
        "pesq_wb": means,
        "files": rows,
    }
    publish(result, arguments.json, [codec.model.name], packets=True)


if __name__ == "__main__":
    main()
