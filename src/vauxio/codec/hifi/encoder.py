"""Samples at 48 kHz to the payloads of blocks of about ten seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from . import block_sizes, mdct
from .character import Character
from .layout import FRAME
from .network import Tables
from .pack import Packer
from .payload import Settings
from .rate import Budget, Constant, Estimate, settings_for
from .spectra import Spectra

__all__ = ["Coded", "Encoder", "block_size"]

_BLOCK = 234  # frames: 9.98 s
_LARGEST = 1 << 22  # coefficients of a block, by section 5 of the format

_MARGIN = 1024
_CLOSE, _CLOSE_ALONE = 0.1, 0.025
"""Of its bits, by which a first block may miss its budget: where enough follows, and at least."""
_MADE_UP = 0.2  # of the bits of what follows, that it has more or fewer for that, as of `Budget`
_TRIES = 3
_FARTHEST = 1.5  # that estimates of bits are off where there is sound: usually less than 1.1
_TILT = 3
"""Of the steps of joint stereo, where bits are scarce: where a sound is, is heard below 2 kHz."""


def block_size(channels: int) -> int:
    """Frames of every block but the last: 9.98 s, of up to eight channels."""
    return min(_BLOCK, _LARGEST // (FRAME * channels))


class Coded(NamedTuple):
    """A block that is finished.

    Attributes
    ----------
    frames : int
    payload : bytes
    checksum : int
        Of its values, see `unpack.checksum`.
    """

    frames: int
    payload: bytes
    checksum: int


@dataclass
class _Plan:
    """A block whose neighbour is still to come; its gain, if the budget does not decide it."""

    samples: np.ndarray
    settings: Settings
    estimate: Estimate
    gain: int | None
    sizes: list[np.ndarray]
    frames: int


class Encoder:
    """Push samples, get payloads.

    Parameters
    ----------
    tables : Tables
    channels : int
    bitrate : float
        kbps per channel, on average over the file.
    constant : bool, optional
        Whether the quality is constant instead: bits follow the signal, and `bitrate` is what they
        are on average over many files.
    """

    def __init__(
        self, tables: Tables, channels: int, bitrate: float, constant: bool = False
    ) -> None:
        self._tables, self._bitrate = tables, bitrate
        self._constant = Constant(bitrate) if constant else None
        self._waiting = np.zeros((channels, _MARGIN))
        self._block = block_size(channels)
        self._budget = Budget(bitrate, channels)
        self._character = Character()
        self._plan: _Plan | None = None
        self._last = 0  # size of the transform block before those of the plan
        self._scale = 1.0  # bits that blocks took, over those that were estimated

    def push(self, samples: np.ndarray) -> list[Coded]:
        """Samples ``float32[channels, n]`` that follow the last.

        Returns
        -------
        list of Coded
            Each block that is finished.
        """
        scaled = np.asarray(samples, np.float64) * 2**15
        self._waiting = np.concatenate([self._waiting, scaled], axis=1)
        out: list[Coded] = []
        while self._waiting.shape[1] >= self._block * FRAME + 2 * _MARGIN:
            out.extend(self._cut(self._block))
        return out

    def finish(self) -> list[Coded]:
        """The blocks that are left; nothing can follow."""
        out: list[Coded] = []
        left = self._waiting.shape[1] - _MARGIN
        while left > 0:
            frames = min(self._block, -(-left // FRAME))
            needed = frames * FRAME + 2 * _MARGIN
            rest = max(0, needed - self._waiting.shape[1])
            self._waiting = np.pad(self._waiting, ((0, 0), (0, rest)))
            out.extend(self._cut(frames))
            left -= frames * FRAME
        if self._plan is not None:
            out.append(self._encode(self._plan, 0))
            self._plan = None
        return out

    def _cut(self, frames: int) -> Iterator[Coded]:
        size = frames * FRAME
        plan = self._make_plan(self._waiting[:, : size + 2 * _MARGIN], frames)
        self._waiting = self._waiting[:, size:]
        before, self._plan = self._plan, plan
        if before is not None:
            yield self._encode(before, int(plan.sizes[0][0]), plan.frames)

    def _make_plan(self, samples: np.ndarray, frames: int) -> _Plan:
        own = samples[:, _MARGIN:-_MARGIN]
        speech = self._character.push(own)
        spectra = Spectra(samples)
        settings = settings_for(self._bitrate, spectra, speech)
        constant = None
        if self._constant is not None:
            constant = self._constant.gain(own, settings.rule, speech)
        estimate = Estimate(spectra, settings)
        wanted = self._budget.of(frames) / self._scale
        gain = estimate.gain_for(wanted) if constant is None else constant
        if len(samples) == 2:
            tilt = settings.rule.tilt + round(_TILT * _below(24, self._bitrate))
            joint = replace(
                settings,
                rule=settings.rule._replace(tilt=tilt),
                joint=True,
                balanced=settings.coarse,
            )
            other = Estimate(spectra, joint)
            if _is_worth_it(other, estimate, gain, self._bitrate):
                settings, estimate = joint, other
                gain = estimate.gain_for(wanted) if constant is None else constant
        rule = settings.rule._replace(gain=gain)
        sizes = block_sizes.choose(spectra, rule, settings.bands)
        return _Plan(samples, settings, estimate, constant, sizes, frames)

    def _encode(self, plan: _Plan, last: int, following: int = 0) -> Coded:
        flat = np.concatenate(plan.sizes)
        coefficients = mdct.forward(plan.samples, flat, self._last, last)
        self._last = int(flat[-1])
        packer = Packer(coefficients, plan.sizes, plan.settings, self._tables, plan.estimate.angles)
        if plan.gain is not None:
            return Coded(plan.frames, *packer.pack(plan.gain))
        return Coded(plan.frames, *self._pack_within(packer, plan, following))

    def _pack_within(self, packer: Packer, plan: _Plan, following: int) -> tuple[bytes, int]:
        """Pack a block so that it takes its part of the budget, where so many frames follow."""
        budget = self._budget.of(plan.frames)
        scale = self._scale
        exact = scale == 1.0  # the first: later ones know what bits are worth, and make up
        gain = max(plan.estimate.gain_for(budget / scale), packer.finest)
        close = min(max(_MADE_UP * following / plan.frames, _CLOSE_ALONE), _CLOSE)
        tried: list[tuple[int, float]] = []  # gains, and bits over the budget in octaves
        payload, checksum = b"", 0
        for _ in range(_TRIES if exact else 1):
            payload, checksum = packer.pack(gain)
            bits = 8 * len(payload)
            scale = bits / plan.estimate.bits(gain)
            tried.append((gain, math.log2(bits / budget)))
            if abs(bits - budget) <= close * budget:
                break
            wanted = _next_gain(tried, plan.estimate.gain_for(budget / scale))
            if max(wanted, packer.finest) == gain:
                break
            gain = max(wanted, packer.finest)
        if 1 / _FARTHEST < scale < _FARTHEST:  # of silence or a hum the estimate knows nothing
            self._scale = scale
        self._budget.spend(plan.frames, 8 * len(payload))
        return payload, checksum


def _below(enough: float, bitrate: float) -> float:
    """0 from a bitrate on that is enough, 1 up to half of it, and between."""
    return min(max(math.log2(enough / bitrate), 0), 1)


def _is_worth_it(joint: Estimate, apart: Estimate, gain: int, bitrate: float) -> bool:
    """Whether joint stereo is better than left and right by themselves.

    It must not take more bits. Both channels have the steps of the louder one then, so it is
    compared with as much noise as left and right would have. At few bits it may be behind in that,
    up to 8 kbps far behind: much is noise filling then, which joint stereo alone puts where it was.
    """
    bits = apart.bits(gain)
    limit = 1.05 + 0.25 * _below(64, bitrate) + 0.5 * _below(16, bitrate)
    same_noise = joint.bits(gain - joint.coarser(apart, gain))
    return joint.bits(gain) < bits and same_noise < limit * bits


def _next_gain(tried: list[tuple[int, float]], estimated: int) -> int:
    """The gain that will probably meet the budget: on the line through the last two tries."""
    if len(tried) < 2:
        return estimated
    (before, missed), (last, misses) = tried[-2:]
    if before == last or missed == misses:
        return last
    change = -misses * (last - before) / (misses - missed)
    return round(min(max(last + min(max(change, -64), 64), 0), 4095))
