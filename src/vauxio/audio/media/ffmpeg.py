"""Decoding by the commands ``ffmpeg`` and ``ffprobe``, where PyAV is not installed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from ... import temporary
from ...errors import AudioError
from .about import STRICT, About, Chapter
from .kinds import Kind

__all__ = ["FFmpeg", "is_there"]

_AT_ONCE = 1 << 18  # bytes
_PROBE = "-show_streams", "-show_format", "-show_chapters"


def is_there() -> bool:
    """Whether both commands are on the path."""
    return bool(shutil.which("ffmpeg") and shutil.which("ffprobe"))


class FFmpeg:
    """A `Decoder`.

    Parameters
    ----------
    file : binary file object that can seek
        Not closed. One that is not of a path is copied to a temporary file.
    kind : Kind
    """

    def __init__(self, file: Any, kind: Kind) -> None:
        self._kind = kind
        self._work: subprocess.Popen[bytes] | None = None
        self._ours = contextlib.ExitStack()
        try:
            self._path = self._ours.enter_context(_path_of(file))
            self.about = self._describe()
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[np.ndarray]:
        about = self.about
        said = self._ours.enter_context(tempfile.TemporaryFile())
        # `-map` by the track's own place, and nothing in between that would change a sample.
        self._work = subprocess.Popen(
            [*self._command("ffmpeg"), "-nostdin", "-xerror", *self._input(), "-map",
             f"0:{self._place}", "-c:a", "pcm_f32le", "-f", "f32le", "-"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        assert self._work.stdout is not None
        size = 4 * about.channels
        rest = b""
        while data := self._work.stdout.read(_AT_ONCE):
            data = rest + data
            rest = data[len(data) // size * size :]
            yield np.frombuffer(data, "<f4", len(data) // size * about.channels).reshape(
                -1, about.channels
            ).astype(np.float32)  # fmt: skip
        code = self._work.wait()
        said.seek(0)
        if text := _first(said.read()) or ("" if code == 0 else f"ffmpeg ended with {code}"):
            raise AudioError(f"damaged: {text}")

    def pictures(self) -> list[tuple[str, bytes]]:
        found = []
        for place, codec in self._attached:
            done = subprocess.run(
                [*self._command("ffmpeg"), "-nostdin", *self._input(), "-map", f"0:{place}",
                 "-c", "copy", "-frames:v", "1", "-f", "image2pipe", "-"],
                stdin=subprocess.DEVNULL, capture_output=True,
            )  # fmt: skip
            if done.returncode == 0 and done.stdout:
                found.append((f"image/{_IMAGES.get(codec, codec)}", done.stdout))
        return found

    def close(self) -> None:
        if self._work is not None:
            self._work.kill()
            self._work.communicate()
            self._work = None
        self._ours.close()

    def _command(self, name: str) -> list[str]:
        return [shutil.which(name) or name, "-v", "error", "-hide_banner"]

    def _input(self) -> list[str]:
        expected = (
            ["-f", self._kind.demuxer] if self._kind.forced
            else ["-format_whitelist", self._kind.demuxer]
        )  # fmt: skip
        return ["-protocol_whitelist", "file", "-err_detect", STRICT, *expected,
                "-i", f"file:{self._path}"]  # fmt: skip

    def _describe(self) -> About:
        done = subprocess.run(
            [*self._command("ffprobe"), *self._input(), *_PROBE, "-of", "json"],
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        if done.returncode:
            raise AudioError(f"not a recording that can be read: {_first(done.stderr)}")
        found: dict[str, Any] = json.loads(done.stdout.decode("utf-8", "replace"))
        streams = found.get("streams", [])
        tracks = [s for s in streams if s.get("codec_type") == "audio"]
        if not tracks:
            raise AudioError("there is no sound in it")
        track = next((t for t in tracks if t.get("disposition", {}).get("default")), tracks[0])
        if not track.get("codec_name") or not int(track.get("sample_rate", 0)):
            raise AudioError("FFmpeg has no decoder for its sound, or it is encrypted")
        self._place = track["index"]
        samplerate = int(track["sample_rate"])
        seconds, frames = float(track.get("duration", 0)), None
        if not seconds and len(streams) == 1:
            seconds = float(found["format"].get("duration", 0))
        if "duration_ts" in track and Fraction(track["time_base"]) * samplerate == 1:
            frames = int(track["duration_ts"])
        about = About(
            samplerate, track["channels"], track.get("channel_layout", ""),
            track["codec_name"], track.get("sample_fmt", "").startswith(("flt", "dbl"))
            and track["codec_name"].startswith(("pcm_f", "wavpack")),
            int(track.get("id", "0x0"), 16), seconds, frames,
            {**found["format"].get("tags", {}), **track.get("tags", {})},
        )  # fmt: skip
        for chapter in found.get("chapters", []):
            title = chapter.get("tags", {}).get("title", "")
            about.chapters.append(Chapter(float(chapter["start_time"]), title))
        self._attached = []
        what = {"video": "video", "audio": "another track of sound", "subtitle": "subtitles"}
        for stream in streams:
            kind = stream.get("codec_type", "data")
            if kind == "video" and stream.get("disposition", {}).get("attached_pic"):
                self._attached.append((stream["index"], stream.get("codec_name", "?")))
            elif stream is not track:
                about.others.append(what.get(kind, f"a track of {kind}"))
        return about


_IMAGES = {"mjpeg": "jpeg", "jpegls": "jpeg"}


def _first(said: bytes) -> str:
    """The first line of what ffmpeg says, without the place in its own memory."""
    line = said.decode("utf-8", "replace").strip().splitlines()[:1]
    return line[0].partition("] ")[2] or line[0] if line else ""


@contextlib.contextmanager
def _path_of(file: Any) -> Iterator[str]:
    """Where the whole of a file object can be read by another process."""
    name = getattr(file, "name", None)
    if isinstance(name, (str, bytes)) and os.path.isfile(name) and file.tell() == 0:
        yield os.path.abspath(os.fsdecode(name))
        return
    with temporary.folder() as folder:
        path = os.path.join(folder, "recording")
        with open(path, "wb") as copy:
            at = file.tell()
            shutil.copyfileobj(file, copy)
            file.seek(at)
        yield path
