"""Go on from the language model of a model folder, also for a codec that has been trained since."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vauxio.entropy.transformer_parameters import Linear, read_parameters

from ..codec.shipped import read_weights
from .network import UNIT, IntegerLinear, TokenModel

RIDGE = 0.01  # of the mean square of what is mapped


@torch.no_grad()
def start_from(model: TokenModel, folder: Path) -> int:
    """Take over ``lm.onnx``; its roundings stay, what it was in floating point is lost.

    Where weights are above 63, as there were before, these lose a bit.
    Of one for more codebooks, what the first need is taken. Of one for fewer, those that are added
    say nothing to the others at first, and of themselves nothing is known.
    What the shipped numbers have in common with the codes' vectors becomes the maps again, so
    that `TokenModel.take_vectors` of a codec that has changed a little changes them along.

    Returns how many codebooks of the model are known.
    """
    parameters = read_parameters((folder / "lm.onnx").read_bytes())
    shape = (model.size, model.config.width, model.config.heads, model.config.layers)
    if parameters.shape[1:5] != shape:
        raise ValueError(f"{folder} has a language model of another size: {parameters.shape}")
    model.take_vectors(read_weights(folder)["quantiser.codebooks"][: model.codebooks])
    table = torch.from_numpy(parameters.embedding.copy()).to(model.embedding) / UNIT
    table = table.unflatten(0, (-1, model.size + 1))
    # A codebook that is not there adds its last row to every step.
    absent = table[model.codebooks :, -1].sum(0)
    table = table[: model.codebooks] + absent / model.codebooks
    known = len(table)
    vectors = torch.stack([head.vectors for head in model.heads[:known]])
    model.embedding_map[:known] = least_squares(vectors, table[:, :-1])
    model.embedding_map[known:] = 0
    rows = table.new_zeros(model.codebooks, *table.shape[1:])
    rows[:known] = table
    model.embedding += rows.flatten(0, 1) - model.table()
    for layer, numbers in zip(model.layers, parameters.layers, strict=True):
        for name in ("qkv", "out", "up", "down"):
            take(getattr(layer, name), getattr(numbers, name))
        layer.position.copy_(torch.from_numpy(numbers.position.copy()) / 64)
    for head, numbers in zip(model.heads, parameters.heads, strict=False):
        take(head, numbers)
        head.map.copy_(least_squares(head.vectors, head.weight))
        head.weight -= head.vectors @ head.map
    return known


def take(layer: IntegerLinear, numbers: Linear) -> None:
    shift = torch.from_numpy(numbers.shift.copy())
    scale = torch.exp2(shift.float()) * layer.unit / UNIT
    layer.weight.copy_(torch.from_numpy(numbers.weight.T.copy()) / scale[:, None])
    half = torch.floor(torch.exp2(shift.float() - 1))
    layer.bias.copy_((torch.from_numpy(numbers.bias.copy()) - half) / (scale * UNIT))


def least_squares(vectors: Tensor, rows: Tensor) -> Tensor:
    """Maps ``[..., latents, width]`` from vectors ``[..., size, latents]`` to near the rows.

    Held small: without that some entries were above 500, and with the vectors of another codec the
    model began at 12 bits a code.
    """
    covariance = vectors.mT @ vectors
    diagonal = covariance.diagonal(dim1=-2, dim2=-1)
    diagonal += RIDGE * diagonal.mean(-1, keepdim=True)
    return torch.linalg.solve(covariance, vectors.mT @ rows)
