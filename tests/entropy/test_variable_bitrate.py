"""Variable bitrate: how many codes each token gets, what that costs, and that nothing else changes.

What needs a model is left out where the installed one was made before there was variable bitrate.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import test_language_model as lm_files
from hypothesis import given, settings
from hypothesis import strategies as st

import vauxio
from support import independent_decoder, independent_lm
from support.signals import Pipe, voice
from vauxio import container
from vauxio.codec.codec import Codec
from vauxio.codec.stereo.rates import plan
from vauxio.codec.tokens import TokenDecoder, TokenEncoder
from vauxio.entropy import allocation, coders
from vauxio.entropy.segments import segment_count
from vauxio.errors import FormatError, TruncatedError
from vauxio.file.block_reader import TokenReader
from vauxio.file.block_writer import TokenWriter
from vauxio.file.info import count
from vauxio.model.installed import find_model

MODEL = find_model()
TABLE = np.random.default_rng(0).integers(1, 65536, (4, 1024)).astype(np.uint16)
needs_model = pytest.mark.skipif(
    not MODEL.distortions, reason=f"{MODEL.name} has no variable bitrate"
)


def random_codes(seed: int, channels: int, codebooks: int, tokens: int, span: int) -> np.ndarray:
    """With runs of the same depth, and of none."""
    rng = np.random.default_rng(seed)
    spans = rng.integers(0, codebooks + 1, (channels, -(-tokens // span)))
    spans = np.where(rng.random(spans.shape) < 0.3, 0, spans).astype(np.uint8)
    deep = np.repeat(spans, span, axis=1)[:, :tokens]
    codes = rng.integers(0, 1024, (channels, codebooks, tokens)).astype(np.int32)
    return allocation.cut(codes, deep)


def every_coder() -> dict[str, coders.Coder]:
    return {
        "packed": coders.PackedCoder(10),
        "static": coders.StaticCoder(TABLE),
        "lm": lm_files.coder(),
    }


# --- bits ---


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 32), st.integers(0, 60),
    st.integers(1, 255),
)  # fmt: skip
@settings(max_examples=60)
def test_allocations_round_trip(seed, channels, codebooks, tokens, span):
    deep = allocation.allocation_of(random_codes(seed, channels, codebooks, tokens, span))
    data = allocation.encode_allocation(deep, span, codebooks)
    decoded = allocation.decode_allocation(data, span, channels, tokens, codebooks)
    assert decoded.dtype == np.uint8 and np.array_equal(decoded, deep)
    assert len(data) <= 3 * channels * -(-tokens // span) + 4


@given(st.binary(max_size=40), st.integers(1, 32))
@settings(max_examples=60)
def test_any_bytes_are_an_allocation_or_an_error(data, codebooks):
    try:
        decoded = allocation.decode_allocation(data, 5, 2, 33, codebooks)
    except FormatError:
        return
    assert decoded.shape == (2, 33) and int(decoded.max()) <= codebooks


def test_runs_of_counts_are_nearly_free():
    deep = np.zeros((1, 750), np.uint8)
    assert len(allocation.encode_allocation(deep, 5, 16)) <= 6
    deep[:, 300:] = 9
    assert len(allocation.encode_allocation(deep, 5, 16)) <= 9


def test_allocations_that_cannot_be():
    with pytest.raises(ValueError, match="within 5"):
        allocation.encode_allocation(np.array([[1, 1, 2]], np.uint8), 5, 4)
    with pytest.raises(ValueError, match="4 at most"):
        allocation.encode_allocation(np.array([[5, 5, 5]], np.uint8), 5, 4)


@pytest.mark.parametrize("name", ["packed", "static", "lm"])
@given(st.data())
@settings(max_examples=12)
def test_codes_round_trip(name, data):
    coder = every_coder()[name]
    channels, codebooks = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 4))
    lengths = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=3))
    seed, span = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(1, 9))
    parts = [random_codes(seed + n, channels, codebooks, n, span) for n in lengths]
    blocks = [(coder.encode(part), part.shape[2]) for part in parts]
    deep = [allocation.allocation_of(part) for part in parts]
    for part, decoded in zip(parts, coder.decode(blocks, channels, codebooks, deep), strict=True):
        assert decoded.dtype == np.int32 and np.array_equal(decoded, part)
    silent = np.full((channels, codebooks, 7), allocation.ABSENT, np.int32)
    assert coder.encode(silent) == b""


@pytest.mark.parametrize("name", ["packed", "static", "lm"])
def test_all_codes_are_coded_as_at_a_constant_bitrate(name):
    """Where nothing is absent, the payload is the same."""
    codes = lm_files.any_codes(2, 4, 40)
    assert every_coder()[name].encode(codes.astype(np.int32)) == every_coder()[name].encode(codes)


def test_codes_that_have_gaps():
    codes = random_codes(0, 1, 4, 10, 5)
    codes[0, :, 3] = [5, allocation.ABSENT, 7, 8]
    for coder in every_coder().values():
        with pytest.raises(ValueError, match="absent"):
            coder.encode(codes)


@pytest.mark.parametrize(("channels", "tokens", "count"), [(2, 24, 1), (1, 200, 2)])
def test_the_language_model_as_specified(channels, tokens, count):
    codes = random_codes(3, channels, 4, tokens, 3)
    if count > 1:
        deep = np.resize(np.repeat([4, 4, 3, 4, 0, 4, 2, 4, 4, 4], 5), tokens).astype(np.uint8)
        codes = allocation.cut(lm_files.any_codes(1, 4, tokens).astype(np.int32), deep[None])
    assert segment_count(allocation.allocation_of(codes)) == count
    deep = allocation.allocation_of(codes).T.tolist()
    payload = lm_files.coder().encode(codes)
    decoder = independent_decoder.RangeDecoder(payload)
    theirs = independent_lm.decode(lm_files.CONTENT, decoder, deep)
    assert theirs == [
        [[c for c in channel if c >= 0] for channel in token]
        for token in codes.transpose(2, 0, 1).tolist()
    ]


def test_the_checksum_covers_the_allocation():
    codes = random_codes(1, 1, 4, 20, 5)
    other = codes.copy()
    other[0, :, 5:10] = allocation.ABSENT
    other[0, 0, 5:10] = 0
    shifted = np.concatenate([codes[..., 5:], codes[..., :5]], axis=2)
    assert len({coders.codes_crc(x) for x in (codes, other, shifted)}) == 3


# --- files ---


def file_of(codes: np.ndarray, lm: bool = True) -> bytes:
    file = io.BytesIO()
    writer = TokenWriter(file, MODEL, 24000, *codes.shape[:2], {}, (), lm, variable=True)
    for at in range(0, codes.shape[2], 150):
        writer.push(codes[..., at : at + 150])
    writer.finish(MODEL.frames_in(codes.shape[2], 24000))
    return file.getvalue()


@pytest.mark.parametrize("lm", [True, False])
@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_a_file_gives_its_codes_back(kind, lm):
    codes = random_codes(5, 2, 4, 1600, 5)
    reader = TokenReader(kind(file_of(codes, lm)))
    parts, at = [], 0
    while (part := reader.get(at, 400)).shape[2]:
        parts.append(part)
        at += part.shape[2]
    assert np.array_equal(np.concatenate(parts, axis=2), codes)
    counts = count(TokenReader(kind(file_of(codes, lm)))).codes
    expected = np.bincount(allocation.allocation_of(codes).ravel(), minlength=5)
    assert counts.tolist() == expected.tolist()


def test_only_files_that_need_it_are_of_the_newer_version():
    codes = random_codes(5, 1, 4, 20, 5)
    assert file_of(codes)[4:6] == bytes([1, 4])
    assert file_of(codes, lm=False)[4:6] == bytes([1, 1])
    assert vauxio.compress(voice(2400), 24000, bitrate=12, lm=False)[4:6] == bytes([1, 0])


def test_any_bit_that_flips_is_noticed():
    """The specification's other decoder and ours: an error, and never other codes."""
    codes = random_codes(7, 1, 4, 40, 5)
    data = file_of(codes, lm=False)
    rng = np.random.default_rng(8)
    for at in rng.integers(0, len(data), 60):
        broken = bytearray(data)
        broken[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(FormatError):
            reader = TokenReader(io.BytesIO(bytes(broken)))
            reader.get(0, 40)
            if not reader.complete:
                raise reader.fault or TruncatedError("cut off")
    for at in rng.integers(0, len(data) - 1, 30):
        reader = None
        with pytest.raises(FormatError):
            reader = TokenReader(io.BytesIO(data[:at]))
            assert not reader.complete
            raise reader.fault or TruncatedError("cut off")


def test_hostile_allocation():
    """Checksums are right, the bit allocation is not."""
    codes = random_codes(9, 1, 4, 40, 5)
    header = TokenReader(io.BytesIO(file_of(codes))).header
    (block,) = container.Reader(io.BytesIO(file_of(codes)))

    def read(**changes: object) -> None:
        file = io.BytesIO()
        writer = container.Writer(file, header)
        fields = {**vars(block), **changes}
        writer.write(container.Block(**fields))  # type: ignore[arg-type]
        writer.close(MODEL.frames_in(40, 24000))
        file.seek(0)
        TokenReader(file).get(0, 40)

    read()
    most = header.allocation_size(40)
    for data in (b"", bytes(most), b"\xff" * most, block.allocation[1:]):
        with pytest.raises(FormatError):
            read(allocation=data)
    with pytest.raises(FormatError, match="bit allocation"):
        read(allocation=bytes(most + 1))
    with pytest.raises(FormatError):
        read(payload=bytes(4000))


# --- which tokens get how many ---


def test_as_few_as_are_near_enough():
    """Of a span, all tokens together; where no number is enough, all."""
    distortion = np.zeros((1, 4, 12), np.float32)
    distortion[0, :, :5] = np.array([9, 4, 2, 1])[:, None]
    distortion[0, :, 5:10] = np.array([9, 4, 2, 1])[:, None] + np.array([-1, 1, 0, 2, -2])
    distortion[0, :, 10:] = 10

    def chosen(most: float, of: np.ndarray = distortion) -> list[list[int]]:
        return allocation.Allocation(3, distortion=most).choose(of).tolist()

    assert chosen(1.70) == [[2] * 10 + [3] * 2]  # 2^10 <= 9 most^9
    assert chosen(1.69) == [[3] * 12]
    assert chosen(9.0) == [[0] * 10 + [3] * 2]
    assert chosen(0.1, 0 * distortion) == [[0] * 12]


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 2 * allocation.WINDOW + 7), st.integers(1, 6),
    st.integers(0, 4),
)  # fmt: skip
@settings(max_examples=60)
def test_an_average_goes_where_it_is_needed_most(seed, tokens, average, more):
    rng = np.random.default_rng(seed)
    steps = rng.exponential(size=(2, 12, tokens)) * rng.choice([0.01, 1, 100], tokens)
    distortion = steps[:, ::-1].cumsum(axis=1)[:, ::-1].astype(np.float32)
    deep = allocation.Allocation(average + more, average).choose(distortion)
    assert deep.shape == (2, tokens) and int(deep.max()) <= average + more
    for at in range(0, tokens, allocation.WINDOW):
        here = slice(at, at + allocation.WINDOW)
        n = min(allocation.WINDOW, tokens - at)
        means = np.add.reduceat(distortion[..., here], range(0, n, 5), axis=2)
        means /= np.diff(range(0, n, 5), append=n)
        wanted = allocation.needs(means[:, : average + more + 1])
        for row, spans in zip(deep[:, here], wanted, strict=True):
            spent = row.sum(dtype=int)
            budget = max(average * n - 0.25 * -(-n // 5), n)
            assert spent <= budget
            given_ = np.arange(average + more)[:, None] < row[::5]
            if given_.all():
                continue
            # No code that was left out was needed more than one that was given; nothing is left.
            assert spans[~given_].max() <= spans[given_].min(initial=np.inf)
            assert budget - spent < 5


def test_an_average_leaves_to_silence_what_it_needs():
    distortion = np.full((1, 9, allocation.WINDOW), 2.0, np.float32)
    distortion[..., :50] = 0.5
    deep = allocation.Allocation(8, 4, distortion=1.0).choose(distortion)
    assert not deep[:, :50].any() and deep.mean() <= 4 and (deep[:, 50:] > 4).any()
    assert not allocation.Allocation(8, 4, distortion=2.0).choose(distortion).any()


# --- with a model ---


def codes_of(blob: bytes) -> np.ndarray:
    reader = TokenReader(io.BytesIO(blob))
    return np.concatenate([reader.get(at, 150) for at in range(0, reader.tokens, 150)], axis=2)


@pytest.fixture(scope="module")
def speech() -> tuple[np.ndarray, int]:
    return soundfile.read(lm_files.DATA / "speech-48k.flac", dtype="float32")


@needs_model
def test_digital_silence_costs_next_to_nothing():
    blob = vauxio.compress(np.zeros(60 * 24000, np.int16), 24000, quality=10)
    assert len(blob) * 8 / 60 < 100
    data, _ = vauxio.decompress(blob)
    assert len(data) == 60 * 24000 and np.abs(data).max() < 1e-4
    assert np.abs(data[24000:]).max() < 0.5 / 32768


@needs_model
def test_silence_after_sound_is_silent(speech):
    data = np.concatenate([speech[0][:48000], np.zeros(96000, np.float32)])
    out, _ = vauxio.decompress(vauxio.compress(data, speech[1], quality=5))
    assert np.abs(out[96000:]).max() < 0.5 / 32768 < np.abs(out[:48000]).max()


@needs_model
def test_higher_quality_is_more_bits_and_nearer(speech, music):
    for data, rate in (speech, soundfile.read(music, dtype="float32")):
        sizes, errors = [], []
        for quality in (0, 2.5, 5, 7.5, 10):
            blob = vauxio.compress(data, rate, quality=quality, lm=False)
            out, _ = vauxio.decompress(blob)
            sizes.append(len(blob))
            errors.append(float(np.square(out - data).mean()))
        assert sizes == sorted(sizes) and sizes[-1] > 4 * sizes[0]
        assert errors[-1] < errors[2] < errors[0]


@needs_model
def test_parts_and_the_whole(speech, tmp_path):
    """Read from anywhere, in pieces, from a pipe: the same samples."""
    data, rate = speech
    path = tmp_path / "a.vx"
    vauxio.write(path, np.tile(data, 4), rate, quality=4, lm=False)
    whole, _ = vauxio.read(path)
    assert len(whole) == 4 * len(data)
    for start in (0, 1, 100_000, 487_654, len(whole) - 1):
        part, _ = vauxio.read(path, start=start, frames=5000)
        assert np.abs(part - whole[start : start + 5000]).max() < 1e-6
    assert np.array_equal(np.concatenate(list(vauxio.blocks(path, 30_000))), whole)
    assert np.array_equal(vauxio.read(Pipe(path.read_bytes()))[0], whole)
    in_pieces = tmp_path / "b.vx"
    with vauxio.VauxFile(
        in_pieces, "w", rate, 1, quality=4, lm=False, frames=len(whole), exact=True
    ) as f:
        for at in range(0, len(whole), 77_777):
            f.write(np.tile(data, 4)[at : at + 77_777])
    assert in_pieces.read_bytes() == path.read_bytes()


@needs_model
def test_absent_codes_add_nothing(speech):
    codec = Codec()
    codes = codec.encode(*speech, bitrate=3).codes[..., :60]
    deep = allocation.cut(codes.astype(np.int32), np.full((1, 60), 2, np.uint8))
    few, cut = (TokenDecoder(codec.model, 1).push(x) for x in (codes[:, :2], deep))
    assert np.array_equal(few, cut)


@needs_model
def test_allocations_are_those_of_the_distortion(speech):
    codec = Codec()
    samples = voice(150 * MODEL.hop).T
    chosen = MODEL.allocation(None, 5)
    codes, distortion = TokenEncoder(codec.model, 1, chosen).search(samples)
    assert distortion.shape == (1, MODEL.codebooks + 1, 150)
    constant = allocation.Allocation.constant(MODEL.codebooks)
    assert np.array_equal(codes, TokenEncoder(codec.model, 1, constant).push(samples))
    deep = allocation.allocation_of(TokenEncoder(codec.model, 1, chosen).push(samples))
    assert np.array_equal(deep, chosen.choose(distortion))


@needs_model
@pytest.mark.parametrize("bitrate", [1.5, 6, 11.25, 12])
def test_a_bitrate_is_an_average(speech, bitrate):
    """Kept in every window."""
    codes = codes_of(vauxio.compress(*speech, bitrate=bitrate, model=MODEL.name))
    deep = allocation.allocation_of(codes.astype(np.int32))[0]
    average = plan(MODEL, speech[1], 1, bitrate, None).allocation.average
    for at in range(0, len(deep), allocation.WINDOW):
        assert deep[at : at + allocation.WINDOW].mean() <= average
    assert deep.mean() > 0.92 * average  # pauses are silent in this recording
    if average < MODEL.codebooks:
        assert deep.min() < average < deep.max() <= average + max(2, average / 4)


@needs_model
def test_the_lowest_bitrate_leaves_no_holes():
    """Sound that is the same everywhere has a code everywhere, however short it is."""
    noise = np.random.default_rng(0).standard_normal(72000).astype(np.float32) * 0.1
    for length in (200, 72000):
        codes = codes_of(vauxio.compress(noise[:length], 24000, bitrate=0.75))
        assert (codes[0, 0, : length // 320] >= 0).all() and codes[0, 0, 0] >= 0


@needs_model
def test_a_bitrate_leaves_silence_alone():
    blob = vauxio.compress(np.zeros(60 * 24000, np.int16), 24000, bitrate=6, lm=False)
    assert len(blob) * 8 / 60 < 100


@needs_model
def test_damage_is_concealed(speech):
    data, rate = speech
    blob = bytearray(vauxio.compress(np.tile(data, 4), rate, quality=3))
    whole, _ = vauxio.decompress(bytes(blob))
    blob[-60] ^= 1  # in the last block
    with pytest.raises(FormatError):
        vauxio.decompress(bytes(blob))
    out, _ = vauxio.read(io.BytesIO(bytes(blob)), on_error="conceal")
    assert len(out) == len(whole)
    assert np.array_equal(out[: 9 * rate], whole[: 9 * rate])


@needs_model
@pytest.mark.parametrize("quality", [-0.1, 10.1, float("nan"), float("inf")])
def test_qualities_that_there_are_not(quality, tmp_path):
    with pytest.raises(ValueError, match="has 0 to 10"):
        vauxio.write(tmp_path / "a.vx", np.zeros(100), 24000, quality=quality, model=MODEL.name)
    assert not list(tmp_path.iterdir())


@needs_model
def test_a_bitrate_or_a_quality():
    with pytest.raises(TypeError, match="Only one"):
        vauxio.compress(np.zeros(100), 24000, quality=3, bitrate=3)
    assert MODEL.distortion_for(0) > MODEL.distortion_for(4.5) > MODEL.distortion_for(10) > 0


def test_a_model_without_variable_bitrate():
    without = dataclasses.replace(MODEL, distortions=())
    assert without.allocation(6, None) == allocation.Allocation.constant(8)
    with pytest.raises(ValueError, match="no variable bitrate; give a bitrate"):
        without.allocation(None, 3)


@needs_model
def test_command_line(vaux, recordings, speech):
    assert vaux("encode", "--quality", 4, recordings / "speech-48k.flac", "a.vx").code == 0
    vauxio.write("b.vx", *soundfile.read(recordings / "speech-48k.flac", dtype="float32"),
                 quality=4)  # fmt: skip
    a, b = (TokenReader(io.BytesIO(Path(name).read_bytes())) for name in ("a.vx", "b.vx"))
    assert np.array_equal(a.get(0, 400), b.get(0, 400))
    info = vauxio.info("a.vx")
    assert info.allocation is not None
    assert 0 <= info.allocation[0] < info.allocation[1] <= MODEL.codebooks
    out = vaux("info", "a.vx").out.decode()
    low, high = info.allocation
    assert f"bit allocation: variable, {low} to {high} of {MODEL.codebooks} codebooks" in out
    piped = vauxio.info(Pipe(Path("a.vx").read_bytes()))
    assert (piped.allocation, piped.nominal) == (info.allocation, info.nominal)
    for arguments, words in (
        (["--quality", 4, "-b", 3], "only one of"),
        (["--quality", 11, "-m", MODEL.name], f"{MODEL.name} has 0 to 10"),
        (["--quality", "nan"], "has 0 to 10"),
        (["--quality", 20.5], "hifi-48k has those above 10, up to 20"),
        (["--quality", "high"], "not a number; write it like"),
    ):
        result = vaux("encode", *arguments, recordings / "speech-48k.flac", "c.vx")
        assert result.code == 2 and words in result.err


@needs_model
def test_trees(vaux, recordings, tmp_path):
    """Short recordings together, long ones in parts: as one by one."""
    (tmp_path / "in").mkdir()
    long, rate = soundfile.read(recordings / "speech-16k.flac")
    soundfile.write(tmp_path / "in" / "long.wav", np.tile(long, 1 + 25 * rate // len(long)), rate)
    for i in range(3):
        soundfile.write(tmp_path / "in" / f"{i}.wav", long[: 5000 + 3000 * i], rate)
    assert vaux("encode", "-r", "--quality", 3, "-m", MODEL.name, "in", "-o", "out").code == 0
    for path in sorted((tmp_path / "in").iterdir()):
        vauxio.write("one.vx", *soundfile.read(path, dtype="float32"), model=MODEL.name, quality=3)
        one, out = (
            container.Reader(io.BytesIO(Path(name).read_bytes()))
            for name in ("one.vx", f"out/{path.stem}.vx")
        )
        assert [*one] == [*out] and one.frames == out.frames
    assert vaux("verify", "-r", "out").code == 0


# --- a file for ever ---


def golden() -> tuple[bytes, np.ndarray]:
    """Codes of some bit allocation through the model of ``tests/data/lm``: file and codes."""
    header = container.Reader(io.BytesIO((lm_files.FOLDER / "mono.vx").read_bytes())).header
    codes = lm_files.golden_codes("mono").astype(np.int32)
    deep = np.resize(np.repeat([4, 4, 3, 4, 0, 4, 2, 4, 4, 1], 5), codes.shape[2])
    codes = allocation.cut(codes, deep[None])
    file = io.BytesIO()
    writer = container.Writer(file, dataclasses.replace(header, allocation_tokens=5))
    for at in range(0, codes.shape[2], header.block_tokens):
        part = codes[..., at : at + header.block_tokens]
        payload, crc = lm_files.coder().encode(part), coders.codes_crc(part)
        coded = allocation.encode_allocation(allocation.allocation_of(part), 5, header.codebooks)
        writer.write(container.Block(part.shape[2], coders.LM, crc, payload, coded))
    writer.close(0)
    return file.getvalue(), codes


def test_what_was_written_once_stays_readable():
    stored = (lm_files.FOLDER / "allocation.vx").read_bytes()
    made, codes = golden()
    assert stored == made
    theirs = independent_decoder.decode(stored, lm=lm_files.CONTENT)
    assert theirs.codes == [
        [[c for c in channel if c >= 0] for channel in token]
        for token in codes.transpose(2, 0, 1).tolist()
    ]


if __name__ == "__main__":
    (lm_files.FOLDER / "allocation.vx").write_bytes(golden()[0])
