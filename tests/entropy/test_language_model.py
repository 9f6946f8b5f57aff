"""The language model: the same integers everywhere, and codes through it and back.

The model in ``tests/data/lm`` is a small one of real training, on the first four codebooks of
general-24k. What is coded there must decode to the same codes for ever.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vauxio
from support import format_vectors, independent_decoder, independent_lm
from support.paths import DATA, ROOT
from vauxio import container
from vauxio.entropy import (
    adaptive,
    allocation,
    coders,
    range_coder,
    segments,
    transformer,
    transformer_coder,
)
from vauxio.entropy.transformer_parameters import read_parameters
from vauxio.errors import ChecksumError, FormatError, ModelError
from vauxio.file.block_reader import TokenReader
from vauxio.file.block_writer import TokenWriter, block_tokens
from vauxio.model.installed import DEFAULT, find_model

FOLDER = DATA / "lm"
CONTENT = (FOLDER / "lm.onnx").read_bytes()
PARAMETERS = read_parameters(CONTENT)
GOLDEN = ["mono", "stereo", "segments"]


def network(optimised: bool = True, threads: int = 1) -> transformer.Network:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if not optimised:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(CONTENT, options, ["CPUExecutionProvider"])
    return transformer.Network(session, PARAMETERS)


NETWORK = network()


def coder() -> transformer_coder.LMCoder:
    hash = hashlib.sha256(CONTENT).digest()[:8]
    return transformer_coder.LMCoder(hash, 4, 1024, lambda: NETWORK)


def any_codes(channels: int, codebooks: int, tokens: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 1024, (channels, codebooks, tokens)).astype(np.uint16)


def golden_codes(name: str) -> np.ndarray:
    return np.load(FOLDER / f"{name}.npy")


def defined(codes: np.ndarray) -> np.ndarray:
    """Scores ``[rows, tokens, codebooks, size]`` by definition."""
    _, books, tokens = codes.shape
    rows = []
    for inputs in transformer.delayed(codes, PARAMETERS.shape):
        scores = transformer.reference(PARAMETERS, inputs, books)
        rows.append(np.stack([scores[k : k + tokens, k] for k in range(books)], axis=1))
    return np.stack(rows)


def compare_chunks(model: transformer.Network, codes: np.ndarray, scores: np.ndarray) -> None:
    """All steps in a few passes, where codes are, to scores ``[rows, tokens, codebooks, size]``."""
    there, steps = transformer.decided(codes >= 0), 0
    for step, found in enumerate(model.scores(codes)):
        for k, of in enumerate(found):
            (rows,) = there[step, :, k].nonzero()
            assert len(of) == len(rows)
            assert not len(rows) or np.array_equal(of, scores[rows, step - k, k])
        steps += 1
    assert steps == len(there)


def compare_steps(
    model: transformer.Network, codes: np.ndarray, scores: np.ndarray, steps: int
) -> None:
    """Many rows together, where wanted, to scores ``[rows, tokens, codebooks, size]``."""
    rows, books, tokens = codes.shape
    inputs, stepper = transformer.delayed(codes, model.shape), transformer.Steps(model, rows)
    compared = 0
    for s in range(steps):
        wanted = wanted_at(s, rows, books)
        for k, found in enumerate(stepper.advance(inputs[:, s], wanted)):
            assert len(found) == wanted[:, k].sum()
            if 0 <= s - k < tokens:
                assert np.array_equal(found, scores[wanted[:, k], s - k, k])
                compared += len(found)
    assert compared > 0.4 * rows * books * steps


def wanted_at(step: int, rows: int, books: int) -> np.ndarray:
    """Half of rows and codebooks, ``bool[rows, books]``; at some steps all, at some none."""
    return (np.add.outer(3 * np.arange(rows), np.arange(books)) + step) % 5 < step % 6


# --- the same integers everywhere ---


@pytest.fixture(scope="module")
def long_codes() -> np.ndarray:
    """Together more than 2,000 steps."""
    return np.concatenate([any_codes(1, 4, 700, seed) for seed in range(3)])


@pytest.fixture(scope="module")
def expected(long_codes) -> np.ndarray:
    return defined(long_codes)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimised", [True, False], ids=["all", "off"])
def test_the_network_equals_its_definition(long_codes, expected, optimised, threads):
    model = network(optimised, threads)
    assert expected[..., 0, 0].size > 2000
    for rows in (slice(0, 1), slice(0, 3)):
        compare_chunks(model, long_codes[rows], expected[rows])
    compare_steps(model, long_codes[:1], expected[:1], 60)


@pytest.mark.parametrize("rows", [1, 16])
def test_step_by_step_and_in_batches(long_codes, expected, rows):
    some = np.arange(rows) % 3
    compare_steps(NETWORK, long_codes[some], expected[some], 2 * PARAMETERS.shape.window + 5)


def test_many_rows_in_a_pass(long_codes):
    codes, some = long_codes[:2, :, :70], np.arange(40) % 2
    compare_chunks(NETWORK, codes[some], defined(codes)[some])


def test_codes_that_are_absent_are_not_scored():
    codes = channels_alike(2, 300)
    scores = [
        transformer.reference(PARAMETERS, inputs, 4)
        for inputs in transformer.delayed(codes, PARAMETERS.shape)
    ]
    there = transformer.decided(codes >= 0)
    for step, found in enumerate(NETWORK.scores(codes)):
        for k, of in enumerate(found):
            (rows,) = there[step, :, k].nonzero()
            assert len(of) == len(rows)
            assert all(np.array_equal(of[i], scores[row][step, k]) for i, row in enumerate(rows))


def test_the_scores_are_worth_something(expected):
    """They differ from step to step, are integers, and beat the nominal bits on real codes."""
    for scores in expected:
        assert (scores[1:] != scores[:-1]).any(axis=(1, 2)).all()
    for name in GOLDEN:
        codes = golden_codes(name)
        assert len(coder().encode(codes)) < codes.size * 10 / 8 * 0.95


@pytest.mark.parametrize("codebooks", [1, 2, 3])
def test_fewer_codebooks_see_nothing_of_the_others(codebooks):
    codes = any_codes(1, codebooks, 50)
    inputs = transformer.delayed(codes, PARAMETERS.shape)
    assert (inputs[..., codebooks:] == 1024).all()
    compare_chunks(NETWORK, codes, defined(codes))


def test_what_goes_into_a_step():
    codes = np.arange(6).reshape(1, 2, 3)
    none = 1024
    assert transformer.delayed(codes, PARAMETERS.shape)[0].tolist() == [
        [none, none, none, none],
        [0, none, none, none],
        [1, 3, none, none],
        [2, 4, none, none],
    ]


def computed_here() -> list[int]:
    """Checksums of scores, by definition and of the graph, and of what golden files decode to."""
    codes = any_codes(2, 4, 100)
    scores = defined(codes).astype(np.float32)
    found = np.empty_like(scores)
    for step, of in enumerate(NETWORK.scores(codes)):
        for k in range(max(0, step - 99), min(4, step + 1)):
            found[:, step - k, k] = of[k]
    return [crc_of(array) for array in (scores, found, *map(read, GOLDEN))]


def crc_of(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:]
import test_language_model as t
for crc in t.computed_here():
    print(crc)
"""


