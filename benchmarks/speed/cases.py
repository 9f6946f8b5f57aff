"""One measurement: ``python -m benchmarks.speed.cases NAME '{"its": "arguments"}'``.

Run in a process of its own by `benchmarks.speed`, which binds it to cores and repeats it. Prints
one JSON object: ``[seconds on the clock, seconds on the CPU]`` for each thing that was timed.
Loading networks and a first run to warm up are done before.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import vauxio

RECORDING = Path(__file__).parents[2] / "tests" / "data" / "speech-48k.flac"
_WARM = 4  # seconds of audio

Times = tuple[float, float]


def coding(model: str, bitrate: float, lm: bool, denoise: bool, seconds: float) -> dict[str, Any]:
    """Recording to file and back, in memory: conversion of rates, checksums and all."""
    data, rate = recording(seconds)
    return _coding(data, rate, model=model, bitrate=bitrate, lm=lm, denoise=denoise)


def beside(model: str, bitrate: float, lm: bool, seconds: float) -> dict[str, Any]:
    """As `coding`, from a recording at the model's own rate: what EnCodec is given too."""
    rate = vauxio.Codec(model).model.samplerate
    return _coding(resampled(seconds, rate), rate, model=model, bitrate=bitrate, lm=lm)


def encodec(lm: bool, seconds: float, threads: int) -> dict[str, Any]:
    """EnCodec 24 kHz at 6 kbps: recording to file and back, in memory, with its own functions.

    Its networks have random weights: they take as long as trained ones, and nothing need be
    downloaded. Nothing can be said about sound.
    """
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    warnings.simplefilter("ignore", FutureWarning)  # PyTorch's, about how EnCodec is written
    from encodec import EncodecModel
    from encodec.model import LMModel

    compress: Any = importlib.import_module("encodec.compress")
    model = EncodecModel.encodec_model_24khz(pretrained=False)
    model.name = "encodec_24khz"  # which its functions insist on
    model.set_target_bandwidth(6.0)
    for layer in model.quantizer.vq.layers:
        layer._codebook.embed.normal_()
    # As EncodecModel.get_lm_model makes it, without weights.
    network = LMModel(model.quantizer.n_q, model.quantizer.bins, num_layers=5, dim=200,
                      past_context=int(3.5 * model.frame_rate)).eval()  # fmt: skip
    model.get_lm_model = lambda: network
    compress.MODELS = {model.name: lambda: model}
    data = torch.from_numpy(resampled(seconds, model.sample_rate))[None]
    warm = compress.compress(model, data[:, : model.sample_rate // 2], use_lm=lm)
    compress.decompress(warm)
    blob, encode = timed(lambda: compress.compress(model, data, use_lm=lm))
    (decoded, _), decode = timed(lambda: compress.decompress(blob))
    assert decoded.shape == data.shape
    return {"encode": encode, "decode": decode}


def stages(model: str, bitrate: float, seconds: float, threads: int) -> dict[str, Any]:
    """Networks (with conversion of rates) and entropy coders (with blocks and checksums) apart."""
    from vauxio.codec.signal import SignalEncoder
    from vauxio.file.block_reader import TokenReader
    from vauxio.file.block_writer import TokenWriter

    codec = vauxio.Codec(model, threads=threads)
    allocation = codec.model.allocation(bitrate, None)
    data, rate = recording(seconds)

    def encoded(data: np.ndarray) -> np.ndarray:
        encoder = SignalEncoder(codec.model, rate, 1, allocation, threads=threads)
        return np.concatenate([encoder.push(data[:, None]), encoder.finish()], axis=2)

    codec.decode(codec.encode(data[: _WARM * rate], rate, bitrate))
    codes, encode = timed(lambda: encoded(data))
    constant = codec.encode(data, rate, bitrate)
    _, decode = timed(lambda: codec.decode(constant))
    result: dict[str, Any] = {"encoder": encode, "decoder": decode}
    channels, codebooks, tokens = codes.shape

    def write(lm: bool, array: np.ndarray) -> io.BytesIO:
        file = io.BytesIO()
        writer = TokenWriter(
            file, codec.model, rate, channels, codebooks, {}, (), lm, allocation.variable
        )
        writer.push(array)
        writer.finish(len(data))
        file.seek(0)
        return file

    def read(file: io.BytesIO) -> None:
        reader, token = TokenReader(file), 0
        assert reader.model is not None
        while token < tokens:
            token += reader.get(token, tokens - token, tokens - token).shape[2]

    for lm in (False, True):
        read(write(lm, codes))  # warm
        file, encode = timed(partial(write, lm, codes))
        _, decode = timed(partial(read, file))
        file.seek(0)
        coder = vauxio.info(file).coder
        result[f"{coder} encode"], result[f"{coder} decode"] = encode, decode
    return result


def batch(model: str, bitrate: float, rows: int, seconds: float, threads: int) -> dict[str, Any]:
    """So many signals at the model's rate through the networks as one batch."""
    from vauxio.codec.tokens import TokenDecoder, TokenEncoder
    from vauxio.entropy.allocation import WINDOW

    codec = vauxio.Codec(model, threads=threads)
    one = resampled(seconds, codec.model.samplerate)
    one = one[: len(one) // codec.model.hop * codec.model.hop]
    data = np.stack([np.roll(one, 997 * row) for row in range(rows)])
    step = WINDOW * codec.model.hop

    def encode(data: np.ndarray) -> list[np.ndarray]:
        encoder = TokenEncoder(codec.model, rows, codec.model.allocation(bitrate, None), threads)
        return [encoder.push(data[:, i : i + step]) for i in range(0, data.shape[1], step)]

    def decode(codes: list[np.ndarray]) -> None:
        decoder = TokenDecoder(codec.model, rows, threads)
        for part in codes:
            decoder.push(part)

    decode(encode(data[:, :step]))
    codes, encoding = timed(lambda: encode(data))
    _, decoding = timed(lambda: decode(codes))
    return {"encode": encoding, "decode": decoding}


def matrix(size: int, times: int) -> dict[str, Any]:
    """A float32 matrix product, so many times: what the core can do."""
    a = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    a @ a
    _, product = timed(lambda: [a @ a for _ in range(times)])
    return {"product": product}


def recording(seconds: float) -> tuple[np.ndarray, int]:
    """48 kHz speech, repeated as often as needed: ``float32[frames]``, and its rate."""
    data, rate = soundfile.read(RECORDING, dtype="float32")
    return np.resize(data, round(seconds * rate)), rate


def resampled(seconds: float, samplerate: int) -> np.ndarray:
    """The same at another rate."""
    import soxr

    return soxr.resample(*recording(seconds), samplerate)


def timed(work: Callable[[], Any]) -> tuple[Any, Times]:
    """What it gives, and the seconds that it took: on the clock, and on the CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, (time.perf_counter() - clock, time.process_time() - cpu)


def _coding(data: np.ndarray, rate: int, **settings: Any) -> dict[str, Any]:
    vauxio.decompress(vauxio.compress(data[: _WARM * rate], rate, **settings))
    blob, encode = timed(lambda: vauxio.compress(data, rate, **settings))
    (decoded, _), decode = timed(lambda: vauxio.decompress(blob))
    assert decoded.shape == data.shape
    return {"encode": encode, "decode": decode, "coder": vauxio.info(io.BytesIO(blob)).coder}


CASES = {case.__name__: case for case in (coding, beside, encodec, stages, batch, matrix)}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](**json.loads(sys.argv[2]))))
