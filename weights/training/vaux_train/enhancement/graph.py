"""The enhancement as an ONNX graph with explicit state, at 48 kHz."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..onnx_graph import Graph
from .network import COMPRESSION, FLOOR, HOPS, SILENCE, Depthwise, Enhancement

FACTOR = 3  # from 16 to 48 kHz


class EnhancementGraph(Graph):
    """With filters that reach as far ahead as back: what goes round them waits as long."""

    def later(self, x: str, frames: int, width: int) -> str:
        """``[B, n, width]``, so many frames late."""
        return self.cut(self.with_past(x, frames, width), 1, 0, -frames)

    def both_ways(self, x: str, name: str, layer: Depthwise) -> tuple[str, str]:
        """Filtered, and as it was; both `layer.reach` frames late."""
        (kernel, width), reach = layer.weight.shape, layer.reach
        past = self.with_past(x, 2 * reach, width)
        line = self.op("Transpose", self.op("Unsqueeze", past, self.ints(1)), perm=[0, 3, 1, 2])
        taps = self.weight(f"{name}.weight", layer.weight)  # [kernel, C] -> [C, 1, 1, kernel]
        taps = self.op("Unsqueeze", self.op("Transpose", taps, perm=[1, 0]), self.ints(1, 2))
        bias = self.weight(f"{name}.bias", layer.bias)
        shape = {"group": width, "kernel_shape": [1, kernel], "dilations": [1, layer.dilation]}
        out = self.op("Conv", line, taps, bias, **shape)
        out = self.op("Squeeze", self.op("Transpose", out, perm=[0, 2, 3, 1]), self.ints(1))
        return out, self.cut(past, 1, reach, -reach)

    def bases(self, hop: int, bins: int) -> tuple[str, str]:
        """`ShortTime.analysis` and `ShortTime.synthesis`, from one period of each wave.

        The angle 2π/window·(n + ½ - window/2)·k is a multiple of 2π/(2·window).
        """
        window = HOPS * hop
        n, k = np.arange(window), np.arange(bins)
        product = self.op("Mul", self.constant((2 * n + 1 + window)[:, None]), self.constant(k))
        index = self.op("Mod", product, self.ints(2 * window))
        angle = 2 * np.pi * np.arange(2 * window) / (2 * window)
        taper = self.constant((np.sin(np.pi * (n + 0.5) / window) ** 2).astype(np.float32)[:, None])
        waves = [self.op("Gather", self.constant(f.astype(np.float32)), index)
                 for f in (np.cos(angle), -np.sin(angle))]  # fmt: skip
        analysis = self.op("Mul", self.op("Concat", *waves, axis=1), taper)
        twice = np.where(k == 0, 1, 2) / (1.5 * window)
        scaled = self.op("Mul", analysis, self.constant(np.tile(twice, 2).astype(np.float32)))
        return analysis, self.op("Transpose", scaled, perm=[1, 0])


def enhancement_graph(model: Enhancement) -> tuple[onnx.ModelProto, int]:
    """The graph, and samples by which it is late.

    ``parts [B, 2, n·hop]``: samples at 48 kHz, all and without noise. ``change [B, n·hop]``: what
    is to be added.
    """
    g, hop, bins = EnhancementGraph(), FACTOR * model.config.hop, model.short.bins
    analysis, synthesis = g.bases(hop, bins)

    def spectra(part: int) -> str:
        rows = g.op("Squeeze", g.cut("parts", 1, part, part + 1), g.ints(1))
        rows = g.with_past(g.reshape(rows, 0, -1, hop), HOPS - 1, hop)
        found = g.op("MatMul", g.windows(rows, HOPS), analysis)
        return g.op("Mul", found, g.scalar(1 / FACTOR))  # as at 16 kHz

    def twice(a: str) -> str:
        return g.op("Concat", a, a, axis=2)

    def product(a: str, b: str) -> str:
        (ar, ai), (br, bi) = ((g.cut(c, 2, 0, bins), g.cut(c, 2, bins)) for c in (a, b))
        real = g.op("Sub", g.op("Mul", ar, br), g.op("Mul", ai, bi))
        imaginary = g.op("Add", g.op("Mul", ar, bi), g.op("Mul", ai, br))
        return g.op("Concat", real, imaginary, axis=2)

    whole, known = spectra(0), spectra(1)
    near = (model.near > 0).numpy()
    mean = g.op("Cast", g.constant(near.astype(np.int8)), to=TensorProto.FLOAT)
    mean = g.op("Div", mean, g.constant(near.sum(0).astype(np.float32)))
    squares = g.op("Mul", whole, whole)
    power = g.op("Add", g.cut(squares, 2, 0, bins), g.cut(squares, 2, bins))
    power = g.op("MatMul", power, mean)
    log = g.op("Log", g.op("Add", power, g.scalar(FLOOR)))
    gain = twice(g.op("Exp", g.op("Mul", log, g.scalar(COMPRESSION))))
    seen = [g.op("Mul", part, gain) for part in (whole, known)]
    seen.append(g.op("Mul", log, g.scalar(0.25 / 2)))
    h = g.linear(g.op("Concat", *seen, axis=2), "enhancer.embed", model.embed)
    h = g.norm(h, "enhancer.embed_norm", model.embed_norm)
    for i, block in enumerate(model.blocks):
        at = f"enhancer.blocks.{i}"
        inner, h = g.both_ways(h, f"{at}.depthwise", block.depthwise)
        inner = g.norm(inner, f"{at}.norm", block.norm)
        inner = g.linear(g.gelu(g.linear(inner, f"{at}.up", block.up)), f"{at}.down", block.down)
        h = g.op("Add", h, g.op("Mul", inner, g.weight(f"{at}.scale", block.scale)))
    h = g.linear(g.norm(h, "enhancer.final_norm", model.final_norm), "enhancer.head", model.head)

    taps, reach = model.config.taps, model.reach
    noise, level = g.op("Sub", whole, known), g.op("Sqrt", g.op("Add", power, g.scalar(SILENCE)))
    waited = g.later(g.op("Concat", noise, level, axis=2), reach, 3 * bins)
    noise, level = g.cut(waited, 2, 0, 2 * bins), twice(g.cut(waited, 2, 2 * bins))
    added = [product(g.cut(h, 2, 0, 2 * bins), noise)]
    added.append(g.op("Mul", level, g.cut(h, 2, 2 * bins, 4 * bins)))
    known = g.with_past(known, reach + taps // 2, 2 * bins)
    for k in range(taps):
        gain = g.cut(h, 2, (4 + 2 * k) * bins, (6 + 2 * k) * bins)
        added.append(product(gain, g.cut(known, 1, k, k - reach - taps // 2)))
    change = g.op("Sum", *added)

    def strength(spectrum: str) -> str:
        return g.op("ReduceSum", g.op("Mul", spectrum, spectrum), g.ints(2), keepdims=1)

    most = g.op("Mul", strength(noise), g.scalar(model.config.most))
    limit = g.op("Div", most, g.op("Add", strength(change), g.scalar(SILENCE)))
    change = g.op("Mul", change, g.op("Sqrt", g.op("Min", limit, g.scalar(1))))
    frames = g.op("MatMul", change, g.op("Mul", synthesis, g.scalar(FACTOR)))
    frames = g.with_past(frames, HOPS - 1, HOPS * hop)
    parts = []
    for k in range(HOPS):  # the oldest of them ends with the newest's first hop
        end = -k if k else np.iinfo(np.int64).max
        part = g.cut(frames, 1, HOPS - 1 - k, end)
        parts.append(g.cut(part, 2, k * hop, (k + 1) * hop))
    out = g.op("Sum", *parts)
    g.nodes.append(helper.make_node("Reshape", [out, g.ints(0, -1)], ["change"]))
    graph = g.model(
        "enhancement",
        ("parts", TensorProto.FLOAT, ["batch", 2, "samples"]),
        ("change", TensorProto.FLOAT, ["batch", "samples"]),
    )
    return graph, hop * (model.reach + HOPS - 1)
