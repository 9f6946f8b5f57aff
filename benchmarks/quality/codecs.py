"""The codecs that are measured: vauxio, and the peers through their own command-line tools."""

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

import vauxio
from vauxio.model.installed import DEFAULT, SPEECH

from ..plots import VARIABLE
from .corpus import Recording
from .streams import COUNT, ogg_packets

Signal = tuple[np.ndarray, int]
"""Samples ``float32[samples]`` and their rate in Hz."""


@dataclass(frozen=True)
class Coded:
    """What a codec made of a recording.

    Attributes
    ----------
    decoded : Signal
        At any rate, with whatever delay the codec leaves in.
    bytes : int
        Of the file.
    audio_bytes : int
        Of these, the coded audio alone. For vauxio the whole file: its overhead is part of it.
    plain_bytes : int or None
        Of the same file without entropy coding, for vauxio.
    """

    decoded: Signal
    bytes: int
    audio_bytes: int
    plain_bytes: int | None = None


@dataclass(frozen=True)
class Codec:
    """One setting of one codec.

    Attributes
    ----------
    family, setting : str
        ``"Opus"``, ``"6 kbps"``.
    kinds : tuple of str
        What it is measured on: codecs made for speech are not measured on music.
    """

    family: str
    setting: str
    kinds: tuple[str, ...] = ("speech", "music", "sound")

    @property
    def name(self) -> str:
        return f"{self.family} {self.setting}"

    @property
    def missing(self) -> str | None:
        """What it would take to measure it here, if it cannot be measured as things are."""
        return None

    def run(self, recording: Recording) -> Coded:
        raise NotImplementedError


@dataclass(frozen=True)
class Original(Codec):
    """The recording itself, as 16-bit PCM: what each metric gives to a perfect codec."""

    def run(self, recording: Recording) -> Coded:
        samples = recording.samples
        return Coded(
            (samples.astype(np.float32) / 2**15, recording.samplerate),
            samples.nbytes,
            samples.nbytes,
        )


@dataclass(frozen=True)
class Vauxio(Codec):
    """vauxio through its own interface, entropy coding on.

    Attributes
    ----------
    model : str
    bitrate : float or None
        Nominal, in kbps.
    quality : float or None
        Of variable bitrate, instead.
    """

    model: str = DEFAULT
    bitrate: float | None = None
    quality: float | None = None

    @property
    def missing(self) -> str | None:
        try:
            vauxio.Codec(self.model)
        except vauxio.ModelError as e:
            return str(e)
        return None

    def run(self, recording: Recording) -> Coded:
        def code(lm: bool) -> bytes:
            return vauxio.compress(
                recording.samples, recording.samplerate,
                model=self.model, bitrate=self.bitrate, quality=self.quality, lm=lm,
            )  # fmt: skip

        blob = code(lm=True)
        return Coded(vauxio.decompress(blob), len(blob), len(blob), len(code(lm=False)))


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
        samples, samplerate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        return samples[:, 0], samplerate


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


def _opus(kbps: int) -> Tool:
    return Tool(
        "Opus", f"{kbps} kbps", suffix=".opus",
        encode=("opusenc", "--quiet", "--bitrate", str(kbps), "--padding", "0", "{wav}", "{coded}"),
        decode=("opusdec", "--quiet", "--rate", "48000", "--float", "--force-wav",
                "{coded}", "{out}"),
    )  # fmt: skip


def _nolace(kbps: int) -> Tool:
    opus = _opus(kbps)
    wideband = "--set-ctl-int", "4008=1103"  # OPUS_SET_BANDWIDTH, OPUS_BANDWIDTH_WIDEBAND
    return NoLace(
        "Opus NoLACE", opus.setting, ("speech",), opus.suffix,
        encode=(opus.encode[0], *wideband, *opus.encode[1:]), decode=_OPUS_ML,
    )  # fmt: skip


def _mp3(kbps: int) -> Tool:
    return Tool(
        "MP3", f"{kbps} kbps", suffix=".mp3",
        encode=("lame", "--quiet", "-m", "m", "-b", str(kbps), "{wav}", "{coded}"),
        decode=("lame", "--quiet", "--decode", "{coded}", "{out}"),
    )  # fmt: skip


def _aac(kbps: int) -> Tool:
    return Tool(
        "AAC", f"{kbps} kbps", suffix=".aac", needs=("aac",),
        encode=(*_QUIET, "{wav}", "-c:a", "aac", "-b:a", f"{kbps}k", "-f", "adts", "{coded}"),
        decode=_DECODE,
    )  # fmt: skip


def _amr_wb(kbps: float) -> Tool:
    return Tool(
        "AMR-WB", f"{kbps:g} kbps", ("speech",), ".awb", needs=("libvo_amrwbenc",),
        encode=(*_QUIET, "{wav}", "-ar", "16000", "-c:a", "libvo_amrwbenc",
                "-b:a", str(round(1000 * kbps)), "-f", "amr", "{coded}"),
        decode=_DECODE,
    )  # fmt: skip


def _codec2(bps: int) -> Tool:
    return Tool(
        "Codec2", f"{bps / 1000:g} kbps", ("speech",), ".c2", raw_rate=8000,
        encode=("c2enc", str(bps), "{wav}", "{coded}"),
        decode=("c2dec", str(bps), "{coded}", "{out}"),
    )  # fmt: skip


def _vauxio(model: str, bitrates: tuple[float, ...], kinds: tuple[str, ...]) -> list[Codec]:
    family = "vauxio" if model == DEFAULT else f"vauxio {model}"
    return [
        *(Vauxio(family, f"{n:g} kbps", kinds, model, bitrate=n) for n in bitrates),
        *(Vauxio(family + VARIABLE, f"quality {q}", kinds, model, quality=q)
          for q in (2, 4, 6, 8, 10)),
    ]  # fmt: skip


VAUXIO: list[Codec] = [
    *_vauxio(DEFAULT, (1.5, 3, 6, 12), ("speech", "music", "sound")),
    *_vauxio(SPEECH, (1.5, 3, 6), ("speech",)),
]
PEERS: list[Codec] = [
    *map(_opus, (6, 8, 12, 16, 24)),
    *map(_nolace, (6, 9, 12)),
    *map(_amr_wb, (6.6, 8.85, 12.65)),
    *map(_codec2, (1200, 2400, 3200)),
    *map(_mp3, (24, 32)),
    *map(_aac, (16, 32)),
]
CODECS: list[Codec] = [Original("original", "PCM"), *VAUXIO, *PEERS]
