"""The codec as two graphs: samples to codes, and codes to samples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from ..onnx_graph import Graph
from .copies import BEFORE, COPIED_FROM, FLOOR, POWER_FLOOR, Copies
from .enhancer import FRAMES, PULSE_WAVES, WINDOW
from .enhancer_graph import enhanced
from .network import (
    EPSILON,
    LEVEL_FLOOR,
    LEVEL_GAIN,
    LEVEL_OFFSET,
    MAX_GAIN,
    SCALE,
    Codec,
)
from .quantiser import FEW, everywhere

# Where groups of stages end that are searched, or left out, together.
GROUPS = (2, 3, 4, 6, 8, 10, 12)


def encoder_graph(codec: Codec) -> onnx.ModelProto:
    """``pcm [B, n·hop]``, ``state`` to ``codes [B, codebooks, n]`` (int32), ``next_state``.

    A third input, ``codebooks``, may be given where the first so many are enough: the search then
    ends with their group, and what was not searched is -1. A third output, ``distortion
    [B, codebooks + 1, n]``, says how far, as a squared distance of latents, a token is from what it
    becomes with so many codes; without any that is digital silence.
    """
    g, c = Graph(), codec.config
    frames = g.windows(g.with_past(g.reshape("pcm", 0, -1, c.hop), 1, c.hop), 2)
    spectrum = g.op("Mul", g.op("MatMul", frames, g.mdct_basis(c.hop)), g.scalar(SCALE))
    power = g.op("Add", g.op("Mul", spectrum, spectrum), g.scalar(EPSILON))
    features = g.op("Div", spectrum, g.op("Sqrt", g.op("Sqrt", power)))
    features = g.op("Concat", features, levels(g, spectrum, codec), axis=2)
    linear = g.op("MatMul", features, g.weight("analysis.weight", codec.analysis.weight, True))
    latents = g.op("Add", linear, g.trunk(features, "encoder", codec.encoder))
    entries = [
        g.weight(f"quantiser.codebooks.{k}", book)
        for k, book in enumerate(codec.quantiser.codebooks)
    ]
    codes, distances = quantise(g, latents, entries, codec)
    g.nodes.append(helper.make_node("Cast", [codes], ["codes"], to=TensorProto.INT32))
    silent = g.op("Sub", latents, g.constant(silence(codec).numpy()))
    silent = g.op("Unsqueeze", g.op("ReduceSumSquare", silent, axes=[2], keepdims=0), g.ints(1))
    g.nodes.append(helper.make_node("Concat", [silent, distances], ["distortion"], axis=1))
    shape = ["batch", c.codebooks, "tokens"]
    return g.model(
        "encoder",
        ("pcm", TensorProto.FLOAT, ["batch", "samples"]),
        ("codes", TensorProto.INT32, shape),
        ("distortion", TensorProto.FLOAT, [None, c.codebooks + 1, None]),
    )


def levels(g: Graph, spectrum: str, codec: Codec) -> str:
    """Logarithms of the mean squares of bands, ``[B, n, bands]``; see `Codec.features`."""
    mean = g.op("MatMul", g.op("Mul", spectrum, spectrum), g.constant(codec.bands.numpy()))
    log = g.op("Log", g.op("Add", mean, g.scalar(LEVEL_FLOOR)))
    return g.op("Add", g.op("Mul", log, g.scalar(LEVEL_GAIN)), g.scalar(LEVEL_OFFSET))


def quantise(g: Graph, latents: str, entries: list[str], codec: Codec) -> tuple[str, str]:
    """``[B, n, latent_dim]`` to codes ``[B, codebooks, n]``, as `ResidualQuantiser.encode`.

    And how far latents are from them, ``[B, codebooks, n]``.
    """
    c, books = codec.config, codec.quantiser.codebooks
    biases = [g.constant((-0.5 * book.square().sum(1)).numpy()) for book in books]
    asked = g.option("codebooks", c.codebooks)
    size = g.constant(np.array(c.codebook_size))
    many = g.op("Greater", asked, g.constant(np.array(FEW)))
    beam = g.op("Where", many, g.ints(c.wide_beam), g.ints(c.beam))

    def search(stages: range, rest: str, score: str, *known: str) -> list[str]:
        for k in stages:
            if k == c.followed:  # not before: both branches of a group have as many survivors
                rest, score, *known = (g.cut(part, 1, 0, 1) for part in (rest, score, *known))
            near = g.op("Gemm", g.reshape(rest, -1, c.latent_dim), entries[k], biases[k], transB=1)
            each = g.op("Concat", g.op("Shape", score, end=2), g.ints(c.codebook_size), axis=0)
            near = g.op("Reshape", near, each)
            kept = beam if k < c.followed else g.ints(1)
            score, found = g.largest(near, score, c.codebook_size, kept)
            score = g.op("Sub", score, g.cut(score, 1, 0, 1))
            before, index = g.op("Div", found, size), g.op("Mod", found, size)
            rest = g.op("GatherND", rest, before, batch_dims=1)
            rest = g.op("Sub", rest, g.op("GatherND", entries[k], index))
            new = index, g.op("ReduceSumSquare", rest, axes=[2], keepdims=1)
            if k:
                earlier = [g.op("GatherND", part, before, batch_dims=1) for part in known]
                known = [g.op("Concat", *pair, axis=2) for pair in zip(earlier, new, strict=True)]
            else:
                known = new
        return [rest, score, *known]

    def skip(stages: range, rest: str, score: str, *known: str) -> list[str]:
        where = g.op("Concat", g.op("Shape", known[0], end=2), g.ints(1), axis=0)
        nothing = np.full((1, 1, len(stages)), -1), np.zeros((1, 1, len(stages)), np.float32)
        known = [
            g.op("Concat", part, g.op("Expand", g.constant(none), where), axis=2)
            for part, none in zip(known, nothing, strict=True)
        ]
        return [g.op("Identity", rest), g.op("Identity", score), *known]

    ends = [end for end in GROUPS if end < c.codebooks] + [c.codebooks]
    groups = [range(first, end) for first, end in zip([0, *ends], ends, strict=False)]
    # rest [rows, survivors, latent_dim], score [rows, survivors, 1], then of those before, codes
    # and distances [rows, survivors, k]
    rest = g.reshape(latents, -1, 1, c.latent_dim)
    nothing = g.op("Mul", g.cut(rest, 2, 0, 1), g.scalar(0))
    found = search(groups[0], rest, nothing)
    for stages in groups[1:]:
        wanted = g.op("Less", g.constant(np.array(stages.start)), asked)
        found = g.when(wanted, partial(search, stages, *found), partial(skip, stages, *found))
    batch = g.op("Concat", g.op("Shape", latents, end=2), g.ints(c.codebooks), axis=0)
    codes, distances = (
        g.op("Transpose", g.op("Reshape", g.cut(part, 1, 0, 1), batch), perm=[0, 2, 1])
        for part in found[2:]
    )
    return codes, distances


@torch.no_grad()
def silence(codec: Codec) -> torch.Tensor:
    """What the encoder makes of digital silence, when it hears nothing else: ``[latent_dim]``."""
    tokens, device = receptive_fields(codec)[0] + 1, codec.analysis.weight.device
    latents = codec.encode(torch.zeros(1, tokens * codec.config.hop, device=device))
    return latents[0, -1].float()


def decoded_latents(
    codec: Codec, pcm: torch.Tensor, stages: torch.Tensor
) -> Iterator[torch.Tensor]:
    """What the decoder hears of ``[B, T·hop]`` samples, 16 rows at a time.

    Each is ``[16 or less, T, latent_dim]``. Row b has ``stages[b]`` codes in every token.
    """
    for x, depth in zip(pcm.split(16), stages.split(16), strict=True):
        yield codec.quantiser(codec.encode(x), everywhere(depth), silence(codec))[0]


def with_copies(g: Graph, coefficients: str, copies: Copies) -> str:
    """See `Copies.forward`."""
    first, share = copies.first, copies.share.numpy()
    power = g.op("MatMul", g.op("Mul", coefficients, coefficients), mean_of(g, copies.smooth))
    power = g.op("Mul", power, g.constant(share))
    level = g.op("Sqrt", g.op("Add", power, g.scalar(POWER_FLOOR)))
    kept = g.op("Mul", g.cut(coefficients, 2, first), g.constant(np.sqrt(1 - share)))
    low = g.cut(coefficients, 2, 0, first)
    return g.op(
        "Concat", low, g.op("Add", kept, g.op("Mul", level, copied(g, low, copies))), axis=2
    )


def copied(g: Graph, low: str, copies: Copies) -> str:
    """As `Copies.copied`."""
    power = g.op("ReduceMean", g.op("Mul", low, low), axes=[2], keepdims=1)
    level = g.op("Div", low, g.op("Sqrt", g.op("Add", power, g.scalar(FLOOR))))
    past = g.with_past(level, BEFORE, copies.first)
    past = g.op("Sum", *(g.cut(past, 1, i, i - BEFORE) for i in range(BEFORE)))
    new = g.op("Sub", level, g.op("Mul", past, g.scalar(1 / BEFORE)))
    power = g.op("MatMul", g.op("Mul", new, new), mean_of(g, copies.flatten))
    flat = g.op("Sqrt", g.op("Add", power, g.scalar(FLOOR)))
    flat = g.op("Div", g.cut(new, 2, COPIED_FROM), flat)
    flat = g.op("Concat", *[flat] * copies.times, axis=2)
    return g.cut(flat, 2, 0, len(copies.share))


def mean_of(g: Graph, weights: torch.Tensor) -> str:
    """A matrix whose columns are means of neighbours; bytes in the file, not floats."""
    near = weights > 0
    mean = g.op("Cast", g.constant(near.to(torch.int8).numpy()), to=TensorProto.FLOAT)
    return g.op("Div", mean, g.constant(near.sum(0).float().numpy()))


def decoder_graph(codec: Codec) -> onnx.ModelProto:
    """``codes [B, codebooks, n]`` (-1: absent), ``state`` to ``pcm [B, n·hop]``, ``next_state``.

    The codes of a token are there from the first codebook on, up to some number. A token without
    any is digital silence.
    """
    g, c = Graph(), codec.config
    books = [
        g.weight(f"quantiser.table.{k}", entries.T)
        for k, entries in enumerate(codec.quantiser.table())
    ]
    # Row 0: an absent codebook adds nothing. Row 1 is for the first one, absent in silence alone.
    absent = g.constant(np.stack([np.zeros(c.latent_dim, np.float32), silence(codec).numpy()]))
    table = g.op("Concat", absent, *books, axis=0)
    first = g.constant((2 + c.codebook_size * np.arange(c.codebooks, dtype=np.int32))[:, None])
    present = g.op("Not", g.op("Less", "codes", g.constant(np.int32(0))))
    instead = g.constant(np.eye(1, c.codebooks, dtype=np.int32).T)
    rows = g.op("Where", present, g.op("Add", "codes", first), instead)
    latents = g.op("ReduceSum", g.op("Gather", table, rows), g.ints(1), keepdims=0)
    known = g.body(latents, "decoder", codec.decoder)
    h = g.linear(known, "decoder.head", codec.decoder.head)
    gain = g.op("Exp", g.op("Min", g.cut(h, 2, 0, c.hop), g.scalar(MAX_GAIN)))
    late = g.cut(g.with_past(latents, c.lookahead, c.latent_dim), 1, 0, -c.lookahead)
    linear = g.op("MatMul", late, g.weight("synthesis.weight", codec.synthesis.weight, True))
    value = g.op("Add", g.cut(h, 2, c.hop), linear)
    size = g.op("Sqrt", g.op("Add", g.op("Mul", value, value), g.scalar(EPSILON)))
    coefficients = with_copies(g, g.op("Mul", gain, g.op("Mul", value, size)), codec.copies)
    coefficients = g.op("Mul", coefficients, g.scalar(1 / SCALE))
    basis = g.op("Transpose", g.mdct_basis(c.hop), perm=[1, 0])
    out = synthesised(g, coefficients, basis, c.hop)
    if codec.enhancer is not None:
        low, waves = g.cut(coefficients, 2, 0, PULSE_WAVES), g.cut(basis, 0, 0, PULSE_WAVES)
        low = synthesised(g, low, waves, c.hop)
        out = enhanced(g, out, low, known, codec.enhancer)
    g.nodes.append(helper.make_node("Reshape", [out, g.ints(0, -1)], ["pcm"]))
    shape = ["batch", c.codebooks, "tokens"]
    return g.model(
        "decoder",
        ("codes", TensorProto.INT32, shape),
        ("pcm", TensorProto.FLOAT, ["batch", "samples"]),
    )


def synthesised(g: Graph, coefficients: str, basis: str, hop: int) -> str:
    """``[B, n, any]`` coefficients to samples ``[B, n, hop]``, a row a token."""
    frames = g.op("MatMul", coefficients, basis)
    overlap = g.with_past(g.cut(frames, 2, hop), 1, hop)
    return g.op("Add", g.cut(frames, 2, 0, hop), g.cut(overlap, 1, 0, -1))


def receptive_fields(codec: Codec) -> tuple[int, int]:
    """Tokens of the past that the encoder's and the decoder's state can remember."""
    c, t = codec.config, codec.transform
    overlap = t.window // t.hop - 1
    encoder = overlap + c.encoder_blocks * (c.kernel - 1)
    decoder = codec.decoder.taps - 1 + c.decoder_blocks * (c.kernel - 1) + BEFORE + overlap
    if codec.enhancer is not None:
        frames = c.enhancer_blocks * (c.kernel - 1) + 2 * WINDOW
        decoder += -(-frames // FRAMES)
    return encoder, decoder
