"""`Allocation.averaging` of the library on the training device, for excerpts of one window."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vauxio.entropy.allocation import LEVEL, SAID, SPAN, WINDOW


def averaged(distortion: Tensor, average: Tensor, silent: float) -> Tensor:
    """How many codes each token has, where those of a row have so many on average.

    Parameters
    ----------
    distortion : Tensor
        ``float32[rows, codebooks + 1, tokens]``, no more tokens than an average is kept over.
    average : Tensor
        ``int64[rows]``
    silent : float
        Spans as near as this need no more codes.

    Returns
    -------
    Tensor
        ``int64[rows, tokens]``
    """
    rows, most, tokens = len(distortion), distortion.shape[1] - 1, distortion.shape[2]
    if tokens > WINDOW:
        raise ValueError(f"{tokens} tokens: an average is kept over {WINDOW}")
    device = distortion.device
    begins = torch.arange(0, tokens, SPAN, device=device)
    lengths = (tokens - begins).clamp_max(SPAN)
    spans = F.pad(distortion, (0, -tokens % SPAN)).unflatten(2, (-1, SPAN)).sum(3) / lengths
    spans = spans.clamp_min(torch.finfo(torch.float32).tiny)
    needs = (spans[:, :-1] / spans[:, :1] ** LEVEL) ** (1 / (1 - LEVEL))
    needs = needs.cummin(1).values
    # What no token may have comes last, and costs what is not left.
    highest = (average + (-(-average // 4)).clamp_min(2)).clamp_max(most)
    allowed = torch.arange(most, device=device)[:, None] < highest[:, None, None]
    needs = needs.where(allowed, -1)
    order = needs.flatten(1).argsort(dim=1, descending=True, stable=True)
    costs = lengths.expand(rows, most, -1).flatten(1)
    spent = costs.gather(1, order).cumsum(1)
    budget = (average * tokens - SAID * len(begins)).clamp_min(tokens)
    within = torch.empty_like(order, dtype=torch.bool)
    within = within.scatter(1, order, spent <= budget[:, None]).view_as(needs)
    depth = (within & (needs > silent)).sum(1)
    depth = depth.repeat_interleave(SPAN, 1)[:, :tokens]
    # As many as there are is no average: every token has them.
    return depth.where((average < most)[:, None], average[:, None])
