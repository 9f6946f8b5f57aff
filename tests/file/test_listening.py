"""``auto`` where the model depends on what is heard: from 8 to 12 kbps a channel."""

import io
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import vauxio
from support.archives import files, run
from support.paths import DATA
from support.signals import Full
from vauxio import archive
from vauxio.archive import jobs, work

SPEECH, MUSIC = "general-24k", "hifi-48k"


def load(name: str) -> tuple[np.ndarray, int]:
    return soundfile.read(DATA / name, always_2d=True, dtype="float32")


@pytest.fixture(scope="module")
def speech() -> tuple[np.ndarray, int]:
    return load("speech-48k.flac")


@pytest.fixture(scope="module")
def music() -> tuple[np.ndarray, int]:
    """3.2 s, one channel."""
    data, rate = load("music-44k-stereo.flac")
    return np.tile(data[:, :1], (2, 1)), rate


def model_of(blob: bytes) -> str:
    return vauxio.info(io.BytesIO(blob)).model


def written(data, rate, sizes, bitrate=9.0, **options):
    """The bytes of a file, written in pieces of these sizes again and again."""
    file, at, k = io.BytesIO(), 0, 0
    with vauxio.VauxFile(file, "w", rate, data.shape[1], bitrate=bitrate, **options) as f:
        while at < len(data):
            f.write(data[at : at + sizes[k % len(sizes)]])
            at, k = at + sizes[k % len(sizes)], k + 1
        assert f.frames == len(data)
    return file.getvalue()


def test_speech_and_music_go_to_different_models(speech, music):
    for (data, rate), chosen in ((speech, SPEECH), (music, MUSIC)):
        blob = vauxio.compress(data, rate, bitrate=9)
        assert model_of(blob) == chosen
        assert blob == vauxio.compress(data, rate, bitrate=9, model=chosen)
        assert len(vauxio.decompress(blob)[0]) == len(data)


def test_in_stereo_each_channel_counts(music):
    data, rate = load("music-44k-stereo.flac")
    data = np.tile(data, (2, 1))
    assert model_of(vauxio.compress(data, rate, bitrate=18)) == MUSIC
    assert model_of(vauxio.compress(data, rate, bitrate=15.9)) == SPEECH


def test_where_it_does_not_depend_on_that(speech, music):
    data, rate = music
    for options, chosen in (
        ({"bitrate": 7.9}, SPEECH), ({}, SPEECH), ({"quality": 9}, SPEECH),
        ({"bitrate": 9, "lm": False}, SPEECH), ({"bitrate": 9, "denoise": True}, SPEECH),
        ({"bitrate": 9, "model": SPEECH}, SPEECH), ({"bitrate": 12}, MUSIC),
    ):  # fmt: skip
        assert model_of(vauxio.compress(data[:rate], rate, **options)) == chosen
    data, rate = speech
    for options in ({"bitrate": 12}, {"bitrate": 9, "model": MUSIC}):
        assert model_of(vauxio.compress(data[:rate], rate, **options)) == MUSIC


def test_short_recordings_and_silence(music):
    data, rate = music
    for frames in (0, 1, 1000, 2 * rate):
        blob = vauxio.compress(data[:frames], rate, bitrate=9)
        assert model_of(blob) == SPEECH and len(vauxio.decompress(blob)[0]) == frames
    assert model_of(vauxio.compress(np.zeros_like(data), rate, bitrate=9)) == SPEECH


@pytest.mark.parametrize("sizes", [[997], [1, 50000, 3]])
def test_however_frames_are_divided(speech, music, sizes):
    for data, rate in (speech, music):
        assert written(data, rate, sizes) == written(data, rate, [rate])


@pytest.mark.parametrize("sizes", [[441000 - 1, 2], [33333]])
def test_what_comes_after_the_beginning_does_not_count(music, sizes):
    """Ten seconds of silence, then music."""
    data, rate = music
    late = np.concatenate([np.zeros((10 * rate, 1), np.float32), data[:rate]])
    assert written(late, rate, sizes) == written(late, rate, [rate], model=SPEECH)


def test_until_it_is_chosen(music):
    data, rate = music
    data = np.tile(data, (4, 1))
    file = io.BytesIO()
    with vauxio.VauxFile(file, "w", rate, 1, bitrate=9, tags={"title": "a"}) as f:
        assert f.model == "auto" and f.bitrate == 9 and f.tags == {"title": "a"}
        assert (f.samplerate, f.channels, f.frames) == (rate, 1, 0) and "auto" in repr(f)
        f.write(data[: 10 * rate - 1])
        assert f.model == "auto" and f.tell() == 10 * rate - 1 and not file.getvalue()
        f.write(data[10 * rate - 1 :])
        assert f.model == MUSIC and f.tell() == len(data) and file.getvalue()
    info = vauxio.info(io.BytesIO(file.getvalue()))
    assert info.model == MUSIC and info.tags == {"title": "a"} and info.frames == len(data)