def test_any_processor():
    """NumPy without its fast paths, and BLAS for other processors."""
    try:
        from numpy._core._multiarray_umath import __cpu_dispatch__ as features
    except ImportError:
        from numpy.core._multiarray_umath import __cpu_dispatch__ as features
    places = [
        {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": " ".join(features)},
        {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": " ".join(features[-1:])},
        {"OPENBLAS_CORETYPE": "SkylakeX"},
    ]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        PROGRAM,
        str(ROOT / "tests"),
        str(Path(__file__).parent),
    ]
    processes = [
        subprocess.Popen(command, env=os.environ | place, stdout=subprocess.PIPE, text=True)
        for place in places
    ]
    said = [process.communicate(timeout=300)[0].split() for process in processes]
    assert said == [[str(number) for number in computed_here()]] * 3
    assert said[0][0] == said[0][1]
    assert said[0][-len(GOLDEN) :] == [str(crc_of(golden_codes(name))) for name in GOLDEN]


# --- golden files ---


def read(name: str) -> np.ndarray:
    """The codes of a golden file, all blocks together."""
    with (FOLDER / f"{name}.vx").open("rb") as file:
        reader = container.Reader(file)
        header, blocks = reader.header, list(reader)
    own = coder()
    assert (header.coder, header.coder_hash) == (own.id, own.hash)
    payloads = [(block.payload, block.tokens) for block in blocks]
    codes = own.decode(payloads, header.channels, header.codebooks)
    for block, part in zip(blocks, codes, strict=True):
        assert block.coder == header.coder and coders.codes_crc(part) == block.codes_crc
    return np.concatenate(codes, axis=2)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_files_decode_to_the_same_codes_for_ever(name):
    assert np.array_equal(read(name), golden_codes(name))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_files_are_written_byte_for_byte(name):
    stored = (FOLDER / f"{name}.vx").read_bytes()
    header = container.Reader(io.BytesIO(stored)).header
    file, codes = io.BytesIO(), golden_codes(name)
    writer = container.Writer(file, header)
    for at in range(0, codes.shape[2], header.block_tokens):
        part = codes[..., at : at + header.block_tokens]
        payload, crc = coder().encode(part), coders.codes_crc(part)
        writer.write(container.Block(part.shape[2], header.coder, crc, payload))
    writer.close(0)
    assert file.getvalue() == stored


@pytest.mark.parametrize("name", GOLDEN)
def test_a_decoder_written_from_the_specification(name):
    theirs = independent_decoder.decode((FOLDER / f"{name}.vx").read_bytes(), lm=CONTENT)
    assert np.array_equal(np.array(theirs.codes), golden_codes(name).transpose(2, 0, 1))
    with pytest.raises(independent_decoder.Malformed):
        independent_decoder.decode((FOLDER / f"{name}.vx").read_bytes(), lm=CONTENT[:-1])


def test_both_derive_the_same_distributions(expected):
    scores = np.concatenate([expected[0, ::50].reshape(-1, 1024), np.zeros((1, 1024))])
    scores[0, 3], scores[1, 5] = 9000, -9000
    likely, ours = np.empty(scores.shape), np.empty(scores.shape, np.int64)
    transformer_coder.frequencies(scores.astype(np.float32), likely)
    transformer_coder.bounds(transformer_coder.weights(likely.copy()), ours)
    for row, frequencies, bounds in zip(scores, likely, ours, strict=True):
        theirs = independent_lm.frequencies_of([int(s) for s in row])
        assert theirs == frequencies.tolist()
        assert independent_lm.distribution(theirs)[1:] == bounds.tolist()
    weights = coders.range_weights(likely)
    assert np.array_equal(ours, (weights + 1).cumsum(axis=1))
    symbols = np.random.default_rng(0).integers(0, 1024, len(scores))
    symbols[:3], symbols[-1] = [0, 1, 1023], 0
    ends = ours[np.arange(len(scores)), symbols]
    begins = ends - 1 - weights[np.arange(len(scores)), symbols]
    found = transformer_coder.intervals(transformer_coder.weights(likely), symbols)
    assert np.array_equal(found, [begins, ends])


def test_counts_correct_as_defined():
    """Against the second implementation: some codes come all the time, some are absent.

    Two channels, of three segments and of one.
    """
    random = np.random.default_rng(0)
    counts, channels = adaptive.Counts(2, 4, 50), np.array([0, 0, 0, 1])
    theirs = {(channel, book): independent_lm.Shown(50, book)
              for channel in (0, 1) for book in (0, 3)}  # fmt: skip
    changed = False
    for _ in range(100):
        step = []
        for book in (0, 3):
            there = channels[random.random(4) < 0.9]
            likely = np.empty((len(there), 50))
            scores = random.integers(-3000, 0, likely.shape).astype(np.float32)
            transformer_coder.frequencies(scores, likely)
            before = likely.astype(int).tolist()
            if len(there):
                counts.correct(there, np.full_like(there, book), likely, np.empty_like(likely))
            for channel, f, g in zip(there.tolist(), before, likely.tolist(), strict=True):
                assert theirs[channel, book].corrected(f) == g
                changed |= any(now > 4 * then for now, then in zip(g, f, strict=True))
                symbol = 7 if random.random() < 0.5 else int(random.integers(50))
                step.append((channel, book, symbol, f))
        channel, book, symbol = (np.array([each[i] for each in step]) for i in range(3))
        counts.saw(channel, book, symbol)
        for channel_, book_, symbol_, f in step:
            theirs[channel_, book_].saw(f, symbol_)
    assert changed


def test_counts_stay_exact_at_the_largest():
    """After the longest block there can be: a code that never came, and one that always did."""
    counts, likely = adaptive.Counts(1, 1, 2), np.array([[1 << 20, 1 << 20]], np.float64)
    counts._came[0, 1] += 65534 * 2**16
    counts._expected[0, 0] += 65534 * 2**16
    zero = np.zeros(1, np.intp)
    for _ in range(2):
        before = likely.copy()
        counts.correct(zero, zero, before, np.empty_like(likely))
        counts.saw(zero, zero, np.ones(1, np.intp))
    assert before.tolist() == [[16, 1 << 28]]


def channels_alike(channels: int, tokens: int, seed: int = 0) -> np.ndarray:
    """Codes of which most are those of the channel before, some of them absent."""
    random = np.random.default_rng(seed)
    codes = any_codes(channels, 4, tokens, seed).astype(np.int32)
    for channel in range(1, channels):
        alike = random.random((4, tokens)) < 0.8
        codes[channel] = np.where(alike, codes[channel - 1], codes[channel])
    return allocation.cut(codes, random.integers(0, 5, (channels, tokens)).clip(0, 4))


def test_channels_that_are_alike():
    """Two that are the same take little more than one, and any are as specified."""
    codes = golden_codes("mono")
    one, two = (len(coder().encode(each)) for each in (codes, np.concatenate([codes, codes])))
    assert two < 1.1 * one
    codes = channels_alike(3, 40)
    payload = coder().encode(codes)
    assert len(payload) < 0.9 * sum(len(coder().encode(channel[None])) for channel in codes)
    deep = allocation.allocation_of(codes)
    (decoded,) = coder().decode([(payload, 40)], 3, 4, [deep])
    assert np.array_equal(decoded, codes)
    decoder = independent_decoder.RangeDecoder(payload)
    theirs = independent_lm.decode(CONTENT, decoder, deep.T.tolist())
    assert theirs == [[[c for c in channel if c >= 0] for channel in token]
                      for token in codes.transpose(2, 0, 1).tolist()]  # fmt: skip


# --- segments ---


@pytest.mark.parametrize(
    ("shape", "count", "length"),
    [
        ((1, 4, 79), 1, 79),
        ((1, 4, 127), 1, 127),
        ((1, 4, 128), 2, 64),
        ((3, 4, 129), 2, 65),
        ((1, 4, 3000), 16, 188),
        ((2, 4, 3000), 16, 188),
        ((5, 4, 3000), 6, 500),
        ((33, 4, 3000), 1, 3000),
        ((1, 32, 170), 11, 16),
        ((1, 128, 20), 5, 4),  # six would leave the last one empty
        ((1, 4, 0), 0, 1),
    ],
)
def test_where_a_block_is_cut(shape, count, length):
    channels, codes, tokens = shape
    deep = np.full((channels, tokens), codes, np.uint8)
    parts = segments.Segments([deep])
    assert (segments.segment_count(deep), parts.tokens) == (count, length)
    assert len(parts.block) == (channels * count if tokens else 0) <= max(32, channels)
    if tokens:
        theirs = independent_lm.segment_length([[codes] * channels] * tokens)
        assert theirs == length


def test_segments_of_blocks_are_joined_again():
    lengths = [520, 7, 161]
    deep = [np.full((2, tokens), 4, np.uint8) for tokens in lengths]
    parts = segments.Segments(deep)
    blocks = [any_codes(2, 4, tokens).astype(np.int32) for tokens in lengths]
    rows = parts.divide(blocks, -1)
    assert rows.shape == (len(parts.block), 4, parts.tokens)
    assert np.array_equal(rows[:, 0] >= 0, parts.allocation > 0)
    for block, joined in zip(blocks, parts.join(rows, lengths, -1), strict=True):
        assert np.array_equal(joined, block)
    assert parts.block.tolist() == [0] * 10 + [1] * 2 + [2] * 4
    assert parts.channel.tolist() == [0] * 5 + [1] * 5 + [2, 3] + [4, 4, 5, 5]
    assert parts.before.tolist() == [-1] * 5 + [0, 1, 2, 3, 4] + [-1, 10] + [-1, -1, 12, 13]


def test_channels_without_codes_have_no_rows():
    """As the sides of joint stereo: nothing is computed for them, and nothing is like them."""
    deep = np.full((4, 200), 4, np.uint8)
    deep[[1, 2]] = 0
    parts = segments.Segments([deep, deep[:, :10]])
    assert parts.channel.tolist() == [0, 0, 3, 3, 4, 7]
    assert parts.block.tolist() == [0, 0, 0, 0, 1, 1] and (parts.before == -1).all()
    codes = allocation.cut(any_codes(4, 4, 200).astype(np.int32), deep)
    (decoded,) = coder().decode([(coder().encode(codes), 200)], 4, 4, [deep])
    assert np.array_equal(decoded, codes)


def test_segments_cost_little():
    """Of real codes, and all of them learn from each other."""
    codes = np.tile(golden_codes("mono"), 12)
    whole = len(coder().encode(codes))
    apart = sum(len(coder().encode(codes[..., at : at + 120])) for at in range(0, 720, 120))
    assert segments.segment_count(allocation.allocation_of(codes)) == 6
    assert whole < 0.95 * apart


# --- coding ---


@pytest.mark.parametrize(
    "shape",
    [(1, 4, 1), (1, 1, 1), (1, 4, 3), (2, 3, 40), (1, 1, 200), (8, 2, 5), (1, 4, 0), (2, 4, 199)],
)
def test_round_trip(shape):
    codes = any_codes(*shape)
    (decoded,) = coder().decode([(coder().encode(codes), shape[2])], *shape[:2])
    assert decoded.dtype == np.uint16 and np.array_equal(decoded, codes)


def test_many_blocks_in_lock_step_are_as_one_by_one():
    """More rows than go together at once, of different lengths and bit allocations."""
    own = coder()
    lengths = (40, 1, 7, 0, 700, 12, 33, 650)
    parts = [channels_alike(3, tokens, seed=tokens) for tokens in lengths]
    blocks = [(own.encode(part), part.shape[2]) for part in parts]
    deep = [allocation.allocation_of(part) for part in parts]
    for part, decoded in zip(parts, own.decode(blocks, 3, 4, deep), strict=True):
        assert np.array_equal(decoded, part)
    assert own.decode([], 2, 4) == []


def test_codes_that_cannot_be_coded():
    with pytest.raises(ValueError, match="1024"):
        coder().encode(np.full((1, 1, 3), 1024, np.uint16))
    with pytest.raises(ValueError, match="uint16"):
        coder().encode(np.zeros((1, 1, 3), np.int64))
    with pytest.raises(ValueError, match="5 codebooks"):
        coder().encode(any_codes(1, 5, 3))
    with pytest.raises(FormatError, match="5 codebooks"):
        coder().decode([(b"", 3)], 1, 5)


@given(st.binary(max_size=80))
@settings(max_examples=40)
def test_any_payload_decodes_or_is_refused(payload):
    try:
        (codes,) = coder().decode([(payload, 12)], 1, 3)
    except FormatError as e:
        assert "range code" in str(e) or len(payload) < 3
    else:
        assert codes.shape == (1, 3, 12) and codes.max() < 1024


def test_a_payload_has_a_bit_for_each_token_and_an_eighth_for_each_code():
    codes = np.zeros((2, 4, 200), np.int32)
    codes[1, :, 100:] = allocation.ABSENT
    least = 200 // 8 + -(-1200 // 64)
    counts = allocation.allocation_of(codes)
    assert transformer_coder.least_bytes(counts) == least
    payload = coder().encode(codes)
    assert len(payload) >= least
    for short in (payload[: least - 1], b""):
        with pytest.raises(FormatError, match="fewer bytes"):
            coder().decode([(short, 200)], 2, 4, [counts])
    assert np.array_equal(coder().decode([(payload, 200)], 2, 4, [counts])[0], codes)
    assert transformer_coder.least_bytes(np.zeros((3, 50), np.uint8)) == 0


def test_a_range_code_that_cannot_be():
    with pytest.raises(FormatError, match="range code"):
        coder().decode([(b"\xff" * 40, 100)], 1, 1)


# --- the range coder ---


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from([2, 3, 300, 1024]))
@settings(max_examples=30)
def test_the_range_coder_is_that_of_the_static_coder(seed, count, size):
    random = np.random.default_rng(seed)
    table = (random.random((1, size)) ** 20 * 65534 + 1).astype(np.uint16)
    symbols = random.choice(size, count, p=table[0] / table[0].sum())
    bounds = [0, *itertools.accumulate((coders.range_weights(table)[0] + 1).tolist())]
    encoder = range_coder.RangeEncoder()
    encoder.encode([bounds[s] for s in symbols], [bounds[s + 1] for s in symbols])
    payload = encoder.finish()
    static = coders.StaticCoder(table)
    assert payload == static.encode(symbols.astype(np.uint16)[None, None])
    assert payload == format_vectors.range_encode([(table[0].tolist(), s) for s in symbols])
    decoder = range_coder.RangeDecoder(payload)
    assert [decoder.decode(bounds[1:], 0, size) for _ in symbols] == symbols.tolist()


