"""Weights as they ship: rounded to what the graphs hold, and read back out of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ..onnx_graph import in_float, round_tensor
from .network import Codec
from .quantiser import PACE


@torch.no_grad()
def round_weights(codec: Codec) -> Codec:
    """Round every weight in place to the values that the graphs will hold."""
    quantiser = codec.quantiser
    table = quantiser.table()
    for k, entries in enumerate(table):
        round_tensor(f"quantiser.table.{k}", entries.T)
    for name, tensor in [*codec.named_parameters(), ("", quantiser.codebooks)]:
        round_tensor(name, tensor)
    quantiser.corrections.copy_((table - quantiser.codebooks) / PACE)
    return codec


def load_weights(codec: Codec, weights: dict[str, torch.Tensor]) -> None:
    """Take over what `read_weights` read; of the codebooks' statistics graphs know nothing.

    An enhancer begins anew behind a decoder that had none.
    """
    if not any(name.startswith("enhancer.") for name in weights):
        own = {n: w for n, w in codec.state_dict().items() if n.startswith("enhancer.")}
        weights = weights | own
    missing, unexpected = codec.load_state_dict(weights, strict=False)
    other = set(missing) - {"quantiser.uses", "quantiser.sums"} | set(unexpected)
    if other:
        raise ValueError(f"the graphs are of another config: {', '.join(sorted(other))}")
    codec.quantiser.restart_statistics()


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The generator's weights out of ``encoder.onnx`` and ``decoder.onnx``, by PyTorch name."""
    arrays: dict[str, np.ndarray] = {}
    for name in ("encoder.onnx", "decoder.onnx"):
        for tensor in onnx.load(folder / name).graph.initializer:
            arrays[tensor.name] = numpy_helper.to_array(tensor)
    weights: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        if not name.startswith(
            ("encoder.", "decoder.", "enhancer.", "analysis.", "synthesis.")
        ) or name.endswith("weight.scale"):
            continue
        array = in_float(arrays, name)
        if (
            name.endswith(
                (
                    ".up.weight",
                    ".down.weight",
                    ".embed.weight",
                    ".head.weight",
                    ".context.weight",
                    ".share.weight",
                )
            )
            or "thesis." in name
            or "analysis." in name
        ):
            array = array.T
        weights[name] = torch.from_numpy(array.copy())
    stages = sum(name.startswith("quantiser.codebooks.") for name in arrays)

    def stack(what: str) -> torch.Tensor:
        books = [in_float(arrays, f"quantiser.{what}.{k}") for k in range(stages)]
        return torch.from_numpy(np.stack(books))

    weights["quantiser.codebooks"] = stack("codebooks")
    weights["quantiser.corrections"] = (stack("table") - weights["quantiser.codebooks"]) / PACE
    return weights
