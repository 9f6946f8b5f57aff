"""The example app: a message is recorded, sent and heard."""

from __future__ import annotations

import http.client
import importlib.util
import threading

import pytest

import vauxio
from support.browser import PHONE, faults, is_scrolled_sideways
from support.paths import ROOT


@pytest.fixture
def app(tmp_path):
    path = ROOT / "examples" / "voice-messages" / "server.py"
    spec = importlib.util.spec_from_file_location("voice_messages", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.make_server(0, tmp_path / "messages") as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, tmp_path / "messages"
        server.shutdown()
        thread.join()


def test_a_message(browser, app):
    port, folder = app
    context = browser.new_context(permissions=["microphone"], viewport=PHONE)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_role("button", name="Record").click()
    page.get_by_text("Recording").wait_for()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop and send").click()
    player = page.locator("vaux-player")
    player.get_by_text("Message 1").wait_for()
    (file,) = folder.iterdir()
    about = vauxio.info(file)
    assert about.model == "speech-24k" and 0.5 < about.duration
    player.get_by_role("button", name="Play").click()
    heard = "() => document.querySelector('vaux-player').currentTime > 0.3"
    page.wait_for_function(heard)
    assert faults(page) == [] and not is_scrolled_sideways(page)
    context.close()


def test_what_is_refused(app):
    port, folder = app
    connection = http.client.HTTPConnection(f"127.0.0.1:{port}")
    for method, path, body, status in [
        ("GET", "/weights/../server.py", None, 404),
        ("GET", "/messages/..%2f..%2fserver.py", None, 404),
        ("GET", "/weights/speech-24k/model.json", None, 200),
        ("POST", "/messages", b"no recording", 400),
        ("POST", "/elsewhere", b"RIFF", 400),
    ]:
        connection.request(method, path, body)
        with connection.getresponse() as answer:
            answer.read()
            assert answer.status == status, path
    connection.close()
    assert list(folder.iterdir()) == []
