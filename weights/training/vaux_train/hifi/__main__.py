"""Training of the small networks of ``hifi-48k``: `python -m vaux_train.hifi AUDIO... OUTPUT`.

It goes in rounds. In each, recordings are coded with the tables that there are, what was coded is
counted, and networks are fitted to it, with their rounding in the loop. The first round begins
with tables made by hand.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from torch import nn
from torch.nn import functional

from vauxio.codec.hifi import block_sizes, mdct
from vauxio.codec.hifi.layout import FRAME, SAMPLERATE
from vauxio.codec.hifi.network import CLASSES, CONTEXTS, ESCAPE, FEATURES, RESIDUALS, Tables
from vauxio.codec.hifi.pack import Packer
from vauxio.codec.hifi.rate import Estimate, settings_for

__all__ = ["by_hand", "collect", "fit", "main"]

HIDDEN = 32
RATES = (14, 20, 28, 40, 64, 96, 144)
SECONDS = 5.0


def to_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """The file of a model."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def by_hand() -> dict[str, np.ndarray]:
    """Tables to begin with: classes by the level of the band over its step, Laplacian values."""
    arrays: dict[str, np.ndarray] = {}
    for half in range(2):
        first = np.zeros((FEATURES[half], HIDDEN), np.int8)
        first[8, 0], first[0, 1] = 1, 1
        second = np.eye(HIDDEN, dtype=np.int8)
        last = np.zeros((HIDDEN, 1), np.int8)
        last[0, 0], last[1, 0] = 3, 3
        for n, (weight, bias, shift) in enumerate(((first, 40, 0), (second, 0, 0), (last, 0, 3))):
            size = weight.shape[1]
            arrays[f"weight{half}{n}"] = weight
            arrays[f"bias{half}{n}"] = np.full(size, bias, np.int32)
            arrays[f"shift{half}{n}"] = np.full(size, shift, np.int8)
        arrays[f"bias{half}0"][1:] = 0
    scale = np.exp2((np.arange(CLASSES) - 20) / 9)
    values = np.exp(-np.arange(ESCAPE + 1) / scale[:, None])
    arrays["classes"] = frequencies(values)
    spread = np.exp(-np.abs(np.arange(RESIDUALS) - 20) / 2)
    arrays["residuals"] = np.broadcast_to(frequencies(spread), (2, CONTEXTS, RESIDUALS)).copy()
    arrays["splits"] = np.full((4, 2, 2), 1, np.int32)
    return arrays


def frequencies(values: np.ndarray) -> np.ndarray:
    """Whole numbers in proportion, the most frequent 2^20 and none below one: ``int32``."""
    return np.maximum(np.rint(values / values.max(axis=-1, keepdims=True) * 2**20), 1).astype(
        np.int32
    )


def load(path: Path, seconds: float, seed: int) -> np.ndarray:
    """A stretch of a recording at 48 kHz, ``float64[1 or 2, n]`` in units of a 16-bit sample."""
    with soundfile.SoundFile(path) as f:
        want = int(seconds * f.samplerate)
        begin = np.random.default_rng(seed).integers(0, max(1, f.frames - want))
        f.seek(int(begin))
        data = f.read(want, always_2d=True)[:, :2]
        rate = f.samplerate
    if rate != SAMPLERATE:
        data = soxr.resample(data, rate, SAMPLERATE)
    return np.ascontiguousarray(data.T) * 2**15


class Counts:
    """What coding a corpus shows."""

    def __init__(self) -> None:
        self.inputs: tuple[list[Any], list[Any]] = ([], [])
        self.symbols: tuple[list[Any], list[Any]] = ([], [])
        self.splits = np.ones((4, 2, 2))
        self.residuals = np.full((2, CONTEXTS, RESIDUALS), 0.02)

    def observe(self, what: str, *found: Any) -> None:
        """For `Packer`."""
        if what == "split":
            np.add.at(self.splits.reshape(8, 2), found, 1)
        elif what == "level":
            np.add.at(self.residuals.reshape(2 * CONTEXTS, RESIDUALS), found, 1)
        else:
            half, inputs, symbols = found
            self.inputs[half].append(np.delete(inputs, FEATURES[0], axis=0).T.astype(np.int8))
            self.symbols[half].append(symbols.astype(np.uint8))


def collect(paths: list[Path], tables: Tables, seconds: float, seed: int) -> Counts:
    """Code a stretch of each recording at one of `RATES`."""
    counts = Counts()
    for i, path in enumerate(paths):
        samples = load(path, seconds, seed + i)
        if i % 3 and len(samples) == 2:
            samples = samples.mean(axis=0, keepdims=True)
        frames = samples.shape[1] // FRAME - 2
        if frames < 4 or not samples.any():
            continue
        samples = samples[:, : (frames + 1) * FRAME]
        rate = RATES[(i + seed) % len(RATES)]
        settings = settings_for(rate, samples)
        if len(samples) == 2 and i % 2:
            settings = replace(settings, joint=True)
            left, right = samples * np.sqrt(0.5)
            samples = np.stack([left + right, left - right])
        estimate = Estimate(samples, settings)
        bits = rate * 1000 * len(samples) * frames * FRAME / SAMPLERATE
        settings = replace(settings, rule=settings.rule._replace(gain=estimate.gain_for(bits)))
        sizes = block_sizes.choose(samples, settings.rule, settings.bands)
        found = mdct.forward(samples, np.concatenate(sizes), FRAME, FRAME)
        Packer(found, sizes, settings, tables, counts.observe).pack(settings.rule.gain)
    return counts


