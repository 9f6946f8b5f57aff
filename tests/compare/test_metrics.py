"""The numbers that say how far a decoded signal is from its original, and what is made of them."""

from __future__ import annotations

import importlib.util
import math
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from benchmarks.quality import codecs, corpus, report, statistics, streams
from support import signals
from vauxio.compare import metrics

RATE = 24000


@pytest.fixture
def voice() -> np.ndarray:
    return signals.voice(2 * RATE, RATE)[:, 0]


@pytest.fixture
def recorded(speech) -> np.ndarray:
    return soundfile.read(speech, dtype="float32")[0]


def noise(like: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(len(like)).astype("float32")


def low_pass(x: np.ndarray, samplerate: int, cutoff: float) -> np.ndarray:
    spectrum = np.fft.rfft(x)
    spectrum[np.fft.rfftfreq(len(x), 1 / samplerate) > cutoff] = 0
    return np.fft.irfft(spectrum, len(x))


def without_phase(x: np.ndarray) -> np.ndarray:
    """The same spectrogram, roughly, and nothing left of the waveform: as a vocoder does it."""
    window, hop = 512, 128
    hann = np.hanning(window)
    rng = np.random.default_rng(1)
    out = np.zeros(len(x))
    for i in range(0, len(x) - window, hop):
        size = np.abs(np.fft.rfft(x[i : i + window] * hann))
        phase = np.exp(2j * np.pi * rng.random(len(size)))
        out[i : i + window] += np.fft.irfft(size * phase) * hann
    return out


# SI-SDR


@pytest.mark.parametrize("decibel", [-10, 0, 20, 60])
def test_si_sdr_is_the_ratio_of_signal_to_what_is_orthogonal_to_it(voice, decibel):
    voice = voice.astype(float)
    rest = noise(voice).astype(float)
    rest -= (rest @ voice) / (voice @ voice) * voice
    rest *= np.sqrt((voice @ voice) / (rest @ rest)) * 10 ** (-decibel / 20)
    assert metrics.si_sdr(voice, voice + rest) == pytest.approx(decibel, abs=1e-6)
    assert metrics.si_sdr(voice, 0.3 * (voice + rest)) == pytest.approx(decibel, abs=1e-6)


def test_si_sdr_at_its_ends(voice):
    assert metrics.si_sdr(voice, voice) == 100
    assert metrics.si_sdr(voice, 0 * voice) == -100
    assert math.isnan(metrics.si_sdr(0 * voice, voice))


# mel distance


def test_mel_distance_of_a_gain_is_the_gain(recorded):
    loud = recorded + 0.01 * noise(recorded)  # no band under the floor
    for decibel in (-6, 3):
        other = loud * 10 ** (decibel / 20)
        assert metrics.mel_distance(loud, other, 48000) == pytest.approx(abs(decibel), abs=0.01)


def test_mel_distance_ignores_what_lies_80_db_down(voice):
    assert metrics.mel_distance(voice, voice, RATE) == 0
    hiss = noise(voice)
    assert metrics.mel_distance(voice, voice + 1e-7 * hiss, RATE) < 0.05
    assert metrics.mel_distance(voice, voice + 1e-2 * hiss, RATE) > 1


def test_mel_distance_hears_missing_treble(recorded):
    distances = [
        metrics.mel_distance(recorded, low_pass(recorded, 48000, cutoff), 48000)
        for cutoff in (16000, 8000, 4000)
    ]
    assert 0 < distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("samples", [1, 100, 5000])
@pytest.mark.parametrize("samplerate", [8000, 44100, 192000])
def test_mel_distance_of_silence_and_of_few_samples(samples, samplerate):
    silence = np.zeros(samples)
    assert metrics.mel_distance(silence, silence, samplerate) == 0
    assert metrics.mel_distance(silence, silence + 0.1, samplerate) >= (samples > 1) * 0.1


def test_mel_bands_cover_every_frequency():
    for window, samplerate in ((128, 16000), (512, 48000), (4096, 44100)):
        bands = metrics._mel_bands(window, samplerate)
        assert bands.shape == (window // 2 + 1, window // 16)
        assert (bands.sum(axis=0) > 0).all()  # no band without a bin
        assert (bands.sum(axis=1)[1:-1] > 0).all()  # no bin without a band


# lag


@pytest.mark.parametrize("lag", [0, 1, -1, 311, -2000, 11999, -9000])
def test_lag_of_a_waveform_is_exact(recorded, lag):
    x = recorded[48000:144000]
    moved = recorded[48000 - lag : 144000 - lag]
    moved = 0.3 * moved + 0.002 * noise(moved)
    assert metrics.find_lag(x, moved, 48000) == lag


@pytest.mark.parametrize("lag", [0, 480, -960])
def test_lag_of_a_vocoder_is_found_by_its_spectrogram(recorded, lag):
    x = recorded[48000:144000]
    moved = without_phase(recorded)[48000 - lag : 144000 - lag]
    assert metrics.find_lag(x, moved, 48000) == pytest.approx(lag, abs=48)


def test_no_lag_without_a_reason():
    a = noise(np.empty(48000))
    assert metrics.find_lag(a, noise(a, 1), 48000) == 0
    assert metrics.find_lag(0 * a, a, 48000) == 0
    assert metrics.find_lag(a, 0 * a, 48000) == 0
    assert metrics.find_lag(a[:0], a, 48000) == metrics.find_lag(a, a[:0], 48000) == 0
    assert metrics.find_lag(a[:5], a[5:9], 48000) in range(-5, 6)


def test_align_moves_and_fits():
    x = np.arange(1.0, 6.0)
    assert metrics.align(x, 0, 5).tolist() == [1, 2, 3, 4, 5]
    assert metrics.align(x, 2, 5).tolist() == [3, 4, 5, 0, 0]
    assert metrics.align(x, -2, 5).tolist() == [0, 0, 1, 2, 3]
    assert metrics.align(x, 9, 3).tolist() == [0, 0, 0]
    assert metrics.align(x, 0, 2).tolist() == [1, 2]


def test_level_difference(voice):
    assert metrics.level_difference(voice, 2 * voice) == pytest.approx(20 * math.log10(2))
    assert metrics.level_difference(0 * voice, 0 * voice) == 0


# the benchmark


def test_interval_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(3, 0.5, 400).tolist()
    mean, low, high = statistics.interval(values)
    assert mean == pytest.approx(np.mean(values))
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(values) / 20, rel=0.05)
    assert statistics.interval(values) == (mean, low, high)
    assert statistics.interval([2.5]) == (2.5, 2.5, 2.5)


def row(**changes: object) -> dict:
    figures = dict.fromkeys(("visqol", "pesq", "stoi", "dnsmos_ovrl", "dnsmos_sig"), 2.0)
    return {
        "family": "vauxio", "setting": "6 kbps", "kind": "speech", "file": "a", "kbps": 5.0,
        "kbps_file": 5.0, "kbps_plain": 6.0, "si_sdr": 3.0, "mel": 4.0, "lag": 0,
        **figures, **changes,
    }  # fmt: skip


def test_summary_leaves_out_what_could_not_be_told():
    rows = [row(pesq=1.0), row(file="b", pesq=None, kbps=7.0), row(kind="music", pesq=None)]
    speech, music = statistics.summarise(rows)
    assert speech["files"] == 2 and speech["kbps"] == 6.0 and speech["pesq"] == [1.0, 1.0, 1.0]
    assert music["kind"] == "music" and "pesq" not in music


def test_report_has_every_figure_and_well_formed_plots():
    rows = [
        row(family=family, setting=setting, kind=kind, file=str(i), kbps=kbps + i, visqol=mos + i,
            lag=-2 * (family == "vauxio" and kbps < 3 and i))
        for kind in ("speech", "music")
        for family, setting, kbps, mos in (
            ("Opus", "6 kbps", 5.5, 1.25), ("vauxio", "3 kbps", 2.5, 2.125),
            ("original", "PCM", 256.0, 3.75), ("vauxio", "6 kbps", 5.0, 2.375),
        )
        for i in range(2)
    ]  # fmt: skip
    result = {
        "metrics": {"pesq": "0.0.4"},
        "seconds": 10,
        "recordings": {"speech": 2, "music": 2, "sound": 0},
        "models": {"general-24k": {"version": "1.2.3", "decoder": "abcd"}},
        "skipped": {"Codec2 2.4 kbps": "c2enc is not on the path"},
        "summary": statistics.summarise(rows),
        "rows": rows,
    }
    page = report.page(result)
    assert "%%" not in page
    assert "| **vauxio** | **3 kbps** | **3.00** | **5.00** | **2.62 ± 0.50** |" in page
    assert "| Opus | 6 kbps | 6.00 |" in page and "Codec2 2.4 kbps: c2enc" in page
    assert "0 in 6 of 8 cases, 2 samples at most" in page
    assert page.index("**vauxio**") < page.index("| Opus")
    drawn = report.plots(result)
    assert sorted(drawn)[:2] == ["quality-music-mel.svg", "quality-music-visqol.svg"]
    assert len(drawn) == 6
    for name, plot in drawn.items():
        assert f"(images/{name})" in page
        svg = plot.svg(dark=False)
        assert plot.digest in svg and plot.title in svg
        groups = [e.get("id", "") for e in ElementTree.fromstring(svg).iter()]
        assert (
            sum(name.startswith("LineCollection") for name in groups) == 2 + 2
        )  # intervals of two lines, and the legend


def ogg_page(lacing: bytes, body: bytes) -> bytes:
    return b"OggS" + bytes(22) + bytes([len(lacing)]) + lacing + body


def test_ogg_counts_packets_without_headers():
    data = ogg_page(bytes([19]), bytes(19)) + ogg_page(bytes([30]), bytes(30))
    data += ogg_page(bytes([255, 45, 7, 255]), bytes(255 + 45 + 7 + 255))
    data += ogg_page(bytes([5]), bytes(5))  # the last packet goes on
    assert streams.ogg(data) == 300 + 7 + 260
    with pytest.raises(ValueError):
        streams.ogg(data[:-1] + b"x" + data[-1:])


def test_ogg_of_a_real_file(recorded, tmp_path):
    path = tmp_path / "a.opus"
    soundfile.write(path, recorded, 48000, format="OGG", subtype="OPUS")
    size = path.stat().st_size
    assert 0.9 * size < streams.ogg(path.read_bytes()) < size


def test_amr_wb_counts_frames_without_their_first_byte():
    frames = bytes([0 << 3 | 4]) + bytes(17) + bytes([2 << 3 | 4]) + bytes(32)
    assert streams.amr_wb(b"#!AMR-WB\n" + frames) == 17 + 32
    with pytest.raises(ValueError):
        streams.amr_wb(frames)


def test_adts_counts_frames_without_headers():
    def frame(body: int) -> bytes:
        size = body + 7
        head = [0xFF, 0xF1, 0x50, 0x80 | size >> 11, size >> 3 & 255, (size & 7) << 5 | 31, 0xFC]
        return bytes(head) + bytes(body)

    assert streams.adts(frame(100) + frame(2500)) == 2600
    with pytest.raises(ValueError):
        streams.adts(frame(100) + bytes(10))


def test_recordings_are_cut_and_mixed(tmp_path):
    for kind in corpus.KINDS:
        (tmp_path / kind).mkdir()
    stereo = np.stack([np.full(12 * 8000, 0.5), np.full(12 * 8000, -0.25)], axis=1)
    soundfile.write(tmp_path / "music" / "a.flac", stereo, 8000)
    ((kind, path),) = corpus.find(tmp_path)
    recording = corpus.load(kind, path)
    assert (recording.kind, recording.name, recording.seconds) == ("music", "a", 10)
    assert np.array_equal(recording.samples, np.full(80000, 4096))


def test_a_codec_that_is_not_there_is_named():
    missing = codecs.Tool("X", "1", encode=("no-such-encoder",), decode=("no-such-decoder",))
    assert missing.missing == "no-such-encoder is not on the path"


@pytest.mark.parametrize("codec", codecs.CODECS, ids=lambda c: c.name)
def test_codecs_give_the_recording_back(codec, recorded):
    if codec.missing:
        pytest.skip(codec.missing)
    samples = np.rint(recorded[:96000] * 2**15).astype(np.int16)
    recording = corpus.Recording("speech", "a", 48000, samples)
    coded = codec.run(recording)
    decoded, samplerate = coded.decoded
    assert decoded.ndim == 1 and len(decoded) / samplerate == pytest.approx(2, abs=0.15)
    assert 0 < coded.audio_bytes <= coded.bytes
    kbps = coded.audio_bytes * 8 / 2 / 1000
    if codec.family == "original":
        assert np.array_equal(np.rint(decoded * 2**15), samples)
    elif report.is_variable({"family": codec.family}):
        assert 0 < kbps < 13
    else:
        nominal = float(codec.setting.split()[0])
        assert 0.4 * nominal < kbps < 1.3 * nominal + 0.5


@pytest.mark.parametrize("kind", ["speech", "music"])
def test_figures_of_the_original_are_the_best_there_are(recorded, kind):
    for package in ("visqol", "ai_edge_litert", "pesq", "pystoi", "speechmos", "distillmos"):
        if importlib.util.find_spec(package) is None:
            pytest.skip("needs the extra 'bench'")
    from benchmarks.quality.metrics import FINE_OF_KIND, OF_KIND, measure

    samples = np.rint(recorded * 2**15).astype(np.int16)
    recording = corpus.Recording(kind, "a", 48000, samples)
    same = samples.astype(np.float32) / 2**15
    best = measure(recording, (same, 48000))
    worse = measure(recording, (low_pass(same, 48000, 2500) + 0.03 * noise(same), 48000))
    assert set(best) == {"lag", *OF_KIND[kind], *FINE_OF_KIND[kind]}
    assert best["lag"] == 0 and best["si_sdr"] == 100 and best["mel"] == 0
    for name in set(OF_KIND[kind]) - {"dnsmos_sig"}:  # which likes a little noise
        assert (best[name] > worse[name]) == (name != "mel"), name
    assert best["visqol"] > 4.4
    if kind == "speech":
        assert best["pesq"] > 4.6 and best["stoi"] > 0.999
