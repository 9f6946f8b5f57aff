"""Decoding by PyAV: FFmpeg's libraries, in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import AudioError
from .about import STRICT, About, Chapter
from .kinds import Kind

__all__ = ["PyAV"]

_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}
_LOSSLESS_FLOAT = {"pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "wavpack"}
_BUFFER = 1 << 18  # bytes


class PyAV:
    """A `Decoder`.

    Parameters
    ----------
    file : binary file object that can seek
        Not closed.
    kind : Kind
    """

    def __init__(self, file: Any, kind: Kind) -> None:
        import av

        self._rest: list[np.ndarray] = []
        self._said: list[str] = []
        options = {"err_detect": STRICT}
        if not kind.forced:
            options["format_whitelist"] = kind.demuxer
        try:
            with _heard(self._said):
                self._container = av.open(
                    file, "r", kind.demuxer if kind.forced else None, container_options=options,
                    buffer_size=_BUFFER, **_metadata_errors(),
                )  # fmt: skip
        except av.FFmpegError as e:
            raise AudioError(f"not a recording that can be read: {e.strerror}") from e
        try:
            self._open()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        import av

        tracks = self._container.streams.audio
        if not tracks:
            raise AudioError("there is no sound in it")
        chosen = next((t for t in tracks if t.disposition & av.stream.Disposition.default), None)
        self._track: Any = chosen or tracks[0]
        if self._track.codec_context is None:
            raise AudioError("FFmpeg has no decoder for its sound, or it is encrypted")
        self._track.codec_context.options = {"err_detect": STRICT}
        self._track.codec_context.thread_count = 1  # or errors are told to nobody
        self._frames = self._decoded()
        first = self._next()
        if first is not None:
            self._rest.append(first)
        self.about = self._describe(0 if first is None else first.shape[1])

    def _describe(self, channels: int) -> About:
        track, container = self._track, self._container
        context = track.codec_context
        if not self._rate:
            raise AudioError("its sound cannot be decoded")
        seconds = 0.0
        if track.duration:
            seconds = float(track.duration * track.time_base)
        elif container.duration and len(container.streams.audio) == len(container.streams):
            seconds = container.duration / 1e6
        frames = None
        if track.duration and track.time_base * self._rate == 1:
            frames = track.duration
        about = About(
            self._rate, channels or context.channels, context.layout.name, context.name,
            context.name in _LOSSLESS_FLOAT and context.format is not None
            and context.format.name.startswith(("flt", "dbl")), track.id,
            seconds, frames, _readable({**container.metadata, **track.metadata}),
        )  # fmt: skip
        for chapter in container.chapters():
            start = float(chapter["start"] * chapter["time_base"])
            title = _readable(chapter["metadata"]).get("title", "")
            about.chapters.append(Chapter(start, title))
        self._attached: list[Any] = []
        for stream in container.streams:
            self._add(stream, about)
        return about

    def _add(self, stream: Any, about: About) -> None:
        """What else there is in it."""
        import av

        if stream is self._track:
            return
        if stream.type == "video" and stream.disposition & av.stream.Disposition.attached_pic:
            self._attached.append(stream)
            return
        what = {"video": "video", "audio": "another track of sound", "subtitle": "subtitles"}
        about.others.append(what.get(stream.type, f"a track of {stream.type}"))

    def blocks(self) -> Iterator[np.ndarray]:
        yield from self._rest
        self._rest.clear()
        while (block := self._next()) is not None:
            yield block

    def pictures(self) -> list[tuple[str, bytes]]:
        import av

        found = []
        for stream in self._attached:
            kind = stream.codec_context.name if stream.codec_context else "octet-stream"
            with contextlib.suppress(av.FFmpegError):
                self._container.seek(0)
                packet = next(self._container.demux(stream))
                found.append((f"image/{_IMAGES.get(kind, kind)}", bytes(packet)))
        return found

    def _next(self) -> np.ndarray | None:
        with _heard(self._said):
            block = next(self._frames, None)
        if self._said:
            raise AudioError(f"damaged: {self._said[0]}")
        return block

    def _decoded(self) -> Iterator[np.ndarray]:
        import av

        self._rate, shape = self._track.codec_context.sample_rate, None
        try:
            for frame in self._container.decode(self._track):
                about = frame.sample_rate, frame.layout.nb_channels
                if shape not in (None, about):
                    raise AudioError("its sample rate or number of channels changes within it")
                self._rate, shape = frame.sample_rate, about
                if frame.is_corrupt:
                    raise AudioError("damaged: a packet is not whole")
                if frame.samples:
                    yield _to_float(frame)
        except av.FFmpegError as e:
            raise AudioError(f"damaged: {e.strerror}") from e

    def close(self) -> None:
        self._frames.close()  # type: ignore[attr-defined]
        self._container.close()


_IMAGES = {"mjpeg": "jpeg", "jpegls": "jpeg"}


def _metadata_errors() -> dict[str, Any]:
    """What PyAV before 19 must be told, to give bytes that are no UTF-8 as later ones do."""
    import av

    return {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "surrogateescape"}


def _readable(tags: dict[str, str]) -> dict[str, str]:
    """Tags of which all can be written as UTF-8."""
    return {_whole(key): _whole(text) for key, text in tags.items()}


def _whole(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _to_float(frame: Any) -> np.ndarray:
    """``float32[n, channels]`` of a frame of whatever type."""
    name = frame.format.name.removesuffix("p")
    samples = frame.to_ndarray()
    if frame.format.is_planar:
        samples = samples.T
    else:
        samples = samples.reshape(frame.samples, -1)
    samples = samples.astype(np.float64 if name in ("s32", "s64") else np.float32)
    if name == "u8":
        samples -= 128
    if name in _SCALE:
        samples /= _SCALE[name]
    return np.ascontiguousarray(samples, np.float32)


@contextlib.contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """Within, errors that FFmpeg only speaks of, and then goes on, come into the list."""
    import av.logging

    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture(local=True) as logs:
            yield
    finally:
        av.logging.set_level(before)
        said += [text.strip() for level, _, text in logs if level <= av.logging.ERROR]
