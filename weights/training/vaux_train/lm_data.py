"""The corpus as codes, and how much each is needed: what the language model learns from.

Both are made once, by a shipped encoder; from the second follows which codes a file has.

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

from vauxio.bundles import SILENT
from vauxio.depths import SPAN, Allocation, needs, spans_of

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

    def __call__(self, pcm: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each row of ``float32[B, n·hop]``, codes and how much each is needed (`needs`).

        ``uint16[tokens, codebooks]`` and, by spans, ``float16[spans, codebooks]``.
        """
        state = np.zeros((len(pcm), self.model["encoder"]["state"]), np.float32)
        feeds = {"pcm": pcm, "state": state}
        codes, distortion = self.session.run(["codes", "distortion"], feeds)
        wanted = np.minimum(needs(spans_of(distortion)[0]), np.finfo(np.float16).max)
        wanted[wanted <= SILENT * self.model["distortions"][-1]] = 0
        wanted = wanted.astype(np.float16)
        return list(zip(codes.astype(np.uint16).swapaxes(1, 2), wanted.swapaxes(1, 2), strict=True))


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

    Beside each, how much the codes are needed: ``needs-{kind}-{copy}.npy`` and so on.

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
        coded = []
        for path in sorted((corpus / "dev" / kind).iterdir()):
            audio, native = soundfile.read(path, dtype="float32", always_2d=True)
            mono = soxr.resample(audio.mean(axis=1), native, rate)
            tokens = -(-(len(mono) + encoder.model["delay"]) // hop)
            coded += encoder(np.pad(mono, (0, tokens * hop - len(mono)))[None])
        save(out, f"dev-{kind}", coded)
        lengths[kind] = [len(codes) for codes, _ in coded]
    (out / "index.json").write_text(json.dumps(lengths))

    length = PIECE_SECONDS * rate // (SPAN * hop) * SPAN * hop
    for copy in range(copies):
        for kind in KINDS:
            path = out / f"{kind}-{copy}.npy"
            if path.exists() and path.with_name(f"needs-{path.name}").exists():
                continue
            rng = np.random.default_rng([seed, copy, KINDS.index(kind)])
            pcm = np.load(data / f"{kind}.npy", mmap_mode="r")
            # A copy is cut elsewhere; where a piece is sped up, it takes in more of the recording.
            start = int(rng.integers(length)) if copy else 0
            coded, rows = [], []
            for at in range(start, len(pcm) - length + 1, length):
                wanted = length if copy == 0 else int(length * SPEED[1]) + 1
                piece = pcm[at : at + wanted].astype(np.float32) / 32768
                rows.append(changed(piece, length, rng) if copy else piece)
                if len(rows) == ROWS:
                    coded += encoder(np.stack(rows))
                    rows = []
            if rows:
                coded += encoder(np.stack(rows))
            if not coded:  # of a corpus that is shorter than a piece
                nothing = np.empty((0, encoder.model["codebooks"]))
                coded = [(nothing.astype(np.uint16), nothing.astype(np.float16))]
            save(out, path.stem, coded)
            print(f"{path.name}: {sum(len(codes) for codes, _ in coded)} tokens", flush=True)


def save(out: Path, name: str, coded: list[tuple[np.ndarray, np.ndarray]]) -> None:
    codes, wanted = (np.concatenate(parts) for parts in zip(*coded, strict=True))
    np.save(out / f"{name}.npy", codes)
    np.save(out / f"needs-{name}.npy", wanted)


class CodeSampler:
    """Random excerpts of the training codes, on `device`, and how much these are needed."""

    def __init__(
        self, folder: Path, config: LanguageModel, device: torch.device, seed: int
    ) -> None:
        if config.tokens % SPAN:
            raise ValueError(f"{config.tokens} tokens: must be whole spans of {SPAN}")
        self.config, self.device = config, device
        self.random = np.random.default_rng(seed)
        self.codes, self.needs = {}, {}
        for kind in config.mix:
            paths = sorted(folder.glob(f"{kind}-*.npy"))
            codes = np.concatenate([np.load(path) for path in paths])
            self.codes[kind] = torch.from_numpy(codes.astype(np.int16)).to(device)
            needed = [np.load(path.with_name(f"needs-{path.name}")) for path in paths]
            self.needs[kind] = np.concatenate(needed)

    def batch(self) -> tuple[torch.Tensor, np.ndarray]:
        """``int64[batch, tokens, codebooks]``; ``float16[batch, codebooks, spans]``."""
        c = self.config
        weights = np.array(list(c.mix.values()))
        which = self.random.choice(len(weights), c.batch, p=weights / weights.sum())
        rows, needed = [], []
        for kind in np.array(list(c.mix))[which]:
            codes, spans = self.codes[kind], c.tokens // SPAN
            at = int(self.random.integers(len(codes) // SPAN - spans + 1))
            rows.append(codes[at * SPAN : at * SPAN + c.tokens])
            needed.append(self.needs[kind][at : at + spans].T)
        return torch.stack(rows).long(), np.stack(needed)


def kept(
    codes: torch.Tensor, needed: np.ndarray, allocation: Allocation, none: int
) -> torch.Tensor:
    """The codes that a file has; `none` in place of the others.

    Parameters
    ----------
    codes : Tensor
        ``int64[rows, tokens, codebooks]``
    needed : ndarray
        ``[rows, codebooks, spans]``
    """
    tokens = codes.shape[1]
    if allocation.variable:
        lengths = np.full(needed.shape[2], SPAN)
        lengths[-1] = tokens - SPAN * (len(lengths) - 1)
        deep = np.repeat(allocation.spread(needed.astype(np.float64), lengths), lengths, axis=1)
    else:
        deep = np.full(codes.shape[:2], allocation.codebooks)
    absent = torch.arange(codes.shape[2]) >= torch.from_numpy(deep)[..., None]
    return codes.masked_fill(absent.to(codes.device), none)


def dev_blocks(folder: Path, tokens: int) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """The dev recordings by kind, in blocks as files have them; arrays as `save` has them."""
    lengths = json.loads((folder / "index.json").read_text())
    blocks: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for kind, counts in lengths.items():
        codes, needed = (np.load(folder / f"{name}dev-{kind}.npy") for name in ("", "needs-"))
        spans = [-(-count // SPAN) for count in counts]
        recordings = zip(
            np.split(codes, np.cumsum(counts)[:-1]),
            np.split(needed, np.cumsum(spans)[:-1]),
            strict=True,
        )
        blocks[kind] = [
            (recording[i : i + tokens], wanted[i // SPAN : (i + tokens) // SPAN])
            for recording, wanted in recordings
            for i in range(0, len(recording), tokens)
        ]
    return blocks