def test_the_range_coder_carries():
    """Intervals at the very top, where additions run over into words that are done."""
    top, whole = (1 << 24) - 1, 1 << 24
    for first in range(1, 8):
        begins, ends = [1] * first + [top] * 9 + [top - 5], [3] * first + [whole] * 9 + [top]
        encoder = range_coder.RangeEncoder()
        encoder.encode(begins, ends)
        decoder = range_coder.RangeDecoder(encoder.finish())
        bounds = [1, 3, top - 5, top, whole]
        symbols = [decoder.decode(bounds, 0, 5) for _ in begins]
        assert symbols == [1] * first + [4] * 9 + [3]


# --- the file ---


@pytest.mark.parametrize("content", [b"", b"\x0b", b"\x3a\x00", CONTENT[:5000], CONTENT[100:]])
def test_what_is_no_language_model(content):
    with pytest.raises(ValueError):
        read_parameters(content)


def test_the_sums_stay_exact():
    """Whatever the activations: the promise of the specification, section 7.3.5."""
    parameters = PARAMETERS
    linears = [each for layer in parameters.layers
               for each in (layer.qkv, layer.out, layer.up, layer.down)]  # fmt: skip
    for linear in [*linears, *parameters.heads]:
        assert linear.weight.dtype == np.int8 and np.abs(linear.weight.astype(int)).max() <= 63
        largest = np.abs(linear.weight.astype(np.int64)).sum(axis=0) * 127 + np.abs(linear.bias)
        assert largest.max() < 1 << 24 and linear.shift.min() >= 0
    assert parameters.shape == (4, 1024, 16, 2, 2, 8, 32)
    assert len(CONTENT) < 200_000


