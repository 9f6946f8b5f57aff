"""The benchmark of quality: its codecs, its means, and the page that is made of them."""

from __future__ import annotations

import importlib.util
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from benchmarks.figures import sound
from benchmarks.plots import Plot, Point
from benchmarks.quality import codecs, corpus, metrics, peers, report, results, statistics, streams
from benchmarks.quality.equal import bits_for_equal
from support.signals import low_pass, noise


@pytest.fixture
def recorded(speech) -> np.ndarray:
    return soundfile.read(speech, dtype="float32")[0]


def test_interval_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(3, 0.5, 400).tolist()
    mean, low, high = statistics.interval(values)
    assert mean == pytest.approx(np.mean(values))
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(values) / 20, rel=0.05)
    assert statistics.interval(values) == (mean, low, high)
    assert statistics.interval([2.5]) == (2.5, 2.5, 2.5)


def test_a_difference_is_told_recording_by_recording():
    """The intervals of both means overlap widely; that of their difference is above zero."""
    ours = [row(file=str(i), pesq=1.1 + 0.1 * i + 0.01 * (i % 3)) for i in range(20)]
    theirs = [row(file=str(i), pesq=1.0 + 0.1 * i) for i in range(20)] + [row(file="x", pesq=9.0)]
    mean, low, high = statistics.difference(ours, theirs, "pesq")
    assert mean == pytest.approx(0.1095) and 0.1 < low < mean < high < 0.12
    assert statistics.difference(ours, theirs, "comb") is None


def row(**changes: object) -> dict:
    figures = dict.fromkeys(("visqol", "pesq", "stoi", "dnsmos_ovrl", "dnsmos_sig"), 2.0)
    return {
        "family": "vauxio general-24k", "setting": "6 kbps", "kind": "speech", "file": "a",
        "kbps": 5.0, "kbps_file": 5.0, "kbps_plain": 6.0, "si_sdr": 3.0, "mel": 4.0, "lag": 0,
        **figures, **changes,
    }  # fmt: skip


def test_summary_leaves_out_what_could_not_be_told():
    rows = [row(pesq=1.0), row(file="b", pesq=None, kbps=7.0), row(kind="music", pesq=None)]
    speech, music = statistics.summarise(rows)
    assert speech["files"] == 2 and speech["kbps"] == 6.0 and speech["pesq"] == [1.0, 1.0, 1.0]
    assert speech["distillmos"] is None
    assert music["kind"] == "music" and "pesq" not in music


def test_bits_for_equal_figures():
    """On lines over the logarithm of the bitrate: half-way between 16 and 64 is 32."""
    own = [{"kbps_file": k, "pesq": [p, 0, 0], "mel": [m, 0, 0]}
           for k, p, m in ((16, 3.0, 4.0), (64, 4.0, 2.0), (128, 4.5, 1.0))]  # fmt: skip
    others = ("a", 64, 3.5, 4.0), ("b", 40, 4.5, 3.0), ("c", 9, 2.0, 9.0)
    theirs = [{"setting": s, "kbps_file": k, "pesq": [p, 0, 0], "mel": [m, 0, 0]}
              for s, k, p, m in others]  # fmt: skip
    assert bits_for_equal(own, theirs, "pesq") == {
        "a": pytest.approx(0.5), "b": pytest.approx(3.2), "c": None,
    }  # fmt: skip
    assert bits_for_equal(own, theirs, "mel") == {
        "a": pytest.approx(0.25), "b": pytest.approx(0.8), "c": None,
    }  # fmt: skip
    assert bits_for_equal(own, theirs, "visqol") == dict.fromkeys("abc")


def test_models_stand_beside_the_nearest_settings_of_the_best_codec(monkeypatch):
    codecs_at = (("Opus", 4.6, 3.0), ("Opus", 6.0, 3.5), ("AMR-WB", 5.8, 2.0), ("MP3", 32.0, 4.5),
                 ("vauxio general-24k", 5.0, 4.0))  # fmt: skip
    rows = [
        row(family=family, setting=f"{round(kbps)} kbps" if family == "Opus" else "6 kbps",
            file=str(i), kbps=kbps, distillmos=mos + 0.1 * i, pesq=2.0 + 0.1 * i, pulses_low=None)
        for family, kbps, mos in codecs_at for i in range(4)
    ]  # fmt: skip
    found = {"rows": rows, "summary": statistics.summarise(rows)}
    monkeypatch.setattr(sound, "results", lambda name: found)
    head, _, *lines = sound.beside("speech").splitlines()
    assert head.startswith("| speech | beside | DistillMOS |")
    assert [line.split(" | ")[:4] for line in lines] == [
        ["| general-24k, 5.0 kbps", "Opus, 4.6 kbps", "**4.15** : 3.15", "2.15 : 2.15"]
    ]


