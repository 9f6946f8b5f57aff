"""The language model of ``.vx`` files in plain Python, written from ``docs/format.md`` alone.

It shares nothing with vauxio, not even NumPy; comments name the sections of the specification.
"""

from __future__ import annotations

import functools
import itertools
import struct
from typing import Any

Vector = list[int]


def decode(content: bytes, decoder: Any, allocation: list[list[int]]) -> list[list[list[int]]]:
    """The codes of a block, ``codes[t][ch][k]``: sections 7.3.1 and 7.4.

    Parameters
    ----------
    content : bytes
        ``lm.onnx``
    decoder
        Has ``symbol(bounds)``.
    allocation : list of list of int
        ``allocation[t][ch]``: how many codes there are.
    """
    model, channels = read_model(content), range(len(allocation[0]))
    codes = [[[0] * counts for counts in token] for token in allocation]
    length = segment_length(allocation)
    firsts = range(0, len(allocation), length)
    transformers = {(ch, first): Transformer(model) for ch in channels for first in firsts}
    shown = [[Shown(model.n, k) for k in range(model.codebooks)] for _ in channels]
    tries = [[[0, 0] for _ in range(model.codebooks)] for _ in channels]  # n, same

    def there(first: int, t: int, ch: int, k: int) -> bool:
        end = min(len(allocation), first + length)
        return first <= t < end and k < allocation[t][ch]

    for s in range(length + max(map(max, allocation)) - 1):
        counted: list[Any] = []  # what this step shows, for the steps after it
        for ch, first in itertools.product(channels, firsts):
            t = first + s  # token of the first codebook
            x = [
                codes[t - 1 - k][ch][k] if there(first, t - 1 - k, ch, k) else model.n
                for k in range(model.codebooks)
            ]
            a = transformers[ch, first].step(x)
            for k in range(model.codebooks):
                if there(first, t - k, ch, k):
                    f = frequencies_of(model.heads[k].apply(a))
                    w = weights(shown[ch][k].corrected(f))
                    tried = None
                    if ch > 0 and there(first, t - k, ch - 1, k):
                        if codes[t - k][ch][:k] == codes[t - k][ch - 1][:k]:
                            tried = codes[t - k][ch - 1][k]
                            w = with_likeness(w, tried, *tries[ch][k])
                    code = codes[t - k][ch][k] = decoder.symbol(bounds(w))
                    counted.append((ch, k, f, code, tried))
        for ch, k, f, code, tried in counted:
            shown[ch][k].saw(f, code)
            if tried is not None:
                tries[ch][k][0] += 1
                tries[ch][k][1] += code == tried
    return codes


