"""Formats that libsndfile does not read, by PyAV and by the ffmpeg command."""

from __future__ import annotations

import io
import random
import shutil
import sys

import mutagen
import numpy as np
import pytest
from mutagen.mp4 import MP4, MP4Cover

import vauxio
from support.media import MADE, RATE, media
from support.signals import Pipe, lag, voice
from vauxio.audio.media.kinds import kind_of
from vauxio.audio.recording import Recording
from vauxio.audio.tags import read_tags
from vauxio.errors import AudioError

FRAMES = 20011  # of no round number of anything
EXACT = {"m4a", "alac.m4a", "wv", "tta", "mka", "ogg", "webm"}
LOSSLESS = {"alac.m4a", "wv", "tta", "mka", "ogg"}
# That the format has no word for; of WMA, FFmpeg drops what its own encoder does not put there.
DELAY = {"aac": 1024, "wma": -2048, "ac3": 256}


def rate_of(name: str) -> int:
    return 48000 if name == "webm" else RATE


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: media(name, voice(FRAMES, rate_of(name), 2), rate_of(name)) for name in MADE}


@pytest.fixture(params=["av", "ffmpeg"])
def backend(request, monkeypatch) -> str:
    """What decodes: everything must hold for both."""
    if request.param == "ffmpeg":
        if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
            pytest.skip("no ffmpeg on the path")
        monkeypatch.setitem(sys.modules, "av", None)
    return request.param


def decoded(file) -> tuple[np.ndarray, int, list[str]]:
    with Recording(file) as recording:
        blocks = list(recording.blocks(5000))
        return np.concatenate(blocks), recording.samplerate, recording.notes


@pytest.mark.parametrize("name", MADE)
def test_what_comes_out_is_what_went_in(backend, made, name):
    found, rate, notes = decoded(io.BytesIO(made[name]))
    assert notes == []
    expected = voice(FRAMES, rate_of(name), 2)
    assert rate == rate_of(name)
    if name in EXACT:
        assert len(found) == FRAMES
    if name in LOSSLESS:
        assert np.abs(found - expected).max() <= 2**-15
    count = min(len(found), FRAMES)
    assert lag(expected[:count, 0], found[:count, 0]) == DELAY.get(name, 0)


@pytest.mark.parametrize("name", ["m4a", "wv"])
def test_paths_pipes_and_objects_give_the_same(backend, made, name, tmp_path):
    path = tmp_path / f"-a:b.{name}"
    path.write_bytes(made[name])
    expected, *_ = decoded(io.BytesIO(made[name]))
    with open(path, "rb") as opened:
        for file in (path, Pipe(made[name]), opened, opened.fileno()):
            assert np.array_equal(decoded(file)[0], expected)
            opened.seek(0)


@pytest.mark.parametrize("name", ["m4a", "aac", "mka", "wma", "wv", "tta", "webm"])
def test_what_is_cut_off_is_no_recording(backend, made, name):
    for share in (0.4, 0.97):
        content = made[name][: round(share * len(made[name]))]
        with pytest.raises(AudioError):
            decoded(io.BytesIO(content))


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("aac", "ac3")])
def test_of_two_in_one_file_none_is_left_out(backend, made, name):
    with pytest.raises(AudioError):
        decoded(io.BytesIO(2 * made[name]))


@pytest.mark.parametrize("name", ["m4a", "mka", "webm", "wma"])
def test_bytes_behind_the_recording_are_told(backend, made, name):
    *_, notes = decoded(io.BytesIO(made[name] + b"\1" * 3000))
    assert "3,000 bytes behind its samples were left out" in notes


def test_frames_of_aac_may_follow_one_another(backend, made):
    once, *_ = decoded(io.BytesIO(made["aac"]))
    twice, *_ = decoded(io.BytesIO(2 * made["aac"]))
    assert len(twice) == 2 * len(once)


@pytest.mark.parametrize("name", ["wv", "tta", "mka", "ogg", "ac3"])
def test_where_there_are_checksums_no_byte_can_change(backend, made, name):
    rng = random.Random(name)
    content, whole = made[name], decoded(io.BytesIO(made[name]))[0]
    for _ in range(6 if backend == "av" else 1):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content) // 8, 7 * len(content) // 8)] ^= 0x55
        try:
            found, _, notes = decoded(io.BytesIO(bytes(damaged)))
        except AudioError:
            continue
        assert notes or np.array_equal(found, whole)


@pytest.mark.parametrize("padding", [0, 341])
def test_the_length_that_apple_writes_goes_first(backend, tmp_path, padding):
    path = tmp_path / "a.m4a"
    path.write_bytes(media("m4a", voice(FRAMES, RATE, 1)))
    file = MP4(path)
    text = f" 00000000 00000400 {padding:08X} {FRAMES - 333:016X}"
    file["----:com.apple.iTunes:iTunSMPB"] = text.encode()
    file.save()
    found, *_ = decoded(path)
    # FFmpeg 9 takes the padding, too, from what the edit list has left.
    assert len(found) in {FRAMES - 333, FRAMES - max(333, padding)}


def test_a_film_gives_its_sound_and_says_what_is_left_out(backend, vaux, tmp_path):
    content = media("m4a", voice(FRAMES, RATE, 1), video=True)
    found, _, notes = decoded(io.BytesIO(content))
    assert len(found) == FRAMES and notes == ["left out: video"]
    (tmp_path / "film.mp4").write_bytes(content)
    code, _, said = vaux("encode", "--delete-input", "film.mp4")
    assert code == 1 and "video" in said and (tmp_path / "film.mp4").exists()
    assert vauxio.info("film.vx").frames == FRAMES