@pytest.fixture
def result() -> dict:
    """Two recordings of each kind, coded by two codecs, without stereo's ViSQOL."""
    image = {f"{key} {name}": 0.5 for key in metrics.IMAGE for name in metrics.RANGES}
    rows = [
        row(family=family, setting=setting, kind=kind, file=str(i), kbps=kbps + i, visqol=mos + i,
            lag=-2 * (family.startswith("vauxio") and kbps < 3 and i),
            **(image if kind == corpus.STEREO else {}))
        for kind in ("speech", "music", corpus.STEREO)
        for family, setting, kbps, mos in (
            ("Opus", "6 kbps", 5.5, 1.25), ("vauxio general-24k", "3 kbps", 2.5, 2.125),
            ("original", "PCM", 256.0, 3.75), ("vauxio general-24k", "6 kbps", 5.0, 2.375),
        )
        for i in range(2)
    ]  # fmt: skip
    about = {"weights": {}, "commit": "abcd", "date": "2026-11-29"}
    return {
        "measured": {"models": {"general-24k": about}},
        "metrics": {"pesq": "0.0.4"},
        "seconds": 10,
        "recordings": {"speech": 2, "music": 2, "sound": 0, corpus.STEREO: 2},
        "skipped": {"Codec2 2.4 kbps": "c2enc is not on the path"},
        "summary": statistics.summarise(rows),
        "rows": rows,
    }


def test_page_has_every_figure(result):
    page = report.page(result)
    assert "%%" not in page
    assert (
        "| **vauxio general-24k** | **3 kbps** | **3.00** | **5.00** | **-** | **2.00 ± 0.00** |"
        in page
    )
    assert "| Opus | 6 kbps | 6.00 |" in page
    assert "Codec2 2.4 kbps of speech (c2enc is not on the path);" in page
    assert "Opus 32, 48, 64, 96 and 128 kbps of speech and music;" in page
    assert "0 in 9 of 12 cases, 2 samples at most" in page
    assert "general-24k on 2026-11-29 at commit `abcd`" in page
    assert page.index("**vauxio general-24k**") < page.index("| Opus")
    assert "| Opus | 6 kbps | 6.00 | 5.00 | 0.5 / 0.5 / 0.5 / 0.5 | 0.50 / 0.50 / " in page


def test_plots_are_on_the_page_and_well_formed(result):
    page, drawn = report.page(result), report.plots(result)
    assert sorted(drawn) == [
        "quality-music-mel.svg", "quality-music-visqol.svg", "quality-speech-pesq.svg",
        "quality-speech-visqol.svg", "quality-stereo-coherence-2-6.svg",
    ]  # fmt: skip
    for name in drawn:
        assert f"(images/{name})" in page
    plot = drawn["quality-speech-visqol.svg"]
    svg = plot.svg(dark=False)
    assert plot.digest in svg and plot.title in svg
    ElementTree.fromstring(svg)


def test_ticks_of_plots_have_all_their_digits():
    points = [Point(x, y, y - 0.01, y + 0.01) for x, y in ((1, 0.31), (2, 0.34), (4, 0.42))]
    root = ElementTree.fromstring(Plot("Pulses", {"Opus": points}).svg(dark=False))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    ticks = [float(text) for text in texts if text and text.startswith("0.")]
    assert len(ticks) > 3 and len(set(ticks)) == len(ticks)


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
    ((kind, path),) = corpus.find_stereo(tmp_path)
    assert np.array_equal(corpus.load(kind, path).samples, np.tile([16384, -8192], (80000, 1)))


def test_a_codec_that_is_not_there_is_named():
    missing = peers.Tool("X", "1", encode=("no-such-encoder",), decode=("no-such-decoder",))
    assert missing.missing == "no-such-encoder is not on the path"


ONE_OF_EACH = {(c.family, c.kinds == (corpus.STEREO,)): c for c in codecs.CODECS}.values()


