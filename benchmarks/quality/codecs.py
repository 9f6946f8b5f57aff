"""Which settings of which codecs are measured, and on what."""

from __future__ import annotations

import sys

from vauxio.model.installed import DEFAULT, HIFI, SPEECH

from .codec import Codec, Original, Vauxio
from .corpus import KINDS, STEREO
from .peers import aac, amr_wb, codec2, mp3, nolace, opus

__all__ = ["CODECS", "PEERS", "VAUXIO", "family", "named"]

_HIGH = "speech", "music"
"""What high bitrates are measured on."""


def family(model: str) -> str:
    """What a model is called in tables."""
    return f"vauxio {model}"


def _vauxio(model: str, bitrates: tuple[float, ...], kinds: tuple[str, ...]) -> list[Codec]:
    return [Vauxio(family(model), f"{n:g} kbps", kinds, model, n) for n in bitrates]


VAUXIO: list[Codec] = [
    *_vauxio(DEFAULT, (1.5, 3, 6, 12), KINDS),
    *_vauxio(DEFAULT, (9,), ("speech",)),
    *_vauxio(DEFAULT, (6, 12, 24), (STEREO,)),
    *_vauxio(SPEECH, (1.5, 3, 6), ("speech",)),
    *_vauxio(HIFI, (12, 16, 24, 32, 48, 64, 96, 128), _HIGH),
    *_vauxio(HIFI, (24, 48, 96), (STEREO,)),
]
PEERS: list[Codec] = [
    *map(opus, (6, 8, 12, 16, 24)),
    *(opus(n, _HIGH) for n in (32, 48, 64, 96, 128)),
    *(opus(n, (STEREO,)) for n in (12, 16, 24, 32, 48, 64, 96)),
    *map(nolace, (6, 9, 12, 16)),
    *map(amr_wb, (6.6, 8.85, 12.65, 15.85, 23.85)),
    *map(codec2, (1200, 2400, 3200)),
    *map(mp3, (24, 32)),
    *(mp3(n, _HIGH) for n in (64, 128)),
    *(mp3(n, (STEREO,)) for n in (64, 96)),
    *map(aac, (16, 32)),
    *(aac(n, _HIGH) for n in (64, 128)),
    *(aac(n, (STEREO,)) for n in (32, 48, 64, 96)),
]
CODECS: list[Codec] = [Original("original", "PCM"), *VAUXIO, *PEERS]


def named(names: list[str] | None) -> list[Codec]:
    """Codecs by their names, with or without a setting; all if there are none."""
    known = {name for codec in CODECS for name in (codec.family, codec.name)}
    if unknown := set(names or []) - known:
        sys.exit(f"no codec {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return [c for c in CODECS if not names or c.family in names or c.name in names]