class _Quantised(torch.autograd.Function):
    """Rounding that lets gradients through."""

    @staticmethod
    def forward(_: Any, x: torch.Tensor, down: bool) -> torch.Tensor:
        return torch.floor(x) if down else torch.round(x)

    @staticmethod
    def backward(_: Any, gradient: torch.Tensor) -> Any:
        return gradient, None


class Classifier(nn.Module):
    """The network of a pass, in floating point with the rounding of the integer one."""

    def __init__(self, features: int) -> None:
        super().__init__()
        sizes = [features, HIDDEN, HIDDEN, 1]
        self.weights = nn.ParameterList(
            torch.randn(a, b) / a**0.5 for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.biases = nn.ParameterList(torch.zeros(b) for b in sizes[1:])
        with torch.no_grad():
            self.biases[2].fill_(28)
        scale = 2.0 ** np.linspace(-4.2, 5, CLASSES)
        table = -np.arange(ESCAPE + 1)[None] / scale[:, None] * 1.2
        self.table = nn.Parameter(torch.tensor(table, dtype=torch.float32))
        self.shifts = [7, 7, 7]

    def integer(self) -> list[tuple[torch.Tensor, torch.Tensor, int]]:
        """Weight, bias and shift of each layer."""
        out = []
        for weight, bias, shift in zip(self.weights, self.biases, self.shifts, strict=True):
            fine = _Quantised.apply(weight * 2**shift, False).clamp(-127, 127)
            out.append((fine, _Quantised.apply(bias * 2**shift, False), shift))
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The score, not limited, ``[n]``."""
        layers = self.integer()
        for weight, bias, shift in layers[:-1]:
            x = _Quantised.apply((x @ weight + bias) / 2**shift, True).clamp(0, 127)
        weight, bias, shift = layers[-1]
        return ((x @ weight + bias) / 2**shift)[:, 0]

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean bits of symbols, between the two classes that are nearest."""
        score = self(x).clamp(0, CLASSES - 1.001)
        low = score.floor().long()
        share = score - low
        logs = torch.log_softmax(self.table, dim=1)
        a, b = logs[low, y], logs[low + 1, y]
        mixed = torch.logaddexp(a + torch.log1p(-share * 0.999999), b + torch.log(share + 1e-7))
        return -mixed.mean() / np.log(2)


def fit(counts: Counts, seconds: float) -> dict[str, np.ndarray]:
    """Networks and tables for what was counted, in so many seconds for both passes."""
    arrays: dict[str, np.ndarray] = {}
    tables = []
    for half in range(2):
        x = torch.from_numpy(np.concatenate(counts.inputs[half]))
        y = torch.from_numpy(np.concatenate(counts.symbols[half])).long()
        model = Classifier(FEATURES[half])
        if tables:
            model.table.data.copy_(tables[0])
        begin, step, recent = time.time(), 0, 0.0
        optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
        while (done := (time.time() - begin) / seconds * 2) < 1:
            # The sizes of weights and classes differ, and so do their steps.
            for group in optimiser.param_groups:
                group["lr"] = 4e-3 * (1 - done) ** 1.2 + 2e-5
            at = torch.randint(0, len(x), (8192,))
            loss = model.loss(x[at].float(), y[at])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            recent += (float(loss) - recent) / min(step + 1, 300)
            step += 1
        print(f"pass {half}: {len(x)} values, {step} steps, {recent:.4f} bits", flush=True)
        for n, (weight, bias, shift) in enumerate(model.integer()):
            arrays[f"weight{half}{n}"] = weight.detach().numpy().astype(np.int8)
            arrays[f"bias{half}{n}"] = bias.detach().numpy().astype(np.int32)
            arrays[f"shift{half}{n}"] = np.full(weight.shape[1], shift, np.int8)
        tables.append(model.table.detach())
        counts_of = np.zeros((CLASSES, ESCAPE + 1))
        with torch.no_grad():
            for i in range(0, len(x), 1 << 18):
                score = model(x[i : i + (1 << 18)].float()).floor().clamp(0, CLASSES - 1).long()
                np.add.at(counts_of, (score.numpy(), y[i : i + (1 << 18)].numpy()), 1)
        # Where there is little to count, the fitted table of the class.
        prior = functional.softmax(model.table.detach(), dim=1).numpy()
        arrays["classes"] = arrays.get("classes", np.zeros_like(prior)) + counts_of + 50 * prior
    arrays["classes"] = frequencies(arrays["classes"])
    residuals = counts.residuals
    total = residuals.sum(axis=1, keepdims=True)
    arrays["residuals"] = frequencies(residuals + 20 * total / total.sum(axis=2, keepdims=True))
    arrays["splits"] = frequencies(counts.splits)
    return arrays


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", type=Path, nargs="+", help="folders of recordings")
    parser.add_argument("output", type=Path, help="file to write, entropy.npz")
    parser.add_argument("--files", type=int, default=150, help="of each folder")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 200],
                        help="of fitting, for each round")  # fmt: skip
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    paths = []
    for folder in options.audio:
        found = sorted(p for p in folder.rglob("*") if p.suffix in (".opus", ".ogg", ".flac"))
        paths += list(generator.permutation(np.array(found))[: options.files])
    paths = list(generator.permutation(np.array(paths)))
    arrays = by_hand()
    for number, seconds in enumerate(options.seconds):
        counts = collect(paths, Tables(to_bytes(arrays)), SECONDS, 1000 * number)
        print(f"round {number}: coded", flush=True)
        arrays = fit(counts, seconds)
        options.output.write_bytes(to_bytes(arrays))
    print(json.dumps({name: list(value.shape) for name, value in arrays.items()}))


if __name__ == "__main__":
    main()
