"""What a notebook shows of a file."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

import vauxio
from support.signals import voice


@pytest.fixture
def vx(tmp_path):
    path = tmp_path / "a<b.vx"
    vauxio.write(path, voice(24000, 24000, 2), 24000, tags={"title": "<script>"})
    return path


def sound(page: str) -> tuple[np.ndarray, int]:
    (coded,) = re.findall(r"data:audio/flac;base64,([^\"]*)", page)
    return soundfile.read(io.BytesIO(base64.b64decode(coded)), dtype="float32")


def test_info_has_a_player_and_a_spectrogram(vx):
    page = vauxio.info(vx)._repr_html_()
    HTMLParser().feed(page)
    assert "&lt;script&gt;" in page and "<script" not in page and "a&lt;b.vx" in page
    assert "24000 Hz" in page and "data:image/png;base64,iVBOR" in page
    found, rate = sound(page)
    assert rate == 24000 and np.abs(found - vauxio.read(vx)[0]).max() <= 2**-15


def test_an_open_file_stays_where_it_was(vx):
    with vauxio.VauxFile(vx) as f:
        f.seek(777)
        found, _ = sound(f._repr_html_())
        assert f.tell() == 777 and len(found) == 24000
    assert "<audio" not in f._repr_html_()
    with vauxio.VauxFile(io.BytesIO(vx.read_bytes())) as f:
        assert "BytesIO" in f._repr_html_()


def test_what_cannot_be_heard_is_told_in_numbers(vx):
    info = vauxio.info(io.BytesIO(vx.read_bytes()))
    vx.unlink()
    assert "<audio" not in info._repr_html_() and "24000 Hz" in info._repr_html_()


def test_of_a_long_file_only_the_beginning(tmp_path):
    vauxio.write(tmp_path / "a.vx", np.zeros(8000 * 40, "f4"), 8000)
    assert len(sound(vauxio.info(tmp_path / "a.vx")._repr_html_())[0]) == 8000 * 30
