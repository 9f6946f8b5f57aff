"""Causal ConvNeXt blocks over tokens or frames (Liu et al. 2022), linear maps around them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalDepthwise(nn.Module):
    """One filter per channel over the last `kernel` tokens; ``[B, T, C]`` in and out."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(kernel, dim) / kernel)
        with torch.no_grad():
            self.weight[-1] += 0.5
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        kernel, dim = self.weight.shape
        x = F.pad(x.transpose(1, 2), (kernel - 1, 0))
        return F.conv1d(x, self.weight.T[:, None], self.bias, groups=dim).transpose(1, 2)


class Block(nn.Module):
    """ConvNeXt: depthwise over time, then a pointwise bottleneck turned inside out."""

    def __init__(self, dim: int, expansion: int, kernel: int, scale: float) -> None:
        super().__init__()
        self.depthwise = CausalDepthwise(dim, kernel)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, expansion * dim)
        self.down = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.depthwise(x))
        return x + self.scale * self.down(F.gelu(self.up(h)))


class Trunk(nn.Module):
    """Linear over a short past of `taps` tokens -> norm -> blocks -> norm -> linear."""

    def __init__(
        self,
        inputs: int,
        dim: int,
        outputs: int,
        blocks: int,
        expansion: int,
        kernel: int,
        taps: int,
    ) -> None:
        super().__init__()
        self.taps = taps
        self.embed = nn.Linear(taps * inputs, dim)
        self.embed_norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(
            Block(dim, expansion, kernel, 1 / blocks) for _ in range(blocks)
        )
        self.final_norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))

    def body(self, x: Tensor) -> Tensor:
        """What the last linear layer is given, ``[B, T, dim]``."""
        if self.taps > 1:
            tokens = x.shape[1]
            padded = F.pad(x, (0, 0, self.taps - 1, 0))
            x = torch.cat([padded[:, i : i + tokens] for i in range(self.taps)], dim=-1)
        h = self.embed_norm(self.embed(x))
        for block in self.blocks:
            h = block(h)
        return self.final_norm(h)
