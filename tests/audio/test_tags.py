"""Tags and pictures: from recordings into ``.vx`` files and back, and changed in place."""

from __future__ import annotations

import base64
import json

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from mutagen.flac import Picture as Block
from mutagen.id3 import APIC, COMM, RVA2, TALB, TDRC, TIT2, TPE1, TRCK, TXXX, USLT

import vauxio
from support.signals import voice
from vauxio.audio.tags import Tags, read_tags, write_tags
from vauxio.container import Picture, Reader
from vauxio.container.retag import retag

TAGS = {
    "title": "Títle – 題",
    "artist": "One\nTwo",
    "album": "Album",
    "date": "2021-03-04",
    "tracknumber": "3",
    "tracktotal": "12",
    "comment": "two\nlines; one text",
    "lyrics": "la\nla",
    "genre": "Folk",
    "replaygain_track_gain": "-6.20 dB",
    "replaygain_track_peak": "0.988000",
    "my own key": "kept",
}
COVER = Picture(3, "image/png", "front", b"\x89PNG" + bytes(range(256)) * 40)
BACK = Picture(4, "image/jpeg", "", b"\xff\xd8\xff" + b"back" * 100)
FORMATS = [("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("WAV", None),
           ("AIFF", None)]  # fmt: skip
NAMES = [subtype or major for major, subtype in FORMATS]


@pytest.fixture(params=FORMATS, ids=NAMES)
def recording(request, tmp_path):
    """A short recording in some format, without tags."""
    major, subtype = request.param
    path = tmp_path / f"in.{(subtype or major).lower()}"
    soundfile.write(path, voice(24000), 24000, format=major, subtype=subtype)
    return path, major


def test_what_is_written_is_read(recording):
    path, major = recording
    sound = soundfile.read(path)[0]
    assert write_tags(path, major, TAGS, [COVER, BACK]) == []
    found = read_tags(path)
    assert (found.tags, found.notes) == (TAGS, [])
    assert found.pictures == [COVER, BACK]
    np.testing.assert_array_equal(soundfile.read(path)[0], sound)


def test_from_file_objects_too(recording):
    path, major = recording
    write_tags(path, major, TAGS, [COVER])
    with open(path, "rb") as file:
        assert read_tags(file).tags == TAGS
        assert file.tell() == 0


def test_no_tags_no_writing(recording):
    path, major = recording
    before = path.read_bytes()
    assert write_tags(path, major, {}) == []
    assert path.read_bytes() == before
    assert read_tags(path).tags == {}


@pytest.mark.parametrize("ending", ["flac", "ogg", "opus", "mp3", "wav", "aiff"])
def test_through_the_command_line(vaux, speech, tmp_path, ending):
    source = tmp_path / "source.flac"
    source.write_bytes(speech.read_bytes())
    file = FLAC(source)
    for key, text in TAGS.items():
        file[key] = [text] if key in ("comment", "lyrics") else text.split("\n")
    block = Block()
    block.type, block.mime, block.desc, block.data = 3, COVER.mime, COVER.description, COVER.data
    file.add_picture(block)
    file.save()
    assert vaux("encode", source, "a.vx") == (0, b"", "")
    assert vauxio.info("a.vx").tags == TAGS
    assert vaux("decode", "a.vx", f"b.{ending}") == (0, b"", "")
    found = read_tags(tmp_path / f"b.{ending}")
    assert (found.tags, found.pictures) == (TAGS, [COVER])
    assert soundfile.info(f"b.{ending}").samplerate == 48000


@pytest.mark.parametrize("rate", [8000, 11025, 12000])
def test_mp3_at_low_rates(vaux, tmp_path, rate):
    vauxio.write(tmp_path / "a.vx", voice(8000), rate, tags=TAGS, pictures=[COVER])
    assert vaux("decode", "a.vx", "b.mp3") == (0, b"", "")
    found = read_tags(tmp_path / "b.mp3")
    assert (found.tags, found.pictures, found.notes) == (TAGS, [COVER], [])
    assert soundfile.info("b.mp3").samplerate == rate


@pytest.mark.parametrize(
    "date", ["Spring 1999", "31.01.2020", "2020-01-31T12:00:00Z", "1999\nc. 1950"]
)
def test_texts_that_id3_has_other_frames_for(recording, date):
    path, major = recording
    tags = {"date": date, "originaldate": date, "genre": "17"}
    assert write_tags(path, major, tags) == []
    found = read_tags(path)
    assert (found.tags, found.notes) == (tags, [])


def test_formats_without_room_say_so(vaux, tmp_path):
    vauxio.write(tmp_path / "a.vx", voice(8000), 24000, tags={"title": "x"})
    code, _, err = vaux("decode", "a.vx", "b.au")
    assert code == 0 and "AU has no room" in err
    assert soundfile.info("b.au").frames == 8000


def test_id3_as_others_write_it(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, voice(24000), 24000, format="MP3")
    file = mutagen.File(path)
    file.add_tags()
    for frame in (
        TIT2(encoding=1, text="T"), TPE1(encoding=3, text="A"), TALB(encoding=0, text="L"),
        TDRC(encoding=3, text="1999"), TRCK(encoding=0, text="7/9"),
        COMM(encoding=3, lang="eng", desc="", text="c"),
        COMM(encoding=3, lang="eng", desc="iTunNORM", text=" 0000"),
        USLT(encoding=3, lang="eng", desc="", text="l"),
        TXXX(encoding=3, desc="REPLAYGAIN_ALBUM_GAIN", text="-1.00 dB"),
        RVA2(desc="track", channel=1, gain=-2.5, peak=0.5),
        APIC(encoding=3, mime="image/png", type=3, desc="", data=b"png"),
    ):  # fmt: skip
        file.tags.add(frame)
    file.save(v2_version=3)
    found = read_tags(path)
    assert found.tags == {
        "title": "T", "artist": "A", "album": "L",
        "date": "1999", "tracknumber": "7", "tracktotal": "9", "comment": "c", "lyrics": "l",
        "replaygain_album_gain": "-1.00 dB", "replaygain_track_gain": "-2.50 dB",
        "replaygain_track_peak": "0.500000",
    }  # fmt: skip
    assert found.pictures == [Picture(3, "image/png", "", b"png")]


@pytest.mark.parametrize(
    ("format", "name"), [("WAV", "a.wav"), ("RF64", "a.wav"), ("CAF", "a.caf")]
)
def test_texts_that_mutagen_does_not_read(tmp_path, format, name):
    path = tmp_path / name
    with soundfile.SoundFile(path, "w", 24000, 1, format=format, subtype="PCM_16") as file:
        file.title, file.artist, file.comment = "From INFO", "Someone", "c"
        file.write(voice(2400))
    expected = {"title": "From INFO", "artist": "Someone", "comment": "c"}
    assert read_tags(path) == Tags(expected)
    with path.open("rb") as opened:
        assert read_tags(opened) == Tags(expected) and opened.tell() == 0


def test_what_does_not_fit_is_named(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, voice(2400), 24000)
    file = FLAC(path)
    file["title"], file["k" * 65], file["lyrics"] = "T", "long key", "x" * 300_000
    block = Block()
    block.type, block.mime, block.data = 3, "image/png", bytes(9_000_000)
    file.add_picture(block)
    file.add_picture(block)
    file.save()
    found = read_tags(path)
    assert found.tags == {"title": "T"}
    assert len(found.pictures) == 1
    assert len(found.notes) == 3
    assert all(note.startswith("left out: ") for note in found.notes)


@pytest.mark.parametrize("content", [b"", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(50), b"fLaC" * 9,
                                     b"RIFF\xff\xff\xff\xffWAVE"])  # fmt: skip
def test_nothing_to_be_read(tmp_path, content):
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    found = read_tags(path)
    assert (found.tags, found.pictures) == ({}, [])


def test_damaged_picture_in_a_comment(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, voice(24000), 24000, format="OGG", subtype="VORBIS")
    file = mutagen.File(path)
    file["title"] = "T"
    file["metadata_block_picture"] = [base64.b64encode(b"short").decode()]
    file.save()
    found = read_tags(path)
    assert found.tags == {"title": "T"} and not found.pictures
    assert len(found.notes) == 1


# -- tags of .vx files, changed in place ---------------------------------------------------------


@pytest.fixture
def vx(tmp_path):
    path = tmp_path / "a.vx"
    vauxio.write(path, voice(30000), 24000, tags={"title": "Old", "Artist": "A"}, pictures=[COVER])
    return path


def blocks(path):
    with open(path, "rb") as file:
        reader = Reader(file)
        assert reader.complete
        return reader.header, list(reader)


def test_retag_leaves_the_audio(vx):
    header, before = blocks(vx)
    retag(vx, {"title": "New", "comment": "x" * 10_000})
    after_header, after = blocks(vx)
    assert after == before
    assert after_header.tags == {"title": "New", "comment": "x" * 10_000}
    assert after_header.pictures == header.pictures == (COVER,)
    assert vauxio.info(vx).frames == 30000
    retag(vx, {}, [])
    assert blocks(vx)[0].tags == {} and blocks(vx)[0].pictures == ()
    assert blocks(vx)[1] == before


def test_retag_of_a_file_without_tags(tmp_path):
    vauxio.write(tmp_path / "a.vx", voice(3000), 24000)
    bare = (tmp_path / "a.vx").read_bytes()
    retag(tmp_path / "a.vx", {"title": "x"})
    retag(tmp_path / "a.vx", {})
    assert (tmp_path / "a.vx").read_bytes() == bare


@pytest.mark.parametrize("tags", [{"a=b": "x"}, {"a": "x\0"}, {"a": "x", "A": "y"}])
def test_retag_refuses_what_does_not_fit(vx, tags):
    before = vx.read_bytes()
    with pytest.raises(vauxio.FormatError):
        retag(vx, tags)
    assert vx.read_bytes() == before


def test_the_command(vaux, vx, tmp_path):
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8jpeg")
    audio = blocks(vx)[1]
    assert vaux("tags", vx).out == b"title=Old\nArtist=A\npicture 3: image/png, 10244 bytes front\n"
    assert vaux("tags", "-s", "TITLE=N=1", "-d", "artist", "--cover", "c.jpg", vx) == (0, b"", "")
    assert json.loads(vaux("tags", "--json", vx).out) == {
        "name": str(vx),
        "tags": {"TITLE": "N=1"},
        "pictures": [{"kind": 3, "mime": "image/jpeg", "description": "", "bytes": 6}],
    }
    assert vaux("tags", "--clear", "--no-pictures", vx) == (0, b"", "")
    assert vaux("tags", vx).out == b""
    assert blocks(vx)[1] == audio


@pytest.mark.parametrize("arguments, code", [
    (["-s", "novalue", "a.vx"], 2), (["--cover", "a.vx", "a.vx"], 2),
    (["--cover", "none.png", "a.vx"], 2), (["-s", "a=b", "missing.vx"], 1),
    (["-s", f"{'k' * 65}=b", "a.vx"], 1), (["not.vx"], 1),
], ids=str)  # fmt: skip
def test_the_command_refuses(vaux, vx, tmp_path, arguments, code):
    (tmp_path / "not.vx").write_bytes(b"RIFF....WAVE")
    before = vx.read_bytes()
    result = vaux("tags", *arguments)
    assert result.code == code
    assert result.err.startswith("vaux: ") and result.err.count("\n") == 1
    assert vx.read_bytes() == before
