"""The denoiser as an ONNX graph with explicit state, its weights rounded as they ship, checked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .denoiser import FLOOR, LEVEL, SPREAD, Denoiser, receptive_field
from .export import session
from .graph import Graph, state_size
from .shipped import round_tensor
from .trunk import CausalDepthwise

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


@torch.no_grad()
def round_weights(model: nn.Module) -> None:
    """Every weight, in place, to the value that the graph will hold."""
    for name, tensor in model.named_parameters():
        round_tensor(name, tensor)


def read_denoiser(folder: Path) -> dict[str, torch.Tensor]:
    """The weights out of ``denoiser.onnx``, by PyTorch name."""
    graph = onnx.load(folder / "denoiser.onnx").graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    weights = {}
    for name, array in arrays.items():
        if not name.startswith("trunk.") or name.endswith(".weight.scale"):
            continue
        array = array.astype(np.float32) * arrays.get(f"{name}.scale", np.float32(1))
        linear = name.endswith(tuple(f".{n}.weight" for n in ("up", "down", "embed", "head")))
        weights[name] = torch.from_numpy((array.T if linear else array).copy())
    return weights


def run(denoiser: onnxruntime.InferenceSession, pcm: np.ndarray, chunk: int) -> np.ndarray:
    state = np.zeros((len(pcm), denoiser.get_inputs()[1].shape[1]), np.float32)
    out = []
    for at in range(0, pcm.shape[1], chunk):
        part, state = denoiser.run(None, {"pcm": pcm[:, at : at + chunk], "state": state})
        out.append(part)
    return np.concatenate(out, axis=1)


@torch.no_grad()
def export_denoiser(model: Denoiser, folder: Path, data: Path) -> dict[str, float]:
    """Write the model folder from `model`, whose weights are rounded on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    c = model.config
    round_weights(model.eval())
    graph = denoiser_graph(model)
    path = folder / "denoiser.onnx"
    path.write_bytes(graph.SerializeToString())

    pcm = np.load(data / "speech.npy", mmap_mode="r")
    seconds = c.samplerate // c.hop * c.hop
    starts = np.linspace(0, len(pcm) - 6 * seconds, 4).astype(int)
    audio = np.stack([pcm[s : s + 5 * seconds] for s in starts]).astype(np.float32) / 32768
    audio += np.random.default_rng(0).standard_normal(audio.shape).astype(np.float32) * 0.01
    denoiser = session(path)
    whole = run(denoiser, audio, audio.shape[1])
    report = {"torch": float(np.abs(whole - model(torch.from_numpy(audio)).numpy()).max())}
    for chunk in (1, 7, 75):
        report[f"chunk_{chunk}"] = float(np.abs(run(denoiser, audio, chunk * c.hop) - whole).max())
    if report["torch"] > 1e-3 or max(report[f"chunk_{n}"] for n in (1, 7, 75)) > 1e-4:
        raise RuntimeError(f"the exported graph does not agree with PyTorch: {report}")

    description = {
        "format": 1,
        "kind": "denoiser",
        "name": c.name,
        "description": c.description,
        "samplerate": c.samplerate,
        "channels": 1,
        "hop": c.hop,
        "delay": model.delay,
        "network": {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "state": state_size(graph),
            "receptive_field": receptive_field(c),
        },
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    return report
