"""Where the computing is done, in what precision, and how a GPU is given its steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

EAGER_STEPS = 5  # before one is recorded: they make what is made once, moments and FFT plans


def device_of(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def autocast(device: torch.device) -> torch.autocast:
    """Products in bf16, but on CPUs without AVX-512: these take eight times longer for them."""
    fast = device.type != "cpu" or torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


class Recorded:
    """A step whose operations are recorded once and then started all together (CUDA graph).

    On a GPU, starting a step's thousands of small operations takes longer than they do.

    Parameters
    ----------
    update : callable
        The step: tensors on the GPU, always of the same shapes, to tensors of one number by name.
        It must not ask the GPU for an answer, and its optimiser must be capturable.
    """

    def __init__(self, update: Callable[..., dict[str, Tensor]]) -> None:
        self.update = update
        self._eager_steps = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        if self._eager_steps < EAGER_STEPS:
            self._eager_steps += 1
            return self.update(*inputs)
        if self._graph is None:
            self._graph, self._inputs = torch.cuda.CUDAGraph(), inputs
            with torch.cuda.graph(self._graph, stream=torch.cuda.current_stream()):
                log = self.update(*self._inputs)
                self._names, self._values = list(log), torch.stack(list(log.values()))
        for old, new in zip(self._inputs, inputs, strict=True):
            old.copy_(new)
        self._graph.replay()
        return dict(zip(self._names, self._values.clone(), strict=True))
