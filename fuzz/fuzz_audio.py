"""Coverage-guided fuzzing of what looks at recordings before libsndfile reads them.

    python fuzz/fuzz_audio.py /tmp/corpus FOLDER_OF_SHORT_RECORDINGS -max_total_time=300

Ogg pages, MPEG frames, chunks of WAV, W64, AIFF and CAF, blocks of FLAC, sizes of pictures.
Anything raised is a crash, and so is what takes long: they say what is wrong, they do not fail.
"""

from __future__ import annotations

import io
import sys

import atheris

with atheris.instrument_imports(include=["vauxio.audio"]):
    from vauxio.audio import completeness, flac, foreign, images, mpeg, pages, riff
    from vauxio.audio.window import Window


def test_one(data: bytes) -> None:
    file = io.BytesIO(data)
    pages.look(file)
    mpeg.look(file)
    completeness.missing(file)
    completeness.unfinished(file)
    with Window(file) as window:
        riff.follows(window)
    flac.Digest(file)
    for one in foreign.read_foreign(file):
        assert 1 <= len(one.name) <= 64
    foreign.mask_in(file)
    foreign.unkept(file)
    images.size_of(data)
    assert file.tell() == 0


def main() -> None:
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
