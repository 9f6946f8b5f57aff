"""Stretches of long recordings, and several short ones at once: as the whole, as each alone."""

from __future__ import annotations

from dataclasses import replace

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC

import vauxio
from support.archives import RATE, files, run, save
from support.signals import voice
from vauxio import archive
from vauxio.archive import coding, jobs, work
from vauxio.audio.recording import Recording
from vauxio.codec.codec import Codec
from vauxio.codec.signal import SignalEncoder
from vauxio.entropy.allocation import Allocation


@pytest.mark.parametrize("rate, channels", [(24000, 1), (44100, 2), (16000, 1), (11025, 1)])
def test_a_stretch_is_as_the_whole(tmp_path, rate, channels):
    save(tmp_path / "a.wav", 33.3, rate, channels)
    codec = Codec()
    data, _ = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    allocation = codec.model.allocation(3, None)
    encoder = SignalEncoder(codec.model, rate, channels, allocation)
    whole = np.concatenate([encoder.push(data), encoder.finish()], axis=2)
    for first, stop in ((0, 375), (750, 1500), (2250, whole.shape[2]), (1500, 1875)):
        with Recording(tmp_path / "a.wav") as recording:
            codes = coding.encode_stretch(recording, codec.model, allocation, False, first, stop)
        np.testing.assert_array_equal(codes, whole[..., first:stop])


@pytest.mark.parametrize("rate, channels", [(24000, 1), (44100, 2)])
def test_a_denoised_stretch_is_as_the_whole(tmp_path, rate, channels):
    save(tmp_path / "a.wav", 23.3, rate, channels)
    codec = Codec()
    data, _ = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    encoder = SignalEncoder(codec.model, rate, channels, Allocation.constant(4), denoise=True)
    whole = np.concatenate([encoder.push(data), encoder.finish()], axis=2)
    for first, stop in ((0, 7), (375, 526), (750, 1500), (1125, whole.shape[2]), (1499, 1501)):
        with Recording(tmp_path / "a.wav") as recording:
            codes = coding.encode_stretch(
                recording, codec.model, Allocation.constant(4), False, first, stop, denoise=True
            )
        np.testing.assert_array_equal(codes, whole[..., first:stop])


@pytest.mark.parametrize("denoise", [False, True])
def test_short_ones_together_are_as_alone(denoise):
    codec = Codec()
    allocation = codec.model.allocation(6, None)
    signals = [
        (voice(n, rate, c, seed=n), rate)
        for n, rate, c in (
            (0, 8000, 1),
            (32000, 16000, 1),  # more than a window
            (1, 24000, 2),
            (320, 24000, 1),
            (30000, 44100, 2),
            (9000, 16000, 1),
        )
    ]
    together = coding.encode_together(signals, codec.model, allocation, denoise)
    for (frames, rate), codes in zip(signals, together, strict=True):
        encoder = SignalEncoder(codec.model, rate, frames.shape[1], allocation, denoise)
        alone = np.concatenate([encoder.push(frames), encoder.finish()], axis=2)
        np.testing.assert_array_equal(codes, alone)


@pytest.mark.parametrize("name, divisible", [
    ("a.wav", True), ("a.flac", True), ("a.aiff", True), ("a.ogg", False), ("a.mp3", False),
])  # fmt: skip
def test_what_can_be_divided(tmp_path, name, divisible):
    """What is said to be is the same to the last bit wherever one begins to read."""
    save(tmp_path / name, 9, 44100, 2)
    with Recording(tmp_path / name) as recording:
        assert coding.is_divisible(recording) is divisible
        if divisible:
            whole = np.concatenate(list(recording.blocks(1 << 16)))
            for start in (1, 4095, 100_000, 333_333, len(whole) - 1):
                rest = np.concatenate(list(recording.blocks(5000, start)))
                np.testing.assert_array_equal(rest, whole[start:])


@pytest.mark.parametrize("count", [11, 12, 70, 720])
def test_parts(count):
    context = jobs.Context("encode", "/", "/", archive.Settings(), False)
    divided = jobs.divided(context, archive.Task("a", "a.vx", None), 1, count)
    if count == 11:
        assert divided is None
        return
    parts = divided.parts
    assert [p.first for p in parts[1:]] == [p.stop for p in parts[:-1]]
    assert (parts[0].first, parts[-1].stop) == (0, count)
    lengths = [p.stop - p.first for p in parts]
    assert lengths == sorted(lengths, reverse=True) and max(lengths) <= 30


def test_a_long_file_goes_through_several_hands(tmp_path, vaux):
    save(tmp_path / "in" / "long.flac", 121, 24000)
    file = FLAC(tmp_path / "in" / "long.flac")
    file["title"] = "Long"
    file.save()
    assert vaux("encode", "--no-lm", "in/long.flac", "alone.vx").code == 0
    settings = archive.Settings(lm=False)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", settings, delete_input=True)
    shares = []
    results = archive.run(plan, 2, progress=lambda source, share: shares.append((source, share)))
    (result,) = results
    assert result.ok and result.seconds == pytest.approx(121)
    assert sorted(shares) == [("long.flac", pytest.approx(n / 13)) for n in (1, 6, 6)]
    assert (tmp_path / "out" / "long.vx").read_bytes() == (tmp_path / "alone.vx").read_bytes()
    assert not (tmp_path / "in" / "long.flac").exists()


