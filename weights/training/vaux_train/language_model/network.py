"""The language model over the codes in PyTorch, with its roundings in the loop.

The network computes in real units what ``vauxio.entropy.transformer.reference`` computes in
integers: weights of linear maps have 6 bits and a sign, with a power of two for each output,
embeddings and activations 7 bits and a sign. Rounding passes gradients on unchanged,
straight-through (Bengio et al. 2013). With ``rounding`` off, the same network is an ordinary one
in floating point, which is how training begins and what the price of the integers is measured
against.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from ..config import LanguageModel, Model

LARGEST = 127  # of embeddings and activations
LARGEST_WEIGHT = 63  # of linear maps
UNIT = 32  # steps per one of activations
STREAM_UNIT = 256  # of the residual stream
STREAM_LIMIT = 32767
SCORE_UNIT = 256  # of the scores of codes: logarithms to the base 1 - 1/256
NATS_PER_UNIT = -math.log1p(-1 / 256)
KEY_SHIFT = 7
SUPPORT = 127
MASKED = -float(1 << 20)
EXPONENTS = 12  # weights are multiples of 2^-12 at the finest


def rounded(x: torch.Tensor, offset: float = 0.5) -> torch.Tensor:
    """``floor(x + offset)`` that passes gradients on."""
    return x + (torch.floor(x.detach() + offset) - x.detach())


def weight_exponents(weight: torch.Tensor, lowest: int) -> torch.Tensor:
    """For each output of ``[out, in]`` the largest e with all ``|w| 2^e <= 63``."""
    largest = weight.detach().abs().amax(dim=1).clamp_min(1e-9)
    return torch.floor(torch.log2(LARGEST_WEIGHT / largest)).clamp(lowest, EXPONENTS)


class IntegerLinear(nn.Module):
    """``W a + b``, rounded to steps of 1/`unit`.

    `rounding` is set by `TokenModel.set_rounding`.
    """

    rounding = False

    def __init__(self, inputs: int, outputs: int, unit: int) -> None:
        super().__init__()
        self.unit = unit
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    @property
    def lowest(self) -> int:
        """The exponent of a weight with which nothing is left to shift away."""
        return max(0, int(math.log2(self.unit / UNIT)))

    def matrix(self) -> torch.Tensor:
        """``[outputs, inputs]``."""
        return self.weight

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        weight = self.matrix()
        if self.rounding:
            scale = torch.exp2(weight_exponents(weight, self.lowest))[:, None]
            weight = rounded((weight * scale).clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT)) / scale
        y = functional.linear(a, weight).float() + self.bias
        return self.rounded_sum(y) if self.rounding else y

    def rounded_sum(self, y: torch.Tensor) -> torch.Tensor:
        return rounded(y * self.unit) / self.unit


class Head(IntegerLinear):
    """Scores of the codes of one codebook.

    A code's row is a linear map of its vector in the codec, plus what is its own: codes that sound
    alike then need not be learned one by one.
    """

    vectors: torch.Tensor

    def __init__(self, inputs: int, codes: int, latents: int) -> None:
        super().__init__(inputs, codes, SCORE_UNIT)
        self.map = nn.Parameter(torch.zeros(latents, inputs))
        self.register_buffer("vectors", torch.zeros(codes, latents))

    def matrix(self) -> torch.Tensor:
        return self.weight + self.vectors @ self.map

    def rounded_sum(self, y: torch.Tensor) -> torch.Tensor:
        """Not in training: steps of 1/256 are far below its noise."""
        return y if self.training else super().rounded_sum(y)


class Attention(torch.autograd.Function):
    """Means of values, weighed by a quadratic kernel of scores: ``float32[B, heads, T, key]``.

    Of queries ``[B, heads, T, key]``, keys and values ``[B, T, key]`` and what positions add to
    scores, ``[heads, T, T]``. The largest score counts as a constant. By hand because everything
    here is as large as the scores are, and PyTorch's own gradient goes through them forty times.
    """

    @staticmethod
    def forward(ctx, q, k, v, position, rounding):  # type: ignore[no-untyped-def]
        k, v = k[:, None], v[:, None]
        scale = UNIT**2 / 2**KEY_SHIFT
        device = q.device.type
        autocast = torch.is_autocast_enabled(device)
        ctx.dtype = torch.get_autocast_dtype(device) if autocast else torch.float32
        with torch.autocast(q.device.type, enabled=False):
            near = (q.float() * scale) @ k.float().transpose(2, 3)
            if rounding:
                near.floor_()
            near += position
            near.sub_(near.amax(dim=3, keepdim=True) - SUPPORT).clamp_min_(0)
            weight = Attention.weights(near, rounding)
            total = weight.sum(dim=3, keepdim=True)
            mean = weight @ v.float() / total
        ctx.save_for_backward(q, k, v, near, total, mean)
        ctx.scale, ctx.rounding = scale, rounding
        return mean

    @staticmethod
    def backward(ctx, of_mean):  # type: ignore[no-untyped-def]
        q, k, v, near, total, mean = ctx.saved_tensors
        with torch.autocast(of_mean.device.type, enabled=False):
            # A weight w is near²/64, and the mean is Σ w v / Σ w.
            of_mean = of_mean / total
            q, k, v, short = (x.to(ctx.dtype) for x in (q, k, v, of_mean))
            of_score = (short @ v.transpose(2, 3)).float()
            of_score.sub_((of_mean * mean).sum(dim=3, keepdim=True)).mul_(near).mul_(1 / 32)
            half = of_score.to(ctx.dtype)
            of_q = (half @ k).float() * ctx.scale
            of_k = (half.transpose(2, 3) @ q).float().sum(dim=1) * ctx.scale
            weight = Attention.weights(near, ctx.rounding).to(ctx.dtype)
            of_v = (weight.transpose(2, 3) @ short).float().sum(dim=1)
        return of_q, of_k, of_v, of_score.sum(dim=0), None

    @staticmethod
    def weights(near: torch.Tensor, rounding: bool) -> torch.Tensor:
        weight = (near * near).mul_(1 / 64)
        return weight.floor_() if rounding else weight


class Layer(nn.Module):
    """Attention with one key and value for all heads, then a layer of ReLUs."""

    rounding = False

    def __init__(self, c: LanguageModel) -> None:
        super().__init__()
        self.heads, self.key = c.heads, c.width // c.heads
        self.qkv = IntegerLinear(c.width, c.width + 2 * self.key, UNIT)
        self.position = nn.Parameter(torch.zeros(c.heads, c.window + 1))  # in steps of 1/64
        self.out = IntegerLinear(c.width, c.width, STREAM_UNIT)
        self.up = IntegerLinear(c.width, c.hidden, UNIT)
        self.down = IntegerLinear(c.hidden, c.width, STREAM_UNIT)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        h = limited(h + self.drop(self.out(self.attention(self.norm(h)))))
        a = self.up(self.norm(h)).clamp(0, LARGEST / UNIT)
        return limited(h + self.drop(self.down(a)))

    def attention(self, a: torch.Tensor) -> torch.Tensor:
        rows, steps, width = a.shape
        a = self.qkv(a).clamp(-LARGEST / UNIT, LARGEST / UNIT)
        q, k, v = a.split([width, self.key, self.key], dim=-1)
        q = q.reshape(rows, steps, self.heads, self.key).transpose(1, 2)
        position = self.position * 64
        position = by_distance(rounded(position) if self.rounding else position, steps)
        mean = Attention.apply(q, k, v, position, self.rounding)
        mean = mean.transpose(1, 2).reshape(rows, steps, width).float()
        return rounded(mean * UNIT, 0) / UNIT if self.rounding else mean

    def norm(self, h: torch.Tensor) -> torch.Tensor:
        return normalised(h, self.rounding)


def by_distance(position: torch.Tensor, steps: int) -> torch.Tensor:
    """``[heads, steps, steps]`` with ``position[:, i - j]`` at i, j, `MASKED` where there is none.

    Rows of twice as many are laid one after another, then cut one shorter, so that each begins one
    further on. Not by an index: a GPU adds up the gradient of entries that occur often one by one.
    """
    heads, n = len(position), min(position.shape[1], steps)
    masked = position.new_full((heads, 2 * steps - n), MASKED)
    row = torch.cat([position[:, :1], masked, position[:, 1:n].flip(1)], dim=1)
    rows = row[:, None].expand(-1, steps, -1).flatten(1)[:, : steps * (2 * steps - 1)]
    return rows.unflatten(1, (steps, -1))[..., :steps]


def normalised(h: torch.Tensor, rounding: bool) -> torch.Tensor:
    """Brought to a mean size of one."""
    a = h / (h.abs().mean(dim=-1, keepdim=True) + 1 / (STREAM_UNIT * h.shape[-1]))
    a = a.clamp(-LARGEST / UNIT, LARGEST / UNIT)
    return rounded(a * UNIT, 0) / UNIT if rounding else a


def limited(h: torch.Tensor) -> torch.Tensor:
    return h.clamp(-STREAM_LIMIT / STREAM_UNIT, STREAM_LIMIT / STREAM_UNIT)


class TokenModel(nn.Module):
    """Scores of the next codes from all codes before them.

    Parameters
    ----------
    model : Model
        For the number and size of the codebooks.
    c : LanguageModel
    """

    rounding = False

    def __init__(self, model: Model, c: LanguageModel) -> None:
        super().__init__()
        self.codebooks, self.size, self.config = model.codebooks, model.codebook_size, c
        self.embedding = nn.Parameter(torch.empty(self.codebooks * (self.size + 1), c.width))
        self.embedding_map = nn.Parameter(torch.empty(self.codebooks, model.latent_dim, c.width))
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.heads = nn.ModuleList(
            Head(c.width, self.size, model.latent_dim) for _ in range(self.codebooks)
        )
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        nn.init.normal_(self.embedding, std=0.1)
        # The same for all codebooks: the stream begins as a map of the sum of their vectors, which
        # is what the codec's decoder sees.
        self.embedding_map.copy_(torch.randn_like(self.embedding_map[0]))
        self.embedding_map *= self.embedding_map.shape[1] ** 0.5
        for layer in self.layers:
            for linear in (layer.qkv, layer.out, layer.up, layer.down):
                nn.init.normal_(linear.weight, std=linear.weight.shape[1] ** -0.5)
            # Small at first, so that the stream begins as the sum of the embeddings.
            layer.out.weight *= (2 * len(self.layers)) ** -0.5
            layer.down.weight *= (2 * len(self.layers)) ** -0.5
            # Each head begins by looking back another length.
            reach = self.config.window ** ((torch.arange(layer.heads) + 1) / layer.heads)
            distance = torch.arange(self.config.window + 1)
            layer.position.copy_(-2 * distance / reach[:, None])
        for head in self.heads:
            nn.init.zeros_(head.weight)

    def table(self) -> torch.Tensor:
        """Embeddings of all codes, ``[codebooks * (size + 1), width]``: a map of their vectors in
        the codec, plus what is their own. The last of each codebook stands for none."""
        vectors = torch.stack([head.vectors for head in self.heads])
        mapped = functional.pad(vectors @ self.embedding_map, (0, 0, 0, 1))
        return self.embedding + mapped.flatten(0, 1)

    @torch.no_grad()
    def take_vectors(self, vectors: torch.Tensor) -> None:
        """The codec's codebooks ``[codebooks, size, latent_dim]``, or the first of more.

        So small that what is learned through a map of them changes as fast as what is a code's own.
        """
        vectors = vectors / (vectors[0].square().mean().sqrt() * vectors.shape[2])
        for head, book in zip(self.heads, vectors, strict=False):
            head.vectors.copy_(book)

    @torch.no_grad()
    def start_from_frequencies(self, codes: torch.Tensor, first: int = 0) -> None:
        """Biases of the heads from the `first` on: untrained, they know how frequent codes are."""
        for k, head in enumerate(self.heads[first:], first):
            counts = torch.bincount(codes[..., k].flatten(), minlength=self.size)
            head.bias.copy_(torch.log((counts + 0.5) / counts.sum()) + math.log(self.size))

    def set_rounding(self, rounding: bool) -> None:
        for module in self.modules():
            if hasattr(module, "rounding"):
                module.rounding = rounding

    def trunk(self, codes: torch.Tensor, used: int) -> torch.Tensor:
        """``[B, T + used - 1, width]`` of ``int64[B, T, codebooks]``, the first `used` of them."""
        rows, tokens, _ = codes.shape
        steps = codes.new_full((rows, tokens + used, self.codebooks), self.size)
        for k in range(used):
            steps[:, k + 1 : k + 1 + tokens, k] = codes[:, :, k]
        steps = steps[:, :-1] + torch.arange(self.codebooks, device=codes.device) * (self.size + 1)
        table = self.table()
        if self.rounding:
            table = rounded((table * UNIT).clamp(-LARGEST, LARGEST)) / UNIT
        # Not functional.embedding, whose gradient sorts the codes.
        h = table.index_select(0, steps.flatten()).unflatten(0, steps.shape).sum(dim=2)
        for layer in self.layers:
            h = layer(h)
        return normalised(h, self.rounding)

    def scores(self, a: torch.Tensor, k: int, tokens: int) -> torch.Tensor:
        """Logits of codebook k, ``float32[B, T, size]``."""
        return self.heads[k](a[:, k : k + tokens]) * (SCORE_UNIT * NATS_PER_UNIT)

    def bits(self, codes: torch.Tensor, used: int) -> torch.Tensor:
        """Mean bits of a code for each of the first `used` codebooks.

        A code of `size` stands for none, as in a file of variable bitrate; it costs nothing.
        """
        a = self.trunk(codes, used)
        losses = []
        for k in range(used):
            logits = self.scores(a, k, codes.shape[1]).flatten(0, 1)
            wanted = codes[:, :, k].flatten()
            loss = functional.cross_entropy(logits, wanted, ignore_index=self.size, reduction="sum")
            losses.append(loss / (wanted != self.size).sum().clamp_min(1))
        return torch.stack(losses) / math.log(2)