# --- in files ---


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """The default model with this language model, for its first four codebooks."""
    source, folder = find_model().encoder.path.parent, tmp_path / DEFAULT
    folder.mkdir()
    description = json.loads((source / "model.json").read_text())
    for part in ("encoder", "decoder", "static"):
        file = description[part]["file"]
        (folder / file).symlink_to(source / file)
    (folder / "lm.onnx").write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    description["lm"] = {"file": "lm.onnx", "sha256": sha256, "codebooks": 4}
    (folder / "model.json").write_text(json.dumps(description))
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path))
    return folder


def tokens_written(codes: np.ndarray, use: bool = True) -> bytes:
    """A file of these codes."""
    file, model = io.BytesIO(), find_model()
    channels, codebooks, tokens = codes.shape
    writer = TokenWriter(file, model, 24000, channels, codebooks, {}, (), use)
    writer.push(codes)
    writer.finish(model.frames_in(tokens, 24000))
    return file.getvalue()


def long_real_codes(tokens: int) -> np.ndarray:
    codes = golden_codes("mono")
    return np.tile(codes, -(-tokens // codes.shape[2]))[..., :tokens]


def test_it_is_what_files_are_written_with(weights):
    codes = long_real_codes(1600)
    data, plain = tokens_written(codes), tokens_written(codes, False)
    reader = TokenReader(io.BytesIO(data))
    assert reader.header.coder == coders.LM
    assert reader.header.coder_hash == find_model().lm.hash
    assert len(data) < 0.95 * len(plain)
    assert vauxio.info(io.BytesIO(data)).coder == "lm"
    for start, wanted in ((0, 1600), (0, 0), (1500, 10)):
        reader, at, parts = TokenReader(io.BytesIO(data)), start, []
        while (part := reader.get(at, 400, wanted)).shape[2]:
            parts.append(part)
            at += part.shape[2]
        assert np.array_equal(np.concatenate(parts, axis=2), codes[..., start:])


def test_sound_is_the_same_with_and_without(weights, speech):
    import soundfile

    audio, samplerate = soundfile.read(speech, frames=48000, dtype="float32")
    with_it = vauxio.compress(audio, samplerate, bitrate=1.5)
    without = vauxio.compress(audio, samplerate, bitrate=1.5, lm=False)
    assert (vauxio.info(io.BytesIO(with_it)).coder, vauxio.info(io.BytesIO(without)).coder) == (
        "lm",
        "packed",
    )
    assert np.array_equal(vauxio.decompress(with_it)[0], vauxio.decompress(without)[0])
    beyond = vauxio.compress(audio, samplerate, bitrate=6)
    assert vauxio.info(io.BytesIO(beyond)).coder == "static"


def test_a_block_that_it_would_enlarge_is_packed(weights):
    full = block_tokens(find_model())
    codes = np.concatenate([any_codes(1, 4, full), long_real_codes(full)], axis=2)
    data = tokens_written(codes)
    reader = container.Reader(io.BytesIO(data))
    assert [reader.read(i).coder for i in range(2)] == [coders.PACKED, coders.LM]
    assert np.array_equal(TokenReader(io.BytesIO(data)).get(0, full, 2 * full), codes[..., :full])


def test_damage_stays_in_its_block(weights):
    full = block_tokens(find_model())
    codes = long_real_codes(4 * full)
    data = bytearray(tokens_written(codes))
    reader = container.Reader(io.BytesIO(bytes(data)))
    payload = reader.read(2).payload
    data[bytes(data).rindex(payload) + 9] ^= 64  # blocks 0 and 2 are alike
    tokens = TokenReader(io.BytesIO(bytes(data)))
    assert np.array_equal(tokens.get(0, 2 * full, 4 * full), codes[..., : 2 * full])
    with pytest.raises(ChecksumError, match="block 2"):
        tokens.get(2 * full, full)
    assert np.array_equal(tokens.get(3 * full, full), codes[..., 3 * full :])


def test_a_payload_that_is_not_of_these_codes(weights):
    """Its chunk's checksum is right, that of its codes is not: the payload of another block."""
    first, second = (tokens_written(any_) for any_ in (
        long_real_codes(60), np.ascontiguousarray(long_real_codes(60)[..., ::-1])))  # fmt: skip
    blocks = [container.Reader(io.BytesIO(data)).read(0) for data in (first, second)]
    assert blocks[0].coder == blocks[1].coder == coders.LM
    file = io.BytesIO()
    writer = container.Writer(file, container.Reader(io.BytesIO(first)).header)
    writer.write(container.Block(60, coders.LM, blocks[0].codes_crc, blocks[1].payload))
    writer.close(0)
    with pytest.raises(ChecksumError, match="block 0"):
        TokenReader(io.BytesIO(file.getvalue())).get(0, 60)


def test_files_of_another_language_model(weights):
    data = tokens_written(long_real_codes(60))
    model = json.loads((weights / "model.json").read_text())
    (weights / "model.json").write_text(json.dumps({**model, "lm": model["static"] | {
        "codebooks": 4}}))  # fmt: skip
    with pytest.raises(ModelError, match="needs the language model"):
        TokenReader(io.BytesIO(data)).get(0, 1)
    with pytest.raises(ModelError, match="not a language model|cannot load"):
        find_model().lm.open()
    del model["lm"]
    (weights / "model.json").write_text(json.dumps(model))
    with pytest.raises(ModelError, match="needs a language model"):
        TokenReader(io.BytesIO(data)).get(0, 1)


def test_a_damaged_language_model(weights):
    (weights / "lm.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=r"lm\.onnx: damaged"):
        find_model().lm.open()
