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
import torch

import vauxio
from vauxio.entropy.allocation import SPAN, Allocation, needs, spans_of
from vauxio.model.models import SILENT

from ..codec.graph import silence
from ..codec.network import Codec
from ..codec.shipped import load_weights, read_weights
from ..config import LanguageModel, Model
from ..corpus import KINDS, SPEEDS, mono, resized
from ..denoiser import config as denoiser
from ..denoiser.noisy import NoisySampler

PIECE_SECONDS = 30
ROWS = 8  # pieces coded at once
GAIN_DB = (-15.0, 5.0)


class Encoder:
    """The encoder of a model folder, on the training device."""

    def __init__(self, folder: Path, config: Model, device: torch.device) -> None:
        self.device = device
        self.codec = Codec(config).eval().requires_grad_(False)
        load_weights(self.codec, read_weights(folder))
        self.codec.to(device)
        distortions = json.loads((folder / "model.json").read_text())["distortions"]
        self.silent = SILENT * distortions[-1]
        self.silence = silence(self.codec)

    def __call__(self, pcm: torch.Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each row of ``float32[B, n·hop]``, codes and how much each is needed (`needs`).

        ``uint16[tokens, codebooks]`` and, by spans, ``float16[spans, codebooks]``.
        """
        latents = self.codec.encode(pcm.to(self.device))
        codes, left = self.codec.quantiser.search(latents)
        without = (latents - self.silence).square().sum(2)[:, None]
        distortion = torch.cat([without, left], 1).cpu().numpy()
        wanted = np.minimum(needs(spans_of(distortion)[0]), np.finfo(np.float16).max)
        wanted[wanted <= self.silent] = 0
        said = codes.cpu().numpy().astype(np.uint16).swapaxes(1, 2)
        return list(zip(said, wanted.astype(np.float16).swapaxes(1, 2), strict=True))


def changed(pieces: torch.Tensor, length: int, rng: np.random.Generator) -> torch.Tensor:
    """Rows at another speed, of `length` samples, at other levels, some upside down."""
    shape = len(pieces), 1
    gain = 10 ** (rng.uniform(*GAIN_DB, shape) / 20) * rng.choice([-1, 1], shape)
    pieces = resized(pieces, length) * torch.from_numpy(gain).to(pieces)
    return pieces / pieces.abs().amax(1, keepdim=True).clamp_min(1.0)


def prepare_codes(
    folder: Path,
    config: Model,
    data: Path,
    corpus: Path | None,
    out: Path,
    copies: int,
    denoised: int,
    device: torch.device,
) -> None:
    """Write ``{kind}-{copy}.npy`` and ``dev-{kind}.npy``: uint16 ``[tokens, codebooks]``.

    Beside each, how much the codes are needed: ``needs-{kind}-{copy}.npy`` and so on.

    ``codebooks.npy`` has the codes' vectors, float32 ``[codebooks, size, latent_dim]``.

    Parameters
    ----------
    folder : Path
        Model folder whose encoder is used. Codes of another encoder are of no use.
    config : Model
        Of that encoder.
    data : Path
        What ``prepare`` wrote.
    corpus : Path or None
        For ``dev``: every recording is coded as a file would be, ``index.json`` has their lengths.
        None if nothing will be evaluated.
    out : Path
        Files that are there already are left alone, so that copies can be added later.
    copies : int
        How often each training recording is coded; the first time as it is.
    denoised : int
        How often speech is coded with noise that the installed denoiser has taken out again: what
        it makes of noisy speech sounds other than clean speech, and so do its codes read.
    device : torch.device
        Where the encoder runs.
    """
    encoder = Encoder(folder, config, device)
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "codebooks.npy", encoder.codec.quantiser.codebooks.cpu().numpy())
    if corpus:
        code_dev(encoder, corpus, out)
    span = SPAN * config.hop
    length = PIECE_SECONDS * config.samplerate // span * span
    for copy in range(copies):
        for kind in KINDS:
            path = out / f"{kind}-{copy}.npy"
            if path.exists() and path.with_name(f"needs-{path.name}").exists():
                continue
            rng = np.random.default_rng([copy, KINDS.index(kind)])
            pcm = np.load(data / f"{kind}.npy", mmap_mode="r")
            # A copy is cut elsewhere; where a piece is sped up, it takes in more of the recording.
            start = int(rng.integers(length)) if copy else 0
            most = len(pcm) - round(length * max(SPEEDS)) if copy else len(pcm) - length
            coded = []
            begins = range(start, most + 1, length)
            for group in (begins[i : i + ROWS] for i in range(0, len(begins), ROWS)):
                size = round(length * rng.choice(SPEEDS)) if copy else length
                rows = np.stack([pcm[at : at + size] for at in group])
                pieces = torch.from_numpy(rows).to(device).float() / 32768
                coded += encoder(changed(pieces, length, rng) if copy else pieces)
            if not coded:  # of a corpus that is shorter than a piece
                nothing = np.empty((0, config.codebooks))
                coded = [(nothing.astype(np.uint16), nothing.astype(np.float16))]
            save(out, path.stem, coded)
    for copy in range(denoised):
        if not (out / f"needs-speech-denoised-{copy}.npy").exists():
            save(out, f"speech-denoised-{copy}", code_denoised(encoder, data, length, copy))


def code_denoised(
    encoder: Encoder, data: Path, length: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """As much speech as there is, in pieces of `length` samples, noise put in and taken out."""
    hop = encoder.codec.config.hop
    config = denoiser.Config(
        denoiser.Model(hop=hop),
        denoiser.Data(tokens=length // hop, batch=ROWS),
        denoiser.Training(),
    )
    sampler = NoisySampler(data, config, encoder.device, seed)
    coded = []
    for _ in range(-(-int(sampler.lengths.sum()) // (ROWS * length))):
        noisy, _ = sampler.batch()
        clean = vauxio.denoise(noisy.T.cpu().numpy(), sampler.samplerate).T
        coded += encoder(torch.from_numpy(np.ascontiguousarray(clean)))
    return coded


def code_dev(encoder: Encoder, corpus: Path, out: Path) -> None:
    """Every recording of ``corpus/dev`` into `out`, and how many tokens it has."""
    config = encoder.codec.config
    lengths: dict[str, list[int]] = {}
    for kind in KINDS:
        coded = []
        for path in sorted((corpus / "dev" / kind).iterdir()):
            samples, _ = mono(path, config.samplerate)
            tokens = -(-(len(samples) + encoder.codec.delay) // config.hop)
            padded = np.pad(samples, (0, tokens * config.hop - len(samples)))
            coded += encoder(torch.from_numpy(padded)[None])
        save(out, f"dev-{kind}", coded)
        lengths[kind] = [len(codes) for codes, _ in coded]
    (out / "index.json").write_text(json.dumps(lengths))


def save(out: Path, name: str, coded: list[tuple[np.ndarray, np.ndarray]]) -> None:
    codes, wanted = (np.concatenate(parts) for parts in zip(*coded, strict=True))
    np.save(out / f"{name}.npy", codes)
    np.save(out / f"needs-{name}.npy", wanted)
    print(f"{name}: {len(codes)} tokens", flush=True)


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
    depth = torch.from_numpy(deep.astype(np.uint8)).to(codes.device)[..., None]
    return codes.masked_fill(torch.arange(codes.shape[2], device=codes.device) >= depth, none)


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
