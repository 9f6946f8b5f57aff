"""What all trainings have in common: loop, checkpoints, log, cooldown, averaged weights.

A run is bounded by minutes, not steps, because compute comes in pieces: the learning rate is
constant and cools down linearly over the last part of a piece. A later piece resumes from the
checkpoint. SIGTERM ends a piece early, with nothing lost.
"""

from __future__ import annotations

import contextlib
import csv
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

CHECKPOINT_MINUTES = 4


class Trainer:
    """Base of the trainers.

    A subclass names what a checkpoint has of it: attributes with a state of their own, and numbers.
    """

    STATES: tuple[str, ...] = ("model", "average", "optimiser")
    COUNTERS: tuple[str, ...] = ("step",)
    COLUMNS: tuple[str, ...]  # of the log, between the step and the rate
    LOWEST = 0.02  # what learning rates fall to, of what they were

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        folder.mkdir(parents=True, exist_ok=True)
        self.step = 0
        self._stopping = False

    def save(self) -> None:
        state = {name: getattr(self, name).state_dict() for name in self.STATES}
        state |= {name: getattr(self, name) for name in self.COUNTERS}
        temporary = self.folder / "last.pt.tmp"
        torch.save(state, temporary)
        temporary.replace(self.folder / "last.pt")

    def resume(self, checkpoint: Path) -> None:
        state = torch.load(checkpoint, map_location=self.device, weights_only=True)
        for name in self.STATES:
            own = getattr(self, name)
            if isinstance(own, torch.optim.Optimizer):
                load_moments(own, state[name])
            else:
                own.load_state_dict(state[name])
        for name in self.COUNTERS:
            setattr(self, name, state[name])

    def start(self, source: Path) -> None:
        """Begin a new run from what another one left."""
        self.resume(source)

    def adamw(
        self, parameters: Any, lr: float, recorded: bool, **settings: Any
    ) -> torch.optim.AdamW:
        """An optimiser, of steps that are `Recorded` if that is so."""
        rate = torch.tensor(lr, device=self.device) if recorded else lr
        return torch.optim.AdamW(parameters, lr=rate, capturable=recorded, fused=True, **settings)

    def follow(self, average: nn.Module, model: nn.Module, decay: float) -> None:
        """Move averaged weights towards those of the step just made; faster in the first steps."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        live, slow = model.state_dict(), average.state_dict()
        names = [name for name in slow if slow[name].is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([slow[n] for n in names], [live[n] for n in names], 1 - decay)

    def loop(
        self,
        train_step: Callable[[float], dict[str, torch.Tensor]],
        minutes: float,
        steps: int,
        cooldown: float,
        log_every: int,
    ) -> None:
        """Train for so many minutes, or until so many steps were made in all.

        `train_step` is given what learning rates are to be multiplied by, and returns what to log:
        tensors of one number, which the device is asked for as rarely as the log is written.
        `cooldown` is the part of the minutes, or of the steps, over which these fall.
        """
        if self.device.type == "cuda":  # on the usual stream nothing can be recorded
            stream = torch.cuda.Stream(self.device)
            stream.wait_stream(torch.cuda.current_stream())
            torch.cuda.set_stream(stream)
        begin = saved = mark = time.monotonic()
        rows: list[dict[str, torch.Tensor]] = []
        with self._stoppable():
            while (
                not self._stopping
                and (elapsed := (time.monotonic() - begin) / 60) < minutes
                and self.step < steps
            ):
                left = min(1 - elapsed / minutes, 1 - self.step / steps) / cooldown
                rows.append(train_step(max(self.LOWEST, min(1.0, left))))
                now = time.monotonic()
                if self.step % log_every == 0:
                    self._log(means(rows) | {"rate": len(rows) / (now - mark), "minutes": elapsed})
                    rows, mark = [], now
                if now - saved > CHECKPOINT_MINUTES * 60:
                    self.save()
                    saved = now
            self.save()

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Within, SIGTERM ends the loop after a step; afterwards it ends the process again."""

        def stop(*_: object) -> None:
            self._stopping = True

        before = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _log(self, row: dict[str, float]) -> None:
        names = [*self.COLUMNS, "rate", "minutes"]
        path = self.folder / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as f:
            writer = csv.writer(f)
            if new:
                writer.writerow(["step", *names])
            writer.writerow([self.step, *(f"{row[n]:.5g}" if n in row else "" for n in names)])
        print(self.step, " ".join(f"{n}={row[n]:.4g}" for n in names if n in row), flush=True)


def load_moments(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Of the same parameters, perhaps on another device: rates of a GPU's are not a CPU's."""
    for group, own in zip(state["param_groups"], optimiser.param_groups, strict=True):
        group.update({key: own[key] for key in ("lr", "capturable", "pace") if key in own})
    optimiser.load_state_dict(state)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        own = rate * group.get("pace", 1.0)
        if isinstance(group["lr"], torch.Tensor):  # as a recorded step needs it
            group["lr"].fill_(own)
        else:
            group["lr"] = own


def means(rows: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Mean of each name, over the rows that have it."""
    values: dict[str, list[torch.Tensor]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    return {name: float(sum(v) / len(v)) for name, v in values.items()}
