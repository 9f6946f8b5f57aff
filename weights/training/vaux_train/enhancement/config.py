"""What can be set of the enhancement."""

from __future__ import annotations

from dataclasses import dataclass, field

SAMPLERATE = 16000  # of training; the graph works at 48 kHz


@dataclass(frozen=True)
class Model:
    hop: int = 64
    bins: int = 77  # up to 4.8 kHz; above, what is decoded stays as it is
    taps: int = 7  # frames of what was coded that make one of the result
    dim: int = 192
    expansion: int = 3
    kernel: int = 7
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 1, 2, 4])
