"""Networks and tables fitted to what was counted, with the rounding of integers in the loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from vauxio.codec.hifi.envelope import HIGHEST
from vauxio.codec.hifi.network import (
    CLASSES,
    ESCAPE,
    FEATURES,
    LEVEL_CLASSES,
    LEVEL_FEATURES,
    LEVEL_ROWS,
    QUARTERS,
    RESIDUALS,
)

from .counting import Counts
from .tables import HIDDEN, frequencies

_BATCH = 4096
_RATE = 4e-3
_SHIFT = 7  # of all layers: weights are 128ths
_BASE, _COARSE = 10, 16  # of the inputs of the network of levels
_MIDDLE = RESIDUALS // 2 - 1  # the symbol of no difference


class _Quantised(torch.autograd.Function):
    """Rounding that lets gradients through."""

    @staticmethod
    def forward(_: Any, x: torch.Tensor, down: bool) -> torch.Tensor:
        return torch.floor(x) if down else torch.round(x)

    @staticmethod
    def backward(_: Any, gradient: torch.Tensor) -> Any:
        return gradient, None


class _Integer(nn.Module):
    """A network in floating point with the rounding of the integer one."""

    def __init__(self, features: int, hidden: int, begin: list[float]) -> None:
        super().__init__()
        sizes = [features, hidden, hidden, len(begin)]
        self.weights = nn.ParameterList(
            torch.randn(a, b) / a**0.5 for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.biases = nn.ParameterList(torch.zeros(b) for b in sizes[1:])
        with torch.no_grad():
            self.biases[2].copy_(torch.tensor(begin))

    def integer(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Weight and bias of each layer."""
        return [
            (_Quantised.apply(weight * 2**_SHIFT, False).clamp(-127, 127),
             _Quantised.apply(bias * 2**_SHIFT, False))
            for weight, bias in zip(self.weights, self.biases, strict=True)
        ]  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs, neither rounded nor limited, ``[n, outputs]``."""
        *layers, (weight, bias) = self.integer()
        for inner, constant in layers:
            x = _Quantised.apply((x @ inner + constant) / 2**_SHIFT, True).clamp(0, 127)
        return (x @ weight + bias) / 2**_SHIFT

    def arrays(self, number: int) -> dict[str, np.ndarray]:
        """As the file of the model has them."""
        found = {}
        for n, (weight, bias) in enumerate(self.integer()):
            found[f"weight{number}{n}"] = weight.detach().numpy().astype(np.int8)
            found[f"bias{number}{n}"] = bias.detach().numpy().astype(np.int32)
            found[f"shift{number}{n}"] = np.full(weight.shape[1], _SHIFT, np.int8)
        return found

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean bits."""
        raise NotImplementedError

    def outputs(self, x: torch.Tensor) -> np.ndarray:
        """Whole numbers, ``int64[n, outputs]``."""
        with torch.no_grad():
            parts = [self(part.float()).floor().long() for part in x.split(1 << 18)]
        return torch.cat(parts).numpy()


class Classifier(_Integer):
    """The network of a pass."""

    def __init__(self, half: int) -> None:
        super().__init__(FEATURES[half], HIDDEN[half], [28.0])
        scale = 2.0 ** np.linspace(-4.2, 5, CLASSES)
        table = -np.arange(ESCAPE + 1)[None] / scale[:, None] * 1.2
        self.table = nn.Parameter(torch.tensor(table, dtype=torch.float32))

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean bits of symbols, between the two classes that are nearest."""
        score = self(x)[:, 0].clamp(0, CLASSES - 1.001)
        low = score.floor().long()
        share = score - low
        logs = torch.log_softmax(self.table, dim=1)
        a, b = logs[low, y], logs[low + 1, y]
        mixed = torch.logaddexp(a + torch.log1p(-share * 0.999999), b + torch.log(share + 1e-7))
        return -mixed.mean() / np.log(2)

    def counted(self, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        """How often symbols came, by class; where there is little to count, the fitted table."""
        found = np.zeros((CLASSES, ESCAPE + 1))
        np.add.at(found, (self.outputs(x)[:, 0].clip(0, CLASSES - 1), y.numpy()), 1)
        return found + 50 * functional.softmax(self.table.detach(), dim=1).numpy()


class Expectation(_Integer):
    """The network of levels: by how much they move, and how sure that is."""

    def __init__(self) -> None:
        super().__init__(LEVEL_FEATURES, HIDDEN[2], [0.0, 8.0])
        with torch.no_grad():
            self.weights[2].mul_(0.3)

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean bits of levels, as if their differences were logistic."""
        change, spread = self(x).T
        off = y - x[:, _BASE] - (change - 0.5) / QUARTERS
        scale = torch.exp2(spread.clamp(0, LEVEL_CLASSES) / 4 - 2.5)
        share = torch.sigmoid((off + 0.5) / scale) - torch.sigmoid((off - 0.5) / scale)
        return -torch.log2(share + 1e-4).mean()

    def counted(self, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        """How often symbols came, in each row; neighbours of the same spread count a little."""
        change, spread = self.outputs(x).T
        highest = HIGHEST >> (x[:, _COARSE].numpy() > 0)
        expected = np.clip(x[:, _BASE].numpy() + change // QUARTERS, 0, highest)
        off = y.numpy().astype(np.int64) - expected
        symbols = np.where(np.abs(off) > _MIDDLE, RESIDUALS - 1, off + _MIDDLE)
        rows = spread.clip(0, LEVEL_CLASSES - 1) * QUARTERS + change % QUARTERS
        found = np.zeros((LEVEL_ROWS, RESIDUALS))
        np.add.at(found, (rows, symbols), 1)
        classes = found.reshape(LEVEL_CLASSES, QUARTERS, RESIDUALS).sum(axis=1)
        likely = (classes + 0.02).repeat(QUARTERS, axis=0)
        return found + 20 * likely / likely.sum(axis=1, keepdims=True)


def _fit(model: _Integer, x: torch.Tensor, y: torch.Tensor, steps: int) -> float:
    """Train for so many steps; the bits at the end."""
    recent = 0.0
    optimiser = torch.optim.Adam(model.parameters(), lr=_RATE)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * (1 - step / steps) ** 1.2 + 2e-5
        at = torch.randint(0, len(x), (_BATCH,))
        loss = model.loss(x[at].float(), y[at].long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        recent += (loss.item() - recent) / min(step + 1, 300)
    return recent


def fit(counts: Counts, steps: int) -> dict[str, np.ndarray]:
    """Networks and tables for what was counted; so many steps for each pass, a third for levels."""
    arrays: dict[str, np.ndarray] = {}
    first = None
    for number in range(3):
        x = torch.from_numpy(np.concatenate(counts.inputs[number]))
        y = torch.from_numpy(np.concatenate(counts.outcomes[number]))
        model = Classifier(number) if number < 2 else Expectation()
        if isinstance(model, Classifier) and first is not None:
            model.table.data.copy_(first.table.data)
        bits = _fit(model, x, y, steps if number < 2 else steps // 3 + 1)
        print(f"network {number}: {len(x)} outcomes, {bits:.4f} bits", flush=True)
        arrays |= model.arrays(number)
        if isinstance(model, Classifier):
            arrays["classes"] = arrays.get("classes", 0) + model.counted(x, y)
            first = model
        else:
            arrays["residuals"] = frequencies(model.counted(x, y))
    arrays["classes"] = frequencies(arrays["classes"])
    arrays["splits"] = frequencies(counts.splits)
    arrays["angles"] = frequencies(counts.angles)
    return arrays
