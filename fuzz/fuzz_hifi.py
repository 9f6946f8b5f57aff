"""Coverage-guided fuzzing of what reads payloads of the transform codec.

    python fuzz/fuzz_hifi.py /tmp/corpus tests/data/hifi -max_total_time=300

The first byte says for how many channels and frames. Anything raised but a `FormatError` is a
crash, and so are samples that are no numbers, and what takes more memory or time than so few
frames may.
"""

from __future__ import annotations

import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["vauxio.codec.hifi"]):
    from vauxio.codec.hifi.decoder import Decoder
    from vauxio.codec.hifi.network import Tables
    from vauxio.codec.hifi.unpack import unpack

from vauxio.errors import FormatError
from vauxio.model.installed import find_transform

TABLES = Tables(find_transform().tables.load())


def test_one(data: bytes) -> None:
    first = data[0] if data else 0
    channels, frames = 1 + first % 3, 1 + first // 3 % 13
    try:
        found = unpack(data[1:], channels, frames, TABLES)
    except FormatError:
        return
    assert found.sizes.sum() == frames * 2048
    decoder = Decoder(TABLES, channels)
    samples = np.concatenate([decoder.push(data[1:], frames), decoder.finish()], axis=1)
    assert samples.shape == (channels, frames * 2048) and np.isfinite(samples).all()


def main() -> None:
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
