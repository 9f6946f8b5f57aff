"""Tokens as a column of a Hugging Face data set.

    python examples/hf_datasets.py tests/data/*.flac -o tokens

`add_tokens` is a function for `datasets.Dataset.map`: a batch of recordings in, their codes out.
Needs datasets.
"""

from __future__ import annotations

import argparse
import functools
from typing import Any

import datasets
import soundfile

import vauxio

CODEBOOKS = 4


@functools.cache
def codec() -> vauxio.Codec:
    """One for each process that maps."""
    return vauxio.Codec("speech-24k")


def add_tokens(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """``codes [codebooks][tokens]`` of each recording, mixed down to one channel."""
    signals, rates = [], []
    for path in rows["path"]:
        data, rate = soundfile.read(path, dtype="float32", always_2d=True)
        signals.append(data.mean(axis=1))
        rates.append(rate)
    batch = codec().encode(signals, rates, codebooks=CODEBOOKS)
    return {
        "codes": [one.codes[0].astype("int16") for one in batch],
        "samplerate": rates,
        "frames": list(batch.frames),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("-o", "--output", default="tokens")
    arguments = parser.parse_args()
    data = datasets.Dataset.from_dict({"path": arguments.recordings})
    data = data.map(add_tokens, batched=True, batch_size=16)
    data.save_to_disk(arguments.output)
    print(data)


if __name__ == "__main__":
    main()
