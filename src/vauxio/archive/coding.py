"""Coding of a part of a long recording, and of many short recordings at once.

A part has the same codes as in the whole recording, bit for bit: the networks get the same pieces
of samples, from far enough before the part for their states to be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..audio import pcm
from ..audio.recording import Recording
from ..audio.resample import Resampler
from ..codec.bandwidth_extension import Bands, Meter
from ..codec.denoising import DenoisingResampler
from ..codec.signal import SignalDecoder
from ..codec.spectral_decoder import timing
from ..codec.stereo.downmix import Downmixer
from ..codec.stereo.rates import Plan
from ..codec.stereo.tokens import JointTokenEncoder
from ..codec.tokens import CHUNK, TokenEncoder
from ..entropy.allocation import WINDOW, Allocation
from ..file.block_reader import TokenReader
from ..file.transform import TransformFrames
from ..model.models import Model

__all__ = [
    "PIECE",
    "bounds",
    "decode_stretch",
    "encode_joint_stretch",
    "encode_stretch",
    "encode_together",
    "is_divisible",
    "measure_stretch",
    "measure_whole",
]

PIECE = 1 << 16
"""Frames that are read at a time."""

_EXACT = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"}
_SIMPLE = {"FLOAT", "DOUBLE", "ULAW", "ALAW"}


def is_divisible(recording: Recording) -> bool:
    """Whether a part can be read exactly, without what comes before it.

    Not with MP3, Vorbis and Opus: after a seek, libsndfile 1.2.2 gives samples that differ in their
    last bit (MP3, Opus), and others altogether in the last page of a Vorbis file. Not with ADPCM
    and its like, where a sample depends on all before it.
    """
    file = recording._file
    plain = file.subtype.startswith("PCM_") or file.subtype in _SIMPLE
    return recording.frames is not None and file.format in _EXACT and plain


def encode_stretch(
    recording: Recording,
    model: Model,
    allocation: Allocation,
    mono: bool,
    first: int,
    stop: int,
    denoise: bool = False,
) -> np.ndarray:
    """Codes ``[channels, codebooks, stop - first]`` of the tokens `first` to `stop`.

    Types as of `TokenEncoder`. Both ends lie between windows of bit allocation, or `stop` is the
    end.
    """
    frames = recording.frames
    assert frames is not None
    begin = _settling(model, first)
    samples = _samples(recording, model.samplerate, mono, begin * model.hop, stop * model.hop,
                       model.samples_for(frames, recording.samplerate), denoise)  # fmt: skip
    encoder = TokenEncoder(model, 1 if mono else recording.channels, allocation)
    parts = [encoder.push(piece.T) for piece in _pieces(samples, WINDOW * model.hop)]
    return np.concatenate(parts, axis=2)[..., first - begin :]


def encode_joint_stretch(
    recording: Recording,
    model: Model,
    planned: Plan,
    first: int,
    stop: int,
    denoise: bool = False,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """As `encode_stretch`, of joint stereo: codes, levels and values as `Downmixer.take` has them.

    `first` begins a block.
    """
    frames, channels = recording.frames, recording.channels
    assert frames is not None
    begin, tokens = _settling(model, first), model.tokens_for(frames, recording.samplerate)
    downmixer = Downmixer(model, channels, planned.bands, planned.stereo, planned.price, begin,
                          planned.most)  # fmt: skip
    rate, hop = model.samplerate * downmixer.factor, model.hop * downmixer.factor
    end = -(-frames * rate // recording.samplerate)
    last = min((stop + WINDOW) * hop, end)  # the last samples are of the window after `stop`
    pieces = _samples(recording, rate, False, downmixer.first, last, end, denoise)
    mixed = [downmixer.push(piece) for piece in pieces]
    if last == end:
        mixed.append(downmixer.finish(tokens))
    samples = np.concatenate(mixed)[: (stop - begin) * model.hop]
    encoder = JointTokenEncoder(model, channels, planned, downmixer)
    codes = [encoder.push(piece.T) for piece in _pieces(iter([samples]), WINDOW * model.hop)]
    levels, values = downmixer.take()

    def own(each: np.ndarray, span: int) -> np.ndarray:
        return each[..., (first - begin) // span : -(-(stop - begin) // span)]

    if levels is not None:
        levels = own(levels, planned.bands.span)
    return own(np.concatenate(codes, axis=2), 1), levels, own(values, planned.stereo.span)


def encode_together(
    signals: Sequence[tuple[np.ndarray, int]],
    model: Model,
    allocation: Allocation,
    denoise: bool = False,
) -> list[np.ndarray]:
    """The codes of short signals, in one call of the network.

    Parameters
    ----------
    signals : sequence of (frames, samplerate)
        ``float32[frames, channels]`` each. The call takes memory for the longest, as many times
        as there are channels in all.
    model : Model
    allocation : Allocation
    denoise : bool, optional
        Each by itself, before they come together.

    Returns
    -------
    list of ndarray
        ``[channels, codebooks, tokens]``
    """
    tokens = [model.tokens_for(len(frames), rate) for frames, rate in signals]
    rows = sum(frames.shape[1] for frames, _ in signals)
    batch = np.zeros((rows, max(tokens) * model.hop), np.float32)
    places, row = [], 0
    for frames, rate in signals:
        resampler: Resampler | DenoisingResampler
        resampler = (DenoisingResampler if denoise else Resampler)(
            rate, model.samplerate, frames.shape[1]
        )
        wanted = model.samples_for(len(frames), rate)
        samples = np.concatenate([resampler.push(frames), resampler.finish(wanted)])[:wanted]
        places.append(slice(row, row + frames.shape[1]))
        batch[places[-1], :wanted] = samples.T
        row += frames.shape[1]
    encoder = TokenEncoder(model, rows, allocation)
    found = encoder.search(batch)
    return [
        encoder.choose(*(part[place, :, :n] for part in found))
        for place, n in zip(places, tokens, strict=True)
    ]


def measure_stretch(
    recording: Recording, model: Model, mono: bool, bands: Bands, first: int, stop: int
) -> np.ndarray:
    """Levels of tokens `first` to `stop`, as `Meter` gives them; `first` begins a block."""
    channels = 1 if mono else recording.channels
    meter = Meter(model, recording.samplerate, channels, bands, first)
    found = []
    for block in recording.blocks(PIECE, meter.first):
        found.append(meter.push(pcm.mix_down(block) if mono else block))
        if meter.token >= stop:
            break
    found.append(meter.finish(stop))
    return np.concatenate(found, axis=2)[..., : -(-(stop - first) // bands.span)]


def measure_whole(frames: np.ndarray, model: Model, samplerate: int, bands: Bands) -> np.ndarray:
    """Levels of all tokens of a short signal, ``float32[frames, channels]``."""
    meter = Meter(model, samplerate, frames.shape[1], bands)
    levels = meter.push(frames), meter.finish(model.tokens_for(len(frames), samplerate))
    return np.concatenate(levels, axis=2)


def bounds(reader: TokenReader, first: int, stop: int) -> tuple[int, int]:
    """The frames of the blocks `first` to `stop`. Those of adjoining blocks adjoin.

    They begin where the resampler can start anew and give the same bits.
    """
    model, rate, size = reader.grid, reader.header.samplerate, reader.header.block_tokens
    works_at = model.samplerate
    if isinstance(model, Model):
        works_at = timing(model, reader.bands, reader.stereo).samplerate
    frames = reader.frames or 0

    def begin(block: int) -> int:
        frame = min(frames, model.frames_in(block * size, rate))
        return Resampler.restart(works_at, rate, frame)

    return begin(first), frames if stop >= reader.blocks else begin(stop)


def decode_stretch(reader: TokenReader, start: int, stop: int) -> Iterator[np.ndarray]:
    """The frames `start` to `stop` of a file that can seek.

    Parameters
    ----------
    reader : TokenReader
    start : int
        0, or one of the `bounds`.
    stop : int

    Yields
    ------
    ndarray
        ``float32[n, channels]``

    Raises
    ------
    FormatError
        If the file is damaged there.
    """
    if reader.header.rate:
        transformed = TransformFrames(reader)
        while start < stop and len(found := transformed.take(start, min(stop - start, PIECE))):
            yield found
            start += len(found)
        return
    header, model = reader.header, reader.model
    frames = reader.frames or 0
    decoder = SignalDecoder(
        model, header.samplerate, header.channels, start=start, frames=frames,
        bands=reader.bands, stereo=reader.stereo,
    )  # fmt: skip
    # The network is given pieces of CHUNK tokens from the beginning of each block, as always.
    decoder.begin(decoder.first_token - decoder.first_token % header.block_tokens % CHUNK)
    token, last = decoder.first_token, model.tokens_for(stop, header.samplerate)
    while start < stop:
        codes = reader.get(token, CHUNK, last - token)
        if codes.shape[2]:
            count = codes.shape[2]
            piece = decoder.push(codes, reader.levels(token, count), reader.values(token, count))
            token += count
        else:
            piece = decoder.finish()
            if not len(piece):
                return
        yield piece[: stop - start]
        start += len(piece)


def _settling(model: Model, first: int) -> int:
    """The token to begin with, for the encoder to be at `first` what it is in the whole."""
    return max(0, first - -(-model.encoder.receptive_field // WINDOW) * WINDOW)


def _samples(
    recording: Recording, rate: int, mono: bool, begin: int, stop: int, end: int, denoise: bool
) -> Iterator[np.ndarray]:
    """Samples `begin` to `stop` at `rate`, ``float32[n, channels]`` each; silence after `end`."""
    channels = 1 if mono else recording.channels
    resampler: Resampler | DenoisingResampler
    if denoise:
        at = begin
        resampler = DenoisingResampler(recording.samplerate, rate, channels, start=at)
    else:
        at = Resampler.restart(recording.samplerate, rate, begin)
        resampler = Resampler(recording.samplerate, rate, channels, at)
    for block in _resampled(recording, resampler, mono, end):
        piece = block[max(0, begin - at) : stop - at]
        at += len(block)
        if len(piece):
            yield piece
        if at >= stop:
            return
    if stop > at:
        yield np.zeros((stop - max(at, begin), channels), np.float32)


def _resampled(
    recording: Recording, resampler: Resampler | DenoisingResampler, mono: bool, end: int
) -> Iterator[np.ndarray]:
    for block in recording.blocks(PIECE, resampler.first):
        yield resampler.push(pcm.mix_down(block) if mono else block)
    yield resampler.finish(end)


def _pieces(arrays: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same rows in pieces of `size`, but for the last."""
    waiting: list[np.ndarray] = []
    count = 0
    for array in arrays:
        waiting.append(array)
        count += len(array)
        if count >= size:
            rows = np.concatenate(waiting)
            whole = count // size * size
            yield from (rows[i : i + size] for i in range(0, whole, size))
            waiting, count = [rows[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)
