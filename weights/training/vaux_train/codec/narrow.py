"""A decoder with fewer hidden units in its blocks, which says nearly the same from the first step.

Units are left out one after the other, each time the one that the others can replace best: what is
lost when the layer after them is fitted anew by least squares (optimal brain surgeon, Hassibi &
Stork 1993, of one layer). Each block is fitted to what it heard in the wide decoder. Codes, encoder
and codebooks stay as they are.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .graph import decoded_latents
from .network import Codec
from .training import CodecTrainer

TOKENS = 40_000  # to fit to
RIDGE = 1e-5  # of the mean square of a unit


@torch.no_grad()
def narrow(trainer: CodecTrainer, data: Path, expansion: int) -> CodecTrainer:
    """One that goes on from `trainer`, with ``decoder_dim * expansion`` units in a block.

    `data` is what ``prepare`` wrote, to fit to.
    """
    wide = trainer.config
    model = dataclasses.replace(wide.model, decoder_expansion=expansion)
    units = model.decoder_dim * expansion
    result = CodecTrainer(dataclasses.replace(wide, model=model), trainer.folder, trainer.device)
    trainer.sample_from(data)
    pcm = trainer.sample(TOKENS)
    stages = trainer.random_stages(len(pcm))
    networks = {"codec": trainer.codec, "average": trainer.average}
    moments = {name: hidden_moments(codec, pcm, stages) for name, codec in networks.items()}
    kept = [
        least_missed(moment, block.scale[:, None] * block.down.weight, units)
        for moment, block in zip(moments["average"], trainer.average.decoder.blocks, strict=True)
    ]
    for name, codec in networks.items():
        weights = codec.state_dict()
        for i, units_left in enumerate(kept):
            refit(weights, f"decoder.blocks.{i}.", moments[name][i], units_left)
        getattr(result, name).load_state_dict(weights)
    result.optimiser.load_state_dict(optimiser_of(trainer, kept))
    for name in ("judges", "judge_optimiser"):
        getattr(result, name).load_state_dict(getattr(trainer, name).state_dict())
    for name in trainer.COUNTERS:
        setattr(result, name, getattr(trainer, name))
    return result


def hidden_moments(codec: Codec, pcm: Tensor, stages: Tensor) -> list[Tensor]:
    """Of each block of the decoder, mean products of its units and a one.

    Each is ``float64[units + 1, units + 1]``.
    """
    sums: list[Any] = [0.0] * len(codec.decoder.blocks)

    def count(at: int, hidden: Tensor) -> None:
        h = torch.nn.functional.pad(hidden.flatten(0, 1), (0, 1), value=1.0).double()
        sums[at] = sums[at] + h.T @ h

    hooks = [
        block.down.register_forward_pre_hook(lambda _, args, at=at: count(at, args[0]))
        for at, block in enumerate(codec.decoder.blocks)
    ]
    training = codec.training
    codec.eval()  # codebooks do not follow
    for latents in decoded_latents(codec, pcm, stages):
        codec.decoder(latents)
    codec.train(training)
    for hook in hooks:
        hook.remove()
    return [(s / s[-1, -1]).cpu() for s in sums]


def least_missed(moment: Tensor, weight: Tensor, units: int) -> Tensor:
    """Which so many units to keep, of a layer's weights ``[outputs, units]``."""
    inverse = torch.linalg.inv(steadied(moment))
    d = torch.nn.functional.pad(weight.cpu().double(), (0, 1))  # the one is never left out
    left = torch.ones(len(moment), dtype=torch.bool)
    for _ in range(weight.shape[1] - units):
        loss = d.square().sum(0) / inverse.diagonal()
        loss[~left] = torch.inf
        loss[-1] = torch.inf
        out = int(loss.argmin())
        row = inverse[out] / inverse[out, out]
        d -= d[:, out, None] * row
        inverse -= inverse[:, out, None] * row
        left[out] = False
    return left[:-1].nonzero().flatten()


def steadied(moment: Tensor) -> Tensor:
    """With a ridge, so that units that move together can be told apart."""
    return moment + RIDGE * moment.diagonal()[:-1].mean() * torch.eye(len(moment))


def refit(weights: dict[str, Tensor], block: str, moment: Tensor, kept: Tensor) -> None:
    """Leave units out of a block's weights, and fit the layer after them to what it gave."""
    moment = steadied(moment)
    inputs = torch.cat([kept, torch.tensor([len(moment) - 1])])
    down = torch.cat([weights[block + "down.weight"], weights[block + "down.bias"][:, None]], 1)
    target = down.cpu().double() @ moment[:, inputs]
    fitted = torch.linalg.solve(moment[inputs][:, inputs], target.T).T.float()
    weights[block + "down.weight"], weights[block + "down.bias"] = fitted[:, :-1], fitted[:, -1]
    for name in ("up.weight", "up.bias"):
        weights[block + name] = weights[block + name].cpu()[kept]


def optimiser_of(trainer: CodecTrainer, kept: list[Tensor]) -> dict[str, Any]:
    """The optimiser's state, of the units that are left."""
    state = trainer.optimiser.state_dict()
    for index, (name, _) in enumerate(trainer.codec.named_parameters()):
        if not name.startswith("decoder.blocks.") or index not in state["state"]:
            continue
        _, _, block, *layer = name.split(".")
        left = kept[int(block)]
        moments = dict(state["state"][index])  # a copy: the trainer has the other
        for key in ("exp_avg", "exp_avg_sq"):
            if layer[0] == "up":
                moments[key] = moments[key].cpu()[left]
            elif layer == ["down", "weight"]:
                moments[key] = moments[key].cpu()[:, left]
        state["state"][index] = moments
    return state
