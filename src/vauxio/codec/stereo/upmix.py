"""Main channels to pairs, as ``docs/format.md``, section 9.2, specifies."""

from __future__ import annotations

import numpy as np

from .layout import CENTRE, HELD, Stereo, pairs_of, shares, turns

__all__ = ["Upmixer"]

_LATE = 2  # tokens that the main channel comes late as its own side (Lauridsen, 1954)
_NOTHING = 1e-12  # power that is added to what is divided by
_LOUDEST = 4.0  # what an amplitude is multiplied by at most
_ROOT2 = np.float32(np.sqrt(2))


class Upmixer:
    """Coefficients of main and side channels to those of pairs, one token later.

    What stands for the side is the main channel of two tokens before, less what it has in common
    with the main channel, in each band, and as loud as the main one over three tokens, of which the
    middle one counts twice. By chance the two still correlate within a token, and one channel would
    be louder than it should: so in each token and band, both get their shares of the power.

    Parameters
    ----------
    channels : int
        The last of an odd number is no part of a pair, and comes as late as the others.
    stereo : Stereo
    """

    def __init__(self, channels: int, stereo: Stereo) -> None:
        self._stereo, self._channels = stereo, channels
        self._paired = 2 * pairs_of(channels)
        self._past: np.ndarray | None = None  # coefficients of some tokens before
        self._values: np.ndarray | None = None  # of the token that waits

    def push(self, coefficients: np.ndarray, values: np.ndarray) -> np.ndarray:
        """``float32[channels, n, coefficients]``, of the tokens from one before the first pushed.

        `values` are ``uint8[pairs, 2, bands, n]``. Of sides, coefficients that are not coded do not
        count.
        """
        channels, n, count = coefficients.shape
        if self._past is None:
            self._past = np.zeros((channels, _LATE + 2, count), np.float32)
            self._values = np.empty((*values.shape[:3], 1), np.uint8)
            self._values[:] = np.array(CENTRE, np.uint8)[:, None, None]
        assert self._values is not None
        there = np.concatenate([self._past, coefficients], axis=1)
        values = _held(np.concatenate([self._values, values], axis=3))
        self._past, self._values = there[:, n:], values[..., -1:]
        out: np.ndarray = there[:, _LATE + 1 : -1].copy()
        for pair in range(self._paired // 2):
            main, side = there[2 * pair], there[2 * pair + 1]
            at = slice(2 * pair, 2 * pair + 2)
            out[at] = self._turned(main, side[_LATE + 1 : -1], values[pair, ..., :-1])
        return out

    def _turned(self, main: np.ndarray, side: np.ndarray, values: np.ndarray) -> np.ndarray:
        """One pair, ``[2, n, coefficients]``; there is more of the main channel on both sides."""
        starts = self._stereo.starts(main.shape[1])
        widths = np.diff(starts, append=main.shape[1])

        def sums(products: np.ndarray) -> np.ndarray:
            bands = np.add.reduceat(products, starts, axis=1)
            found: np.ndarray = bands[:-2] + 2 * bands[1:-1] + bands[2:]
            return found

        def spread(bands: np.ndarray) -> np.ndarray:
            return np.repeat(bands, widths, axis=1)

        now, late = main[_LATE:], main[:-_LATE]
        power, common, echo = sums(now * now), sums(now * late), sums(late * late)
        share = common / (power + _NOTHING)
        rest = np.maximum(echo - share * common, 0)
        gain = np.minimum(np.sqrt(power / (rest + _NOTHING)), _LOUDEST)
        cosine, sine, amplitude = (part.T for part in turns(values))
        here = now[1:-1]
        made = spread(amplitude * gain) * (late[1:-1] - spread(share) * here)
        made[:, : self._stereo.side] = side[:, : self._stereo.side]
        cosine, sine = spread(cosine), spread(sine)
        turned: np.ndarray = _ROOT2 * np.stack(
            [cosine * here - sine * made, sine * here + cosine * made]
        )
        powers = np.add.reduceat(turned * turned, starts, axis=2) + _NOTHING
        gains = np.sqrt(shares(values).transpose(0, 2, 1) * powers.sum(axis=0) / powers)
        gains[..., np.array(starts) < self._stereo.side] = 1
        turned *= np.repeat(np.minimum(gains, _LOUDEST), widths, axis=2)
        return turned


def _held(values: np.ndarray) -> np.ndarray:
    """The same, what is lost being what it was before."""
    if not (values == HELD).any():
        return values
    there = np.where(values != HELD, np.arange(values.shape[-1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(there, axis=-1), axis=-1)
