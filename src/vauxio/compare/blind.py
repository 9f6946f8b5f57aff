"""A listening test as one HTML page, after MUSHRA (ITU-R BS.1534-3).

The listener hears the reference as often as they like, and rates all others from 0 to 100: the
files, the reference itself under another name, and an anchor without anything above 3.5 kHz. The
order is drawn anew for everybody, in the browser. Ratings leave the page as a JSON file, and
`ratings` makes means of many such files.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
from importlib import resources

import numpy as np

from ..audio.pictures import flac
from .comparison import Comparison

__all__ = ["ANCHOR", "REFERENCE", "anchor", "render_blind"]

REFERENCE, ANCHOR = "hidden reference", "3.5 kHz anchor"
"""What these two are called in the results."""

_PASS, _STOP = 3500.0, 4000.0  # Hz


def anchor(data: np.ndarray, samplerate: int) -> np.ndarray:
    """The same frames, ``float32[frames, channels]``, without what is above 3.5 kHz."""
    spectrum = np.fft.rfft(data, axis=0)
    frequencies = np.fft.rfftfreq(len(data), 1 / samplerate)
    slope = np.clip((_STOP - frequencies) / (_STOP - _PASS), 0, 1)
    gain = 0.5 - 0.5 * np.cos(np.pi * slope)
    return np.fft.irfft(spectrum * gain[:, None], len(data), axis=0).astype(np.float32)


def render_blind(comparison: Comparison) -> str:
    """The whole page, with all sounds in it."""
    original = comparison.original
    names = [REFERENCE, ANCHOR]
    sounds = [original.data, anchor(original.data, original.samplerate)]
    for version in comparison.versions:
        name = os.path.basename(version.part.name)
        names.append(name if name not in names else f"{name} ({len(names)})")
        sounds.append(version.data)
    coded = [flac(data, original.samplerate) for data in sounds]
    item = os.path.basename(original.name)
    test = {
        "item": item,
        "start": comparison.start,
        "id": hashlib.sha256("".join(coded).encode()).hexdigest()[:16],
        "names": names,
    }
    page = (resources.files(__package__) / "blind.html").read_text("utf-8")
    audio = "".join(f'<script type="text/plain" class="sound">{data}</script>\n' for data in coded)
    about = json.dumps(test).replace("<", "\\u003c")
    return (
        page.replace("{{title}}", html.escape(item))
        .replace("{{test}}", about)
        .replace("{{sounds}}", audio)
    )
