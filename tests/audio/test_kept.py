"""What goes with a recording comes back, or is named: rows of the table in docs/scale.md."""

from __future__ import annotations

import io
import os
import struct

import mutagen
import pytest
import soundfile
from mutagen.flac import FLAC
from mutagen.flac import Picture as Block
from mutagen.id3 import CHAP, COMM, ID3, POPM, PRIV, TIT2, TRCK, TSOP, TXXX, USLT
from mutagen.mp3 import MP3

import vauxio
from support.signals import voice
from vauxio.audio.images import Size, size_of
from vauxio.audio.tags import joined, read_tags, separated
from vauxio.container import Foreign

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBB", 13, b"IHDR", 640, 480, 8, 2) + bytes(9)
JPEG = b"\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\x11\x08" + struct.pack(">HHB", 480, 640, 3) + bytes(9)
GIF = b"GIF89a" + struct.pack("<HHB", 640, 480, 0xF7) + bytes(9)


def there_and_back(vaux, source: str, target: str) -> str:
    """What was said on the way."""
    code, _, said = vaux("encode", "-f", source, "a.vx")
    assert code == 0
    code, _, more = vaux("decode", "-f", "a.vx", target)
    assert code == 0
    return said + more


@pytest.mark.parametrize(
    "values",
    [["one"], ["one", "two"], ["FILE\n  TRACK 01\n"], ["a\nb"], ["a\nb", "c"], ["a", "b\n"]],
)
@pytest.mark.parametrize("key", ["cuesheet", "artist", "comment", "lyrics"])
def test_values_and_lines_are_told_apart(values, key):
    assert separated(key, joined(key, values)) == values


def test_tags_of_flac_come_back_as_they_were(vaux, tmp_path):
    soundfile.write("a.flac", voice(12000), 24000)
    file = FLAC("a.flac")
    items = [("TITLE", "x"), ("CUESHEET", "FILE\n TRACK 01\n"), ("LOG", "line\nline"),
             ("ARTIST", "one"), ("ARTIST", "two"), ("TRACKNUMBER", "3/12"), ("TRACKTOTAL", "12"),
             ("UNSYNCEDLYRICS", "la"), ("LYRICS", "lo"), ("PERFORMER", "x")]  # fmt: skip
    file.tags.clear()
    for item in items:
        file.tags.append(item)
    file.save()
    assert there_and_back(vaux, "a.flac", "b.flac") == ""
    back = FLAC("b.flac").tags
    assert sorted(back) == sorted((key.lower(), value) for key, value in items)
    assert there_and_back(vaux, "a.flac", "b.mp3") == ""
    assert MP3("b.mp3").tags["TRCK"].text == ["3/12"]
    assert [t.text for t in MP3("b.mp3").tags.getall("TXXX:log")] == [["line\nline"]]


def test_the_order_of_tags_is_that_of_the_file(tmp_path):
    soundfile.write(tmp_path / "a.flac", voice(2400), 24000)
    file = FLAC(tmp_path / "a.flac")
    file.tags.clear()
    keys = [f"key{i * 7 % 23}" for i in range(23)]
    for key in keys:
        file.tags.append((key, "x"))
    file.save()
    assert list(read_tags(tmp_path / "a.flac").tags) == keys


def test_frames_of_id3_come_back(vaux):
    soundfile.write("a.mp3", voice(12000), 24000)
    file = MP3("a.mp3")
    file.add_tags()
    frames = [
        TIT2(3, ["title"]), TSOP(3, ["sorted"]), TRCK(3, ["3/12"]),
        TXXX(3, "MixedCase Key", ["kept"]), COMM(3, "eng", "", ["a comment"]),
        COMM(3, "eng", "about", ["another"]), USLT(3, "eng", "", "la"), USLT(3, "deu", "", "lo"),
        POPM("a@b.c", 200, 3), PRIV("owner", b"data"),
        CHAP("c1", 0, 1000, sub_frames=[TIT2(3, ["chapter"])]),
    ]  # fmt: skip
    for frame in frames:
        file.tags.add(frame)
    file.save()
    assert there_and_back(vaux, "a.mp3", "b.mp3") == ""
    assert "MixedCase Key" in vauxio.info("a.vx").tags
    back = MP3("b.mp3").tags
    assert back["POPM:a@b.c"].rating == 200 and back["PRIV:owner:data"].data == b"data"
    assert back["CHAP:c1"].sub_frames["TIT2"].text == ["chapter"]
    assert back["TSOP"].text == ["sorted"] and back["TXXX:MixedCase Key"].text == ["kept"]
    assert back["COMM:about:eng"].text == ["another"]
    assert sorted(lyrics.text for lyrics in back.getall("USLT")) == ["la", "lo"]
    assert "CHAP" in there_and_back(vaux, "a.mp3", "b.flac")  # and what has no room is named


