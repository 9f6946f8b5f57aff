"""Plain ONNX graphs with explicit state, written operation by operation.

Nothing is traced: every tensor keeps its PyTorch name, so a graph can be read back as a checkpoint
(`shipped.read_weights`), and only ordinary operators appear (opset 17; ONNX Runtime's DFT and STFT
are slow, so the transform is a product with a table of cosines).

Weights ship compact. Block matrices are int8 with one scale per output, and so is what the decoder
takes codes for, with one per latent; everything else is fp16. All are turned into fp32 constants
when the graph is loaded, and all arithmetic is fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .trunk import CausalDepthwise, Trunk

OPSET = 17
END = np.iinfo(np.int64).max


def is_int8(name: str) -> bool:
    return name.endswith((".up.weight", ".down.weight")) or name.startswith("quantiser.table.")


def int8_scale(weight: np.ndarray) -> np.ndarray:
    """One power-free scale for each output of a linear layer ``[out, in]``."""
    return np.maximum(np.abs(weight).max(axis=1), 1e-8).astype(np.float32) / 127


def round_tensor(name: str, tensor: torch.Tensor) -> None:
    """In place, to what a graph will hold of a weight of that name."""
    if is_int8(name):
        scale = torch.from_numpy(int8_scale(tensor.numpy()))[:, None]
        tensor.copy_((tensor / scale).round() * scale)
    else:
        tensor.copy_(tensor.half().float())


def in_float(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A weight as the graphs compute with it."""
    scale = arrays.get(name + ".scale", np.float32(1))
    return arrays[name].astype(np.float32) * scale


