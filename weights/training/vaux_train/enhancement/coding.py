"""The corpus's speech as `hifi-48k` gives it back, beside what it was."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soxr

from vauxio.codec.hifi import mdct
from vauxio.codec.hifi.encoder import Encoder, block_size
from vauxio.codec.hifi.layout import FRAME
from vauxio.codec.hifi.layout import SAMPLERATE as CODED_AT
from vauxio.codec.hifi.network import Tables
from vauxio.codec.hifi.unpack import unpack
from vauxio.model.bundles import weights_folder

from ..corpus import mono
from .config import SAMPLERATE

FILE = "coded-speech.npy"
BITRATES = 8.0, 16.0  # kbps; from the latter on there is nothing to enhance
BLOCK = block_size(1) * FRAME  # samples at 48 kHz
SHORTEST = 2 * CODED_AT
QUIET = 1e-6  # mean square
GAIN = -3.0, 3.0  # dB


@cache
def tables() -> Tables:
    return Tables((weights_folder() / "hifi-48k" / "entropy.npz").read_bytes())


def coded(path: Path, seed: int) -> np.ndarray | None:
    """A stretch of a recording, at most a block, at some bitrate: ``int16[n, 3]`` at 16 kHz.

    The columns are original, decoded, and decoded without the noise that is in place of zeros.
    None where that has no use: of short, narrow or silent recordings, and of what is coded as
    music.
    """
    generator = np.random.default_rng(seed)
    pcm, rate = mono(path, CODED_AT)
    if rate < SAMPLERATE or len(pcm) < SHORTEST:
        return None
    start = generator.integers(max(1, len(pcm) - BLOCK + 1))
    pcm = pcm[start : start + BLOCK]
    if np.square(pcm).mean() < QUIET:
        return None
    pcm = pcm * np.float32(10 ** (generator.uniform(*GAIN) / 20))
    pcm /= max(1, np.abs(pcm).max())
    encoder = Encoder(tables(), 1, generator.uniform(*BITRATES))
    (block,) = encoder.push(pcm[None]) + encoder.finish()
    unpacked = unpack(block.payload, 1, block.frames, tables())
    if unpacked.coded is None:
        return None
    decoded, known = (
        mdct.inverse(part, unpacked.sizes)[0, : len(pcm)]
        for part in (unpacked.coefficients, unpacked.coded)
    )
    slow = soxr.resample(np.stack([pcm, decoded, known], 1), CODED_AT, SAMPLERATE)
    return np.clip(np.round(slow * 32768), -32768, 32767).astype(np.int16)


def excerpts(paths: list[Path], seed: int) -> Iterator[np.ndarray]:
    """What `coded` makes of the recordings, again and again; the same for the same seed."""
    generator = np.random.default_rng(seed)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        while True:
            seeds = generator.integers(1 << 32, size=len(paths))
            order = [paths[i] for i in generator.permutation(len(paths))]
            found = 0
            for one in pool.map(coded, order, seeds):
                if one is not None:
                    found += 1
                    yield one
            if not found:
                raise ValueError("no recording is speech of two seconds at 16 kHz or more")


def prepare(corpus: Path, data: Path, hours: float, seed: int = 0) -> None:
    """Write so many hours of `coded` excerpts end to end, ``int16[n, 3]``, as `FILE`."""
    paths = sorted((corpus / "train" / "speech").iterdir())
    data.mkdir(parents=True, exist_ok=True)
    temporary = data / f"{FILE}.tmp"
    frames, at = round(hours * 3600 * SAMPLERATE), 0
    rows = np.lib.format.open_memmap(temporary, "w+", np.int16, (frames, 3))
    for one in excerpts(paths, seed):
        one = one[: frames - at]
        rows[at : at + len(one)] = one
        at += len(one)
        if at == frames:
            break
    rows.flush()
    temporary.replace(data / FILE)
    print(f"{FILE}: {hours:g} h")
