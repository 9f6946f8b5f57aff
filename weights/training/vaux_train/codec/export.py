"""A checkpoint into a model folder: graphs, static statistics, model.json; checked throughout."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from vauxio.entropy.allocation import SPAN, needs

from ..corpus import KINDS
from ..onnx_graph import session, state_size
from .graph import decoder_graph, encoder_graph, receptive_fields
from .network import Codec
from .shipped import read_weights, round_weights

STATISTICS_SECONDS = 1800  # for the static coder and variable bitrate
QUALITIES = 11  # 0 to 10
SAME = 1e-5  # of the largest weight of a matrix


def run_encoder(encoder: onnxruntime.InferenceSession, pcm: np.ndarray) -> np.ndarray:
    return measured(encoder, pcm)[0]


def measured(
    encoder: onnxruntime.InferenceSession, pcm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Codes, and the distortion of each number of them."""
    state = np.zeros((len(pcm), encoder.get_inputs()[1].shape[1]), np.float32)
    feeds = {"pcm": pcm, "state": state}
    codes, distortion = encoder.run(["codes", "distortion"], feeds)
    return codes, distortion


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


def statistics(
    folder: Path,
    data: Path,
    mix: dict[str, float],
    codebooks: int,
    size: int,
    hop: int,
    rate: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Of training audio, of each kind as much as its share of the `mix`.

    Returns how often each code occurs, uint16 ``[codebooks, size]``, 1 or more; and the mean
    distortion of spans with so many codes, float32 ``[codebooks + 1, spans]``.
    """
    encoder = session(folder / "encoder.onnx")
    counts = np.zeros((codebooks, size), np.int64)
    spans = []
    piece = 10 * rate // hop * hop
    for kind, share in mix.items():
        pcm = np.load(data / f"{kind}.npy", mmap_mode="r")
        seconds = STATISTICS_SECONDS * share / sum(mix.values())
        count = int(min(seconds * rate, len(pcm))) // piece
        if not count:
            continue
        starts = np.linspace(0, len(pcm) - piece, count).astype(int)
        for group in np.array_split(starts, max(1, len(starts) // 8)):
            batch = np.stack([pcm[s : s + piece] for s in group]).astype(np.float32) / 32768
            codes, distortion = measured(encoder, batch)
            whole = distortion[..., : distortion.shape[2] // SPAN * SPAN]
            means = whole.reshape(*whole.shape[:2], -1, SPAN).mean(3)
            spans.append(means.transpose(1, 0, 2).reshape(codebooks + 1, -1))
            for k in range(codebooks):
                counts[k] += np.bincount(codes[:, k].ravel(), minlength=size)
    smoothed = counts + 0.5
    table = np.maximum(1, np.round(smoothed / smoothed.max(1, keepdims=True) * 65535))
    return table.astype(np.uint16), np.concatenate(spans, axis=1)


def distortions(spans: np.ndarray) -> list[float]:
    """What spans may have (`vauxio.entropy.allocation.needs`) at each quality, 0 to 10.

    So those of training audio have as many codes on average as quality stands for: in steps
    of the same factor, from a twelfth of all codebooks to eleven twelfths.
    """
    codebooks, needed = len(spans) - 1, needs(spans[None])
    found = []
    for quality in range(QUALITIES):
        wanted = codebooks / 12 * 11 ** (quality / (QUALITIES - 1))
        low, high = 0.0, float(spans[0].max())
        for _ in range(50):
            most = (low + high) / 2
            depth = (needed > most).sum(axis=1).mean()
            low, high = (most, high) if depth > wanted else (low, most)
        found.append(float(f"{high:.5g}"))
    return found


def code_space(codec: Codec) -> str:
    """What names the meaning of its codes: of the codebooks as they ship, rate, hop and delay.

    Whatever else the decoder learns, it stays the same, and files stay readable.
    """
    c = codec.config
    digest = hashlib.sha256(f"{c.samplerate} {c.hop} {codec.delay}".encode())
    digest.update(codec.quantiser.codebooks.numpy().astype("<f2").tobytes())
    return digest.hexdigest()[:16]


def same_encoder(codec: Codec, before: dict[str, torch.Tensor]) -> bool:
    """Whether these weights, as `read_weights` read them, give the codes that `codec` gives.

    Those of whole numbers may differ in the last bit of their scale, which was rounded again.
    """
    now = {n: w for n, w in codec.named_parameters() if n.startswith(("encoder.", "analysis."))}
    now["quantiser.codebooks"] = codec.quantiser.codebooks
    return all(
        name in before
        and before[name].shape == weight.shape
        and (before[name] - weight).abs().max() <= SAME * weight.abs().max()
        for name, weight in now.items()
    )


def export(
    codec: Codec, folder: Path, data: Path, mix: dict[str, float], decoder_only: bool = False
) -> dict[str, float]:
    """Write the model folder from `codec`, whose weights are rounded on the way.

    Where the folder's encoder has the same weights, it stays as it is, byte for byte, with its
    statistics, its distortions and its language model: only the decoder and the delay change.
    Otherwise statistics are of the `mix` (shares of kinds of sound) in `data`, and the language
    model stays if its codes mean the same.

    Parameters
    ----------
    decoder_only : bool, optional
        Whether the encoder must be that of the folder.

    Raises
    ------
    ValueError
        If it must be, and is not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = folder / "model.json"
    before = json.loads(description.read_text()) if description.exists() else {}
    c = codec.config
    codec = round_weights(codec.eval())
    shipped = read_weights(folder) if before else {}
    kept = same_encoder(codec, shipped)
    if decoder_only and not kept:
        raise ValueError(
            f"{folder} has another encoder than the run, which trained the decoder alone: "
            "export into a copy of the model folder that the run began from"
        )
    graphs = {"decoder": decoder_graph(codec)}
    if not kept:
        graphs = {"encoder": encoder_graph(codec), **graphs}
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    piece = 10 * c.samplerate // c.hop * c.hop
    pcm = [np.load(data / f"{kind}.npy", mmap_mode="r") for kind in KINDS]
    excerpts = np.stack([p[len(p) // 2 :][:piece] for p in pcm]).astype(np.float32) / 32768
    report = check(codec, folder, excerpts) | {"encoder_kept": kept}

    def entry(file: str, **more: int) -> dict[str, object]:
        sha256 = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        return {"file": file, "sha256": sha256, **more}

    fields = dict(zip(("encoder", "decoder"), receptive_fields(codec), strict=True))
    networks = {
        name: entry(f"{name}.onnx", state=state_size(graph), receptive_field=fields[name])
        for name, graph in graphs.items()
    }
    if kept:
        after = before | {"delay": codec.delay, "code_space": code_space(codec)} | networks
    else:
        sizes = c.codebooks, c.codebook_size, c.hop, c.samplerate
        table, spans = statistics(folder, data, mix, *sizes)
        np.save(folder / "static.npy", table)
        assert math.log2(c.codebook_size).is_integer()
        after = {
            "format": 1,
            "name": c.name,
            "description": c.description,
            "samplerate": c.samplerate,
            "channels": 1,
            "hop": c.hop,
            "delay": codec.delay,
            "codebooks": c.codebooks,
            "codebook_size": c.codebook_size,
            "code_space": code_space(codec),
            "default_bitrate": c.default_bitrate,
            **networks,
            "static": entry("static.npy"),
            "distortions": distortions(spans),
        }
        books = shipped.get("quantiser.codebooks", torch.empty(0))
        if "lm" in before and torch.equal(books, codec.quantiser.codebooks):
            after["lm"] = before["lm"]
    description.write_text(json.dumps(after, indent=2) + "\n")
    table = np.load(folder / "static.npy")
    p = table / table.sum(1, keepdims=True)
    return report | {"static_bits": float((-(p * np.log2(p)).sum(1)).mean())}
