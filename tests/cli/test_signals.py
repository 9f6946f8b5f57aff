"""Signals at the worst moments: what is half done goes, and nothing is said."""

from __future__ import annotations

import gc
import importlib
import io
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from vauxio.audio.formats import FORMATS
from vauxio.cli import recordings, signals, streams
from vauxio.cli.signals import postponed, unwinding


class Signalling(io.BytesIO):
    """A file at whose first write a signal arrives."""

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        if not self.getvalue():
            signal.raise_signal(signal.SIGTERM)
        return super().write(data)


@pytest.mark.parametrize("ending", [".wav", ".ogg"])
def test_while_an_output_is_opened(capfd, ending):
    """libsndfile writes a header then, and once more when it closes the file."""
    file, about = Signalling(), SimpleNamespace(channels=1, samplerate=24000)
    try:
        with unwinding(), recordings.sink(file, about, 0, FORMATS[ending], {}):  # type: ignore[arg-type]
            pytest.fail("the signal came before")
    except SystemExit as e:
        assert e.code == 128 + signal.SIGTERM
    file.close()
    gc.collect()
    assert capfd.readouterr().err == ""


def test_while_a_temporary_file_is_made(tmp_path, monkeypatch):
    class Output(streams.Output):
        def __init__(self, *args, **options) -> None:  # type: ignore[no-untyped-def]
            super().__init__(*args, **options)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(streams, "Output", Output)
    with pytest.raises(SystemExit), unwinding(), streams.writing(str(tmp_path / "a.vx"), False):
        pytest.fail("the signal came before")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def half_done(tmp_path, monkeypatch):
    """A module, at whose import a signal comes, so that it cannot be imported if that raises.

    Modules in C, such as that of ONNX Runtime, make an ImportError of whatever is raised.
    """
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "half_done.py").write_text(
        "import signal\n"
        "try:\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "except BaseException as e:\n"
        "    raise ImportError('initialization failed') from e\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "lib")
    yield "half_done"
    assert sys.modules.pop("half_done")


def test_while_a_module_is_imported(half_done):
    with pytest.raises(SystemExit), unwinding():
        importlib.import_module(half_done)
        time.sleep(60)


def test_while_a_module_is_imported_and_all_else_is_done(half_done, tmp_path, monkeypatch):
    """The signal may have cut off what was read from a pipe."""
    monkeypatch.setattr(signals, "_MOMENT", 0.3)
    with pytest.raises(SystemExit), unwinding():
        with streams.writing(str(tmp_path / "a.vx"), False):
            importlib.import_module(half_done)
        time.sleep(60)
    assert [path.name for path in tmp_path.iterdir()] == ["lib"]


def test_the_next_call_of_the_command_reads_on(tmp_path):
    """A stream ends at a signal; those of a later call in the same process do not."""
    (tmp_path / "content").write_bytes(b"whole")
    with pytest.raises(SystemExit), unwinding(), streams._Stream(str(tmp_path / "content")):
        signal.raise_signal(signal.SIGTERM)
    with unwinding(), streams._Stream(str(tmp_path / "content")) as stream:
        assert stream.read() == b"whole"


def test_within_what_is_postponed_already():
    done = []
    with pytest.raises(SystemExit), unwinding():
        with postponed():
            with postponed():
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            done.append("the rest")
        pytest.fail("the signal is lost")
    assert done == ["the rest"]
