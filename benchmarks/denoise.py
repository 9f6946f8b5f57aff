"""What denoising before coding does for noisy speech, and what it costs clean speech: DNSMOS.

    python -m benchmarks.denoise --corpus CORPUS --json denoise.json --picture p.png

The first ten seconds of each speech recording are mixed with noise at 0, 5 and 10 dB (both as mean
power over that time) and then coded: by speech-24k with and without ``denoise=True``, by Opus and
MP3. The noises are rain, a street at night with machines, and music, in turn; where in them an
excerpt begins depends on the seed only. DNSMOS P.835 is measured on the 16 kHz signal. Needs
opus-tools, lame, and the package speechmos; matplotlib for the picture.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import soxr

import vauxio
from vauxio.model.installed import SPEECH, find_denoiser, find_model

from .output import add_json_option, publish
from .quality.codec import Signal
from .quality.codecs import PEERS
from .quality.corpus import SECONDS, Recording, load
from .quality.opinions import dnsmos

NOISES = "sound/smstools_rain", "sound/ufoai_city_abnd_ufoai_atm", "music/librosa_KarissaHobbs"
SNRS = 0, 5, 10
BITRATE = 2.25  # nominal
OTHERS = "Opus 6 kbps", "MP3 24 kbps"


def mix(speech: Recording, noise: np.ndarray, snr: float) -> Recording:
    """Speech and noise as 16-bit samples, quieter where they would be clipped."""
    clean = speech.samples / 2**15
    gain = np.sqrt(np.mean(clean**2) / np.mean(noise**2) / 10 ** (snr / 10))
    both = clean + noise * gain
    both /= max(1.0, np.abs(both).max() * 2**15 / (2**15 - 1))
    return replace(speech, samples=np.rint(both * 2**15).astype(np.int16))


def noises(
    corpus: Path, samplerate: int, frames: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """An excerpt of each noise, mono, at that rate; short ones are repeated."""
    found = []
    for name in NOISES:
        data, rate = soundfile.read(corpus / f"{name}.flac", always_2d=True)
        mono = soxr.resample(data.mean(axis=1), rate, samplerate)
        start = int(rng.integers(max(1, len(mono) - frames)))
        found.append(np.resize(mono[start:], frames))
    return found


def ways(recording: Recording, coded: bool) -> dict[str, tuple[Signal, float | None]]:
    """What becomes of a recording in each way, and the bits it took, in kbps."""
    samples, rate = recording.samples, recording.samplerate
    kbps = 8 / 1000 / recording.seconds
    made: dict[str, tuple[Signal, float | None]] = {
        "not coded": ((samples / np.float32(2**15), rate), None),
        "denoised": ((vauxio.denoise(samples, rate), rate), None),
    }
    if not coded:
        return made
    for name, denoise in (("vauxio", False), ("vauxio, denoised", True)):
        blob = vauxio.compress(samples, rate, model=SPEECH, bitrate=BITRATE, denoise=denoise)
        made[name] = vauxio.decompress(blob), len(blob) * kbps
    for codec in PEERS:
        if codec.name in OTHERS:
            if codec.missing:
                raise SystemExit(f"{codec.name}: {codec.missing}")
            result = codec.run(recording)
            made[codec.family] = result.decoded, result.audio_bytes * kbps
    return made


def score(signal: Signal) -> tuple[float, float]:
    samples, rate = signal
    samples = np.ascontiguousarray(samples, np.float32)
    return dnsmos(samples if rate == 16000 else soxr.resample(samples, rate, 16000, quality="VHQ"))


def speed(seconds: float = 60) -> float:
    """Seconds of audio that are denoised in a second of CPU time, at the denoiser's rate."""
    rate = find_denoiser().samplerate
    data = (0.05 * np.random.default_rng(0).standard_normal(int(seconds * rate))).astype("float32")
    vauxio.denoise(data[:rate], rate)
    begin = time.process_time()
    vauxio.denoise(data, rate)
    return seconds / (time.process_time() - begin)


def picture(path: Path, recording: Recording) -> None:
    """Spectrograms of a recording before and after."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rate = recording.samplerate
    given = recording.samples[: 5 * rate] / 2**15
    figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
    shown = {"noisy": given, "denoised": vauxio.denoise(given, rate)}
    for axis, (title, samples) in zip(axes, shown.items(), strict=True):
        axis.specgram(samples, NFFT=1024, Fs=rate, noverlap=768, vmin=-140, vmax=-40, cmap="magma")
        axis.set(title=title, ylabel="kHz", ylim=(0, 8000), yticks=[0, 2000, 4000, 6000, 8000])
        axis.set_yticklabels(["0", "2", "4", "6", "8"])
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.denoise", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="has speech, music and sound")
    parser.add_argument("--every", type=int, default=1, help="only every n-th recording")
    parser.add_argument("--seed", type=int, default=0)
    add_json_option(parser)
    parser.add_argument("--picture", type=Path, help="where to write spectrograms (PNG)")
    arguments = parser.parse_args()

    scores: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    paths = sorted((arguments.corpus / "speech").iterdir())
    for number, path in enumerate(paths):
        rng = np.random.default_rng([arguments.seed, number])
        if number % arguments.every:
            continue
        speech = load("speech", path)
        given = noises(arguments.corpus, speech.samplerate, len(speech.samples), rng)
        mixes = {"clean": speech}
        for i, snr in enumerate(SNRS):
            mixes[f"{snr} dB"] = mix(speech, given[(number + i) % len(given)], snr)
        if number == 0 and arguments.picture:
            picture(arguments.picture, mixes["5 dB"])
        for condition, recording in mixes.items():
            for way, (signal, kbps) in ways(recording, condition != "clean").items():
                row = (*score(signal), kbps or 0.0)
                scores.setdefault(condition, {}).setdefault(way, []).append(row)
        print(path.stem, {c: [round(r[-1][0], 2) for r in s.values()] for c, s in scores.items()},
              flush=True)  # fmt: skip

    figures = {
        condition: {
            way: dict(zip(("ovrl", "sig", "kbps"), np.mean(rows, axis=0).round(4), strict=True))
            for way, rows in by_way.items()
        }
        for condition, by_way in scores.items()
    }
    denoiser, model = find_denoiser(), find_model(SPEECH)
    result = {
        "denoiser": denoiser.network.hash.hex(),
        "model": model.name,
        "decoder": model.decoder.hash.hex(),
        "bitrate": BITRATE,
        "seconds": SECONDS,
        "seed": arguments.seed,
        "recordings": len(paths[:: arguments.every]),
        "noises": NOISES,
        "dnsmos": figures,
        "x_real_time_cpu": round(speed(), 1),
    }
    publish(result, arguments.json, [denoiser.name, model.name])


if __name__ == "__main__":
    main()
