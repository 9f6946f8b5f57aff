"""The codec as two plain ONNX graphs with explicit state, written operation by operation.

Nothing is traced: every tensor keeps its PyTorch name, so a graph can be read back as a checkpoint
(`read_weights`), and only ordinary operators appear (opset 17; ONNX Runtime's DFT and STFT are
slow, so the transform is a product with a table of cosines).

Weights ship compact. Block matrices are int8 with one scale per output, everything else is fp16;
both are turned into fp32 constants when the graph is loaded, and all arithmetic is fp32.
`round_weights` applies the same rounding to the PyTorch model, which then must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from . import noise
from .network import (
    EPSILON,
    LEVEL_FLOOR,
    LEVEL_GAIN,
    LEVEL_OFFSET,
    MAX_GAIN,
    POWER_FLOOR,
    SCALE,
    CausalDepthwise,
    Codec,
    Trunk,
)

OPSET = 17
END = np.iinfo(np.int64).max
GROUP = 4  # stages of the quantiser that are searched, or left out, together


def is_int8(name: str) -> bool:
    return name.endswith((".up.weight", ".down.weight"))


def int8_scale(weight: np.ndarray) -> np.ndarray:
    """One power-free scale for each output of a linear layer ``[out, in]``."""
    return np.maximum(np.abs(weight).max(axis=1), 1e-8).astype(np.float32) / 127


@torch.no_grad()
def round_weights(codec: Codec) -> Codec:
    """Round every weight in place to the values that the graphs will hold."""
    for name, tensor in [*codec.named_parameters(), ("", codec.quantiser.codebooks)]:
        if is_int8(name):
            scale = torch.from_numpy(int8_scale(tensor.numpy()))[:, None]
            tensor.copy_((tensor / scale).round() * scale)
        else:
            tensor.copy_(tensor.half().float())
    return codec


class Graph:
    """A small builder: `op` adds a node and returns its output, constants are made on the way."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.options: list[onnx.ValueInfoProto] = []  # inputs that may be left out
        self.parts: list[tuple[str, int, int]] = []  # state: name, length, width
        self.next_parts: list[str] = []
        self._count = 0

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        self._count += 1
        out = f"{kind.lower()}_{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def constant(self, array: object, name: str | None = None) -> str:
        self._count += 1
        name = name or f"constant_{self._count}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.float32(value))

    def option(self, name: str, default: int) -> str:
        """An input, one int64, that may be left out."""
        self.options.append(helper.make_tensor_value_info(name, TensorProto.INT64, []))
        return self.constant(np.array(default, np.int64), name)

    def when(
        self, condition: str, then: Callable[[], list[str]], otherwise: Callable[[], list[str]]
    ) -> list[str]:
        """What one of two branches makes, out of whatever was made before."""
        main, branches = self.nodes, {}
        for branch, make in (("then_branch", then), ("else_branch", otherwise)):
            self.nodes = []
            made = [helper.make_empty_tensor_value_info(name) for name in make()]
            branches[branch] = helper.make_graph(self.nodes, branch, [], made)
        self.nodes = main
        self._count += 1
        names = [f"if_{self._count}_{i}" for i in range(len(made))]
        self.nodes.append(helper.make_node("If", [condition], names, **branches))
        return names

    def weight(self, name: str, tensor: torch.Tensor, transpose: bool = False) -> str:
        """An fp16 (or int8) initialiser under its PyTorch name, as fp32."""
        array = tensor.detach().numpy().astype(np.float32)
        if is_int8(name):
            scale = int8_scale(array)
            whole = np.round(array / scale[:, None]).astype(np.int8)
            stored = self.constant(whole.T, name)
            factors = self.constant(scale, name + ".scale")
            return self.op("Mul", self.op("Cast", stored, to=TensorProto.FLOAT), factors)
        array = array.T if transpose else array
        stored = self.constant(array.astype(np.float16), name)
        return self.op("Cast", stored, to=TensorProto.FLOAT)

    def cut(self, x: str, axis: int, start: int, end: int = END) -> str:
        return self.op("Slice", x, self.ints(start), self.ints(end), self.ints(axis))

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.ints(*shape))

    def with_past(self, x: str, length: int, width: int) -> str:
        """``[B, n, width]`` preceded by the `length` rows before it, which the state carries."""
        name = f"past_{len(self.parts)}"
        self.parts.append((name, length, width))
        past = self.reshape(name, 0, length, width)
        joined = self.op("Concat", past, x, axis=1)
        self.next_parts.append(self.reshape(self.cut(joined, 1, -length), 0, length * width))
        return joined

    def linear(self, x: str, name: str, layer: nn.Linear) -> str:
        product = self.op("MatMul", x, self.weight(f"{name}.weight", layer.weight, True))
        return self.op("Add", product, self.weight(f"{name}.bias", layer.bias))

    def norm(self, x: str, name: str, layer: nn.LayerNorm) -> str:
        weight = self.weight(f"{name}.weight", layer.weight)
        bias = self.weight(f"{name}.bias", layer.bias)
        return self.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=layer.eps)

    def depthwise(self, x: str, name: str, layer: CausalDepthwise) -> str:
        """As an image of one line: for these ONNX Runtime keeps all channels of a token together,
        and the transpositions vanish; its one-dimensional Conv takes channel by channel, which is
        seven times as slow for one token and twice for many.
        """
        kernel, width = layer.weight.shape
        line = self.op("Unsqueeze", self.with_past(x, kernel - 1, width), self.ints(1))
        line = self.op("Transpose", line, perm=[0, 3, 1, 2])  # [B, C, 1, n + kernel - 1]
        taps = self.weight(f"{name}.weight", layer.weight)  # [kernel, C] -> [C, 1, 1, kernel]
        taps = self.op("Unsqueeze", self.op("Transpose", taps, perm=[1, 0]), self.ints(1, 2))
        bias = self.weight(f"{name}.bias", layer.bias)
        out = self.op("Conv", line, taps, bias, group=width, kernel_shape=[1, kernel])
        return self.op("Squeeze", self.op("Transpose", out, perm=[0, 2, 3, 1]), self.ints(1))

    def gelu(self, x: str) -> str:
        erf = self.op("Erf", self.op("Div", x, self.scalar(2**0.5)))
        return self.op(
            "Mul", self.op("Mul", x, self.op("Add", erf, self.scalar(1))), self.scalar(0.5)
        )

    def trunk(self, x: str, name: str, trunk: Trunk) -> str:
        if trunk.taps > 1:
            width = trunk.embed.in_features // trunk.taps
            x = self.with_past(x, trunk.taps - 1, width)
            x = self.windows(x, trunk.taps)
        h = self.norm(
            self.linear(x, f"{name}.embed", trunk.embed), f"{name}.embed_norm", trunk.embed_norm
        )
        for i, block in enumerate(trunk.blocks):
            at = f"{name}.blocks.{i}"
            inner = self.depthwise(h, f"{at}.depthwise", block.depthwise)
            inner = self.norm(inner, f"{at}.norm", block.norm)
            inner = self.gelu(self.linear(inner, f"{at}.up", block.up))
            inner = self.linear(inner, f"{at}.down", block.down)
            inner = self.op("Mul", inner, self.weight(f"{at}.scale", block.scale))
            h = self.op("Add", h, inner)
        h = self.norm(h, f"{name}.final_norm", trunk.final_norm)
        return self.linear(h, f"{name}.head", trunk.head)

    def windows(self, x: str, count: int) -> str:
        """``[B, n + count - 1, width]`` to overlapping ``[B, n, count·width]``."""
        ends = [i - count + 1 if i < count - 1 else END for i in range(count)]
        return self.op("Concat", *(self.cut(x, 1, i, e) for i, e in enumerate(ends)), axis=2)

    def largest(self, x: str, size: int) -> str:
        """Index of the first largest of each row: ``[rows, size]`` to ``[rows, 1]``.

        In two steps, rows then columns of a square, because ONNX Runtime's ReduceMax is vectorised
        and its ArgMax is not: three times as fast for 1,024 entries.
        """
        columns = 1 << (size.bit_length() // 2)
        square = self.reshape(x, -1, size // columns, columns)
        row = self.op("ArgMax", self.op("ReduceMax", square, axes=[2], keepdims=0), axis=1)
        column = self.op("ArgMax", self.op("GatherND", square, row, batch_dims=1), axis=1)
        return self.op("Add", self.op("Mul", row, self.ints(columns)), column)

    def mdct_basis(self, hop: int) -> str:
        """``[2·hop, hop]``, windowed, from a table of one period of the cosine.

        The angle π/hop·(n + ½ + hop/2)·(k + ½) is a multiple of 2π/(8·hop): (2n + 1 + hop)(2k + 1).
        """
        n, k = np.arange(2 * hop), np.arange(hop)
        product = self.op(
            "Mul", self.constant((2 * n + 1 + hop)[:, None]), self.constant(2 * k + 1)
        )
        index = self.op("Mod", product, self.ints(8 * hop))
        cosine = np.cos(2 * np.pi * np.arange(8 * hop) / (8 * hop)) * np.sqrt(2 / hop)
        basis = self.op("Gather", self.constant(cosine.astype(np.float32)), index)
        taper = np.sin(np.pi * (n + 0.5) / (2 * hop)).astype(np.float32)
        return self.op("Mul", basis, self.constant(taper[:, None]))

    def model(self, name: str, input_: tuple, output: tuple, *more: tuple) -> onnx.ModelProto:
        """Close the graph: split the packed state into its parts and join the next one."""
        sizes = [length * width for _, length, width in self.parts]
        split = helper.make_node(
            "Split", ["state", "state_sizes"], [part for part, _, _ in self.parts], axis=1
        )
        self.constants.append(numpy_helper.from_array(np.array(sizes, np.int64), "state_sizes"))
        join = helper.make_node("Concat", self.next_parts, ["next_state"], axis=1)
        state = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", sum(sizes)])
            for n in ("state", "next_state")
        ]
        graph = helper.make_graph(
            [split, *self.nodes, join],
            name,
            [helper.make_tensor_value_info(*input_), state[0], *self.options],
            [helper.make_tensor_value_info(*output), state[1]]
            + [helper.make_tensor_value_info(*another) for another in more],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,
            producer_name="vauxio",
        )
        onnx.checker.check_model(model)
        return model


def encoder_graph(codec: Codec) -> onnx.ModelProto:
    """``pcm [B, n·hop]``, ``state`` to ``codes [B, codebooks, n]`` (int32), ``next_state``.

    A third input, ``codebooks``, may be given where the first so many are enough: the search may
    then stop early, and what was not searched is -1. A fourth, ``measured``, is 1 where the third
    output is wanted, ``distortion [B, codebooks + 1, n]``: how far, as a squared distance of
    latents, a token is from what it becomes with so many codes; see `distortion`.
    """
    g, c = Graph(), codec.config
    frames = g.windows(g.with_past(g.reshape("pcm", 0, -1, c.hop), 1, c.hop), 2)
    spectrum = g.op("Mul", g.op("MatMul", frames, g.mdct_basis(c.hop)), g.scalar(SCALE))
    power = g.op("Add", g.op("Mul", spectrum, spectrum), g.scalar(EPSILON))
    features = g.op("Div", spectrum, g.op("Sqrt", g.op("Sqrt", power)))
    if c.level_latents:
        features = g.op("Concat", features, levels(g, spectrum, codec), axis=2)
    linear = g.op("MatMul", features, g.weight("analysis.weight", codec.analysis.weight, True))
    latents = g.op("Add", linear, g.trunk(features, "encoder", codec.encoder))
    entries = [
        g.weight(f"quantiser.codebooks.{k}", book)
        for k, book in enumerate(codec.quantiser.codebooks)
    ]
    codes = quantise(g, latents, entries, codec)
    g.nodes.append(helper.make_node("Cast", [codes], ["codes"], to=TensorProto.INT32))
    asked = g.op("Greater", g.option("measured", 0), g.constant(np.array(0)))
    nothing = partial(g.constant, np.zeros((0, c.codebooks + 1, 0), np.float32))
    (distances,) = g.when(
        asked,
        lambda: [distortion(g, latents, codes, entries, codec)],
        lambda: [g.op("Identity", nothing())],
    )
    g.nodes.append(helper.make_node("Identity", [distances], ["distortion"]))
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


def quantise(g: Graph, latents: str, entries: list[str], codec: Codec) -> str:
    """``[B, n, latent_dim]`` to codes ``[B, codebooks, n]``, by residuals."""
    c, books = codec.config, codec.quantiser.codebooks
    biases = [g.constant((-0.5 * book.square().sum(1)).numpy()) for book in books]
    asked = g.option("codebooks", c.codebooks)
    rest = g.reshape(latents, -1, c.latent_dim)
    rows = g.op("Concat", g.op("Shape", rest, end=1), g.ints(1), axis=0)

    def search(stages: range, rest: str) -> list[str]:
        codes = []
        for k in stages:
            product = g.op("Gemm", rest, entries[k], biases[k], transB=1)
            codes.append(g.largest(product, c.codebook_size))
            rest = g.op("Sub", rest, g.op("GatherND", entries[k], codes[-1]))
        return [rest, g.op("Concat", *codes, axis=1)]

    def skip(stages: range, rest: str) -> list[str]:
        nothing = g.constant(np.full((1, len(stages)), -1))
        return [g.op("Identity", rest), g.op("Expand", nothing, rows)]

    groups = []
    for first in range(0, c.codebooks, GROUP):
        stages = range(first, min(first + GROUP, c.codebooks))
        wanted = g.op("Less", g.constant(np.array(first)), asked)
        rest, codes = g.when(wanted, partial(search, stages, rest), partial(skip, stages, rest))
        groups.append(codes)
    batch = g.op("Concat", g.op("Shape", latents, end=2), g.ints(c.codebooks), axis=0)
    codes = g.op("Reshape", g.op("Concat", *groups, axis=1), batch)
    return g.op("Transpose", codes, perm=[0, 2, 1])


def distortion(g: Graph, latents: str, codes: str, entries: list[str], codec: Codec) -> str:
    """Squared distances ``[B, codebooks + 1, n]`` of latents from what their first codes say.

    Those of no code at all are from digital silence: that is what a token without codes becomes.
    """
    chosen = [
        g.op("Gather", entry, g.cut(codes, 1, k, k + 1))  # [B, 1, n, latent_dim]
        for k, entry in enumerate(entries)
    ]
    silent = g.constant(silence(codec)[None, None, None])
    said = g.op("CumSum", g.op("Concat", *chosen, axis=1), g.constant(np.array(1)))
    whole = g.op("Unsqueeze", latents, g.ints(1))  # [B, 1, n, latent_dim]
    rest = g.op("Concat", g.op("Sub", whole, silent), g.op("Sub", whole, said), axis=1)
    return g.op("ReduceSumSquare", rest, axes=[3], keepdims=0)


@torch.no_grad()
def silence(codec: Codec) -> np.ndarray:
    """What the encoder makes of digital silence, when it hears nothing else: ``[latent_dim]``."""
    tokens = receptive_fields(codec)[0] + 1
    latents = codec.encode(torch.zeros(1, tokens * codec.config.hop))
    return latents[0, -1].numpy()


def with_noise(g: Graph, coefficients: str, codec: Codec) -> str:
    """See `noise` and `Codec.with_noise`; the input ``codes`` chooses the signs."""
    c = codec.config
    first, hop = c.noise_from, c.hop
    near = noise.neighbours(first, hop)
    mean = g.op("Cast", g.constant(near.astype(np.int8)), to=TensorProto.FLOAT)
    mean = g.op("Div", mean, g.constant(near.sum(0).astype(np.float32)))
    share = noise.share(first, hop)
    power = g.op("MatMul", g.op("Mul", coefficients, coefficients), mean)
    power = g.op("Add", g.op("Mul", power, g.constant(share)), g.scalar(POWER_FLOOR))
    level = g.op("Sqrt", power)
    plain = g.op("Add", g.op("Cast", "codes", to=TensorProto.INT64), g.constant(np.array(1)))
    products = g.op("Mul", plain, g.constant(noise.factors(c.codebooks)[:, None]))
    key = g.op("ReduceSum", products, g.ints(1), keepdims=0)  # [B, n]
    for table, shift in zip(noise.signs(first, hop), noise.SHIFTS, strict=True):
        row = g.op(
            "Mod",
            g.op("Div", key, g.constant(np.array(1 << shift))),
            g.constant(np.array(noise.ROWS)),
        )
        signs = g.op("Cast", g.op("Gather", g.constant(table), row), to=TensorProto.FLOAT)
        level = g.op("Mul", level, signs)
    kept = g.op("Mul", g.cut(coefficients, 2, first), g.constant(np.sqrt(1 - share)))
    return g.op("Concat", g.cut(coefficients, 2, 0, first), g.op("Add", kept, level), axis=2)


def decoder_graph(codec: Codec) -> onnx.ModelProto:
    """``codes [B, codebooks, n]`` (-1: absent), ``state`` to ``pcm [B, n·hop]``, ``next_state``.

    The codes of a token are there from the first codebook on, up to some number. A token without
    any is digital silence.
    """
    g, c = Graph(), codec.config
    books = [
        g.weight(f"quantiser.codebooks.{k}", b) for k, b in enumerate(codec.quantiser.codebooks)
    ]
    # Row 0: an absent codebook adds nothing. Row 1 is for the first one, absent in silence alone.
    absent = g.constant(np.stack([np.zeros(c.latent_dim, np.float32), silence(codec)]))
    table = g.op("Concat", absent, *books, axis=0)
    first = g.constant((2 + c.codebook_size * np.arange(c.codebooks, dtype=np.int32))[:, None])
    present = g.op("Not", g.op("Less", "codes", g.constant(np.int32(0))))
    instead = g.constant(np.eye(1, c.codebooks, dtype=np.int32).T)
    rows = g.op("Where", present, g.op("Add", "codes", first), instead)
    latents = g.op("ReduceSum", g.op("Gather", table, rows), g.ints(1), keepdims=0)
    h = g.trunk(latents, "decoder", codec.decoder)
    gain = g.op("Exp", g.op("Min", g.cut(h, 2, 0, c.hop), g.scalar(MAX_GAIN)))
    late = g.cut(g.with_past(latents, c.lookahead, c.latent_dim), 1, 0, -c.lookahead)
    linear = g.op("MatMul", late, g.weight("synthesis.weight", codec.synthesis.weight, True))
    value = g.op("Add", g.cut(h, 2, c.hop), linear)
    size = g.op("Sqrt", g.op("Add", g.op("Mul", value, value), g.scalar(EPSILON)))
    coefficients = with_noise(g, g.op("Mul", gain, g.op("Mul", value, size)), codec)
    coefficients = g.op("Mul", coefficients, g.scalar(1 / SCALE))
    frames = g.op("MatMul", coefficients, g.op("Transpose", g.mdct_basis(c.hop), perm=[1, 0]))
    overlap = g.with_past(g.cut(frames, 2, c.hop), 1, c.hop)
    out = g.op("Add", g.cut(frames, 2, 0, c.hop), g.cut(overlap, 1, 0, -1))
    g.nodes.append(helper.make_node("Reshape", [out, g.ints(0, -1)], ["pcm"]))
    shape = ["batch", c.codebooks, "tokens"]
    return g.model(
        "decoder",
        ("codes", TensorProto.INT32, shape),
        ("pcm", TensorProto.FLOAT, ["batch", "samples"]),
    )


def state_size(model: onnx.ModelProto) -> int:
    return (
        next(i for i in model.graph.input if i.name == "state")
        .type.tensor_type.shape.dim[1]
        .dim_value
    )


def receptive_fields(codec: Codec) -> tuple[int, int]:
    """Tokens of the past that the encoder's and the decoder's state can remember."""
    c, t = codec.config, codec.transform
    overlap = t.window // t.hop - 1
    encoder = overlap + c.encoder_blocks * (c.kernel - 1)
    return encoder, codec.decoder.taps - 1 + c.decoder_blocks * (c.kernel - 1) + overlap


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The generator's weights out of ``encoder.onnx`` and ``decoder.onnx``, by PyTorch name."""
    arrays: dict[str, np.ndarray] = {}
    for name in ("encoder.onnx", "decoder.onnx"):
        for tensor in onnx.load(folder / name).graph.initializer:
            arrays[tensor.name] = numpy_helper.to_array(tensor)
    weights: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        if not name.startswith(
            ("encoder.", "decoder.", "analysis.", "synthesis.")
        ) or name.endswith("weight.scale"):
            continue
        array = array.astype(np.float32)
        if is_int8(name):
            array = array * arrays[name + ".scale"]
        if (
            name.endswith((".up.weight", ".down.weight", ".embed.weight", ".head.weight"))
            or "thesis." in name
            or "analysis." in name
        ):
            array = array.T
        weights[name] = torch.from_numpy(array.copy())
    stages = sum(name.startswith("quantiser.codebooks.") for name in arrays)
    books = [arrays[f"quantiser.codebooks.{k}"].astype(np.float32) for k in range(stages)]
    weights["quantiser.codebooks"] = torch.from_numpy(np.stack(books))
    return weights