class Graph:
    """A small builder: `op` adds a node and returns its output, constants are made on the way."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.options: list[onnx.ValueInfoProto] = []  # inputs that may be left out
        self.parts: list[tuple[str, int, int]] = []  # state: name, length, width
        self.next_parts: list[str] = []
        self._count = 0

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        self._count += 1
        out = f"{kind.lower()}_{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def constant(self, array: object, name: str | None = None) -> str:
        self._count += 1
        name = name or f"constant_{self._count}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.float32(value))

    def option(self, name: str, default: int) -> str:
        """An input, one int64, that may be left out."""
        self.options.append(helper.make_tensor_value_info(name, TensorProto.INT64, []))
        return self.constant(np.array(default, np.int64), name)

    def when(
        self, condition: str, then: Callable[[], list[str]], otherwise: Callable[[], list[str]]
    ) -> list[str]:
        """What one of two branches makes, out of whatever was made before."""
        main, branches = self.nodes, {}
        for branch, make in (("then_branch", then), ("else_branch", otherwise)):
            self.nodes = []
            made = [helper.make_empty_tensor_value_info(name) for name in make()]
            branches[branch] = helper.make_graph(self.nodes, branch, [], made)
        self.nodes = main
        self._count += 1
        names = [f"if_{self._count}_{i}" for i in range(len(made))]
        self.nodes.append(helper.make_node("If", [condition], names, **branches))
        return names

    def weight(self, name: str, tensor: torch.Tensor, transpose: bool = False) -> str:
        """An fp16 (or int8) initialiser under its PyTorch name, as fp32."""
        array = tensor.detach().numpy().astype(np.float32)
        if is_int8(name):
            scale = int8_scale(array)
            whole = np.round(array / scale[:, None]).astype(np.int8)
            stored = self.constant(whole.T, name)
            factors = self.constant(scale, name + ".scale")
            return self.op("Mul", self.op("Cast", stored, to=TensorProto.FLOAT), factors)
        array = array.T if transpose else array
        stored = self.constant(array.astype(np.float16), name)
        return self.op("Cast", stored, to=TensorProto.FLOAT)

    def cut(self, x: str, axis: int, start: int, end: int = END) -> str:
        return self.op("Slice", x, self.ints(start), self.ints(end), self.ints(axis))

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.ints(*shape))

    def with_past(self, x: str, length: int, width: int) -> str:
        """``[B, n, width]`` preceded by the `length` rows before it, which the state carries."""
        name = f"past_{len(self.parts)}"
        self.parts.append((name, length, width))
        past = self.reshape(name, 0, length, width)
        joined = self.op("Concat", past, x, axis=1)
        self.next_parts.append(self.reshape(self.cut(joined, 1, -length), 0, length * width))
        return joined

    def linear(self, x: str, name: str, layer: nn.Linear) -> str:
        product = self.op("MatMul", x, self.weight(f"{name}.weight", layer.weight, True))
        return self.op("Add", product, self.weight(f"{name}.bias", layer.bias))

    def norm(self, x: str, name: str, layer: nn.LayerNorm) -> str:
        weight = self.weight(f"{name}.weight", layer.weight)
        bias = self.weight(f"{name}.bias", layer.bias)
        return self.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=layer.eps)

    def depthwise(self, x: str, name: str, layer: CausalDepthwise) -> str:
        """As an image of one line: for these ONNX Runtime keeps all channels of a token together,
        and the transpositions vanish; its one-dimensional Conv takes channel by channel, which is
        seven times as slow for one token and twice for many.
        """
        kernel, width = layer.weight.shape
        line = self.op("Unsqueeze", self.with_past(x, kernel - 1, width), self.ints(1))
        line = self.op("Transpose", line, perm=[0, 3, 1, 2])  # [B, C, 1, n + kernel - 1]
        taps = self.weight(f"{name}.weight", layer.weight)  # [kernel, C] -> [C, 1, 1, kernel]
        taps = self.op("Unsqueeze", self.op("Transpose", taps, perm=[1, 0]), self.ints(1, 2))
        bias = self.weight(f"{name}.bias", layer.bias)
        out = self.op("Conv", line, taps, bias, group=width, kernel_shape=[1, kernel])
        return self.op("Squeeze", self.op("Transpose", out, perm=[0, 2, 3, 1]), self.ints(1))

    def gelu(self, x: str) -> str:
        erf = self.op("Erf", self.op("Div", x, self.scalar(2**0.5)))
        return self.op(
            "Mul", self.op("Mul", x, self.op("Add", erf, self.scalar(1))), self.scalar(0.5)
        )

    def trunk(self, x: str, name: str, trunk: Trunk) -> str:
        return self.linear(self.body(x, name, trunk), f"{name}.head", trunk.head)

    def body(self, x: str, name: str, trunk: Trunk) -> str:
        """As `Trunk.body`."""
        if trunk.taps > 1:
            width = trunk.embed.in_features // trunk.taps
            x = self.with_past(x, trunk.taps - 1, width)
            x = self.windows(x, trunk.taps)
        h = self.norm(
            self.linear(x, f"{name}.embed", trunk.embed), f"{name}.embed_norm", trunk.embed_norm
        )
        for i, block in enumerate(trunk.blocks):
            at = f"{name}.blocks.{i}"
            inner = self.depthwise(h, f"{at}.depthwise", block.depthwise)
            inner = self.norm(inner, f"{at}.norm", block.norm)
            inner = self.gelu(self.linear(inner, f"{at}.up", block.up))
            inner = self.linear(inner, f"{at}.down", block.down)
            inner = self.op("Mul", inner, self.weight(f"{at}.scale", block.scale))
            h = self.op("Add", h, inner)
        return self.norm(h, f"{name}.final_norm", trunk.final_norm)

    def windows(self, x: str, count: int) -> str:
        """``[B, n + count - 1, width]`` to overlapping ``[B, n, count·width]``."""
        ends = [i - count + 1 if i < count - 1 else END for i in range(count)]
        return self.op("Concat", *(self.cut(x, 1, i, e) for i, e in enumerate(ends)), axis=2)

    def largest(self, x: str, head_start: str, size: int, count: str) -> tuple[str, str]:
        """The `count` largest of all in ``[rows, n, size]``, and where: both ``[rows, count, 1]``.

        Each of the n has its `head_start`, ``[rows, n, 1]``. `size` is a power of two.

        It looks for the parts that hold them first, because ONNX Runtime's ReduceMax is vectorised
        and its TopK is not. Head starts are added to what that finds: adding them to all of `x`
        would go through it once more.
        """
        part = 1 << (size.bit_length() // 2)
        parts = self.reshape(x, 0, 0, size // part, part)
        best = self.op("Add", self.op("ReduceMax", parts, axes=[3], keepdims=0), head_start)
        _, held = self.top(self.reshape(best, 0, -1), count)
        held = self.op("Unsqueeze", held, self.ints(2))
        inside = self.op("GatherND", self.reshape(parts, 0, -1, part), held, batch_dims=1)
        ahead = self.op("Div", held, self.ints(size // part))
        ahead = self.op("GatherND", head_start, ahead, batch_dims=1)
        inside = self.op("Add", inside, ahead)
        value, at = self.top(self.reshape(inside, 0, -1), count)
        at = self.op("Unsqueeze", at, self.ints(2))
        row = self.op("GatherND", held, self.op("Div", at, self.ints(part)), batch_dims=1)
        at = self.op("Mod", at, self.ints(part))
        where = self.op("Add", self.op("Mul", row, self.ints(part)), at)
        return self.op("Unsqueeze", value, self.ints(2)), where

    def top(self, x: str, count: str) -> tuple[str, str]:
        """Values and places of the `count` largest along the last axis, the largest first."""
        self._count += 1
        outputs = [f"topk_{self._count}", f"topk_{self._count}_place"]
        self.nodes.append(helper.make_node("TopK", [x, count], outputs))
        return outputs[0], outputs[1]

    def mdct_basis(self, hop: int) -> str:
        """``[2·hop, hop]``, windowed, from a table of one period of the cosine.

        The angle π/hop·(n + ½ + hop/2)·(k + ½) is a multiple of 2π/(8·hop): (2n + 1 + hop)(2k + 1).
        """
        n, k = np.arange(2 * hop), np.arange(hop)
        product = self.op(
            "Mul", self.constant((2 * n + 1 + hop)[:, None]), self.constant(2 * k + 1)
        )
        index = self.op("Mod", product, self.ints(8 * hop))
        cosine = np.cos(2 * np.pi * np.arange(8 * hop) / (8 * hop)) * np.sqrt(2 / hop)
        basis = self.op("Gather", self.constant(cosine.astype(np.float32)), index)
        taper = np.sin(np.pi * (n + 0.5) / (2 * hop)).astype(np.float32)
        return self.op("Mul", basis, self.constant(taper[:, None]))

    def model(self, name: str, input_: tuple, output: tuple, *more: tuple) -> onnx.ModelProto:
        """Close the graph: split the packed state into its parts and join the next one."""
        sizes = [length * width for _, length, width in self.parts]
        split = helper.make_node(
            "Split", ["state", "state_sizes"], [part for part, _, _ in self.parts], axis=1
        )
        self.constants.append(numpy_helper.from_array(np.array(sizes, np.int64), "state_sizes"))
        join = helper.make_node("Concat", self.next_parts, ["next_state"], axis=1)
        state = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", sum(sizes)])
            for n in ("state", "next_state")
        ]
        graph = helper.make_graph(
            [split, *self.nodes, join],
            name,
            [helper.make_tensor_value_info(*input_), state[0], *self.options],
            [helper.make_tensor_value_info(*output), state[1]]
            + [helper.make_tensor_value_info(*another) for another in more],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,
            producer_name="vauxio",
        )
        onnx.checker.check_model(model)
        return model


def state_size(model: onnx.ModelProto) -> int:
    return (
        next(i for i in model.graph.input if i.name == "state")
        .type.tensor_type.shape.dim[1]
        .dim_value
    )


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
