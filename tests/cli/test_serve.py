"""``vaux serve``: pages and sound over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import struct
import threading

import numpy as np
import pytest
import soundfile

import vauxio
from support.signals import voice
from support.waiting import PATIENCE
from vauxio.cli.site import Site

RATE = 24000


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    (folder / "songs & more").mkdir()
    data = voice(2 * RATE, RATE, 2)
    tags = {"title": "<b>Loud</b>", "artist": "Someone"}
    song = folder / "songs & more" / "Für Elise.vx"
    vauxio.write(song, data, RATE, bitrate=3, lm=False, tags=tags)
    (folder / "broken.vx").write_bytes(b"nothing of the kind")
    (folder / "notes.txt").write_text("secret")
    (folder.parent / "outside.vx").write_bytes((folder / "broken.vx").read_bytes())
    return folder


@pytest.fixture(scope="module")
def ask(archive):
    """GET an address: status, headers, content."""
    with Site(archive, "127.0.0.1", 0) as site:
        thread = threading.Thread(target=site.run)
        thread.start()

        def ask(path: str, method: str = "GET", **headers: str):
            connection = http.client.HTTPConnection(site.address[7:-1])
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer.status, answer.headers, content

        yield ask
        site.stop()
        thread.join()


SOUND = "/songs%20%26%20more/F%C3%BCr%20Elise.vx"


def test_lists(ask):
    status, headers, content = ask("/")
    page = content.decode()
    assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"]
    assert "<a href='/songs%20%26%20more/'>songs &amp; more/</a>" in page
    assert "broken.vx" in page and "not a .vx file" in page and "notes" not in page
    page = ask("/songs%20%26%20more/")[2].decode()
    assert f"src='{SOUND}'" in page and "<audio controls" in page
    assert "Someone – &lt;b&gt;Loud&lt;/b&gt;" in page and "0:02" in page and "<b>" not in page


def test_sound(ask, archive):
    status, headers, content = ask(SOUND)
    assert status == 200 and headers["Accept-Ranges"] == "bytes"
    data, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    expected, _ = vauxio.read(archive / "songs & more" / "Für Elise.vx", dtype="int16")
    assert rate == RATE and np.array_equal(data, expected)
    status, headers, nothing = ask(SOUND, "HEAD")
    assert (status, nothing, headers["Content-Length"]) == (200, b"", str(len(content)))


@pytest.mark.parametrize(
    "wanted", ["0-99", "40-50", "1001-", "-1001", "100001-150002", "0-99999999"]
)
def test_parts_of_sound(ask, wanted):
    content = ask(SOUND)[2]
    status, headers, part = ask(SOUND, Range=f"bytes={wanted}")
    first, last = wanted.split("-")
    start = int(first) if first else len(content) - int(last)
    stop = min(len(content), int(last) + 1) if first and last else len(content)
    assert status == 206
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(content)}"
    # The decoder starts a little before a part, so samples are the same within rounding.
    assert len(part) == stop - start
    low, high = start + (start & 1), stop - (stop & 1)
    near = [np.frombuffer(x[low - at : high - at], "<i2").astype(int)
            for x, at in ((content, 0), (part, start))]  # fmt: skip
    assert np.abs(near[0] - near[1]).max() <= 1


def test_what_is_refused(ask):
    for path in ("/notes.txt", "/../outside.vx", "/%2e%2e/outside.vx", "/nothing", "/%00.vx"):
        assert ask(path)[0] == 404
    assert ask("/broken.vx")[0] == 422
    assert ask("/", Host="elsewhere.example:8000")[0] == 403
    assert ask("/", Host="localhost:8000")[0] == 200
    for wanted in ("bytes=9999999-", "bytes=5-3", "bytes=-", "lines=1-2"):
        assert ask(SOUND, Range=wanted)[0] == 416


def test_the_command(vaux_process, archive, vaux):
    process = vaux_process("serve", archive, "--port", "0")
    line = process.stderr.readline().decode()
    address = line.split("http://")[1].split("/")[0]
    with contextlib.closing(http.client.HTTPConnection(address)) as connection:
        connection.request("GET", "/")
        with connection.getresponse() as answer:
            assert answer.status == 200 and b"songs" in answer.read()
    taken = vaux("serve", archive, "--port", address.split(":")[1])
    assert taken.code == 1 and "--port" in taken.err
    if os.name == "posix":
        process.send_signal(2)
        assert process.wait(PATIENCE) == 130


def test_a_listener_who_hangs_up(archive, capfd):
    """In the middle of a request, or between two: nobody is told."""
    with Site(archive, "127.0.0.1", 0) as site:
        site._server.timeout = 9  # where connections that are gone are not even told of
        for said in (b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            with socket.create_connection(site._server.server_address) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.sendall(said)
            site._server.daemon_threads = False  # so that its end waits for those who answer
            site._server.handle_request()
    assert capfd.readouterr().err == ""
