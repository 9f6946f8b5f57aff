"""``vaux compare``: the table, the page, and what goes wrong."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import struct
import sys
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

import vauxio
from vauxio.audio.pictures import png
from vauxio.compare.comparison import measure, read_part
from vauxio.compare.page import render

RATE = 48000


@pytest.fixture
def original(speech, tmp_path):
    """Two seconds of speech, as a WAV file."""
    data, _ = soundfile.read(speech, frames=2 * RATE)
    path = tmp_path / "original.wav"
    soundfile.write(path, data, RATE)
    return path


@pytest.fixture
def coded(original, tmp_path):
    """The same as a .vx file."""
    path = tmp_path / "coded.vx"
    vauxio.write(path, *soundfile.read(original), bitrate=3)
    return path


@pytest.fixture
def late(original, tmp_path):
    """The same 480 frames late, half as loud, at 44.1 kHz, in two channels."""
    import soxr

    data = np.pad(soundfile.read(original)[0], (480, 0)) * 0.5
    path = tmp_path / "late.flac"
    soundfile.write(path, np.stack([soxr.resample(data, RATE, 44100)] * 2, axis=1), 44100)
    return path


class Page(HTMLParser):
    """What is in a page: tags with their attributes, text of the sounds; open and close match."""

    VOID = {"meta", "img", "circle", "path", "line", "br"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script" and attributes.get("id"):
            self.text.setdefault(attributes["id"], data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def unpack_png(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Picture and palette, by the book: every checksum is checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert data[at + 8 + size : at + 12 + size] == zlib.crc32(kind + body).to_bytes(4, "big")
        chunks[kind] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    columns, rows, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 3, 0, 0, 0]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, columns + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:], np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)


def test_bitrates_are_of_what_belongs_to_the_file(original, tmp_path):
    data, _ = soundfile.read(original)
    path = tmp_path / "stereo.vx"
    vauxio.write(path, np.stack([data, data[::-1]], axis=1), RATE, bitrate=6)
    size = path.stat().st_size
    alone = read_part(path, 0, 2)
    assert alone.kbps == pytest.approx(vauxio.info(path).kbps)
    assert 0.9 * size < sum(r.kbps * (r.stop - r.start) for r in alone.rates) * 125 < size
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert read_part(path, 0, 2).bytes == size


def test_table(vaux, original, coded, late):
    result = vaux("compare", original, coded, late)
    assert (result.code, result.err) == (0, "")
    lines = result.out.decode().splitlines()
    assert lines[0].split()[:3] == ["file", "bytes", "kbps"]
    assert lines[1].split() == [str(original), str(original.stat().st_size), "768.18"]
    name, size, kbps, *_, delay, unit = lines[2].split()
    assert (name, size) == (str(coded), str(coded.stat().st_size))
    assert float(kbps) == pytest.approx(int(size) * 8 / 2 / 1000, abs=0.01)
    assert (delay, unit) == ("0.0", "ms")
    assert lines[3].split()[-4:] == ["-6.0", "dB", "10.0", "ms"]
    assert len(lines) == 4


def test_json(vaux, original, coded, late):
    result = vaux("compare", "--json", original, late, coded, original)
    figures = [json.loads(line) for line in result.out.splitlines()]
    assert [f["name"] for f in figures] == [str(late), str(coded), str(original)]
    assert figures[0]["delay"] == pytest.approx(0.01, abs=1e-4)
    assert figures[0]["level"] == pytest.approx(-6.02, abs=0.05)
    assert figures[0]["si_sdr"] > 30  # once it is aligned
    assert figures[1]["delay"] == pytest.approx(0, abs=1e-4)  # it is coded
    assert figures[1]["mel"] > 1 and figures[1]["si_sdr"] < figures[0]["si_sdr"]
    assert (figures[2]["si_sdr"], figures[2]["mel"], figures[2]["level"]) == (100, 0, 0)


def test_a_part(vaux, original, coded):
    result = vaux("compare", "--json", "--start", "1.25", "--seconds", "0.5", original, original)
    assert json.loads(result.out)["mel"] == 0
    for path in (original, coded):
        part = read_part(str(path), 1.25, 0.5)
        data = (vauxio.read if path is coded else soundfile.read)(path)[0]
        assert len(part.data) == RATE // 2 and part.duration == 2
        assert np.allclose(part.data[:, 0], data[60000:84000], atol=1e-4)
        assert len(read_part(str(path), 1.5, 30).data) == RATE // 2
        assert len(read_part(str(path), 2.5, 30).data) == 0


def test_page(vaux, original, coded, late, tmp_path):
    result = vaux("compare", original, coded, late, "-o", tmp_path / "page.html")
    assert (result.code, result.err) == (0, "")
    text = (tmp_path / "page.html").read_text()
    assert "%%" not in text and "http" not in text.replace("http-equiv", "")
    page = Page(text)
    assert len([a for a in page.named("section") if a["class"] == "card"]) == 3
    for attributes in page.named("img"):
        head, data = attributes["src"].split(",")
        assert head == "data:image/png;base64"
        picture, palette = unpack_png(base64.b64decode(data))
        assert picture.shape == (220, 900) and picture.max() < len(palette)
        assert 4 < np.ptp(picture)
    reference = read_part(str(original), 0, 30)
    for i, path in enumerate((original, coded, late)):
        sound, samplerate = soundfile.read(io.BytesIO(base64.b64decode(page.text[f"sound-{i}"])))
        expected = measure(reference, read_part(str(path), 0, 30)).data[:, 0]
        assert samplerate == RATE and np.allclose(sound, expected, atol=2 / 2**15)


def test_spectrogram_has_frequencies_where_they_belong(tmp_path):
    t = np.arange(RATE) / RATE
    path = str(tmp_path / "tone.wav")
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 6000 * t), RATE)
    part = read_part(path, 0, 30)
    from vauxio.compare.comparison import Comparison

    page = Page(render(Comparison(part, 0, [measure(part, part)])))
    for attributes in page.named("img"):
        picture, palette = unpack_png(base64.b64decode(attributes["src"].split(",")[1]))
        brightest = picture[:, 450].argmax()
        assert brightest == pytest.approx(220 * (1 - 6000 / 24000), abs=2)
        assert palette[picture[brightest, 450]].sum() > palette[picture[5, 450]].sum() + 400


def test_rates_are_those_of_the_blocks(tmp_path, speech):
    data = np.tile(soundfile.read(speech)[0], 6)[: 25 * RATE]
    path = tmp_path / "long.vx"
    vauxio.write(path, data, RATE, bitrate=3)
    part = read_part(str(path), 12, 3)
    assert [(round(r.start), round(r.stop)) for r in part.rates] == [(0, 10), (10, 20), (20, 25)]
    bits = sum((r.stop - r.start) * r.kbps * 1000 for r in part.rates)
    assert bits == pytest.approx(8 * path.stat().st_size, rel=0.05)
    soundfile.write(tmp_path / "long.wav", data, RATE)
    (rate,) = read_part(str(tmp_path / "long.wav"), 12, 3).rates
    assert (rate.start, rate.stop) == (0, 25) and rate.kbps == pytest.approx(768, abs=0.1)


def test_names_are_text_on_the_page(vaux, original, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>&%%TABLE%%.wav"
    original.rename(path)
    assert vaux("compare", path, path, "-o", tmp_path / "page.html").code == 0
    text = (tmp_path / "page.html").read_text()
    assert "<img src=x" not in text and "&amp;%%TABLE%%" in text
    assert len(Page(text).named("img")) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="where names are any bytes")
def test_a_name_that_is_no_text(vaux, original, tmp_path):
    name = os.fsdecode(b"a\xff.wav")
    original.with_name(name).write_bytes(original.read_bytes())
    result = vaux("compare", original, name, "-o", "page.html")
    assert result.code == 0 and rb"a\udcff.wav" in result.out
    assert "a?.wav" in (tmp_path / "page.html").read_text("utf-8")


def test_stereo_is_measured_channel_by_channel(vaux, music, tmp_path):
    data, samplerate = soundfile.read(music)
    soundfile.write(tmp_path / "swapped.wav", data[:, ::-1], samplerate)
    result = vaux("compare", "--json", music, tmp_path / "swapped.wav", music)
    swapped, same = map(json.loads, result.out.splitlines())
    assert same["si_sdr"] > 90 and swapped["si_sdr"] < 40


def test_silence(vaux, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    result = vaux("compare", "a.wav", "a.wav", "-o", "page.html")
    assert result.code == 0 and "nan" not in result.out.decode()
    assert json.loads(vaux("compare", "a.wav", "a.wav", "--json").out)["si_sdr"] is None
    assert len(Page((tmp_path / "page.html").read_text()).named("img")) == 2


def test_few_samples(vaux, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5]), RATE)
    assert vaux("compare", "a.wav", "a.wav", "-o", "page.html").code == 0


def test_one_file_that_fails_does_not_stop_the_others(vaux, original, coded, tmp_path):
    (tmp_path / "bad.wav").write_text("this is not audio")
    result = vaux("compare", original, "bad.wav", "none.vx", coded, "-o", "page.html")
    assert result.code == 1
    assert [line.split(":")[1].strip() for line in result.err.splitlines()] == [
        "bad.wav", "none.vx"
    ]  # fmt: skip
    assert str(coded) in result.out.decode()
    assert len(Page((tmp_path / "page.html").read_text()).named("img")) == 2


def test_nothing_is_written_if_the_original_fails(vaux, coded, original, tmp_path):
    before = sorted(tmp_path.iterdir())
    for arguments in (("none.wav", coded), (original, coded, "--start", "2")):
        result = vaux("compare", *arguments, "-o", "page.html")
        assert result.code == 1 and len(result.err.splitlines()) == 1 and not result.out
    assert sorted(tmp_path.iterdir()) == before


def test_a_page_is_replaced_only_if_told(vaux, original, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("mine")
    result = vaux("compare", original, original, "-o", page)
    assert result.code == 1 and "-f replaces it" in result.err and page.read_text() == "mine"
    assert vaux("compare", original, original, "-o", page, "-f").code == 0
    assert page.read_text().startswith("<!doctype html>")


def test_page_to_standard_output(vaux, original):
    result = vaux("compare", original, original, "-o", "-")
    assert result.code == 0 and result.out.startswith(b"<!doctype html>")
    assert result.err.startswith("file")


@pytest.mark.parametrize(
    "arguments", [[], ["a.wav"], ["a.wav", "b.wav", "--seconds", "0"],
                  ["a.wav", "b.wav", "--start", "-1"], ["a.wav", "b.wav", "--nonsense"]]
)  # fmt: skip
def test_wrong_usage(vaux, arguments):
    result = vaux("compare", *arguments)
    assert result.code == 2 and len(result.err.splitlines()) == 1


def test_help_shows_an_example(vaux):
    result = vaux("compare", "-h")
    assert result.code == 0 and re.search(rb"vaux compare \S+ \S+\.vx", result.out)
    assert b"compare" in vaux("-h").out


def test_png_by_the_book():
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    palette = np.arange(36, dtype=np.uint8).reshape(12, 3)
    again, colours = unpack_png(png(picture, palette))
    assert np.array_equal(again, picture) and np.array_equal(colours, palette)