@pytest.mark.parametrize("codec", ONE_OF_EACH, ids=lambda c: f"{c.name} {c.kinds[0]}")
def test_codecs_give_the_recording_back(codec, recorded):
    if codec.missing:
        pytest.skip(codec.missing)
    samples = np.rint(recorded[:96000] * 2**15).astype(np.int16)
    if codec.kinds == (corpus.STEREO,):
        samples = np.stack([samples, samples // 2], axis=1)
    coded = codec.run(corpus.Recording(codec.kinds[0], "a", 48000, samples))
    decoded, samplerate = coded.decoded
    assert decoded.shape[1:] == samples.shape[1:]
    assert len(decoded) / samplerate == pytest.approx(2, abs=0.15)
    assert 0 < coded.audio_bytes <= coded.bytes
    kbps = coded.audio_bytes * 8 / 2 / 1000
    if codec.family == "original":
        assert np.array_equal(np.rint(decoded * 2**15), samples)
    else:
        nominal = float(codec.setting.split()[0])
        assert 0.3 * nominal < kbps < 1.3 * nominal + 0.5


@pytest.mark.parametrize("kind", ["speech", "music", corpus.STEREO])
def test_figures_of_the_original_are_the_best_there_are(recorded, kind):
    for package in ("visqol", "ai_edge_litert", "pesq", "pystoi", "speechmos", "distillmos"):
        if importlib.util.find_spec(package) is None:
            pytest.skip("needs the extra 'bench'")
    samples = np.rint(recorded * 2**15).astype(np.int16)
    coarse = low_pass(samples / 2**15, 48000, 2500) + 0.03 * noise(samples)
    if kind == corpus.STEREO:
        samples = np.stack([samples, np.roll(samples, 4800) // 2], axis=1)
        coarse = np.stack([coarse, coarse], axis=1)
    recording = corpus.Recording(kind, "a", 48000, samples)
    best = metrics.measure(recording, (samples.astype(np.float32) / 2**15, 48000))
    worse = metrics.measure(recording, (coarse, 48000))
    assert set(best) == {"lag", *metrics.OF_KIND[kind]} and best["lag"] == 0
    for name in metrics.LEADING[kind]:
        assert best[name] is not None
        if name != "comb":  # there are no lines in either
            assert (best[name] > worse[name]) == (name not in metrics.LESS_IS_BETTER), name
    if kind == corpus.STEREO:
        for name in metrics.RANGES:
            assert best[f"level {name}"] == best[f"coherence {name}"] == 0
            assert worse[f"level {name}"] > 1
        assert best["visqol_mid"] > 4.4
        return
    assert best["visqol"] > 4.4 and best["si_sdr"] == 100 and best["mel"] == 0
    if kind == "speech":
        assert best["pesq"] > 4.6 and best["stoi"] > 0.999
        assert best["dnsmos_ovrl"] > worse["dnsmos_ovrl"]


def test_what_is_measured_again_takes_the_place_of_what_was(result):
    opus = next(c for c in codecs.CODECS if c.name == "Opus 6 kbps")
    results.add(result, opus, [row(family="Opus", pesq=3.5)])
    results.add(result, opus, [row(family="Opus", pesq=3.0), row(family="Opus", file="b")])
    of_opus = [r for r in result["rows"] if r["family"] == "Opus" and r["kind"] == "speech"]
    assert [r["pesq"] for r in of_opus] == [3.0, 2.0]
    (mean,) = (e for e in result["summary"] if e["family"] == "Opus" and e["kind"] == "speech")
    assert mean["pesq"][0] == 2.5
    assert {r["kind"] for r in result["rows"] if r["family"] == "Opus"} == {
        "speech",
        "music",
        "stereo",
    }


def test_figures_of_other_weights_go(result):
    ours = next(c for c in codecs.VAUXIO if c.name == "vauxio general-24k 6 kbps")
    results.add(result, ours, [row()])
    results.add(result, ours, [row(file="b")])
    mine = [r for r in result["rows"] if r["family"] == ours.family]
    assert [(r["kind"], r["file"]) for r in mine] == [("speech", "b")]
    about = result["measured"]["models"]["general-24k"]
    assert about["weights"] and about["commit"] and about["example_bytes"] > 0


def test_what_is_there_need_not_be_measured_again(result):
    ours, theirs = (next(c for c in codecs.CODECS if c.name == name)
                    for name in ("vauxio general-24k 6 kbps", "Opus 6 kbps"))  # fmt: skip
    assert not results.has(result, theirs, "speech")  # some figures are missing
    assert not results.has(result, theirs, "sound")
    for codec in (ours, theirs):
        full = dict.fromkeys(metrics.OF_KIND["speech"], 1.0)
        results.add(result, codec, [row(family=codec.family, **full)])
        assert results.has(result, codec, "speech")
    result["measured"]["models"]["general-24k"]["weights"] = {"decoder": "0" * 16}
    assert not results.has(result, ours, "speech") and results.has(result, theirs, "speech")


def test_only_known_codecs_are_asked_for():
    assert {c.name for c in codecs.named(["Opus", "MP3 64 kbps"])} > {"MP3 64 kbps"}
    assert codecs.named(None) == codecs.CODECS
    with pytest.raises(SystemExit, match="no codec Opsu; there are .*Opus"):
        codecs.named(["Opsu", "Opus"])
