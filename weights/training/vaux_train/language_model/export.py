"""A language model into a model folder: ``lm.onnx``, checked against its definition."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from vauxio.entropy import transformer
from vauxio.entropy.transformer_parameters import read_parameters

from ..corpus import KINDS
from .graph import lm_graph
from .network import TokenModel

CHECKED_STEPS = 300  # in one go, and once more step by step


def check(content: bytes, codes: np.ndarray, optimised: bool = True) -> int:
    """The graph against `vauxio.entropy.transformer.reference`; how many scores were compared.

    Parameters
    ----------
    codes : ndarray
        Integers ``[codebooks, tokens]``
    optimised : bool, optional
        Whether ONNX Runtime may rewrite the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    parameters = read_parameters(content)
    network = transformer.Network(session, parameters)
    inputs = transformer.delayed(codes[None], parameters.shape)
    expected = transformer.reference(parameters, inputs[0], len(codes))
    everywhere = np.ones((1, len(codes)), bool)
    steps = transformer.Steps(network, 1)
    single = [
        np.concatenate(steps.advance(inputs[:, s], everywhere)) for s in range(inputs.shape[1])
    ]
    there = transformer.decided(codes[None] >= 0)[:, 0]
    chunks = [np.concatenate(scores) for scores in network.scores(codes[None])]
    if not np.array_equal(single, expected) or not np.array_equal(
        np.concatenate(chunks), expected[there]
    ):
        raise RuntimeError("the exported graph does not compute the integers of its definition")
    return expected.size


def export_lm(model: TokenModel, codes: Path, folder: Path) -> dict[str, Any]:
    """Write ``lm.onnx`` into a model folder and enter it in its ``model.json``.

    Parameters
    ----------
    codes : Path
        Of the folder's encoder; what the graph is checked on.
    """
    model = model.cpu().eval()
    description = json.loads((folder / "model.json").read_text())
    if description["codebook_size"] != model.size or description["codebooks"] < model.codebooks:
        raise ValueError(f"{folder} has other codebooks than the language model")
    content = lm_graph(model).SerializeToString()
    compared = 0
    for path in (codes / f"{kind}-0.npy" for kind in KINDS):
        if path.exists() and len(said := np.load(path, mmap_mode="r")):
            excerpt = said[:CHECKED_STEPS, : model.codebooks].T
            compared += check(content, excerpt)
    compared += check(content, excerpt[:2], optimised=False)
    (folder / "lm.onnx").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    description["lm"] = {"file": "lm.onnx", "sha256": sha256, "codebooks": model.codebooks}
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    return {"bytes": len(content), "scores_compared": compared, **description["lm"]}
