"""Networks and tables fitted to what was counted, with the rounding of integers in the loop."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from vauxio.codec.hifi.network import CLASSES, ESCAPE, FEATURES

from .counting import Counts
from .tables import HIDDEN, frequencies


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
            recent += (loss.item() - recent) / min(step + 1, 300)
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
    arrays["angles"] = frequencies(counts.angles)
    return arrays