def with_chunks(path, chunks: list[tuple[bytes, bytes]], order: str = "<") -> None:
    content = path.read_bytes()
    for name, data in chunks:
        content += name + struct.pack(f"{order}I", len(data)) + data + bytes(len(data) % 2)
    path.write_bytes(content[:4] + struct.pack(f"{order}I", len(content) - 8) + content[8:])


WAV_CHUNKS = [(b"bext", bytes(range(256)) * 3), (b"cue ", bytes(28)), (b"iXML", b"<BWFXML/>"),
              (b"LIST", b"adtllabl\x06\0\0\0\1\0\0\0x\0")]  # fmt: skip


@pytest.mark.parametrize("recursive", [False, True])
def test_chunks_of_wav_come_back(vaux, tmp_path, recursive):
    soundfile.write("a.wav", voice(12000), 24000)
    with_chunks(tmp_path / "a.wav", WAV_CHUNKS)
    if recursive:
        assert vaux("encode", "-r", ".", "-o", "vx").code == 0
        assert vaux("decode", "-r", "vx", "-o", "out").code == 0
    else:
        os.mkdir("out")
        assert there_and_back(vaux, "a.wav", "out/a.wav") == ""
    content = (tmp_path / "out" / "a.wav").read_bytes()
    for name, data in WAV_CHUNKS:
        assert name + struct.pack("<I", len(data)) + data in content
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    assert soundfile.info("out/a.wav").frames == 12000


def test_chunks_without_room_are_named(vaux, tmp_path):
    soundfile.write("a.wav", voice(12000), 24000)
    with_chunks(tmp_path / "a.wav", WAV_CHUNKS)
    said = there_and_back(vaux, "a.wav", "b.flac")
    assert all(name in said for name in ("bext", "cue", "iXML"))
    assert vaux("info", "a.vx").out.count(b"kept") == 4
    assert "bext" in vaux("decode", "-f", "--until", "0.1", "a.vx", "b.wav").err


def test_chunks_of_aiff_come_back(vaux, tmp_path):
    soundfile.write("a.aiff", voice(12000), 24000)
    with_chunks(tmp_path / "a.aiff", [(b"MARK", bytes(10)), (b"APPL", b"abcd")], ">")
    assert there_and_back(vaux, "a.aiff", "b.aiff") == ""
    content = (tmp_path / "b.aiff").read_bytes()
    assert b"MARK\0\0\0\x0a" + bytes(10) in content and b"APPL\0\0\0\4abcd" in content


def test_chunks_and_tags_of_rf64_come_back_to_wav(vaux, tmp_path):
    with soundfile.SoundFile("a.rf64", "w", 24000, 3, "PCM_16", format="RF64") as file:
        file.title = "x"
        file.write(voice(12000, channels=3))
    content = (tmp_path / "a.rf64").read_bytes()
    assert content[:4] == b"RF64"
    at = content.index(b"fmt ") + 8
    form = bytearray(content[at:][:40])
    assert form[:2] == b"\xfe\xff"
    form[20:24] = (0x103).to_bytes(4, "little")  # left, right, back centre
    content = content[:at] + bytes(form) + content[at + 40 :]
    content += b"bext" + struct.pack("<I", 602) + b"b" * 602
    long = content.index(b"ds64") + 8
    size = struct.pack("<Q", len(content) - 8)
    (tmp_path / "a.rf64").write_bytes(content[:long] + size + content[long + 8 :])
    assert there_and_back(vaux, "a.rf64", "b.wav") == ""
    tags = vauxio.info("a.vx").tags
    assert tags["title"] == "x" and tags["waveformatextensible_channel_mask"] == "0x0103"
    back = (tmp_path / "b.wav").read_bytes()
    assert b"bext" + struct.pack("<I", 602) + b"b" * 602 in back
    assert back[40:44] == (0x103).to_bytes(4, "little")
    assert "bext of RIFF, for which RF64 has no room" in there_and_back(vaux, "a.rf64", "c.rf64")


