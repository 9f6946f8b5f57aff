"""Speed of the language model's entropy coding, on one core, and what it saves.

    python -m benchmarks.lm [--seconds 60] [--kbps 1.5 3 6 12] [--json FILE]

Needs a model with a language model (``VAUXIO_WEIGHTS`` names another folder of models). Codes are
of the recordings in ``tests/data``, one after the other. The result has, for each bitrate, the
times real time of encoding and decoding codes (the median of the repetitions, after one that does
not count, with the least and the most), and the bits in relation to bare codes.
"""

from __future__ import annotations

from . import one_thread  # noqa: F401

# isort: split
import argparse
import json
import statistics
import sys
import time

import numpy as np
import soundfile

from vauxio import Codec
from vauxio.codec.signal import SignalEncoder
from vauxio.entropy.allocation import ABSENT, allocation_of
from vauxio.file.block_writer import block_tokens
from vauxio.file.coder_choice import best_coder

from .output import add_json_option, publish
from .paths import DATA


def codes_of(codec: Codec, kbps: float, seconds: float) -> np.ndarray:
    """``int32[1, codebooks, tokens]`` of real recordings, repeated until there are enough."""
    parts = []
    for path in sorted(DATA.glob("*.flac")):
        audio, samplerate = soundfile.read(path, dtype="float32", always_2d=True)
        encoder = SignalEncoder(codec.model, samplerate, 1, codec.model.allocation(kbps, None))
        parts += [encoder.push(audio[:, :1]), encoder.finish()]
    codes = np.concatenate(parts, axis=2)
    tokens = round(seconds * codec.model.token_rate)
    return np.tile(codes, -(-tokens // codes.shape[2]))[..., :tokens]


def measured(seconds: float, times: list[float]) -> dict[str, float]:
    rates = [seconds / t for t in times[1:]]
    return {"median": statistics.median(rates), "least": min(rates), "most": max(rates)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kbps", type=float, nargs="*", default=[1.5, 3, 6, 12])
    parser.add_argument("--repetitions", type=int, default=3)
    add_json_option(parser)
    args = parser.parse_args()
    codec = Codec()
    model = codec.model
    if model.lm is None:
        raise SystemExit(f"{model.name} has no language model")
    length = block_tokens(model)
    rows = []
    for kbps in args.kbps:
        codes = codes_of(codec, kbps, args.seconds).astype(np.int32)
        parts = [
            np.ascontiguousarray(codes[..., at : at + length])
            for at in range(0, codes.shape[2], length)
        ]
        deep = [allocation_of(part) for part in parts]
        coder = best_coder(model, codes.shape[1])
        encoding, decoding = [], []
        for _ in range(1 + args.repetitions):
            begin = time.perf_counter()
            blocks = [(coder.encode(part), part.shape[2]) for part in parts]
            middle = time.perf_counter()
            decoded = coder.decode(blocks, 1, codes.shape[1], deep)
            encoding.append(middle - begin)
            decoding.append(time.perf_counter() - middle)
            assert all(map(np.array_equal, parts, decoded))
        bits = 8 * sum(len(payload) for payload, _ in blocks)
        rows.append(
            {
                "kbps": kbps,
                "codebooks": codes.shape[1],
                "coder": coder.id,
                "encode_x_realtime": measured(args.seconds, encoding),
                "decode_x_realtime": measured(args.seconds, decoding),
                "bits_of_bare_codes": bits / (np.count_nonzero(codes != ABSENT) * model.code_bits),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    result = {"model": model.name, "lm": model.lm.sha256, "seconds": args.seconds, "rows": rows}
    publish(result, args.json, [model.name])


if __name__ == "__main__":
    main()
