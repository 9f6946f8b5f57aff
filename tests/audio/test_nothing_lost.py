"""Recordings that libsndfile reads in part, or not as they are: all of it, or an error."""

from __future__ import annotations

import io
import json
import os
import struct

import numpy as np
import pytest
import soundfile

import vauxio
from support.signals import Pipe, voice
from vauxio.archive import jobs, running
from vauxio.archive.engine import Inline
from vauxio.audio import mpeg, pages
from vauxio.audio.recording import Recording
from vauxio.errors import AudioError

RATE = 24000
FORMATS = {
    "wav": ("WAV", None), "flac": ("FLAC", None), "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"), "mp3": ("MP3", None), "caf": ("CAF", None), "w64": ("W64", None),
    "au": ("AU", None), "aiff": ("AIFF", None), "rf64": ("RF64", None),
}  # fmt: skip


def coded(ending: str, channels: int = 1, frames: int = 36000) -> bytes:
    """A recording in that format."""
    major, subtype = FORMATS[ending]
    file = io.BytesIO()
    soundfile.write(file, voice(frames, RATE, channels), RATE, format=major, subtype=subtype)
    return file.getvalue()


def frames_of(content: bytes) -> int:
    with Recording(io.BytesIO(content)) as recording:
        return sum(len(block) for block in recording.blocks(4096))


@pytest.mark.parametrize("ending", FORMATS)
def test_whole_files_are_read_as_they_are(ending):
    with Recording(io.BytesIO(coded(ending))) as recording:
        assert sum(len(block) for block in recording.blocks(4096)) == 36000
        assert recording.notes == []


@pytest.mark.parametrize("ending", FORMATS)
def test_two_recordings_in_one_file_are_refused(ending):
    with pytest.raises(AudioError) as caught:
        frames_of(coded(ending) + coded(ending, frames=30000))
    assert "several" in str(caught.value) or "not a recording" in str(caught.value)  # of AIFF


@pytest.mark.parametrize("ending", ["ogg", "opus", "mp3", "flac"])
@pytest.mark.parametrize("verb", [(), ("-r",)])
def test_of_two_recordings_none_is_deleted(vaux, tmp_path, ending, verb):
    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / f"a.{ending}"
    source.write_bytes(2 * coded(ending))
    code, _, err = vaux("encode", *verb, "--delete-input", source.parent if verb else source)
    assert code == 1 and "several" in err
    assert source.exists() and not source.with_suffix(".vx").exists()


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_a_flipped_bit_anywhere_in_an_ogg_file(ending):
    content = coded(ending)
    for at in np.linspace(0, len(content) - 1, 60).astype(int):
        damaged = bytearray(content)
        damaged[at] ^= 16
        with pytest.raises(AudioError):
            frames_of(bytes(damaged))


