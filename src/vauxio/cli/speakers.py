"""Ways to the speakers: sounddevice, or a player on PATH that takes samples through a pipe."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ..errors import AudioError

__all__ = ["Speakers", "open_speakers"]

_PLAYERS = {
    "pw-cat": "--playback --raw --format s16 --rate {rate} --channels {channels} -",
    "paplay": "--raw --format=s16le --rate={rate} --channels={channels}",
    "aplay": "-q -t raw -f S16_LE -r {rate} -c {channels} -",
    "ffplay": "-nodisp -autoexit -loglevel error -f s16le -ar {rate} -ch_layout {channels}c -i -",
    "mpv": "--no-terminal --demuxer=rawaudio --demuxer-rawaudio-format=s16le"
           " --demuxer-rawaudio-rate={rate} --demuxer-rawaudio-channels={channels} -",
    "play": "-q -t raw -e signed -b 16 -r {rate} -c {channels} -",
}  # fmt: skip
"""Names, and what they must be told to play 16-bit samples of standard input."""


class Speakers(Protocol):
    """Plays samples as they come."""

    def write(self, data: np.ndarray) -> None:
        """Samples ``int16[frames, channels]`` that follow the last; waits for room."""

    def drop(self) -> None:
        """Drop samples that are not yet heard."""

    def drain(self) -> None:
        """Wait until all that has been written is heard."""


@contextlib.contextmanager
def open_speakers(samplerate: int, channels: int) -> Iterator[Speakers]:
    """The speakers of this machine.

    Raises
    ------
    AudioError
        If there is no way to them.
    """
    speakers = _device(samplerate, channels) or _player(samplerate, channels)
    if speakers is None:
        raise AudioError("nothing here can play: pip install 'vauxio[play]', or install one of "
                         f"{', '.join(_PLAYERS)}")  # fmt: skip
    with contextlib.closing(speakers):
        yield speakers


def _device(samplerate: int, channels: int) -> _Device | None:
    try:
        import sounddevice
    except (ImportError, OSError):  # the latter where PortAudio is missing
        return None
    try:
        return _Device(sounddevice.OutputStream(samplerate, channels=channels, dtype="int16"))
    except (sounddevice.PortAudioError, ValueError):  # no such device: on a server, say
        return None


def _player(samplerate: int, channels: int) -> _Player | None:
    for name, options in _PLAYERS.items():
        if path := shutil.which(name):
            return _Player([path, *options.format(rate=samplerate, channels=channels).split()])
    return None


class _Device:
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        stream.start()

    def write(self, data: np.ndarray) -> None:
        self._stream.write(np.ascontiguousarray(data))

    def drop(self) -> None:
        self._stream.abort()
        self._stream.start()

    def drain(self) -> None:
        self._stream.stop()

    def close(self) -> None:
        self._stream.abort()
        self._stream.close()


class _Player:
    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def write(self, data: np.ndarray) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data.astype("<i2").tobytes())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise AudioError(f"{self._command[0]} has ended ({self._process.wait()})") from None

    def drop(self) -> None:
        self.close()
        self._process = self._start()

    def drain(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if code := self._process.wait():
            raise AudioError(f"{self._command[0]} failed ({code})")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
