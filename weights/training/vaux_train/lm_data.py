"""The corpus as codes: what the language model learns from, made once by a shipped encoder.

The corpus is small, and a language model learns a small corpus by heart. So every recording is
coded several times: as it is, and in copies of another level, speed and polarity, whose codes
differ. Excerpts are cut from the arrays on the training device.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from .config import LanguageModel
from .data import KINDS
from .shipped import read_weights

PIECE_SECONDS = 30
ROWS = 8  # pieces coded at once
GAIN_DB = (-15.0, 5.0)
SPEED = (0.85, 1.18)


class Encoder:
    """The encoder of a model folder."""

    def __init__(self, folder: Path) -> None:
        self.model = json.loads((folder / "model.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        path = folder / self.model["encoder"]["file"]
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, pcm: np.ndarray) -> np.ndarray:
        """Codes ``uint16[B, codebooks, tokens]`` of ``float32[B, n·hop]``."""
        state = np.zeros((len(pcm), self.model["encoder"]["state"]), np.float32)
        return self.session.run(["codes"], {"pcm": pcm, "state": state})[0].astype(np.uint16)


def changed(piece: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """`length` samples of a piece at another speed and level, perhaps upside down."""
    import soxr

    speed = np.exp(rng.uniform(*np.log(SPEED)))
    gain = 10 ** (rng.uniform(*GAIN_DB) / 20) * rng.choice([-1, 1])
    piece = soxr.resample(piece, 48000, round(48000 / speed), "MQ") * gain
    piece = np.concatenate([piece, np.zeros(max(0, length - len(piece)), piece.dtype)])[:length]
    return (piece / max(1.0, float(np.abs(piece).max()))).astype(np.float32)


def prepare_codes(
    bundle: Path, data: Path, corpus: Path, out: Path, copies: int, seed: int = 0
) -> None:
    """Write ``{kind}-{copy}.npy`` and ``dev-{kind}.npy``: uint16 ``[tokens, codebooks]``.

    ``codebooks.npy`` has the codes' vectors, float32 ``[codebooks, size, latent_dim]``.

    Parameters
    ----------
    bundle : Path
        Model folder whose encoder is used. Codes of another encoder are of no use.
    data : Path
        What ``prepare`` wrote.
    corpus : Path
        For ``dev``: every recording is coded as a file would be, ``index.json`` has their lengths.
    copies : int
        How often each training recording is coded; the first time as it is. Files that are there
        already are left alone, so that copies can be added later.
    """
    import soundfile
    import soxr

    encoder = Encoder(bundle)
    rate, hop = encoder.model["samplerate"], encoder.model["hop"]
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "codebooks.npy", read_weights(bundle)["quantiser.codebooks"].numpy())
    lengths: dict[str, list[int]] = {}
    for kind in KINDS:
        codes = []
        for path in sorted((corpus / "dev" / kind).iterdir()):
            audio, native = soundfile.read(path, dtype="float32", always_2d=True)
            mono = soxr.resample(audio.mean(axis=1), native, rate)
            tokens = -(-(len(mono) + encoder.model["delay"]) // hop)
            codes.append(encoder(np.pad(mono, (0, tokens * hop - len(mono)))[None])[0].T)
        np.save(out / f"dev-{kind}.npy", np.concatenate(codes))
        lengths[kind] = [len(c) for c in codes]
    (out / "index.json").write_text(json.dumps(lengths))

    length = PIECE_SECONDS * rate // hop * hop
    for copy in range(copies):
        for kind in KINDS:
            path = out / f"{kind}-{copy}.npy"
            if path.exists():
                continue
            rng = np.random.default_rng([seed, copy, KINDS.index(kind)])
            pcm = np.load(data / f"{kind}.npy", mmap_mode="r")
            # A copy is cut elsewhere; where a piece is sped up, it takes in more of the recording.
            start = int(rng.integers(length)) if copy else 0
            codes, rows = [], []
            for at in range(start, len(pcm) - length + 1, length):
                wanted = length if copy == 0 else int(length * SPEED[1]) + 1
                piece = pcm[at : at + wanted].astype(np.float32) / 32768
                rows.append(changed(piece, length, rng) if copy else piece)
                if len(rows) == ROWS:
                    codes += [c.T for c in encoder(np.stack(rows))]
                    rows = []
            if rows:
                codes += [c.T for c in encoder(np.stack(rows))]
            nothing = np.empty((0, encoder.model["codebooks"]), np.uint16)
            np.save(path, np.concatenate([nothing, *codes]))
            print(f"{path.name}: {sum(map(len, codes))} tokens", flush=True)


class CodeSampler:
    """Random excerpts of the training codes, ``int64 [batch, tokens, codebooks]`` on `device`."""

    def __init__(
        self, folder: Path, config: LanguageModel, device: torch.device, seed: int
    ) -> None:
        self.config, self.device = config, device
        self.random = np.random.default_rng(seed)
        self.codes = {}
        for kind in config.mix:
            copies = [np.load(path) for path in sorted(folder.glob(f"{kind}-*.npy"))]
            self.codes[kind] = torch.from_numpy(np.concatenate(copies).astype(np.int16)).to(device)

    def batch(self) -> torch.Tensor:
        c = self.config
        weights = np.array(list(c.mix.values()))
        which = self.random.choice(len(weights), c.batch, p=weights / weights.sum())
        rows = []
        for kind in np.array(list(c.mix))[which]:
            codes = self.codes[kind]
            at = int(self.random.integers(len(codes) - c.tokens + 1))
            rows.append(codes[at : at + c.tokens])
        return torch.stack(rows).long()


def dev_blocks(folder: Path, tokens: int) -> dict[str, list[np.ndarray]]:
    """The dev recordings' codes by kind, in blocks as files have them."""
    lengths = json.loads((folder / "index.json").read_text())
    blocks: dict[str, list[np.ndarray]] = {}
    for kind, counts in lengths.items():
        codes = np.load(folder / f"dev-{kind}.npy")
        blocks[kind] = [
            recording[i : i + tokens]
            for recording in np.split(codes, np.cumsum(counts)[:-1])
            for i in range(0, len(recording), tokens)
        ]
    return blocks
