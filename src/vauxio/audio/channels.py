"""The order of channels: that of WAV and FLAC, that of Vorbis and Opus, and WAV's channel masks.

Inside, and in ``.vx`` files, three to eight channels are in the order of WAV. Vorbis (section
4.3.9 of its specification) and Opus (RFC 7845) have another; libsndfile gives and takes theirs as
it is. This module knows orders and masks, and nothing of files.
"""

from __future__ import annotations

import numpy as np

__all__ = ["MASK", "from_vorbis", "mask_of", "to_vorbis"]

MASK = "waveformatextensible_channel_mask"
"""Tag with the mask of a WAV file, such as ``0x060F``; FLAC files have it by this name."""

_VORBIS = {  # for each channel of WAV, its place in Vorbis
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}


def from_vorbis(frames: np.ndarray) -> np.ndarray:
    """Frames ``[n, channels]`` in WAV's order, of those in Vorbis's."""
    order = _VORBIS.get(frames.shape[1])
    return frames if order is None else np.ascontiguousarray(frames[:, order])


def to_vorbis(frames: np.ndarray) -> np.ndarray:
    """Frames ``[n, channels]`` in Vorbis's order, of those in WAV's."""
    order = _VORBIS.get(frames.shape[1])
    return frames if order is None else np.ascontiguousarray(frames[:, np.argsort(order)])


def mask_of(text: str | None, channels: int) -> int | None:
    """The mask in a tag; None if there is none, or if it has another number of channels."""
    try:
        mask = int(text or "", 0)
    except ValueError:
        return None
    return mask if 0 < mask < 1 << 32 and mask.bit_count() == channels else None