def test_what_was_heard_is_not_kept():
    rate = 384000
    silence = np.zeros((rate, 1), np.float32)
    tracemalloc.start()
    try:
        with vauxio.VauxFile(io.BytesIO(), "w", rate, 1, bitrate=9) as f:
            for _ in range(9):
                f.write(silence)
            held = tracemalloc.get_traced_memory()[0]
            for _ in range(2):
                f.write(silence)
            assert f.model == SPEECH
            assert tracemalloc.get_traced_memory()[0] < held - 8 * silence.nbytes
    finally:
        tracemalloc.stop()


def test_an_array_that_is_used_again(music):
    data, rate = music
    file, buffer = io.BytesIO(), np.empty((rate, 1), np.float32)
    with vauxio.VauxFile(file, "w", rate, 1, bitrate=9) as f:
        for i in range(0, len(data), rate):
            piece = buffer[: len(data[i : i + rate])]
            piece[:] = data[i : i + rate]
            f.write(piece)
    assert file.getvalue() == written(data, rate, [rate])


def test_what_cannot_be_stored_is_refused_before_anything_is_heard(tmp_path):
    with pytest.raises(ValueError, match="tag"):
        vauxio.VauxFile(tmp_path / "a.vx", "w", 48000, 1, bitrate=9, tags={"a=b": "c"})
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full(music):
    data, rate = music
    with pytest.raises(OSError), vauxio.VauxFile(Full(50), "w", rate, 1, bitrate=9) as f:
        f.write(data)


def test_the_command(tmp_path, vaux, speech, music):
    soundfile.write("music.wav", music[0], music[1], "PCM_16")
    soundfile.write("speech.wav", speech[0], speech[1], "PCM_16")
    for name, chosen in (("music", MUSIC), ("speech", SPEECH)):
        assert vaux("encode", "-b", "9", f"{name}.wav").code == 0
        assert chosen in vaux("info", f"{name}.vx").out.decode()
        data, rate = soundfile.read(f"{name}.wav", dtype="int16")
        with open(f"{name}.vx", "rb") as file:
            assert file.read() == vauxio.compress(data, rate, bitrate=9)


def test_from_a_pipe(tmp_path, vaux_process, music):
    samples = (music[0] * 32767).astype("<i2")
    raw = f"{music[1]},1,s16"
    process = vaux_process("encode", "-b", "9", "--raw", raw, "-", "-")
    blob, err = process.communicate(samples.tobytes())
    assert process.returncode == 0, err
    assert blob == vauxio.compress(samples, music[1], bitrate=9)
    assert model_of(blob) == MUSIC


def test_a_long_recording_in_parts(tmp_path, speech):
    """It is heard before it is divided; each part then has the model of the whole."""
    data, rate = speech
    (tmp_path / "in").mkdir()
    long = np.tile(data[::6], (32, 1))  # 134 s at 8 kHz
    soundfile.write(tmp_path / "in" / "a.wav", long, rate // 6, "PCM_16")
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", archive.Settings(bitrate=9))
    context = jobs.Context(plan.verb, plan.source, plan.target, plan.settings, False)
    (parts,) = work.perform(jobs.Many(context, plan.tasks, divide=True))
    assert isinstance(parts, jobs.Parts)
    last = parts.parts[-1]
    made = work.perform(replace(last, first=last.stop - 1))
    assert model_of(made.content.content) == SPEECH


def test_a_tree_of_both(tmp_path, speech, music):
    """Whole files and short ones; all as each alone, and nothing is done twice."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, (data, rate) in (("music", music), ("speech", speech)):
        soundfile.write(folder / f"{name}.wav", data, rate, "PCM_16")
        soundfile.write(folder / f"{name}-short.wav", data[:rate], rate, "PCM_16")
    settings = archive.Settings(bitrate=9)
    results = run(archive.plan("encode", folder, tmp_path / "out", settings))
    assert all(result.ok for result in results.values())
    made = files(tmp_path / "out")
    assert {name: model_of(blob) for name, blob in made.items()} == {
        "music.vx": MUSIC, "speech.vx": SPEECH, "music-short.vx": SPEECH, "speech-short.vx": SPEECH
    }  # fmt: skip
    for name, blob in made.items():
        data, rate = soundfile.read(folder / f"{name[:-3]}.wav", dtype="int16")
        assert blob == vauxio.compress(data, rate, bitrate=9)
    assert not archive.plan("encode", folder, tmp_path / "out", settings).tasks
    named = archive.Settings(bitrate=9, model=SPEECH)
    assert len(archive.plan("encode", folder, tmp_path / "out", named).tasks) == 4


def test_a_mix_to_one_channel_is_what_is_heard(tmp_path, music):
    """Two channels that cancel out are silence then, and silence is not music."""
    data, rate = music
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", np.hstack([data, -data]), rate, "PCM_16")
    for mono, bitrate, chosen in ((True, 9, SPEECH), (False, 18, MUSIC)):
        settings = archive.Settings(bitrate=bitrate, mono=mono)
        run(archive.plan("encode", tmp_path / "in", tmp_path / "out", settings))
        assert model_of(files(tmp_path / "out")["a.vx"]) == chosen
