"""The denoiser as an ONNX graph with explicit state."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..onnx_graph import Graph
from ..trunk import CausalDepthwise
from .network import FLOOR, LEVEL, SPREAD, Denoiser

BACKWARDS = np.iinfo(np.int64).min


class DenoiserGraph(Graph):
    """With taps that lie apart, and a transform of folded windows."""

    def depthwise(self, x: str, name: str, layer: CausalDepthwise) -> str:
        (kernel, width), dilation = layer.weight.shape, layer.dilation
        past = self.with_past(x, (kernel - 1) * dilation, width)
        line = self.op("Transpose", self.op("Unsqueeze", past, self.ints(1)), perm=[0, 3, 1, 2])
        taps = self.weight(f"{name}.weight", layer.weight)  # [kernel, C] -> [C, 1, 1, kernel]
        taps = self.op("Unsqueeze", self.op("Transpose", taps, perm=[1, 0]), self.ints(1, 2))
        bias = self.weight(f"{name}.bias", layer.bias)
        shape = {"group": width, "kernel_shape": [1, kernel], "dilations": [1, dilation]}
        out = self.op("Conv", line, taps, bias, **shape)
        return self.op("Squeeze", self.op("Transpose", out, perm=[0, 2, 3, 1]), self.ints(1))

    def flip(self, x: str) -> str:
        """``[B, n, width]`` with every row backwards."""
        return self.op("Slice", x, self.ints(-1), self.ints(BACKWARDS), self.ints(2), self.ints(-1))

    def bases(self, hop: int) -> tuple[str, str, str]:
        """Cosines and sines of π/hop·(n + ½)·(k + ½), ``[hop, hop]``, and half the window.

        The angle is a multiple of 2π/(8·hop): (2n + 1)(2k + 1), so one period is enough to store.
        """
        odd = 2 * np.arange(hop) + 1
        product = self.op("Mul", self.constant(odd[:, None]), self.constant(odd))
        index = self.op("Mod", product, self.ints(8 * hop))
        angle = 2 * np.pi * np.arange(8 * hop) / (8 * hop)
        periods = [(f(angle) * np.sqrt(2 / hop)).astype(np.float32) for f in (np.cos, np.sin)]
        cosine, sine = (self.op("Gather", self.constant(period), index) for period in periods)
        return cosine, sine, self.constant(np.sin(np.pi * odd / (4 * hop)).astype(np.float32))


def denoiser_graph(model: Denoiser) -> onnx.ModelProto:
    """``pcm [B, n·hop]``, ``state`` to as many samples ``pcm_out``, ``next_state``."""
    g, hop = DenoiserGraph(), model.config.hop
    cosine, sine, taper = g.bases(hop)
    rows = g.op("Unsqueeze", taper, g.ints(1))
    joined = g.with_past(g.reshape("pcm", 0, -1, hop), 1, hop)
    head, tail = g.cut(joined, 1, 0, -1), g.flip(g.cut(joined, 1, 1))
    real = g.op("MatMul", g.op("Sub", head, tail), g.op("Mul", cosine, rows))
    imaginary = g.op("MatMul", g.op("Add", head, tail), g.op("Mul", sine, rows))

    def squares(a: str, b: str, floor: float) -> str:
        total = g.op("Add", g.op("Mul", a, a), g.op("Mul", b, b))
        return g.op("Add", total, g.scalar(floor))

    level = g.op("Log", squares(real, imaginary, FLOOR))
    gain = g.op("Exp", g.op("Mul", level, g.scalar(-0.35)))
    scaled = g.op("Mul", g.op("Add", level, g.scalar(LEVEL)), g.scalar(SPREAD))
    compressed = [g.op("Mul", part, gain) for part in (real, imaginary)]
    mask = g.trunk(g.op("Concat", scaled, *compressed, axis=2), "trunk", model.trunk)
    a, b = g.cut(mask, 2, 0, hop), g.cut(mask, 2, hop)
    size = g.op("Sqrt", squares(a, b, 1e-6))
    bound = g.op("Div", g.op("Tanh", size), size)
    floor = model.config.floor
    bound = g.op("Mul", bound, g.scalar(1 - floor))
    a, b = g.op("Add", g.op("Mul", a, bound), g.scalar(floor)), g.op("Mul", b, bound)
    speech_real = g.op("Sub", g.op("Mul", a, real), g.op("Mul", b, imaginary))
    speech_imaginary = g.op("Add", g.op("Mul", a, imaginary), g.op("Mul", b, real))

    half = g.op("Mul", taper, g.scalar(0.5))
    odd = g.op("MatMul", speech_real, g.op("Mul", cosine, half))
    even = g.op("MatMul", speech_imaginary, g.op("Mul", sine, half))
    overlap = g.with_past(g.flip(g.op("Sub", even, odd)), 1, hop)
    out = g.op("Add", g.op("Add", even, odd), g.cut(overlap, 1, 0, -1))
    g.nodes.append(helper.make_node("Reshape", [out, g.ints(0, -1)], ["speech"]))
    return g.model(
        "denoiser",
        ("pcm", TensorProto.FLOAT, ["batch", "samples"]),
        ("speech", TensorProto.FLOAT, ["batch", "samples"]),
    )