def test_tags_and_pictures(backend, tmp_path):
    given = {"title": "Song", "artist": "A", "album": "B", "genre": "Jazz", "date": "2020"}
    for name in ("m4a", "wma", "wv", "mka"):
        path = tmp_path / f"a.{name}"
        path.write_bytes(media(name, voice(4410, RATE, 1), tags=given))
        found = read_tags(path)
        assert {key: found.tags.get(key) for key in given} == given, name
        assert found.notes == []
    file = MP4(tmp_path / "a.m4a")
    file["trkn"], file["cpil"] = [(3, 12)], True
    file["covr"] = [MP4Cover(b"\xff\xd8\xff\xe0", MP4Cover.FORMAT_JPEG)]
    file["----:com.apple.iTunes:LABEL"] = [b"one", b"two"]
    file["xyzw"] = ["what is it?"]
    file.save()
    found = read_tags(tmp_path / "a.m4a")
    assert found.notes == ["left out: 'xyzw' of MP4, which is not kept"]
    assert (found.tags["tracknumber"], found.tags["tracktotal"]) == ("3", "12")
    assert found.tags["LABEL"] == "one\ntwo" and found.tags["compilation"] == "1"
    assert [(p.kind, p.mime, p.data) for p in found.pictures] == [
        (3, "image/jpeg", b"\xff\xd8\xff\xe0")
    ]


def test_items_of_ape_and_asf(tmp_path):
    (tmp_path / "a.wv").write_bytes(media("wv", voice(4410, RATE, 1)))
    file = mutagen.File(tmp_path / "a.wv")
    file["Track"], file["Artist"] = "3/12", ["one", "two"]
    file["Cover Art (Front)"] = mutagen.apev2.APEValue(b"c.png\0\x89PNG", mutagen.apev2.BINARY)
    file["Bytes"] = mutagen.apev2.APEValue(b"\1\2", mutagen.apev2.BINARY)
    file.save()
    found = read_tags(tmp_path / "a.wv")
    assert found.tags["tracknumber"] == "3/12" and found.tags["artist"] == "one\ntwo"
    assert [(p.kind, p.mime, p.data) for p in found.pictures] == [(3, "image/png", b"\x89PNG")]
    assert found.notes == ["left out: Bytes of APE, which is no text"]

    (tmp_path / "a.wma").write_bytes(media("wma", voice(4410, RATE, 1)))
    file = mutagen.File(tmp_path / "a.wma")
    file["WM/TrackNumber"], file["WM/Composer"] = "3/12", ["one", "two"]
    picture = b"\3" + (4).to_bytes(4, "little") + "image/png\0front\0".encode("utf-16-le")
    file["WM/Picture"] = mutagen.asf.ASFByteArrayAttribute(picture + b"\x89PNG")
    file.save()
    found = read_tags(tmp_path / "a.wma")
    assert (found.tags["tracknumber"], found.tags["tracktotal"]) == ("3", "12")
    assert found.tags["composer"] == "one\ntwo"
    assert [(p.kind, p.mime, p.description, p.data) for p in found.pictures] == [
        (3, "image/png", "front", b"\x89PNG")
    ]


def test_channels_keep_their_places(backend, tmp_path):
    path = tmp_path / "a.m4a"
    samples = np.zeros((RATE, 6), np.float32)
    samples[:, 2] = voice(RATE, RATE)[:, 0]  # the centre
    path.write_bytes(media("alac.m4a", samples))
    found, *_ = decoded(path)
    assert np.abs(found).max(axis=0).argmax() == 2
    assert read_tags(path).tags == {"waveformatextensible_channel_mask": "0x003F"}


@pytest.mark.parametrize("recursive", [False, True])
def test_the_archive_takes_them_like_others(vaux, made, tmp_path, recursive):
    (tmp_path / "in").mkdir()
    for name in ("m4a", "webm", "wma", "wv"):
        (tmp_path / "in" / f"{name}.{name}").write_bytes(made[name])
    if recursive:
        done = vaux("encode", "-r", "in", "-o", "out", "-j", "1", "--delete-input")
    else:
        (tmp_path / "out").mkdir()
        files = sorted((tmp_path / "in").iterdir())
        done = vaux("encode", *files, "-o", "out", "--delete-input")
    assert done.code == 0, done.err
    assert list((tmp_path / "in").iterdir()) == []
    assert vauxio.info("out/m4a.vx").frames == vauxio.info("out/wv.vx").frames == FRAMES


def test_without_either_it_says_what_to_install(vaux, made, tmp_path, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(made["m4a"])
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, said = vaux("encode", "a.m4a")
    assert code == 1
    assert said == (
        "vaux: a.m4a: MP4: needs PyAV or ffmpeg; pip install 'vauxio[av]', or put ffmpeg on the "
        "path\n"
    )


def test_lists_of_other_files_are_no_recordings(backend, vaux, made, tmp_path):
    """FFmpeg reads them, and what they name."""
    (tmp_path / "secret.m4a").write_bytes(made["m4a"])
    for name, text in (("a.m3u8", "#EXTM3U\n#EXTINF:1,\nsecret.m4a\n"),
                       ("a.ffconcat", "ffconcat version 1.0\nfile secret.m4a\n")):  # fmt: skip
        (tmp_path / name).write_text(text)
        assert vaux("encode", name).code == 1


@pytest.mark.parametrize("head", [b"", b"RIFF", b"\xff\xfb\x90\0" * 99, b"fLaC" + bytes(30)])
def test_what_libsndfile_reads_is_left_to_it(head):
    assert kind_of(head) is None
