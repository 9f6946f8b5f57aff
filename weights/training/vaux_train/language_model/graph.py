"""The language model as an ONNX graph of exact integers, and the proof that it is one.

Products with weights are those of unsigned and signed bytes, which CPUs are fastest at. Some add up
pairs of products in 16 bits, where what is too large saturates; weights are 63 at most, so no pair
is above 2 * 255 * 63. Everything else is float32, in which every product and sum stays below 2^24.
`check_bounds` asserts both from the weights themselves; so the graph gives the same integers on any
machine. Only ordinary operators appear.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from ..onnx_graph import OPSET, Graph
from .network import (
    LARGEST,
    LARGEST_WEIGHT,
    STREAM_LIMIT,
    SUPPORT,
    UNIT,
    IntegerLinear,
    TokenModel,
    weight_exponents,
)

EXACT = 1 << 24  # float32 holds every integer up to here
ZERO = 128  # what stands for an activation of 0, in an unsigned byte


class IntegerGraph(Graph):
    """The operations that the language model is made of."""

    def split(self, x: str, sizes: str, count: int, axis: int) -> list[str]:
        first = self.op("Split", x, sizes, axis=axis)
        outputs = [first, *(f"{first}_{i}" for i in range(1, count))]
        self.nodes[-1].output[:] = outputs
        return outputs

    def integer(self, name: str, array: np.ndarray) -> str:
        """An integer initialiser, as float32."""
        return self.op("Cast", self.constant(array, name), to=TensorProto.FLOAT)

    def linear_parts(
        self, name: str, weight: np.ndarray, bias: np.ndarray, shift: np.ndarray
    ) -> tuple[str, str, str]:
        """Weight, bias and scale; the bias has the scale in it, which changes no digit of a sum."""
        check_bounds(name, weight, bias)
        scale = self.constant(np.exp2(-shift).astype(np.float32), f"{name}.scale")
        bias = self.op("Mul", self.integer(f"{name}.bias", bias), scale)
        return self.constant(weight, f"{name}.weight"), bias, scale

    def byte(self, x: str) -> str:
        """Activations as `apply` takes them."""
        return self.op("Cast", self.op("Add", x, self.scalar(ZERO)), to=TensorProto.UINT8)

    def apply(self, x: str, weight: str, bias: str, scale: str) -> str:
        product = self.op("MatMulInteger", x, weight, self.constant(np.uint8(ZERO)))
        product = self.op("Mul", self.op("Cast", product, to=TensorProto.FLOAT), scale)
        return self.op("Floor", self.op("Add", product, bias))

    def integer_linear(self, x: str, name: str, layer: IntegerLinear) -> str:
        return self.apply(self.byte(x), *self.linear_parts(name, *integers_of(layer)))

    def limit(self, x: str, low: float, high: float) -> str:
        return self.op("Clip", x, self.scalar(low), self.scalar(high))

    def quotient(self, x: str, divisor: str) -> str:
        """``floor(x / divisor)``: exact in float64 for integers below 2^52."""
        ratio = self.op("Div", self.op("Cast", x, to=TensorProto.DOUBLE), divisor)
        return self.op("Cast", self.op("Floor", ratio), to=TensorProto.FLOAT)

    def normalised(self, h: str, width: int) -> str:
        size = self.op("ReduceL1", h, axes=[-1], keepdims=1)
        size = self.op("Cast", size, to=TensorProto.DOUBLE)
        size = self.op("Add", size, self.constant(np.float64(1)))
        # Divided by UNIT * width, a power of two, instead of multiplying h by it.
        size = self.op("Mul", size, self.constant(np.float64(1 / (UNIT * width))))
        return self.limit(self.quotient(h, size), -LARGEST, LARGEST)


def integers_of(layer: IntegerLinear) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight int8 ``[in, out]``, bias int32 and shift of a layer. Half a step is in the bias."""
    weight, bias = layer.matrix().detach().double(), layer.bias.detach().double()
    exponent = weight_exponents(weight, layer.lowest)
    shift = exponent + int(np.log2(UNIT)) - int(np.log2(layer.unit))
    whole = torch.floor(weight * torch.exp2(exponent)[:, None] + 0.5)
    whole = whole.clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT)
    bias = torch.round(bias * UNIT * torch.exp2(exponent)) + torch.floor(torch.exp2(shift - 1))
    return (
        whole.T.contiguous().numpy().astype(np.int8),
        bias.numpy().astype(np.int32),
        shift.numpy().astype(np.int64),
    )


def check_bounds(name: str, weight: np.ndarray, bias: np.ndarray) -> None:
    """No pair of products saturates, no order of summation leaves the integers of float32."""
    if np.abs(weight.astype(np.int64)).max() > LARGEST_WEIGHT:
        raise ValueError(f"{name}: weights above {LARGEST_WEIGHT}")
    largest = np.abs(weight.astype(np.int64)).sum(axis=0) * LARGEST + np.abs(bias.astype(np.int64))
    if largest.max() >= EXACT:
        raise ValueError(f"{name}: sums up to {largest.max()}, float32 is exact below {EXACT}")


