"""The enhancement into a model folder: weights rounded, graph checked, and read back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from ..onnx_graph import in_float, round_tensor, session, state_size
from .graph import FACTOR, enhancement_graph
from .network import Enhancement

FILE = "enhancer.onnx"


def read_enhancement(folder: Path) -> dict[str, torch.Tensor]:
    """The weights out of a folder's graph, by PyTorch name."""
    graph = onnx.load(folder / FILE).graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    parts = ("embed", "blocks.", "final_norm", "head")
    weights = {}
    for name in arrays:
        if not name.startswith(parts) or name.endswith(".weight.scale"):
            continue
        array = in_float(arrays, name)
        linear = name.endswith(tuple(f"{n}.weight" for n in ("up", "down", "embed", "head")))
        weights[name] = torch.from_numpy((array.T if linear else array).copy())
    return weights


def run(network: onnxruntime.InferenceSession, parts: np.ndarray, chunk: int) -> np.ndarray:
    state = np.zeros((len(parts), network.get_inputs()[1].shape[1]), np.float32)
    out = []
    for at in range(0, parts.shape[2], chunk):
        given = {"parts": parts[:, :, at : at + chunk], "state": state}
        change, state = network.run(None, given)
        out.append(change)
    return np.concatenate(out, axis=1)


@torch.no_grad()
def export_enhancement(model: Enhancement, folder: Path) -> dict[str, float]:
    """Write the graph and its entry in ``model.json``; weights are rounded on the way."""
    for name, tensor in model.eval().named_parameters():
        round_tensor(name, tensor)
    graph, delay = enhancement_graph(model)
    path = folder / FILE
    path.write_bytes(graph.SerializeToString())
    report = check(model, path, delay)
    if report["torch"] > 2e-3 or report["chunks"] > 1e-4:
        raise RuntimeError(f"the exported graph does not agree with PyTorch: {report}")
    description = json.loads((folder / "model.json").read_text())
    description["enhancer"] = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "state": state_size(graph),
        "receptive_field": 2 * (delay // (FACTOR * model.config.hop)),
        "hop": FACTOR * model.config.hop,
        "delay": delay,
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    return report


def check(model: Enhancement, path: Path, delay: int) -> dict[str, float]:
    """How far the graph is from PyTorch, and from itself in other chunks; of tones and noise.

    They lie where both rates have the same samples.
    """
    hop, count = FACTOR * model.config.hop, 250
    generator = np.random.default_rng(0)
    time = np.arange(count * hop) / 48000
    tones = [np.sin(2 * np.pi * hertz * time + phase) * level for hertz, phase, level in zip(
        generator.uniform(100, 6000, 40), generator.uniform(0, 6, 40),
        generator.uniform(0, 0.05, 40), strict=True,
    )]  # fmt: skip
    taper = np.hanning(len(time))
    parts = np.stack([sum(tones), sum(tones[::2])])[None] * taper
    # The middle of three samples of 48 kHz is where one of 16 kHz lies.
    slow = torch.from_numpy(parts[0, :, 1::FACTOR].astype(np.float32))
    expected = (model(slow[:1], slow[1:]) - slow[:1]).numpy()
    network = session(path)
    more = np.zeros((1, 2, delay + hop - delay % hop))
    fast = np.concatenate([parts, more], axis=2).astype(np.float32)
    whole = run(network, fast, fast.shape[2])
    found = whole[:, delay : delay + len(time)][:, 1::FACTOR]
    inner = slice(model.reach * model.config.hop, -model.reach * model.config.hop)
    chunks = [np.abs(run(network, fast, n * hop) - whole).max() for n in (1, 7, 64)]
    return {
        "torch": float(np.abs(found - expected)[:, inner].max()),
        "chunks": float(max(chunks)),
        "change": float(np.abs(expected).max()),
    }
