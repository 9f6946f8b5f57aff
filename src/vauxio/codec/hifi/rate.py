"""Rate control: the gain of a block's steps, from its bits or for a constant quality."""

from __future__ import annotations

import math

import numpy as np

from . import envelope, steps, stereo
from .layout import FRAME, LAYOUTS, SAMPLERATE
from .payload import Settings, bands_of
from .spectra import Spectra

__all__ = ["Budget", "Constant", "Estimate", "settings_for"]

_SIZE = 1024  # of the transform blocks with which bits are estimated
_AUDIBLE = 4  # the least level that makes a band worth having
_LEVELS = 2.5  # bits that a level costs, about
_LEAST = 0.03  # that a bit is worth, in squared steps
_RICH = 1.58  # octaves over 16 kbps: from here on there are bits for what is quiet in music
_ENOUGH = 0.58  # the same, for the waves of speech
_ANGLE = 8  # that an angle costs which is another than before, with those that are not
_SIZES = (-1, -0.5, 0, 2, 3, 5, 8, 16)  # of coefficients over their steps, as logarithms
_COSTS = (0, 3.8, 4.9, 4.9, 6.3, 9.1, 12.2, 20.2)  # bits of these, with those of zeros around them


_KBPS = (12, 16, 24, 32, 48, 64, 96, 128)
_GAINS = ((1324, 1307, 1280, 1256, 1216, 1192, 1132, 1073),
          (1311, 1290, 1228, 1195, 1143, 1092, 993, 898))  # fmt: skip
"""Of music and of speech: gains with which recordings of train take these kbps on average, where
they are as loud as `_USUAL` and bands are as loud as `_BAND`, with a slope of `_SLOPE`. Those of
speech up to 16 kbps have in them what its steeper slope saves, beyond `_BAND`."""
_USUAL, _BAND, _SLOPE = 52, 44, 7


def settings_for(bitrate: float, spectra: Spectra, speech: float) -> Settings:
    """How a block is coded at a bitrate, but for its gain.

    Parameters
    ----------
    bitrate : float
        kbps per channel.
    spectra : Spectra
        Of the block.
    speech : float
        How much it is like speech, as of `Character`. Music needs more of its bits at high
        frequencies.
    """
    octaves = math.log2(max(bitrate, 8) / 16)
    tilt = _between(
        speech, min(max(0.5 - 0.2 * octaves, 0.3), 0.5), min(max(1.0 - 0.25 * octaves, 0.35), 1.0)
    )
    rich = min(max((octaves - _RICH) / (2 - _RICH), 0), 1)
    slope = round(_between(speech, 9.2 - 0.8 * octaves + 2.4 * rich, 7))
    weight = max(0.1 - 0.06 * (octaves - 0.6), _LEAST)
    weight = min(weight, _between(speech, 0.07, 0.1))
    weight = max(weight, min(_LEAST + 0.05 * (octaves - 2), 0.06))  # from 64 kbps on it rises
    noisy = speech > 0.5
    # Of speech with few bits, more go to its quiet bands.
    steeper = round(2 * min(max(1 - octaves / _ENOUGH, 0), 1)) if noisy else 0
    return Settings(
        steps.Rule(slope + steeper, total=slope + 3, tilt=round(16 * tilt), gain=1024),
        bands=_audible_bands(spectra),
        coarse=bitrate <= 20,
        noisy=noisy,
        weight=weight,
        copied=round(min(max(2.5 * (16 - bitrate), 0), 10)) if noisy else 0,
    )


def _between(share: float, none: float, all_: float) -> float:
    return none + share * (all_ - none)


def _audible_bands(spectra: Spectra) -> int:
    layout = LAYOUTS[FRAME]
    levels = envelope.measure(spectra.of(FRAME), layout, layout.bands)
    audible = np.flatnonzero((levels > _AUDIBLE).any(axis=(0, 1)))
    return int(audible[-1]) + 1 if len(audible) else 0


