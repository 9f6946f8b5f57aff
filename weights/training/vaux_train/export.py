"""A checkpoint into a model folder: graphs, static statistics, model.json; checked throughout."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from .data import KINDS
from .graph import decoder_graph, encoder_graph, receptive_fields, round_weights, state_size
from .network import Codec

STATISTICS_SECONDS = 600  # of each kind of sound, for the static coder's distribution


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run_encoder(encoder: onnxruntime.InferenceSession, pcm: np.ndarray) -> np.ndarray:
    state = np.zeros((len(pcm), encoder.get_inputs()[1].shape[1]), np.float32)
    return encoder.run(["codes"], {"pcm": pcm, "state": state})[0]


def run_decoder(
    decoder: onnxruntime.InferenceSession, codes: np.ndarray, chunk: int | None = None
) -> np.ndarray:
    state = np.zeros((len(codes), decoder.get_inputs()[1].shape[1]), np.float32)
    out = []
    for at in range(0, codes.shape[2], chunk or codes.shape[2]):
        part = codes[:, :, at : at + chunk] if chunk else codes
        pcm, state = decoder.run(["pcm", "next_state"], {"codes": part, "state": state})
        out.append(pcm)
    return np.concatenate(out, axis=1)


@torch.no_grad()
def check(codec: Codec, folder: Path, audio: np.ndarray) -> dict[str, float]:
    """Graphs against PyTorch, and chunks against the whole, on real audio ``[B, n·hop]``."""
    encoder, decoder = session(folder / "encoder.onnx"), session(folder / "decoder.onnx")
    codes = run_encoder(encoder, audio)
    expected = codec.quantiser.encode(codec.encode(torch.from_numpy(audio)))
    # A near tie early in the chain changes the later stages of that token too; all are counted.
    equal = float((torch.from_numpy(codes) == expected).float().mean())
    whole = run_decoder(decoder, codes)
    reference = codec.decode(codec.quantiser.decode(torch.from_numpy(codes).long())).numpy()
    report = {"codes_equal": equal, "decoder_error": float(np.abs(whole - reference).max())}
    for chunk in (1, 7, 75):
        report[f"chunk_{chunk}"] = float(np.abs(run_decoder(decoder, codes, chunk) - whole).max())
    if (
        equal < 0.995
        or report["decoder_error"] > 1e-3
        or max(report[f"chunk_{c}"] for c in (1, 7, 75)) > 1e-4
    ):
        raise RuntimeError(f"the exported graphs do not agree with PyTorch: {report}")
    return report


def static_table(
    folder: Path, data: Path, codebooks: int, size: int, hop: int, rate: int
) -> np.ndarray:
    """How often each code occurs in training audio: uint16 ``[codebooks, size]``, 1 or more."""
    encoder = session(folder / "encoder.onnx")
    counts = np.zeros((codebooks, size), np.int64)
    piece = 10 * rate // hop * hop
    for kind in KINDS:
        pcm = np.load(data / f"{kind}.npy", mmap_mode="r")
        count = min(STATISTICS_SECONDS * rate, len(pcm)) // piece
        starts = np.linspace(0, len(pcm) - piece, count).astype(int)
        for group in np.array_split(starts, max(1, len(starts) // 8)):
            batch = np.stack([pcm[s : s + piece] for s in group]).astype(np.float32) / 32768
            codes = run_encoder(encoder, batch)
            for k in range(codebooks):
                counts[k] += np.bincount(codes[:, k].ravel(), minlength=size)
    smoothed = counts + 0.5
    return np.maximum(1, np.round(smoothed / smoothed.max(1, keepdims=True) * 65535)).astype(
        np.uint16
    )


def export(codec: Codec, folder: Path, data: Path) -> dict[str, float]:
    """Write the model folder from `codec`, whose weights are rounded on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    c = codec.config
    codec = round_weights(codec.eval())
    graphs = {"encoder": encoder_graph(codec), "decoder": decoder_graph(codec)}
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    piece = 10 * c.samplerate // c.hop * c.hop
    pcm = [np.load(data / f"{kind}.npy", mmap_mode="r") for kind in KINDS]
    excerpts = np.stack([p[len(p) // 2 :][:piece] for p in pcm]).astype(np.float32) / 32768
    report = check(codec, folder, excerpts)
    table = static_table(folder, data, c.codebooks, c.codebook_size, c.hop, c.samplerate)
    np.save(folder / "static.npy", table)
    p = table / table.sum(1, keepdims=True)
    report["static_bits"] = float((-(p * np.log2(p)).sum(1)).mean())

    def entry(file: str, **more: int) -> dict[str, object]:
        return {
            "file": file,
            "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest(),
            **more,
        }

    fields = dict(zip(graphs, receptive_fields(codec), strict=True))
    description = {
        "format": 1,
        "name": c.name,
        "description": c.description,
        "samplerate": c.samplerate,
        "channels": 1,
        "hop": c.hop,
        "delay": codec.delay,
        "codebooks": c.codebooks,
        "codebook_size": c.codebook_size,
        "default_bitrate": c.default_bitrate,
        **{
            name: entry(f"{name}.onnx", state=state_size(graph), receptive_field=fields[name])
            for name, graph in graphs.items()
        },
        "static": entry("static.npy"),
    }
    assert math.log2(c.codebook_size).is_integer()
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    return report
