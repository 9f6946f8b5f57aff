"""The denoiser into a model folder: weights rounded, graph checked, and read back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import nn

from ..codec.export import session
from ..codec.shipped import round_tensor
from ..onnx_graph import state_size
from .graph import denoiser_graph
from .network import Denoiser, receptive_field


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