def pages_of(content: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(content):
        end = content.find(b"OggS", at + 4)
        found.append(content[at : end if end > 0 else len(content)])
        at += len(found[-1])
    return found


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_pages_that_are_missing_twice_or_cut(ending):
    parts = pages_of(coded(ending, frames=300_000))
    assert len(parts) >= 6
    with pytest.raises(AudioError, match="pages are missing"):
        frames_of(b"".join(parts[:3] + parts[4:]))
    with pytest.raises(AudioError, match="pages are missing"):
        frames_of(b"".join(parts[:4] + parts[3:]))
    with pytest.raises(AudioError, match="cut off"):
        frames_of(b"".join(parts)[:-20])
    with pytest.raises(AudioError, match="no page begins"):
        frames_of(b"".join(parts[:3]) + b"junk" + b"".join(parts[3:]))
    found = pages.look(io.BytesIO(b"".join(parts[:-1])))
    assert found is not None and not found.wrong and "last page" in found.notes[0]
    found = pages.look(io.BytesIO(b"".join(parts) + b"TAG" + bytes(125)))
    assert found is not None and (found.wrong, found.notes) == ("", [])


def test_a_pipe_gives_what_is_there():
    with Recording(Pipe(coded("ogg", frames=90000)[:-20])) as recording:
        assert sum(len(block) for block in recording.blocks(4096)) > 20000
        assert "cut off" in recording.notes[0]


def test_an_mp3_that_is_short_of_frames_or_has_more():
    content = coded("mp3")
    found = mpeg.look(io.BytesIO(content))
    assert found is not None and found.samples >= 36000 and not found.wrong
    with pytest.raises(AudioError, match="cut off"):
        frames_of(content[: len(content) // 2])
    with pytest.raises(AudioError, match="damaged: no frame begins"):
        middle = len(content) // 2
        frames_of(content[:middle] + content[middle + 50 :])
    first = mpeg._frame(content[:4])
    assert first is not None and found.stated
    bare = content[first.size :]  # without the frame that counts the others
    assert soundfile.info(io.BytesIO(bare)).frames < 20000  # which is a guess
    assert frames_of(bare) >= 36000
    assert frames_of(bare + bare) >= 72000  # all of it
    with pytest.raises(AudioError, match="several"):
        frames_of(bare + b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + bare)


def test_tags_behind_an_mp3_are_no_damage():
    assert frames_of(coded("mp3") + b"TAG" + bytes(125)) == 36000
    ape = b"APETAGEX" + struct.pack("<IIII8x", 2000, 32, 0, 0x80000000)
    assert frames_of(coded("mp3") + ape + bytes(32)) == 36000


@pytest.mark.parametrize("ending", ["flac", "caf", "w64", "au", "aiff", "wav", "ogg", "mp3"])
def test_whatever_is_cut_off_is_refused(ending):
    content = coded(ending)
    with pytest.raises(AudioError):
        frames_of(content[: 2 * len(content) // 3])


def test_bytes_behind_the_samples_are_told():
    content = coded("wav") + bytes(3000)
    with Recording(io.BytesIO(content)) as recording:
        assert recording.notes == ["3,000 bytes behind its samples were left out"]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "caf", "w64", "au", "aiff", "rf64"])
def test_tags_behind_the_samples_are_told(ending):
    content = coded(ending, frames=36001)
    ape = b"APETAGEX" + struct.pack("<IIII8x", 2000, 32, 1, 0)
    with Recording(io.BytesIO(content + bytes(10) + ape)) as recording:
        assert recording.notes == ["left out: a tag of APE behind its samples"]
        assert sum(len(block) for block in recording.blocks(4096)) == 36001
    with Recording(io.BytesIO(content + b"TAG" + b"title".ljust(125))) as recording:
        assert recording.notes == ["left out: a tag of ID3 version 1 behind its samples"]
        assert sum(len(block) for block in recording.blocks(4096)) == 36001


@pytest.mark.parametrize("ending", ["mp3", "ogg", "caf", "w64", "au", "aiff", "rf64"])
def test_junk_behind_the_samples_is_told_and_is_no_sound(ending):
    content = coded(ending, frames=36001)
    with Recording(io.BytesIO(content + b"\1" * 3000)) as recording:
        assert "3,00" in recording.notes[0] or "2,99" in recording.notes[0]
        assert sum(len(block) for block in recording.blocks(4096)) == 36001


def test_junk_in_front_of_an_mp3_file_is_told(tmp_path):
    for junk, notes in ((b"\1" * 1500, ["1,500 bytes before its first frame were left out"]),
                        (bytes(100), [])):  # fmt: skip
        (tmp_path / "a.mp3").write_bytes(junk + coded("mp3"))
        with Recording(tmp_path / "a.mp3") as recording:
            assert recording.notes == notes
            assert sum(len(block) for block in recording.blocks(4096)) == 36000


def test_junk_in_front_of_a_flac_file_is_refused():
    for junk in (b"\1" * 300, bytes(300)):
        with pytest.raises(AudioError, match="not a recording"):
            frames_of(junk + coded("flac"))


@pytest.mark.parametrize("junk", [b"\1", b"\xff\xf8" * 200, bytes(1024), b"\0" * 900 + b"x"])
def test_junk_behind_a_flac_file_is_told(junk):
    content = coded("flac", frames=36001)
    with Recording(io.BytesIO(content + junk)) as recording:
        assert recording.notes == ["the bytes behind its last frame were left out"]
        assert sum(len(block) for block in recording.blocks(4096)) == 36001


def test_flac_files_of_many_sizes_end_where_they_end():
    for frames in range(1, 3000, 37):
        for padding in (b"", bytes(3), bytes(1023)):
            with Recording(io.BytesIO(coded("flac", frames=frames) + padding)) as recording:
                assert recording.notes == []


def test_a_chunk_that_is_cut_off_is_told():
    content = coded("wav") + b"bext" + struct.pack("<I", 602) + bytes(300)
    with Recording(io.BytesIO(content)) as recording:
        assert recording.notes == ["left out: bext, which is cut off"]


@pytest.mark.parametrize("ending", ["wav", "caf", "w64", "au", "aiff", "rf64"])
def test_a_byte_that_is_missing_is_told(ending):
    with Recording(io.BytesIO(coded(ending)[:-1])) as recording:
        assert recording.notes == ["bytes may be missing at its end: 1"]


@pytest.mark.parametrize("format", ["AVR", "SVX", "VOC", "NIST", "MAT5", "PAF", "IRCAM", "PVF"])
def test_formats_of_which_nobody_can_tell_are_not_deleted(vaux, tmp_path, format):
    soundfile.write(tmp_path / "a.snd", voice(4800), RATE, format=format)
    code, _, err = vaux("encode", "--delete-input", "a.snd")
    assert code == 1 and "it may be cut off" in err and (tmp_path / "a.snd").exists()


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_the_checksum_of_a_flac_file(subtype):
    file = io.BytesIO()
    soundfile.write(file, voice(36000, RATE, 2), RATE, format="FLAC", subtype=subtype)
    whole = file.getvalue()
    count = whole[:22] + (30000).to_bytes(4, "big") + whole[26:]
    other = whole[:26] + b"\1" + whole[27:]
    none = whole[:26] + bytes(16) + whole[42:]
    for content, notes in ((whole, 0), (count, 1), (other, 1), (none, 0)):
        with Recording(io.BytesIO(content)) as recording:
            for _ in recording.blocks(4096):
                pass
            assert len(recording.notes) == notes
            assert not notes or "checksum" in recording.notes[0]


class _TwoWorkers(Inline):
    """Jobs as for two, done one after the other in this process."""

    workers = 2

    def __init__(self) -> None:
        super().__init__()
        self.given: list[object] = []

    def submit(self, job: object) -> None:
        super().submit(job)
        self.given.append(job)


@pytest.fixture
def parts(monkeypatch):
    """Files are divided into parts of one block; they would have to last minutes otherwise."""
    workers = _TwoWorkers()
    monkeypatch.setattr(running, "_engine", lambda *rest: workers)
    monkeypatch.setattr(jobs, "_LEAST", 1)
    monkeypatch.setattr(jobs, "_MOST", 1)
    yield
    assert sum(isinstance(job, jobs.Part) for job in workers.given) == 3


def test_the_checksum_of_a_flac_file_that_is_read_in_parts(vaux, parts, tmp_path):
    (tmp_path / "in").mkdir()
    soundfile.write("in/a.flac", np.tile(voice(RATE), (25, 1)), RATE)
    content = (tmp_path / "in" / "a.flac").read_bytes()
    (tmp_path / "in" / "a.flac").write_bytes(content[:26] + b"\1" + content[27:])
    code, _, err = vaux("encode", "-r", "in", "-b", "0.75", "--no-lm", "--delete-input")
    assert code == 1 and "checksum" in err and os.path.exists("in/a.flac")


def test_recordings_side_by_side_in_an_ogg_file():
    one, two = pages_of(coded("ogg")), pages_of(coded("opus"))
    with pytest.raises(AudioError, match="side by side"):
        frames_of(b"".join([one[0], two[0], *one[1:], *two[1:]]))
    other = bytearray(two[0].replace(b"OpusHead", b"OpusLike"))
    other[22:26] = bytes(4)
    other[22:26] = pages._checksum(bytes(other)).to_bytes(4, "little")
    with Recording(io.BytesIO(b"".join([one[0], bytes(other), *one[1:], *two[1:]]))) as recording:
        assert recording.notes == ["left out: a stream that is no sound"]


@pytest.mark.parametrize("kind", ["path", "file", "pipe"])
def test_caf_of_unknown_length(tmp_path, kind):
    content = coded("caf")
    at = content.index(b"data") + 4
    (tmp_path / "a.caf").write_bytes(content[:at] + b"\xff" * 8 + content[at + 8 :])
    open_ended = (tmp_path / "a.caf").read_bytes()
    file = {"path": tmp_path / "a.caf", "file": io.BytesIO(open_ended), "pipe": Pipe(open_ended)}
    with Recording(file[kind]) as recording:
        found = np.concatenate(list(recording.blocks(5000)))
        assert recording.notes == ["it may be cut off: its header says no length"]
    expected = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0]
    np.testing.assert_array_equal(found, expected)


def test_dwvw_in_aiff():
    file = io.BytesIO()
    soundfile.write(file, voice(36000), RATE, format="AIFF", subtype="DWVW_16")
    assert frames_of(file.getvalue()) == 36000


def test_flac_of_unknown_length():
    content = bytearray(coded("flac"))
    content[21] &= 0xF0  # the upper four bits of the number of samples
    content[22:26] = bytes(4)
    with Recording(io.BytesIO(bytes(content))) as recording:
        assert recording.frames is None
        np.testing.assert_array_equal(
            np.concatenate(list(recording.blocks(5000))),
            soundfile.read(io.BytesIO(coded("flac")), dtype="float32", always_2d=True)[0],
        )
    with pytest.raises(AudioError):
        frames_of(bytes(content[: len(content) // 2]))


def test_mp3_in_wav():
    mp3 = coded("mp3")
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 8000, 1, 0, 12, 1, 2, 576, 1, 1393)
    fact = b"fact" + struct.pack("<II", 4, 37000)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + fact
    body += b"data" + struct.pack("<I", len(mp3)) + mp3 + bytes(len(mp3) % 2)
    assert frames_of(b"RIFF" + struct.pack("<I", len(body)) + body) >= 36000


TONES = [300 + 170 * i for i in range(8)]


def tones(channels: int) -> np.ndarray:
    t = np.arange(RATE) / RATE
    return np.stack([0.3 * np.sin(2 * np.pi * f * t) for f in TONES[:channels]], axis=1)


def heard(frames: np.ndarray) -> list[int]:
    """Which tone each channel has."""
    spectrum = np.abs(np.fft.rfft(frames[4000:16000] * np.hanning(12000)[:, None], axis=0))
    return [int(np.argmin(np.abs(np.array(TONES) - 2 * k))) for k in spectrum.argmax(axis=0)]


# Of Vorbis and Opus, by their specifications: what lies where, in the order of WAV.
ORDERS = {3: [0, 2, 1], 4: [0, 1, 2, 3], 5: [0, 2, 1, 3, 4], 6: [0, 2, 1, 5, 3, 4],
          7: [0, 2, 1, 6, 5, 3, 4], 8: [0, 2, 1, 7, 5, 6, 3, 4]}  # fmt: skip


@pytest.mark.parametrize("channels", ORDERS)
def test_channels_of_vorbis_come_in_the_order_of_wav(tmp_path, channels):
    file = io.BytesIO()
    soundfile.write(file, tones(channels), RATE, format="OGG", subtype="VORBIS")
    with Recording(io.BytesIO(file.getvalue())) as recording:
        assert heard(np.concatenate(list(recording.blocks(9000)))) == ORDERS[channels]


@pytest.mark.parametrize("recursive", [False, True])
def test_channels_go_out_in_the_order_of_vorbis(vaux, tmp_path, recursive):
    (tmp_path / "in").mkdir()
    vauxio.write(tmp_path / "in" / "a.vx", tones(5), RATE, bitrate=12)
    if recursive:
        assert vaux("decode", "-r", "in", "-o", "out", "--format", "ogg").code == 0
    else:
        os.mkdir("out")
        assert vaux("decode", "in/a.vx", "out/a.ogg").code == 0
    raw = soundfile.read("out/a.ogg")[0]  # as Vorbis has them
    own = heard(vauxio.read("in/a.vx")[0])
    assert heard(raw) == [own[i] for i in (0, 2, 1, 3, 4)]


@pytest.mark.parametrize("recursive", [False, True])
def test_the_channel_mask_of_wav_comes_back(vaux, tmp_path, recursive):
    (tmp_path / "in").mkdir()
    soundfile.write("in/a.wav", tones(4), RATE, format="WAVEX")
    content = bytearray((tmp_path / "in" / "a.wav").read_bytes())
    content[40:44] = (0x107).to_bytes(4, "little")  # left, right, centre, back centre
    (tmp_path / "in" / "a.wav").write_bytes(content)
    many = ("-r", "in", "-o") if recursive else ("in/a.wav", "-o")
    os.mkdir("vx")
    assert vaux("encode", *many, "vx").code == 0
    assert vauxio.info("vx/a.vx").tags["waveformatextensible_channel_mask"] == "0x0107"
    os.mkdir("out")
    many = ("-r", "vx", "-o") if recursive else ("vx/a.vx", "-o")
    assert vaux("decode", *many, "out").code == 0
    start = (tmp_path / "out" / "a.wav").read_bytes()[:44]
    assert (start[20:22], start[40:]) == (b"\xfe\xff", content[40:44])
    stream = vaux("decode", "vx/a.vx", "-").out
    assert stream[40:44] == content[40:44]
    assert soundfile.info(io.BytesIO(stream)).frames == RATE


@pytest.mark.parametrize("recursive", [False, True])
def test_float_beyond_full_scale_is_told_and_not_deleted(vaux, tmp_path, recursive):
    (tmp_path / "in").mkdir()
    soundfile.write("in/a.wav", 5 * tones(1), RATE, subtype="FLOAT")
    soundfile.write("in/b.wav", np.tile(tones(1), (3, 1)) * 5, RATE, subtype="FLOAT")
    what = ("-r", "in") if recursive else ("in/a.wav", "in/b.wav")
    code, _, err = vaux("encode", "--delete-input", *what)
    assert code == 1 and err.count("beyond full scale, up to") >= 2 and "kept" in err
    assert "up to 1.5" in err
    assert os.path.exists("in/a.wav") and os.path.exists("in/a.vx")
    assert vaux("encode", "-f", "--delete-input", "--delete-lossy", *what).code == 0
    assert not os.path.exists("in/a.wav")


def test_a_long_float_recording_is_clipped_in_one_part_only(vaux, parts, tmp_path):
    (tmp_path / "in").mkdir()
    samples = np.tile(tones(1), (25, 1))
    samples[23 * RATE] = 1.75
    soundfile.write("in/a.wav", samples, RATE, subtype="FLOAT")
    code, _, err = vaux("encode", "-r", "in", "-b", "0.75", "--no-lm", "--delete-input")
    assert code == 1 and "up to 1.75, were clipped" in err and os.path.exists("in/a.wav")


def test_the_library_warns_of_samples_beyond_full_scale(tmp_path):
    with pytest.warns(RuntimeWarning, match="up to 1.5, were clipped"):
        vauxio.write(tmp_path / "a.vx", np.array([0, 1.5, -1.2] * 1000, np.float32), RATE)


def test_reports_name_what_was_lost(vaux, tmp_path):
    (tmp_path / "in").mkdir()
    soundfile.write("in/a.wav", 5 * tones(1), RATE, subtype="FLOAT")
    code, out, _ = vaux("encode", "-r", "in", "-o", "out", "--json", "--report", "a.html")
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert "full scale" in events[1]["notes"][0]
    assert "full scale" in (tmp_path / "a.html").read_text()
