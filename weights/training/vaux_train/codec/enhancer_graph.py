"""The enhancer as part of the decoder's graph; see `enhancer`."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from ..onnx_graph import Graph
from .enhancer import (
    AROUND,
    COMPRESSION,
    FLOOR,
    FRAMES,
    HIGHEST_PEAK,
    SHARPNESS,
    SMOOTH,
    WINDOW,
    Enhancer,
    Envelope,
)


def enhanced(g: Graph, sound: str, low: str, known: str, enhancer: Enhancer) -> str:
    """As `Enhancer.forward`, of ``[B, n, hop]`` samples, a row a token: ``[B, 4·n, hop / 4]``."""
    short = enhancer.short
    bins = short.bins
    analysis, synthesis = tables(g, short.window)
    x = spectra(g, sound, analysis, short.hop)
    factors = envelope(g, low, enhancer.envelope)
    beating = g.op("Mul", g.reshape(sound, 0, -1, short.hop), factors)
    pulses = spectra(g, beating, analysis, short.hop)
    near = g.constant((enhancer.near > 0).numpy().astype(np.int8))
    near = g.op("Cast", near, to=TensorProto.FLOAT)
    near = g.op("Div", near, g.constant((enhancer.near > 0).sum(0).numpy().astype(np.float32)))

    squares = g.op("Mul", x, x)
    power = g.op("Add", g.cut(squares, 2, 0, bins), g.cut(squares, 2, bins))
    power = g.op("Add", g.op("MatMul", power, near), g.scalar(FLOOR))

    def twice(a: str) -> str:
        return g.op("Concat", a, a, axis=2)

    root, log = g.op("Sqrt", power), g.op("Log", power)
    seen = g.op("Mul", x, twice(g.op("Exp", g.op("Mul", log, g.scalar(COMPRESSION)))))
    loud = g.op("Mul", log, g.scalar(0.25 / 2))
    width = enhancer.context.out_features // FRAMES
    context = g.reshape(g.linear(known, "enhancer.context", enhancer.context), 0, -1, width)
    h = g.trunk(g.op("Concat", seen, loud, context, axis=2), "enhancer.trunk", enhancer.trunk)
    gain, share, own = (g.cut(h, 2, i * 2 * bins, (i + 1) * 2 * bins) for i in range(3))
    gained = g.op("Add", product(g, gain, x, bins), product(g, share, pulses, bins))
    out = g.op("Sum", x, gained, g.op("Mul", twice(root), own))
    frames = g.op("MatMul", out, synthesis)
    frames = g.with_past(frames, WINDOW, short.window)
    parts = []
    for k in range(WINDOW):
        part = g.cut(frames, 1, WINDOW - 1 - k, -1 - k)
        parts.append(g.cut(part, 2, k * short.hop, (k + 1) * short.hop))
    return g.op("Sum", *parts)


def envelope(g: Graph, low: str, module: Envelope) -> str:
    """As `Envelope.forward`, of ``[B, n, hop·FRAMES]``: ``[B, FRAMES·n, hop]``."""
    hop = module.hop
    rows = g.with_past(g.reshape(g.op("Abs", low), 0, -1, hop), 1, hop)
    # Each sample's mean over the SMOOTH up to it: of two hops, a product with a band matrix.
    band = np.zeros((2 * hop, hop), np.float32)
    for i in range(hop):
        band[hop + i - SMOOTH + 1 : hop + i + 1, i] = module.smooth.numpy()
    smooth = g.op("MatMul", g.windows(rows, 2), g.constant(band))
    power = g.op("Add", g.op("Mul", smooth, smooth), g.scalar(FLOOR**2))
    means = g.with_past(g.op("ReduceMean", power, axes=[2], keepdims=1), AROUND, 1)
    around = g.op("MatMul", g.windows(means, AROUND + 1), g.constant(module.around.numpy()))
    # A power by its logarithm: ONNX Runtime's Pow takes five times as long.
    log = g.op("Log", g.op("Div", power, around))
    factors = g.op("Exp", g.op("Mul", log, g.scalar(SHARPNESS / 2)))
    return g.op("Min", factors, g.scalar(HIGHEST_PEAK))


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
