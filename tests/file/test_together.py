"""Several short files whose codes are decoded in the same steps."""

from __future__ import annotations

import io

import numpy as np
import soundfile

import vauxio
from support.paths import DATA
from vauxio.file.block_decoder import BlockDecoder
from vauxio.file.block_reader import TokenReader
from vauxio.file.together import decode_together

SPEECH, RATE = soundfile.read(DATA / "speech-16k.flac", dtype="float32", frames=24000)


def readers(files: list[bytes]) -> list[TokenReader]:
    return [TokenReader(io.BytesIO(content)) for content in files]


def test_short_files_have_the_codes_that_they_have_alone(monkeypatch):
    alike = [vauxio.compress(SPEECH[at : at + 8000], RATE, bitrate=1.5) for at in (0, 9000, 14000)]
    damaged = bytearray(alike[0])
    damaged[len(damaged) // 2] ^= 1
    stereo = vauxio.compress(np.stack([SPEECH[:8000]] * 2, axis=1), RATE, bitrate=3)
    packed = vauxio.compress(SPEECH[:8000], RATE, bitrate=1.5, lm=False)
    files = [alike[0], bytes(damaged), alike[1], stereo, packed, alike[2]]
    found = decode_together(readers(files))
    assert [each is not None for each in found] == [True, False, True, False, False, True]
    assert decode_together(readers(files[3:])) == [None] * 3

    alone = [reader.get(0, 1000).copy() for reader in readers(alike)]
    monkeypatch.setattr(BlockDecoder, "decode", None)  # nobody decodes from here on
    for content, held, codes in zip(alike, found[::2][:2] + found[5:], alone, strict=True):
        (reader,) = readers([content])
        reader.hold(*held)
        assert np.array_equal(reader.get(0, 1000), codes)
        assert not reader.get(codes.shape[2], 1).shape[2]


def test_what_another_file_holds_is_not_taken():
    first, second = (vauxio.compress(SPEECH[at : at + 8000], RATE, bitrate=1.5) for at in (0, 9000))
    _, other = decode_together(readers([first, second]))
    (reader,) = readers([first])
    expected = readers([first])[0].get(0, 1000)
    reader.hold(*other)
    assert np.array_equal(reader.get(0, 1000), expected)