def lm_graph(model: TokenModel) -> onnx.ModelProto:
    """The graph; `docs/format.md` names its tensors, `vauxio.entropy.transformer.Network` feeds it.

    Inputs: ``codes`` int64 ``[B, S, codebooks]``; ``wanted`` int64, at which of the B * S steps
    codebooks are scored, one codebook after the other, and ``counts`` int64 ``[codebooks]``, how
    many that are of each; for each layer ``past_keys_i`` ``[B, key, past]``, ``past_values_i``
    ``[B, past, key]`` of as many steps as are given, at least one, and ``bias_i``
    ``[S * heads, past + S]``, which says what each step sees (the graph itself knows no order of
    time). Outputs: ``scores_k`` ``[counts[k], size]``;
    ``keys_i`` and ``values_i`` of the new steps.
    """
    c = model.config
    width, heads, window = c.width, c.heads, c.window
    key = width // heads
    if width & (width - 1) or width * STREAM_LIMIT >= EXACT:
        raise ValueError(f"width {width}: must be a power of two, and sums must stay exact")
    if max(key * LARGEST**2, (window + 1) * (SUPPORT**2 >> 6) * LARGEST) >= EXACT:
        raise ValueError("heads or window: sums of attention must stay exact")
    g = IntegerGraph()
    # Rows and steps are one dimension everywhere but in attention, so that a product and its
    # bias become a single operation.
    batch = g.op("Slice", g.op("Shape", "codes"), g.ints(0), g.ints(1))
    steps = g.op("Slice", g.op("Shape", "codes"), g.ints(1), g.ints(2))
    by_row = g.op("Concat", batch, g.ints(-1, key), axis=0)
    past = g.op("Slice", g.op("Shape", "past_keys_0"), g.ints(2), g.ints(3))
    past_and_new = g.op("Concat", past, steps, axis=0)
    table = torch.floor(model.table().detach() * UNIT + 0.5).clamp(-LARGEST, LARGEST)
    rows = np.arange(model.codebooks, dtype=np.int64) * (model.size + 1)
    rows = g.op("Add", g.reshape("codes", -1, model.codebooks), g.constant(rows))
    h = g.op("Gather", g.constant(table.numpy().astype(np.int8), "embedding"), rows)
    h = g.op("ReduceSum", g.op("Cast", h, to=TensorProto.FLOAT), g.ints(1), keepdims=0)
    h = g.op("Mul", h, g.scalar(8))
    keys, values = [], []
    for i, layer in enumerate(model.layers):
        at = f"layers.{i}"
        a = g.integer_linear(g.normalised(h, width), f"{at}.qkv", layer.qkv)
        a = g.limit(a, -LARGEST, LARGEST)
        q, k, v = g.split(a, g.ints(width, key, key), 3, axis=1)
        q = g.op("Reshape", g.op("Mul", q, g.scalar(2**-7)), by_row)
        values.append(g.op("Reshape", v, by_row))
        keys.append(g.op("Transpose", g.op("Reshape", k, by_row), perm=[0, 2, 1]))
        score = g.op(
            "Concat", g.op("MatMul", q, f"past_keys_{i}"), g.op("MatMul", q, keys[i]), axis=2
        )
        score = g.op("Add", g.op("Floor", score), f"bias_{i}")
        position = torch.floor(layer.position.detach() * 64 + 0.5)
        g.constant(position.numpy().astype(np.int32), f"{at}.position")  # the caller's bias
        reach = g.op("ReduceMax", score, axes=[-1], keepdims=1)
        near = g.op("Relu", g.op("Sub", score, g.op("Sub", reach, g.scalar(SUPPORT))))
        weight = g.op("Floor", g.op("Mul", g.op("Mul", near, near), g.scalar(1 / 64)))
        total = g.op("ReduceSum", weight, g.ints(2), keepdims=1)
        total = g.op("Cast", total, to=TensorProto.DOUBLE)
        old, new = g.split(weight, past_and_new, 2, axis=2)
        mean = g.op("Add", g.op("MatMul", old, f"past_values_{i}"), g.op("MatMul", new, values[i]))
        mean = g.reshape(g.quotient(mean, total), -1, width)
        h = g.op("Add", h, g.integer_linear(mean, f"{at}.out", layer.out))
        h = g.limit(h, -STREAM_LIMIT, STREAM_LIMIT)
        a = g.integer_linear(g.normalised(h, width), f"{at}.up", layer.up)
        h = g.op("Add", h, g.integer_linear(g.limit(a, 0, LARGEST), f"{at}.down", layer.down))
        h = g.limit(h, -STREAM_LIMIT, STREAM_LIMIT)
    a = g.byte(g.normalised(h, width))
    outputs = {}
    wanted = g.split("wanted", "counts", model.codebooks, axis=0)
    for k, head in enumerate(model.heads):
        linear = g.linear_parts(f"heads.{k}", *integers_of(head))
        scores = g.apply(g.op("Gather", a, wanted[k]), *linear)
        outputs[f"scores_{k}"] = scores, [f"n_{k}", model.size]
    for i in range(c.layers):
        outputs[f"keys_{i}"] = keys[i], ["B", key, "S"]
        outputs[f"values_{i}"] = values[i], ["B", "S", key]
    for name, (tensor, _) in outputs.items():
        g.nodes.append(helper.make_node("Identity", [tensor], [name]))
    inputs = [
        helper.make_tensor_value_info("codes", TensorProto.INT64, ["B", "S", model.codebooks]),
        helper.make_tensor_value_info("wanted", TensorProto.INT64, ["wanted"]),
        helper.make_tensor_value_info("counts", TensorProto.INT64, [model.codebooks]),
    ]
    for i in range(c.layers):
        for name, dims in (
            (f"past_keys_{i}", ["B", key, "past"]),
            (f"past_values_{i}", ["B", "past", key]),
            (f"bias_{i}", ["rows", "columns"]),
        ):
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
    graph = helper.make_graph(
        g.nodes,
        "lm",
        inputs,
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
            for name, (_, dims) in outputs.items()
        ],
        g.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model_proto = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model_proto)
    return model_proto
