"""Peers, through the command-line programs that their users run."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from .codec import Codec, Coded, Signal
from .corpus import KINDS, Recording
from .streams import COUNT, ogg_packets


@dataclass(frozen=True)
class Tool(Codec):
    """A peer, through programs found on the path.

    Attributes
    ----------
    suffix : str
        Of its files.
    encode, decode : tuple of str
        Commands; ``{wav}``, ``{coded}`` and ``{out}`` stand for the files. Where `raw_rate` is
        given, the first and the last are headerless 16-bit samples.
    raw_rate : int or None
    needs : tuple of str
        What must be in the list that ``ffmpeg -encoders`` gives.
    """

    suffix: str = ""
    encode: tuple[str, ...] = ()
    decode: tuple[str, ...] = ()
    raw_rate: int | None = None
    needs: tuple[str, ...] = field(default=())

    @property
    def missing(self) -> str | None:
        for program in (self.encode[0], self.decode[0]):
            if shutil.which(program) is None:
                return f"{program} is not on the path"
        if self.needs:
            listed = _call(["ffmpeg", "-hide_banner", "-encoders"]).decode().split()
            for encoder in self.needs:
                if encoder not in listed:
                    return f"ffmpeg has no {encoder}"
        return None

    def run(self, recording: Recording) -> Coded:
        with tempfile.TemporaryDirectory() as folder:
            names = {
                "wav": Path(folder, "original.wav"),
                "coded": Path(folder, f"coded{self.suffix}"),
                "out": Path(folder, "decoded.wav"),
            }
            self._write(names["wav"], recording)
            _call([part.format(**names) for part in self.encode])
            data = names["coded"].read_bytes()
            return Coded(self._decode(names), len(data), COUNT[self.suffix](data))

    def _decode(self, names: dict[str, Path]) -> Signal:
        _call([part.format(**names) for part in self.decode])
        return self._read(names["out"])

    def _write(self, path: Path, recording: Recording) -> None:
        if self.raw_rate is None:
            soundfile.write(path, recording.samples, recording.samplerate, "PCM_16")
            return
        import soxr

        samples = soxr.resample(recording.samples, recording.samplerate, self.raw_rate)
        path.write_bytes(samples.astype("<i2").tobytes())

    def _read(self, path: Path) -> Signal:
        data = path.read_bytes()
        if self.raw_rate is not None:
            return np.frombuffer(data, "<i2").astype(np.float32) / 2**15, self.raw_rate
        return soundfile.read(io.BytesIO(data), dtype="float32")


@dataclass(frozen=True)
class NoLace(Tool):
    """Opus through the decoder of Opus 1.5 with its enhancement of speech, NoLACE.

    It works on wideband SILK alone, so that is what the encoder is told to use.
    """

    @property
    def missing(self) -> str | None:
        return super().missing or _no_opus_ml()

    def _decode(self, names: dict[str, Path]) -> Signal:
        head, _, *packets = ogg_packets(names["coded"].read_bytes())
        pre_skip = int.from_bytes(head[10:12], "little")  # RFC 7845, section 5.1
        framed = b"".join(len(p).to_bytes(4, "little") + p for p in packets)
        samples = _call([*self.decode, str(pre_skip)], framed)
        return np.frombuffer(samples, "<f4"), 48000


@cache
def _no_opus_ml() -> str | None:
    try:
        _call([*_OPUS_ML, "0"])
    except RuntimeError:
        return "npm install --no-save @wasm-audio-decoders/opus-ml"
    return None


def _call(command: list[str], stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise RuntimeError(f"{command[0]} failed: {' '.join(last)}")
    return done.stdout


_OPUS_ML = "node", os.fspath(Path(__file__).with_name("opus_ml.mjs"))
_QUIET = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-i")
_DECODE = (*_QUIET, "{coded}", "{out}")


def opus(kbps: int, kinds: tuple[str, ...] = KINDS) -> Tool:
    return Tool(
        "Opus", f"{kbps} kbps", kinds, ".opus",
        encode=("opusenc", "--quiet", "--bitrate", str(kbps), "--padding", "0", "{wav}", "{coded}"),
        decode=("opusdec", "--quiet", "--rate", "48000", "--float", "--force-wav",
                "{coded}", "{out}"),
    )  # fmt: skip


def nolace(kbps: int) -> Tool:
    of_opus = opus(kbps)
    wideband = "--set-ctl-int", "4008=1103"  # OPUS_SET_BANDWIDTH, OPUS_BANDWIDTH_WIDEBAND
    return NoLace(
        "Opus NoLACE", of_opus.setting, ("speech",), of_opus.suffix,
        encode=(of_opus.encode[0], *wideband, *of_opus.encode[1:]), decode=_OPUS_ML,
    )  # fmt: skip


def mp3(kbps: int, kinds: tuple[str, ...] = KINDS) -> Tool:
    return Tool(
        "MP3", f"{kbps} kbps", kinds, ".mp3",
        encode=("lame", "--quiet", "-b", str(kbps), "{wav}", "{coded}"),
        decode=("lame", "--quiet", "--decode", "{coded}", "{out}"),
    )  # fmt: skip


def aac(kbps: int, kinds: tuple[str, ...] = KINDS) -> Tool:
    return Tool(
        "AAC", f"{kbps} kbps", kinds, ".aac", needs=("aac",),
        encode=(*_QUIET, "{wav}", "-c:a", "aac", "-b:a", f"{kbps}k", "-f", "adts", "{coded}"),
        decode=_DECODE,
    )  # fmt: skip


def amr_wb(kbps: float) -> Tool:
    return Tool(
        "AMR-WB", f"{kbps:g} kbps", ("speech",), ".awb", needs=("libvo_amrwbenc",),
        encode=(*_QUIET, "{wav}", "-ar", "16000", "-c:a", "libvo_amrwbenc",
                "-b:a", str(round(1000 * kbps)), "-f", "amr", "{coded}"),
        decode=_DECODE,
    )  # fmt: skip


def codec2(bps: int) -> Tool:
    return Tool(
        "Codec2", f"{bps / 1000:g} kbps", ("speech",), ".c2", raw_rate=8000,
        encode=("c2enc", str(bps), "{wav}", "{coded}"),
        decode=("c2dec", str(bps), "{coded}", "{out}"),
    )  # fmt: skip
