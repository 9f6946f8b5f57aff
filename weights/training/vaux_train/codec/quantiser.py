"""Residual vector quantiser: k-means start, EMA codebooks, dead codes re-seeded.

Codebooks are not trained by gradient: from scratch that collapsed to a handful of used codes.
They start as k-means of latents that an unquantised network has already organised, then follow
the data (van den Oord et al. 2017, appendix A.1; SoundStream, Zeghidour et al. 2021).

What the decoder takes a code for is the entry and a correction. The entry is the mean of what was
coded by it; the correction is trained by gradient, like any weight of the decoder. So it can change
while the codes, and a language model of them, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 6  # codes. Following more sequences makes the last of many better, the first alone worse
DECAY = 0.99
PACE = 4.0  # of corrections beside other weights, for entries are larger than those
DEAD = 0.027  # of the mean use: below, a code is moved to where data is


def everywhere(stages: Tensor) -> Callable[[Tensor], Tensor]:
    """For `ResidualQuantiser.forward`: ``stages[b]`` codes for every token of row b."""
    return lambda distortion: stages[:, None].expand(-1, distortion.shape[2])


class ResidualQuantiser(nn.Module):
    codebooks: Tensor
    uses: Tensor
    sums: Tensor

    def __init__(
        self, dim: int, stages: int, size: int, beams: tuple[int, int], followed: int
    ) -> None:
        super().__init__()
        self.stages, self.size, self.beams, self.followed = stages, size, beams, followed
        self.register_buffer("codebooks", torch.zeros(stages, size, dim))
        self.register_buffer("uses", torch.ones(stages, size))
        self.register_buffer("sums", torch.zeros(stages, size, dim))
        self.corrections = nn.Parameter(torch.zeros(stages, size, dim))

    def nearness(self, stage: int, x: Tensor) -> Tensor:
        """Minus half the squared distance of every entry, up to the |x|² term: ``[..., size]``."""
        book = self.codebooks[stage]
        with torch.autocast(x.device.type, enabled=False):
            return x @ book.T - 0.5 * book.square().sum(1)

    def nearest(self, stage: int, x: Tensor) -> Tensor:
        """Index of the nearest entry for rows ``[N, dim]``."""
        return self.nearness(stage, x).argmax(1)

    @torch.no_grad()
    def encode(self, latents: Tensor, stages: int | None = None) -> Tensor:
        """``[B, T, dim]`` to codes ``[B, stages, T]``; see `search`."""
        return self.search(latents, stages)[0]

    @torch.no_grad()
    def search(self, latents: Tensor, stages: int | None = None) -> tuple[Tensor, Tensor]:
        """Codes of ``[B, T, dim]``: the best of the sequences that survive.

        After each stage the nearest survive: of `beams` the first number, or the second where more
        than `FEW` stages are asked for, and one from `followed` codes on; `forward` follows but
        one. Returns codes, ``[B, stages, T]``, and the squared distances that each of them leaves.
        """
        rest = latents.float().flatten(0, 1)[:, None]  # [N, survivors, dim]
        score = rest.new_zeros(rest.shape[:2])  # minus half the squared distance, beside the best's
        codes = score.new_empty((*score.shape, 0), dtype=torch.int64)
        left = score.new_empty((*score.shape, 0))
        stages = stages or self.stages
        beam = self.beams[stages > FEW]
        for stage in range(stages):
            near = self.nearness(stage, rest) + score[..., None]
            score, found = near.flatten(1).topk(beam if stage + 1 < self.followed else 1)
            score = score - score[:, :1]  # small, for float32 to tell the last stages apart
            before, index = (found // self.size)[..., None], found % self.size
            rest = rest.take_along_dim(before, 1) - self.codebooks[stage][index]
            codes = torch.cat([codes.take_along_dim(before, 1), index[..., None]], 2)
            now = rest.square().sum(2, keepdim=True)
            left = torch.cat([left.take_along_dim(before, 1), now], 2)
        codes, left = (
            part[:, 0].view(*latents.shape[:2], -1).transpose(1, 2) for part in (codes, left)
        )
        return codes, left

    def decode(self, codes: Tensor) -> Tensor:
        """Codes ``[B, K, T]`` (any K up to `stages`) to latents ``[B, T, dim]``."""
        table = self.table()
        return sum(F.embedding(codes[:, k], table[k]) for k in range(codes.shape[1]))

    def table(self) -> Tensor:
        """What the decoder takes the codes for, ``[stages, size, dim]``."""
        return self.codebooks + PACE * self.corrections

    def forward(
        self, latents: Tensor, choose: Callable[[Tensor], Tensor], silence: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise ``[B, T, dim]``, and let the codebooks follow.

        `choose` is given the squared distances from what the tokens become with so many codes,
        ``[B, stages + 1, T]``, and says how many each token has, ``[B, T]``. Those without any
        become `silence`.

        Returns what the decoder takes them for (straight-through to the latents), the commitment
        loss, and the number of distinct codes that each stage used in this batch.
        """
        x = latents.flatten(0, 1)
        with torch.no_grad():
            rest = x.detach().clone()
            codes, values, left = [], [], [(rest - silence).square().sum(1)]
            used = torch.zeros(self.stages, device=x.device)
            for stage in range(self.stages):
                index = self.nearest(stage, rest)
                value = self.codebooks[stage][index]
                codes.append(index)
                # Every stage learns from every row, also from those decoded with fewer.
                if self.training:
                    used[stage] = self._follow(stage, rest, index)
                values.append(value)
                rest = rest - value
                left.append(rest.square().sum(1))
            distortion = torch.stack(left).view(-1, *latents.shape[:2]).transpose(0, 1)
            depth = choose(distortion).reshape(-1)
            chosen = torch.arange(self.stages, device=x.device) < depth[:, None]
            total = silence * (depth == 0)[:, None]
            for k, value in enumerate(values):
                total = total + value * chosen[:, k : k + 1]
        commitment = F.mse_loss(x, total)
        first = self.size * torch.arange(self.stages, device=x.device)
        said = (torch.stack(codes, 1) + first).flatten()
        # Not F.embedding, whose gradient sorts the codes.
        said = self.corrections.flatten(0, 1).index_select(0, said).unflatten(0, (-1, self.stages))
        correction = PACE * (said * chosen[..., None]).sum(1)
        quantised = x + (total - x).detach() + correction
        return quantised.view_as(latents), commitment, used

    def _follow(self, stage: int, x: Tensor, index: Tensor) -> Tensor:
        # Relative to the mean use, so that it does not depend on the size of a batch. Not bincount,
        # which makes the CPU wait for a GPU.
        share = self.size / len(x)
        counts = torch.zeros_like(self.uses[stage])
        counts.index_add_(0, index, torch.full_like(x[:, 0], share))
        sums = torch.zeros_like(self.sums[stage]).index_add_(0, index, x * share)
        self.uses[stage].lerp_(counts, 1 - DECAY)
        self.sums[stage].lerp_(sums, 1 - DECAY)
        dead = self.uses[stage] < DEAD
        fresh = x[torch.randint(len(x), (self.size,), device=x.device)]
        self.sums[stage] = torch.where(dead[:, None], fresh, self.sums[stage])
        self.uses[stage] = torch.where(dead, torch.ones_like(self.uses[stage]), self.uses[stage])
        self.codebooks[stage] = self.sums[stage] / self.uses[stage][:, None]
        self.corrections[stage].masked_fill_(dead[:, None], 0)
        return (counts > 0).sum()

    @torch.no_grad()
    def restart_statistics(self) -> None:
        """Let the running statistics agree with the codebooks, which were set from elsewhere."""
        self.uses.fill_(1.0)
        self.sums.copy_(self.codebooks)

    @torch.no_grad()
    def initialise(self, latents: Tensor, first: int = 0, iterations: int = 8) -> None:
        """K-means of every stage in turn on rows ``[N, dim]``, N well above the codebook size.

        The `first` stages stay as they are: the others learn from what these leave.
        """
        rest = latents.float().clone()
        if first:
            for part in rest.split(4096):  # in place
                codes = self.encode(part[None], first)[0]
                for book, index in zip(self.codebooks, codes, strict=False):
                    part -= book[index]
        for stage in range(first, self.stages):
            book = rest[torch.randperm(len(rest), device=rest.device)[: self.size]].clone()
            self.codebooks[stage] = book
            for _ in range(iterations):
                index = self.nearest(stage, rest)
                counts = torch.bincount(index, minlength=self.size).float()
                sums = torch.zeros_like(book).index_add_(0, index, rest)
                fresh = rest[torch.randint(len(rest), (self.size,), device=rest.device)]
                book = torch.where(counts[:, None] > 0, sums / counts.clamp_min(1)[:, None], fresh)
                self.codebooks[stage] = book
            rest = rest - book[self.nearest(stage, rest)]
        self.restart_statistics()