class Estimate:
    """About how many bits a block takes, for any gain.

    Parameters
    ----------
    spectra : Spectra
        Of the block.
    settings : Settings

    Attributes
    ----------
    angles : ndarray or None
        With joint stereo, those that are best, ``int64[frames, bands]``.
    """

    def __init__(self, spectra: Spectra, settings: Settings) -> None:
        layout = LAYOUTS[_SIZE]
        found = spectra.of(_SIZE)
        channels, count = found.shape[:2]
        bands = bands_of(_SIZE, settings.bands)
        self.angles = None
        changes = 0
        if settings.joint:
            blocks = FRAME // _SIZE
            self.angles = stereo.choose(found.reshape(2, -1, blocks, _SIZE), settings.bands)
            found = found.copy()
            stereo.turn(found.transpose(1, 0, 2), self.angles, np.arange(count) // blocks, _SIZE)
            changes = int(np.count_nonzero(np.diff(self.angles, axis=0)))
        levels = np.rint(envelope.measure(found, layout, bands)).astype(np.int64)
        if settings.joint:
            levels[:2] = levels[:2].max(axis=0)
        neutral = settings.rule._replace(gain=1024)
        logs = steps.steps(levels, layout, neutral)
        self._logs, self._over, self._widths = logs, 16 * (levels - 8) - logs, layout.widths[:bands]
        scale = layout.expand(np.exp2(-logs / 64))
        # A histogram of how large coefficients are over their steps, in eighths of an octave.
        self._histogram = np.zeros(512, np.int64)
        for one, over in zip(found, scale, strict=True):
            size = np.log2(np.abs(one[:, : over.shape[1]]) * over + 1e-9)
            bins = np.clip((size + 16) * 8, 0, 511).astype(np.int64)
            self._histogram += np.bincount(bins.ravel(), minlength=512)
        self._sizes = np.arange(512) / 8 - 16
        spans = -(-count * _SIZE // FRAME)
        level = _LEVELS * (0.7 if settings.coarse else 1)
        self._fixed = 80 + channels * spans * bands * level + changes * _ANGLE

    def bits(self, gain: float) -> float:
        """Of the whole block, at a gain in 64ths of an octave (1024 is none)."""
        cost = np.interp(self._sizes - (gain - 1024) / 64, _SIZES, _COSTS)
        return float(self._fixed + self._histogram @ cost)

    def coarser(self, other: Estimate, gain: float) -> float:
        """By how much its steps are larger than those of another estimate of the same samples.

        In 64ths of an octave, on average over the coefficients that bits go to.
        """
        weight = (self._over > gain - 1024) * self._widths
        return float(((self._logs - other._logs) * weight).sum() / max(weight.sum(), 1))

    def gain_for(self, bits: float) -> int:
        """The least gain with which it takes no more than that."""
        low, high = 0, 4095
        while low < high:
            middle = (low + high) // 2
            if self.bits(middle) <= bits:
                high = middle
            else:
                low = middle + 1
        return low


class Budget:
    """Bits of a file, so that its bitrate is on average what was asked for.

    Parameters
    ----------
    bitrate : float
        kbps per channel.
    channels : int
    """

    def __init__(self, bitrate: float, channels: int) -> None:
        self._per_frame = bitrate * 1000 * channels * FRAME / SAMPLERATE
        self._spare = 0.0

    def of(self, frames: int) -> float:
        """Bits of the next block of so many frames."""
        even = self._per_frame * frames
        return even + min(max(self._spare, -0.2 * even), 0.2 * even)

    def spend(self, frames: int, bits: float) -> None:
        """A block of so many frames took `bits`."""
        self._spare += self._per_frame * frames - bits


class Constant:
    """The gain of a constant quality, which knows no budget.

    Steps follow how loud a block is for the file, not how loud the file is: one that is twice as
    loud takes the same bits. What counts is the loudest block so far.

    Parameters
    ----------
    bitrate : float
        kbps per channel, on average over many files.
    """

    def __init__(self, bitrate: float) -> None:
        self._gains = [float(np.interp(math.log(bitrate), np.log(_KBPS), of)) for of in _GAINS]
        self._loudest = 1.0

    def gain(self, samples: np.ndarray, rule: steps.Rule, speech: float) -> int:
        """That of the next block.

        Parameters
        ----------
        samples : ndarray
            ``float64[channels, n]``, in units of a 16-bit sample.
        rule : steps.Rule
        speech : float
            As of `settings_for`.
        """
        self._loudest = max(self._loudest, float((samples**2).mean()))
        level = 2 * math.log2(self._loudest) + 8  # as of `envelope`
        gain = _between(speech, *self._gains) - _BAND * (rule.slope - _SLOPE)
        return min(max(round(gain + (16 - rule.total) * (level - _USUAL)), 0), 4095)
