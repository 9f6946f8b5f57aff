"""The enhancer as part of the decoder's graph; see `enhancer`."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from ..onnx_graph import Graph
from .enhancer import COMPRESSION, FLOOR, FRAMES, WINDOW, Enhancer


def enhanced(g: Graph, sound: str, low: str, known: str, enhancer: Enhancer) -> str:
    """As `Enhancer.forward`, of ``[B, n, hop]`` samples, a row a token: ``[B, 4·n, hop / 4]``."""
    short = enhancer.short
    bins = short.bins
    analysis, synthesis = tables(g, short.window)
    x = spectra(g, sound, analysis, short.hop)
    pulses = spectra(g, g.op("Abs", low), analysis, short.hop)
    near = g.constant((enhancer.near > 0).numpy().astype(np.int8))
    near = g.op("Cast", near, to=TensorProto.FLOAT)
    near = g.op("Div", near, g.constant((enhancer.near > 0).sum(0).numpy().astype(np.float32)))

    def level(spectrum: str) -> str:
        squares = g.op("Mul", spectrum, spectrum)
        power = g.op("Add", g.cut(squares, 2, 0, bins), g.cut(squares, 2, bins))
        return g.op("Add", g.op("MatMul", power, near), g.scalar(FLOOR))

    def twice(a: str) -> str:
        return g.op("Concat", a, a, axis=2)

    power = level(x)
    root = g.op("Sqrt", power)
    pulses = g.op("Div", pulses, twice(g.op("Sqrt", level(pulses))))
    seen = g.op("Mul", x, twice(g.op("Pow", power, g.scalar(COMPRESSION))))
    loud = g.op("Mul", g.op("Log", root), g.scalar(0.25))
    width = enhancer.context.out_features // FRAMES
    context = g.reshape(g.linear(known, "enhancer.context", enhancer.context), 0, -1, width)
    h = g.trunk(g.op("Concat", seen, loud, context, axis=2), "enhancer.trunk", enhancer.trunk)
    gain, share, own = (g.cut(h, 2, i * 2 * bins, (i + 1) * 2 * bins) for i in range(3))
    added = g.op("Add", product(g, share, pulses, bins), own)
    added = g.op("Add", product(g, gain, x, bins), g.op("Mul", twice(root), added))
    frames = g.op("MatMul", g.op("Add", x, added), synthesis)
    frames = g.with_past(frames, WINDOW, short.window)
    parts = []
    for k in range(WINDOW):
        part = g.cut(frames, 1, WINDOW - 1 - k, -1 - k)
        parts.append(g.cut(part, 2, k * short.hop, (k + 1) * short.hop))
    return g.op("Sum", *parts)


def spectra(g: Graph, samples: str, analysis: str, hop: int) -> str:
    """``[B, n, hop·FRAMES]`` to the spectra of its frames, ``[B, FRAMES·n, 2·bins]``."""
    rows = g.with_past(g.reshape(samples, 0, -1, hop), WINDOW - 1, hop)
    return g.op("MatMul", g.windows(rows, WINDOW), analysis)


def product(g: Graph, a: str, b: str, bins: int) -> str:
    """As `enhancer.complex_product`."""
    (ar, ai), (br, bi) = ((g.cut(c, 2, 0, bins), g.cut(c, 2, bins)) for c in (a, b))
    real = g.op("Sub", g.op("Mul", ar, br), g.op("Mul", ai, bi))
    imaginary = g.op("Add", g.op("Mul", ar, bi), g.op("Mul", ai, br))
    return g.op("Concat", real, imaginary, axis=2)


def tables(g: Graph, window: int) -> tuple[str, str]:
    """`ShortTime.analysis` and `ShortTime.synthesis`, from a table of one period of each wave."""
    n, k = np.arange(window), np.arange(window // 2 + 1)
    angles = g.op("Mul", g.constant(n[:, None]), g.constant(k[None]))
    angles = g.op("Mod", angles, g.ints(window))
    period = 2 * np.pi * n / window
    waves = [g.op("Gather", g.constant(f.astype(np.float32)), angles)
             for f in (np.cos(period), -np.sin(period))]  # fmt: skip
    both = g.op("Concat", *waves, axis=1)
    taper = (0.5 - 0.5 * np.cos(period)).astype(np.float32)
    analysis = g.op("Mul", both, g.constant(taper[:, None]))
    twice = np.where((k == 0) | (k == window // 2), 1, 2) / (1.5 * window)
    scaled = g.op("Mul", analysis, g.constant(np.tile(twice, 2).astype(np.float32)))
    return analysis, g.op("Transpose", scaled, perm=[1, 0])
