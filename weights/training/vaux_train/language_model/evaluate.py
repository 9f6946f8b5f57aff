"""What the language model saves on the dev recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vauxio.entropy.allocation import Allocation

from .codes import dev_blocks, kept
from .network import TokenModel

BLOCK = 750  # tokens of a block in a file


@torch.no_grad()
def evaluate(
    model: TokenModel,
    codes: Path,
    used: list[int],
    device: torch.device,
    every: int = 1,
    constant: bool = False,
) -> list[dict[str, object]]:
    """What the model saves on dev, of the bits that bare codes take, by kind and codebooks.

    These are averages, as in files, or, if `constant`, what every token has. ``saving`` is with all
    roundings, as in files (payload only); ``float_saving`` is the same weights without them, so the
    difference is what integers cost.
    """
    model = model.to(device).eval()
    nominal = float(np.log2(model.size))
    results: list[dict[str, object]] = []
    for kind, blocks in dev_blocks(codes, BLOCK).items():
        for count in used:
            allocation = Allocation.averaging(count, model.codebooks)
            if constant:
                allocation = Allocation.constant(count)
            bits, saving = {}, {}
            for rounding in (True, False):
                model.set_rounding(rounding)
                total = present = torch.zeros(allocation.codebooks)
                for block, needed in blocks[::every]:
                    batch = torch.from_numpy(block.astype(np.int64))[None].to(device)
                    batch = kept(batch, needed.T[None], allocation, model.size)
                    there = (batch[0, :, : allocation.codebooks] != model.size).sum(0).cpu()
                    total = total + model.bits(batch, allocation.codebooks).cpu() * there
                    present = present + there
                bits[rounding] = total / present.clamp_min(1)
                saving[rounding] = 1 - float(total.sum() / present.sum()) / nominal
            results.append(
                {
                    "kind": kind,
                    "codebooks": count,
                    "saving": saving[True],
                    "float_saving": saving[False],
                    "bits": [round(b, 3) for b in bits[True].tolist()],
                }
            )
    model.set_rounding(True)
    return results