@pytest.fixture
def blocks(monkeypatch):
    """Parts of one block, so that minutes are not needed to see how hours are divided."""
    monkeypatch.setattr(jobs, "_LEAST", 1)
    monkeypatch.setattr(jobs, "_MOST", 1)


def in_parts(plan: archive.Plan) -> archive.Result:
    """One file as several workers would do it, here."""
    (task,) = plan.tasks
    context = jobs.Context(plan.verb, plan.source, plan.target, plan.settings, False)
    (parts,) = work.perform(jobs.Many(context, (task,), divide=True))
    assert isinstance(parts, jobs.Parts), parts
    assert len(parts.parts) == 3
    made = [work.perform(part) for part in parts.parts[::-1]][::-1]
    contents = tuple(one.content for one in made)
    join = jobs.Join(context, task, parts.parts[0].frames, contents, 1.0)
    work.perform(join)  # by one that dies before it can say so
    (done,) = work.perform(join)
    join.clear()
    return done.result


@pytest.mark.parametrize("rate, channels, form", [(44100, 2, ".wav"), (24000, 1, ".ogg")])
def test_a_long_file_is_decoded_in_parts(tmp_path, blocks, rate, channels, form):
    (tmp_path / "in").mkdir()
    vauxio.write(tmp_path / "in" / "a.vx", voice(25 * rate, rate, channels), rate, bitrate=3,
                 tags={"title": "T"}, lm=False)  # fmt: skip
    settings = archive.Settings(format=form)
    run(archive.plan("decode", tmp_path / "in", tmp_path / "whole", settings))
    result = in_parts(archive.plan("decode", tmp_path / "in", tmp_path / "parts", settings))
    assert result.ok and result.seconds == 25 and result.elapsed > 1
    whole, parts = (soundfile.read(tmp_path / w / f"a{form}")[0] for w in ("whole", "parts"))
    np.testing.assert_array_equal(parts, whole)
    assert mutagen.File(tmp_path / "parts" / f"a{form}").tags
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {f"a{form}"}  # no drafts


@pytest.mark.parametrize("rate, channels, settings", [
    (24000, 1, {"bitrate": 3, "denoise": True}), (48000, 1, {"bitrate": 12, "lm": False}),
    (44100, 2, {"bitrate": 24, "lm": False}), (24000, 3, {"quality": 3, "denoise": True}),
])  # fmt: skip
def test_a_long_file_is_encoded_in_parts(tmp_path, blocks, rate, channels, settings):
    """A denoiser needs what came before; fine levels have spans of their own, pairs have values."""
    save(tmp_path / "in" / "a.wav", 25, rate, channels)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", archive.Settings(**settings))
    assert in_parts(plan).ok
    data, _ = soundfile.read(tmp_path / "in" / "a.wav", dtype="float32")
    expected = vauxio.compress(data, rate, **settings)
    assert (tmp_path / "out" / "a.vx").read_bytes() == expected


def test_short_files_of_other_rates_have_other_allocations(tmp_path):
    """Only what has fine levels pays for them."""
    rates = {"a.wav": 24000, "b.wav": 48000}
    for name, rate in rates.items():
        save(tmp_path / "in" / name, 1.5, rate)
    settings = {"bitrate": 12, "lm": False}
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out", archive.Settings(**settings)))
    for name, rate in rates.items():
        data, _ = soundfile.read(tmp_path / "in" / name, dtype="float32")
        made = (tmp_path / "out" / name).with_suffix(".vx").read_bytes()
        assert made == vauxio.compress(data, rate, **settings)


def test_what_is_concealed_is_not_divided(tmp_path, blocks):
    (tmp_path / "in").mkdir()
    vauxio.write(tmp_path / "in" / "a.vx", voice(25 * RATE, RATE), RATE, bitrate=1.5, lm=False)
    settings = archive.Settings(on_error="conceal")
    plan = archive.plan("decode", tmp_path / "in", tmp_path / "out", settings)
    context = jobs.Context(plan.verb, plan.source, plan.target, settings, False)
    ((result, *_),) = work.perform(jobs.Many(context, plan.tasks, divide=True))
    assert result.ok and result.seconds == 25


@pytest.mark.parametrize("deep", [False, True])
def test_a_long_file_is_verified_in_parts(tmp_path, blocks, deep):
    (tmp_path / "in").mkdir()
    vauxio.write(tmp_path / "in" / "a.vx", voice(25 * RATE, RATE), RATE, bitrate=3, lm=False)
    plan = archive.plan("verify", tmp_path / "in", settings=archive.Settings(deep=deep))
    whole = archive.Result("a.vx", "", seconds=25, bytes_in=plan.bytes)
    assert replace(in_parts(plan), elapsed=0) == whole
    content = bytearray((tmp_path / "in" / "a.vx").read_bytes())
    for at in (0.5, 0.9):
        content[int(at * len(content))] ^= 1
    (tmp_path / "in" / "a.vx").write_bytes(content)
    parted, (alone,) = in_parts(plan), run(plan).values()
    assert parted.error == alone.error and alone.error.startswith("2 of 3 blocks are damaged")


def test_a_long_file_that_is_damaged_fails_once(tmp_path):
    data = np.zeros(121 * 8000)
    data[5 * 8000] = data[110 * 8000] = np.nan  # in different parts
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", data, 8000, "FLOAT")
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    (result,) = archive.run(plan, 2)
    assert "NaN" in result.error
    assert files(tmp_path / "out") == {}
