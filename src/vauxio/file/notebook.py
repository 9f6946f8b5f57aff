"""What a notebook shows of a ``.vx`` file: its numbers, a player and a spectrogram, in HTML."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable

import numpy as np

from ..audio.pictures import flac, spectrogram, spectrum

__all__ = ["SECONDS", "show"]

SECONDS = 30
"""Of sound at most: a page holds it all."""

_STYLE = (
    "border-collapse:collapse;font-variant-numeric:tabular-nums;text-align:left;margin-bottom:.5em"
)


def show(rows: Iterable[tuple[str, str]], data: np.ndarray | None, samplerate: int) -> str:
    """HTML: a table of rows, and a player if there is sound.

    Parameters
    ----------
    rows : iterable of (str, str)
    data : ndarray or None
        ``float32[frames, channels]``; None if it cannot be decoded.
    samplerate : int
        In Hz.
    """
    lines = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in rows
    )
    parts = [f'<table style="{_STYLE}"><tbody>{lines}</tbody></table>']
    if data is not None and len(data):
        loudest = float(spectrum(data, samplerate).max())
        picture = base64.b64encode(spectrogram(data, samplerate, loudest)).decode()
        parts.append(
            f'<audio controls preload="metadata" src="data:audio/flac;base64,'
            f'{flac(data, samplerate)}"></audio>'
            f'<br><img alt="spectrogram, 0 to {samplerate / 2000:g} kHz" style="max-width:100%" '
            f'src="data:image/png;base64,{picture}">'
        )
    return f"<div>{''.join(parts)}</div>"
