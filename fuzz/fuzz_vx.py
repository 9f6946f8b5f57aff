"""Coverage-guided fuzzing of everything that reads a ``.vx`` file: see docs/robustness.md.

    python fuzz/fuzz_vx.py /tmp/corpus tests/data/vectors -max_total_time=300

Header, chunks, tags, pictures, blocks, index, both coders, in order and at random, from files and
pipes, strictly and with damage let pass. Anything but a `VauxError` is a crash. Half of what is
tried gets right checksums, or nothing would come past them.
"""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["vauxio"]):
    from vauxio.container import Reader
    from vauxio.entropy import coders
    from vauxio.errors import VauxError

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import format_vectors  # noqa: E402  which has the table that the seeds were made with
from support.damage import repaired  # noqa: E402
from support.signals import Pipe  # noqa: E402

STATIC = coders.StaticCoder(np.array(format_vectors.TABLE, np.uint16))
STEPS = 10_000  # no iteration over a small file may be longer
TOKENS = 1_000  # a payload may rightly stand for many more codes than it has bytes


def decode(reader: Reader, block) -> None:
    header = reader.header
    coder = STATIC if block.coder == 1 else coders.PackedCoder(header.code_bits)
    if block.coder > 1 or block.tokens > TOKENS:
        return
    shape = header.channels, header.codebooks
    (codes,) = coder.decode([(block.payload, block.tokens)], *shape)
    assert codes.shape == (*shape, block.tokens)
    if coders.codes_crc(codes) == block.codes_crc and coder is STATIC:
        again = coder.decode([(coder.encode(codes), block.tokens)], *shape)[0]
        assert np.array_equal(again, codes)


def consume(file: io.BytesIO, strict: bool) -> None:
    reader = Reader(file, strict)
    blocks = iter(reader)
    for _ in range(STEPS):
        try:
            decode(reader, next(blocks))
        except StopIteration:
            break
        except VauxError:
            continue
    else:
        raise AssertionError("does not end")
    for index in random.Random(0).sample(range(reader.blocks), min(reader.blocks, 5)):
        if reader.seekable:
            try:
                decode(reader, reader.read(index))
            except VauxError:
                continue


def test_one(data: bytes) -> None:
    for kind in (io.BytesIO, Pipe):
        for strict in (True, False):
            try:
                consume(kind(data), strict)
            except VauxError as e:
                assert str(e) and "\n" not in str(e)
    try:  # a range code of nothing that was ever encoded
        STATIC.decode([(data[:200], 40)], 1, 2)
    except VauxError:
        pass


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    data = atheris.Mutate(data, max_size)
    return repaired(data) if seed % 2 else data


def main() -> None:
    atheris.Setup(sys.argv, test_one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