def test_texts_of_caf_are_tags_and_its_chunks_are_named(vaux, tmp_path):
    with soundfile.SoundFile("a.caf", "w", 24000, 1, "PCM_16", format="CAF") as file:
        file.title, file.artist = "x", "y"
        file.write(voice(12000))
    content = (tmp_path / "a.caf").read_bytes()
    content += b"midi" + struct.pack(">Q", 5) + b"notes"
    (tmp_path / "a.caf").write_bytes(content)
    said = there_and_back(vaux, "a.caf", "b.caf")
    assert "midi of CAF, for which CAF has no room" in said
    tags = vauxio.info("a.vx").tags
    assert (tags["title"], tags["artist"]) == ("x", "y")
    with vauxio.VauxFile("a.vx") as f:
        assert list(f.foreign) == [Foreign("CAF", "midi", b"notes")]


def test_the_channel_mask_of_w64(vaux, tmp_path):
    soundfile.write("a.w64", voice(12000, channels=3), 24000, format="W64", subtype="PCM_16")
    content = (tmp_path / "a.w64").read_bytes()
    if content[content.index(b"fmt ") + 24 :][:2] == b"\xfe\xff":
        assert there_and_back(vaux, "a.w64", "b.wav") == ""
        assert (tmp_path / "b.wav").read_bytes()[20:22] == b"\xfe\xff"


def test_a_nul_in_a_tag_is_told(tmp_path):
    soundfile.write(tmp_path / "a.flac", voice(2400), 24000)
    file = FLAC(tmp_path / "a.flac")
    file.tags.append(("LOG", "one\0two"))
    file.save()
    found = read_tags(tmp_path / "a.flac")
    assert found.tags == {"LOG": "one\ntwo\n"} or found.tags == {"log": "one\ntwo\n"}
    assert found.notes == ["changed: NUL in tag 'log' became the end of a line"]


def test_blocks_of_flac_come_back(vaux, tmp_path):
    soundfile.write("a.flac", voice(12000), 24000)
    content = (tmp_path / "a.flac").read_bytes()
    block = b"\2\0\0\x08riffdata"
    (tmp_path / "a.flac").write_bytes(content[:42] + block + content[42:])
    assert there_and_back(vaux, "a.flac", "b.flac") == ""
    assert b"\0\0\x08riffdata" in (tmp_path / "b.flac").read_bytes()


@pytest.mark.parametrize("picture", [PNG, JPEG, GIF])
def test_sizes_of_pictures(vaux, picture):
    assert size_of(picture) == Size(640, 480, 24, 256 if picture == GIF else 0)
    soundfile.write("a.flac", voice(12000), 24000)
    file, block = FLAC("a.flac"), Block()
    block.type, block.mime, block.data = 3, "image/png", picture
    block.width, block.height, block.depth, block.colors = size_of(picture)
    file.add_picture(block)
    file.save()
    there_and_back(vaux, "a.flac", "b.flac")
    assert FLAC("b.flac").pictures == [block]


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xff\xff\xff", b"\x89PNG\r\n"])
def test_pictures_that_tell_no_size(data):
    assert size_of(data) == Size()


@pytest.mark.parametrize("recursive", [False, True])
def test_times_and_permissions(vaux, tmp_path, recursive):
    os.mkdir("in")
    soundfile.write("in/a.wav", voice(12000), 24000)
    os.chmod("in/a.wav", 0o640)
    os.utime("in/a.wav", ns=(10**18, 10**18 + 5))
    if recursive:
        assert vaux("encode", "-r", "in", "-o", "vx").code == 0
        assert vaux("decode", "-r", "vx", "-o", "out").code == 0
    else:
        os.mkdir("vx")
        os.mkdir("out")
        assert vaux("encode", "in/a.wav", "-o", "vx").code == 0
        assert vaux("decode", "vx/a.vx", "-o", "out").code == 0
    for name in ("vx/a.vx", "out/a.wav"):
        status = os.stat(name)
        assert (status.st_mtime_ns, status.st_mode & 0o777) == (10**18 + 5, 0o640)


