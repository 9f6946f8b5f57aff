"""Recordings in formats that libsndfile does not read, made by PyAV."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

RATE = 44100
MADE = {  # ending: container, codec, sample format
    "m4a": ("ipod", "aac", "fltp"),
    "alac.m4a": ("ipod", "alac", "s16p"),
    "aac": ("adts", "aac", "fltp"),
    "webm": ("webm", "libopus", "flt"),
    "mka": ("matroska", "flac", "s16"),
    "wma": ("asf", "wmav2", "fltp"),
    "wv": ("wv", "wavpack", "s16p"),
    "tta": ("tta", "tta", "s16"),
    "ac3": ("ac3", "ac3", "fltp"),
    "ogg": ("ogg", "flac", "s16"),
}


def media(
    name: str,
    samples: np.ndarray,
    rate: int = RATE,
    tags: dict[str, str] | None = None,
    video: bool = False,
) -> bytes:
    """Frames ``float32[n, channels]`` in that format, with a film if that is wanted."""
    container, codec, form = MADE[name]
    out = io.BytesIO()
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    with av.open(out, "w", format="matroska" if video and container != "ipod" else container) as f:
        f.metadata.update(tags or {})
        pictures = f.add_stream("mpeg4", rate=10) if video else None
        if pictures is not None:
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
        stream = f.add_stream(codec, rate=rate, layout=layout)
        stream.format = form
        if codec == "wmav2":
            stream.bit_rate = 64000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        resampler = av.AudioResampler(
            form, layout, rate, frame_size=stream.codec_context.frame_size or 4096
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            f.mux(stream.encode(part))
        f.mux(stream.encode(None))
        for number in range(10 * video):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8))
            picture.pts = number
            f.mux(pictures.encode(picture))
        if pictures is not None:
            f.mux(pictures.encode(None))
    return out.getvalue()
