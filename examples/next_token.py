"""A toy language model of speech: tokens of recordings, a minute of training, its own sounds.

    python examples/next_token.py tests/data/speech-48k.flac -o sample.wav

The first two codebooks of each token are two symbols one after the other; a small Transformer
learns which comes next, and what it goes on with is decoded. After a minute on a few seconds of
speech it babbles. Needs PyTorch.
"""

from __future__ import annotations

import argparse
import time

import soundfile
import torch
from torch import nn

import vauxio

CODEBOOKS = 2
CONTEXT = 128  # symbols


class Model(nn.Module):
    """Symbols ``[batch, n]`` to scores of the next ``[batch, n, symbols]``.

    Its embedding begins where codes mean something: with the codec's vectors.
    """

    def __init__(self, vectors: torch.Tensor, width: int = 128) -> None:
        super().__init__()
        codebooks, size, dim = vectors.shape
        self.size = size
        self.embedding = nn.Embedding.from_pretrained(vectors.reshape(-1, dim), freeze=False)
        self.first = nn.Linear(dim, width)
        self.position = nn.Parameter(torch.zeros(CONTEXT, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.last = nn.Linear(width, codebooks * size)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        n = symbols.shape[1]
        x = self.first(self.embedding(symbols)) + self.position[:n]
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        return self.last(self.layers(x, mask=mask, is_causal=True))


def symbols_of(codes: torch.Tensor, size: int) -> torch.Tensor:
    """``[codebooks, tokens]`` to ``[codebooks * tokens]``: token by token, numbers of their own."""
    return (codes + size * torch.arange(len(codes))[:, None]).T.reshape(-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("-o", "--output", default="sample.wav")
    parser.add_argument("--seconds", type=float, default=60, help="of training")
    parser.add_argument("--tokens", type=int, default=225, help="to make; 75 are a second")
    arguments = parser.parse_args()
    torch.manual_seed(0)

    codec = vauxio.Codec("speech-24k")
    data, rates = zip(*(soundfile.read(name, dtype="float32") for name in arguments.recordings),
                      strict=True)  # fmt: skip
    mono = [signal if signal.ndim == 1 else signal.mean(axis=1) for signal in data]
    batch = codec.encode(mono, list(rates), codebooks=CODEBOOKS)
    size = codec.codebook_size
    text = torch.cat([
        symbols_of(torch.from_numpy(one.codes[0].astype("int64")), size) for one in batch
    ])  # fmt: skip

    vectors = torch.from_numpy(codec.codebook_vectors()[:CODEBOOKS].copy())
    model = Model(vectors / vectors.std())
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    end, steps, loss = time.monotonic() + arguments.seconds, 0, torch.zeros(())
    while time.monotonic() < end or steps < 2:
        starts = torch.randint(0, (len(text) - CONTEXT - 1) // CODEBOOKS, (8,)) * CODEBOOKS
        rows = torch.stack([text[s : s + CONTEXT + 1] for s in starts])
        loss = nn.functional.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    print(f"{steps} steps, {loss.item() / 0.6931:.2f} bits a code")

    made = text[: 20 * CODEBOOKS].tolist()
    with torch.no_grad():
        while len(made) < CODEBOOKS * arguments.tokens:
            at = len(made) % CODEBOOKS * size  # symbols of this codebook only
            begin = max(0, len(made) - CONTEXT + CODEBOOKS) // CODEBOOKS * CODEBOOKS
            scores = model(torch.tensor([made[begin:]]))[0, -1, at : at + size]
            made.append(at + int(torch.multinomial((scores / 0.8).softmax(0), 1)))
    codes = torch.tensor(made).reshape(-1, CODEBOOKS).T - size * torch.arange(CODEBOOKS)[:, None]
    soundfile.write(arguments.output, codec.decode(codes), codec.model.samplerate)
    print(f"{arguments.output}: {arguments.tokens / codec.token_rate:.1f} s")


if __name__ == "__main__":
    main()