def test_what_is_not_kept_is_not_deleted(vaux, tmp_path):
    soundfile.write("a.w64", voice(12000), 24000)
    content = (tmp_path / "a.w64").read_bytes()
    mark = b"MARK" + content[84:96] + struct.pack("<Q", 32) + bytes(8)
    size = struct.pack("<Q", len(content) + len(mark))
    (tmp_path / "a.w64").write_bytes(content[:16] + size + content[24:] + mark)
    code, _, err = vaux("encode", "--delete-input", "a.w64")
    assert code == 1 and "MARK of W64" in err and os.path.exists("a.w64")


def test_names_come_back(vaux):
    soundfile.write("take0.flac", voice(12000), 24000)
    soundfile.write("take0.wav", voice(12000), 24000)
    assert vaux("encode", "-r", ".", "-o", "vx").code == 0
    assert sorted(n for n in os.listdir("vx") if n[0] != ".") == ["take0.flac.vx", "take0.wav.vx"]
    assert vaux("decode", "-r", "vx", "-o", "out", "--format", "flac", "--include",
                "*.flac.vx").code == 0  # fmt: skip
    assert os.path.exists("out/take0.flac")
    os.mkdir("single")
    assert vaux("decode", "vx/take0.wav.vx", "-o", "single").code == 0
    assert os.listdir("single") == ["take0.wav"]


def test_foreign_metadata_from_the_library():
    kept = [Foreign("RIFF", "cue ", b"123")]
    file = io.BytesIO()
    with vauxio.VauxFile(file, "w", 24000, 1, foreign=kept) as f:
        f.write(voice(2400))
    assert file.getvalue()[5] == 5  # the minor version
    file.seek(0)
    with vauxio.VauxFile(file) as f:
        assert list(f.foreign) == kept


def test_tags_of_ape_behind_an_mp3(tmp_path):
    from mutagen.apev2 import APEv2

    soundfile.write(tmp_path / "a.mp3", voice(12000), 24000)
    ape = APEv2()
    ape["Title"], ape["Track"], ape["MP3GAIN_MINMAX"] = "x", "3", "1,2"
    ape.save(tmp_path / "a.mp3")
    assert mutagen.File(tmp_path / "a.mp3").tags is None
    tags = read_tags(tmp_path / "a.mp3").tags
    assert {key.lower() for key in tags} == {"title", "tracknumber", "mp3gain_minmax"}


def test_id3_in_front_of_a_flac_file(vaux, tmp_path):
    soundfile.write("a.flac", voice(12000), 24000)
    file = FLAC("a.flac")
    file["artist"] = "one"
    file.save()
    id3, front = ID3(), io.BytesIO()
    for frame in (TIT2(3, ["in front"]), POPM("a@b.c", 200, 3)):
        id3.add(frame)
    id3.save(front)
    content = (tmp_path / "a.flac").read_bytes()
    block = b"\2\0\0\x08riffdata"
    both = front.getvalue() + content[:42] + block + content[42:]
    (tmp_path / "a.flac").write_bytes(both)
    there_and_back(vaux, "a.flac", "b.flac")
    assert vauxio.info("a.vx").tags == {"artist": "one", "title": "in front"}
    assert b"riffdata" in (tmp_path / "b.flac").read_bytes()


def test_what_goes_with_a_recording_stays_with_it_when_it_is_denoised(vaux, tmp_path):
    soundfile.write("a.wav", 3 * voice(12000, channels=3), 24000, "FLOAT", format="WAVEX")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[40:44] = (0x103).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with_chunks(tmp_path / "a.wav", WAV_CHUNKS)
    os.utime("a.wav", ns=(10**18, 10**18 + 5))
    code, _, err = vaux("denoise", "a.wav", "b.wav")
    assert code == 0 and "beyond full scale" in err
    back = (tmp_path / "b.wav").read_bytes()
    assert back[40:44] == (0x103).to_bytes(4, "little")
    for name, data in WAV_CHUNKS:
        assert name + struct.pack("<I", len(data)) + data in back
    assert os.stat("b.wav").st_mtime_ns == 10**18 + 5
    assert "cue of RIFF, for which FLAC" in vaux("denoise", "a.wav", "b.flac").err