def segment_length(allocation: list[list[int]]) -> int:  # 7.3.1
    most = max(map(sum, zip(*allocation, strict=True)))
    segments = max(1, min(1 + most // 512, 16, 32 // len(allocation[0])))
    return -(-len(allocation) // segments)


class Linear:  # 7.3.2
    def __init__(self, weight: list[Vector], bias: Vector, scale: list[float]) -> None:
        self.weight, self.bias = weight, bias  # weight[j][i]: by output
        self.shift = [len(bin(round(1 / value))) - 3 for value in scale]

    def apply(self, a: Vector) -> Vector:
        return [
            (sum(x * w for x, w in zip(a, row, strict=True)) + b) >> z
            for row, b, z in zip(self.weight, self.bias, self.shift, strict=True)
        ]


class Model:
    def __init__(self, tensors: dict[str, tuple[Vector, list[Any]]]) -> None:
        def matrix(name: str) -> list[list[Any]]:
            (_, columns), values = tensors[name]
            return [values[i : i + columns] for i in range(0, len(values), columns)]

        def linear(name: str) -> Linear:
            by_output = [list(column) for column in zip(*matrix(f"{name}.weight"), strict=True)]
            return Linear(by_output, tensors[f"{name}.bias"][1], tensors[f"{name}.scale"][1])

        self.embedding = matrix("embedding")
        self.layers = []
        while (at := f"layers.{len(self.layers)}") + ".position" in tensors:
            maps = [linear(f"{at}.{name}") for name in ("qkv", "out", "up", "down")]
            self.layers.append((matrix(f"{at}.position"), *maps))
        groups = []
        while f"heads.{len(groups)}.bias" in tensors:
            groups.append(linear(f"heads.{len(groups)}"))
        outputs = sum(len(group.bias) for group in groups)
        self.codebooks = len(self.embedding) - outputs
        self.n = outputs // self.codebooks
        self.heads = []
        for group in groups:
            for first in range(0, len(group.bias), self.n):
                head = Linear([], [], [])
                head.weight = group.weight[first : first + self.n]
                head.bias = group.bias[first : first + self.n]
                head.shift = group.shift[first : first + self.n]
                self.heads.append(head)


def clip(values: Vector, low: int, high: int) -> Vector:
    return [min(high, max(low, value)) for value in values]


def normalised(h: Vector) -> Vector:  # 7.3.3
    size = 1 + sum(map(abs, h))
    return clip([32 * len(h) * value // size for value in h], -127, 127)


class Transformer:  # 7.3.3
    def __init__(self, model: Model) -> None:
        self.model = model
        self.keys: list[list[Vector]] = [[] for _ in model.layers]
        self.values: list[list[Vector]] = [[] for _ in model.layers]

    def step(self, x: Vector) -> Vector:
        model = self.model
        rows = [model.embedding[k * (model.n + 1) + code] for k, code in enumerate(x)]
        h = [8 * sum(column) for column in zip(*rows, strict=True)]
        for layer, keys, values in zip(model.layers, self.keys, self.values, strict=True):
            position, qkv, out, up, down = layer
            length = len(h) // len(position)
            a = clip(qkv.apply(normalised(h)), -127, 127)
            keys.append(a[len(h) : len(h) + length])
            values.append(a[len(h) + length :])
            s = len(keys) - 1
            mean = []
            for i, offsets in enumerate(position):
                q = a[i * length : (i + 1) * length]
                seen = range(max(0, s - len(offsets) + 1), s + 1)
                score = [
                    (sum(b * c for b, c in zip(q, keys[j], strict=True)) >> 7) + offsets[s - j]
                    for j in seen
                ]
                weight = [max(0, 127 + value - max(score)) ** 2 // 64 for value in score]
                for e in range(length):
                    total = sum(w * values[j][e] for w, j in zip(weight, seen, strict=True))
                    mean.append(total // sum(weight))
            h = clip([b + c for b, c in zip(h, out.apply(mean), strict=True)], -32767, 32767)
            a = clip(up.apply(normalised(h)), 0, 127)
            h = clip([b + c for b, c in zip(h, down.apply(a), strict=True)], -32767, 32767)
        return normalised(h)


@functools.cache
def frequencies() -> Vector:  # 7.3.4
    t = [2**30]
    while len(t) < 4096:
        t.append(t[-1] - t[-1] // 2**8)
    return [value // 2**10 for value in t]


def frequencies_of(scores: Vector) -> Vector:  # 7.3.4
    highest, table = max(scores), frequencies()
    return [table[min(4095, highest - score)] for score in scores]


def with_likeness(w: Vector, y: int, n: int, same: int) -> Vector:  # 7.4.2
    likeness = 2**16 * (2 * same + 1) // (2 * n + 2)
    less = [value * (2**16 - likeness) // 2**16 for value in w]
    less[y] += 2**24 - len(w) - sum(less)
    return less


class Shown:  # 7.4.1
    def __init__(self, n: int, k: int) -> None:
        self.came, self.expected, self.before = [0] * n, [0] * n, (2 + k) * 2**15

    def corrected(self, f: Vector) -> Vector:
        ratio = [
            min(2**24, (came * 2**16 + self.before) * 2**16 // (expected + self.before))
            for came, expected in zip(self.came, self.expected, strict=True)
        ]
        return [value * r // 2**16 for value, r in zip(f, ratio, strict=True)]

    def saw(self, f: Vector, code: int) -> None:
        total = sum(f)
        self.came[code] += 1
        share = [value * 2**16 // total for value in f]
        self.expected = [a + b for a, b in zip(self.expected, share, strict=True)]


def distribution(f: Vector) -> Vector:  # 8.1
    return bounds(weights(f))


def weights(f: Vector) -> Vector:  # 8.1, steps 1 to 3
    room = 2**24 - len(f)
    total = sum(f)
    w = [value * room // total for value in f]
    w[f.index(max(f))] += room - sum(w)
    return w


def bounds(w: Vector) -> Vector:  # 8.1, step 4
    return [0, *itertools.accumulate(value + 1 for value in w)]


# --- an ONNX file's initialisers ---


def read_model(content: bytes) -> Model:
    """ModelProto.graph is field 7, GraphProto.initializer field 5 (onnx.proto3)."""
    tensors = {}
    for graph in fields(content).get(7, []):
        for initialiser in fields(graph).get(5, []):
            tensor = fields(initialiser)
            kind = {1: "f", 3: "b", 6: "i"}.get(tensor[2][0])
            if kind and 9 in tensor:
                raw = tensor[9][0]
                values = struct.unpack(f"<{len(raw) // struct.calcsize(kind)}{kind}", raw)
                tensors[tensor[8][0].decode()] = tensor.get(1, []), list(values)
    return Model(tensors)


def fields(message: bytes) -> dict[int, list[Any]]:
    """Values of each field number of a protobuf message."""
    found: dict[int, list[Any]] = {}
    at = 0

    def number() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value += (byte % 128) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = number()
        if tag % 8 == 0:
            value: Any = number()
        else:
            size = {1: 8, 5: 4}.get(tag % 8) or number()
            value = message[at : at + size]
            at += size
        found.setdefault(tag // 8, []).append(value)
    return found
