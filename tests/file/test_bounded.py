"""Work that is bounded by what a reader allows, runs that end, and signals that are heard."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vauxio
from support import format_vectors as made
from support.signals import Pipe, voice
from vauxio import archive, container, temporary
from vauxio.archive.verify import verify
from vauxio.audio import chatter
from vauxio.codec.hifi import signal as transform_signal
from vauxio.codec.hifi.pack import Packer
from vauxio.entropy import coders, transformer
from vauxio.errors import FormatError, LimitError, TruncatedError
from vauxio.model import networks

RATE = 24000


@pytest.fixture(scope="module")
def blob() -> bytes:
    """22 s in three blocks."""
    return vauxio.compress(np.tile(voice(RATE), (22, 1)), RATE, bitrate=1.5, lm=False)


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
@pytest.mark.parametrize("told", [True, False])
def test_more_frames_than_a_reader_accepts(blob, kind, told):
    if not told:  # as from a pipe: the header does not know
        reader = container.Reader(io.BytesIO(blob))
        file = io.BytesIO()
        writer = container.Writer(file, dataclasses.replace(reader.header, frames=None))
        for block in reader:
            writer.write(block)
        writer.close(22 * RATE)
        blob = file.getvalue()
    assert len(vauxio.read(kind(blob), max_frames=22 * RATE)[0]) == 22 * RATE
    with pytest.raises(LimitError, match="at most 24000"):
        vauxio.read(kind(blob), max_frames=RATE)
    with pytest.raises(LimitError):
        list(vauxio.blocks(kind(blob), 4096, max_frames=12 * RATE))
    if told or kind is io.BytesIO:
        with pytest.raises(LimitError):
            vauxio.VauxFile(kind(blob), max_frames=22 * RATE - 1)
    with pytest.raises(LimitError):
        vauxio.decompress(blob, max_frames=5)


def test_the_header_says_how_many_frames_there_are(tmp_path, vaux):
    soundfile.write("a.wav", voice(30000), RATE)
    assert vaux("encode", "a.wav").code == 0
    assert vaux("encode", "-r", ".", "-o", "out").code == 0
    blobs = [vauxio.compress(voice(30000), RATE)]
    blobs += [(tmp_path / name).read_bytes() for name in ("a.vx", "out/a.vx")]
    assert [container.Reader(Pipe(b)).header.frames for b in blobs] == [30000] * 3


def test_another_number_than_was_announced(tmp_path):
    with pytest.raises(vauxio.AudioError, match="5 frames written, exactly 6"):
        with vauxio.VauxFile(tmp_path / "a.vx", "w", RATE, 1, frames=6, exact=True) as f:
            f.write(np.zeros(5, np.float32))
    assert os.listdir(tmp_path) == []


def test_blocks_of_more_than_twenty_seconds(blob):
    reader = container.Reader(io.BytesIO(blob))
    header = dataclasses.replace(reader.header, block_tokens=1501, frames=None)
    file = io.BytesIO()
    container.Writer(file, header).close(0)
    with pytest.raises(FormatError, match="at most 20 s"):
        vauxio.read(io.BytesIO(file.getvalue()))


def hostile(base: bytes, channels: int, tokens: int, block: int, payload: bytes) -> bytes:
    """A file of the same model whose blocks all have that payload."""
    header = container.Reader(io.BytesIO(base)).header
    header = dataclasses.replace(header, channels=channels, block_tokens=block, frames=None)
    file = io.BytesIO()
    writer = container.Writer(file, header)
    for first in range(0, tokens, block):
        writer.write(container.Block(min(block, tokens - first), header.coder, 0, payload))
    writer.close((tokens - 6) * 320 + 100)
    return file.getvalue()


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_a_few_bytes_do_not_ask_for_seconds_of_work(kind, monkeypatch):
    base = vauxio.compress(voice(4800), RATE, model="general-24k", bitrate=12)
    assert container.Reader(io.BytesIO(base)).header.coder == coders.LM
    monkeypatch.setattr(transformer.Network, "run", None)  # nothing is computed
    for channels, tokens, block, payload, what in [
        (1, 1500, 1500, b"", "fewer bytes"), (8, 1500, 1500, b"\1" * 3187, "fewer bytes"),
        (8, 75, 1, b"\1" * 9, "at least 64"), (1, 75, 63, b"\1" * 99, "at least 64"),
    ]:  # fmt: skip
        with pytest.raises(FormatError, match=what):
            vauxio.read(kind(hostile(base, channels, tokens, block, payload)))


@pytest.mark.parametrize("channels", [1, 2])
def test_what_takes_hardly_any_bits_is_read(channels):
    silence = np.zeros((RATE, channels), np.float32)
    for options in ({"bitrate": 12}, {"bitrate": 0.75 * channels}, {"quality": 5}):
        content = vauxio.compress(silence, RATE, model="general-24k", **options)
        assert vauxio.decompress(content)[0].size == silence.size


def indexed(blob: bytes, keep: list[int]) -> bytes:
    """The same file, but for an index that has some blocks only."""
    reader = container.Reader(io.BytesIO(blob))
    sizes = np.diff([*reader._offsets, reader._stop]).tolist()
    tokens = [reader.header.block_tokens] * (len(sizes) - 1)
    tokens.append(reader.tokens - sum(tokens))
    distances = []
    for i, size in enumerate(sizes):
        if i in keep:
            distances.append(size)
        else:
            distances[-1] += size
    body = made.end(0, sum(tokens[i] for i in keep), distances)
    return blob[: reader._stop] + made.joined(body)


def test_a_block_that_the_index_leaves_out(blob):
    reader = container.Reader(io.BytesIO(blob))
    head = dataclasses.replace(reader.header, frames=None)
    file = io.BytesIO()
    writer = container.Writer(file, head)
    for block in reader:
        writer.write(block)
    writer.close(0)
    wrong = indexed(file.getvalue(), [0, 2])
    with pytest.raises(FormatError):
        verify(io.BytesIO(wrong))
    with pytest.raises(FormatError, match="not that of the blocks"):
        list(container.Reader(io.BytesIO(wrong)))
    assert list(container.Reader(io.BytesIO(file.getvalue())))


def test_an_index_that_is_damaged_is_not_cut_off(blob, vaux, tmp_path):
    wrong = bytearray(blob)
    wrong[-10] ^= 1
    (tmp_path / "a.vx").write_bytes(wrong)
    for arguments in (("decode", "a.vx"), ("verify", "a.vx"), ("decode", "-r", ".", "-o", "out")):
        code, _, err = vaux(*arguments)
        assert code == 1 and "damaged: index" in err and "first 22.0 s (" in err
    assert len(vauxio.read(tmp_path / "a.vx", frames=22 * RATE)[0]) == 22 * RATE


def test_a_byte_too_many_in_a_block_is_not_cut_off(blob, vaux, tmp_path):
    at = container.Reader(io.BytesIO(blob))._offsets[1] + 200
    (tmp_path / "a.vx").write_bytes(blob[:at] + b"x" + blob[at:])
    code, _, err = vaux("decode", "a.vx")
    assert code == 1 and "damaged" in err and "cut off" not in err
    seconds = float(err.split("first ")[1].split()[0])
    assert 9 < seconds < 10.5  # of the one block before
    data = vauxio.read(tmp_path / "a.vx", frames=int(seconds * RATE) - 2400)[0]
    np.testing.assert_array_equal(data, vauxio.read(io.BytesIO(blob), frames=len(data))[0])
    with pytest.raises(TruncatedError, match="cut off"):
        vauxio.read(io.BytesIO(blob[:at]))


DECODES = """
import sys
from vauxio.cli import main
from vauxio.entropy import transformer

def counted(*arguments):
    global calls
    calls += 1
    if calls == 20:
        print("at work", flush=True)
        sys.stdin.read()  # until the signal has been sent
    return run(*arguments)

run, calls = transformer.Network.run, 0
transformer.Network.run = counted
try:
    sys.exit(main(["decode", "a.vx", "a.wav"]))
finally:
    print(calls)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_heard_while_a_block_is_decoded(tmp_path, number):
    vauxio.write(tmp_path / "a.vx", voice(5 * RATE, channels=2), RATE, bitrate=6)
    environment = {**os.environ, "PYTHONPATH": str(Path(vauxio.__file__).parents[1])}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", DECODES], cwd=tmp_path, env=environment,
                               **pipes)  # fmt: skip
    assert process.stdout.readline() == b"at work\n"
    process.send_signal(number)
    said, complaint = process.communicate()
    assert (process.returncode, complaint.strip()) == (128 + number, b"")
    assert int(said) == 20  # of many more
    assert os.listdir(tmp_path) == ["a.vx"]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    "loaded",
    ["vauxio.early", "click", "vauxio.cli.names", "numpy", "vauxio.cli.recordings", "soundfile",
     "onnxruntime"],
)  # fmt: skip
def test_ctrl_c_while_the_command_is_loaded(vaux_process, speech, loaded):
    """As soon as a module has been imported, of which Python can tell."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    process = vaux_process("encode", speech, "a.vx", env=environment)
    told = b""
    while line := process.stderr.readline():
        if line.startswith(b"import time:"):
            if line.split()[-1] == loaded.encode():
                process.send_signal(signal.SIGINT)
        else:
            told += line
    assert process.wait() in (-signal.SIGINT, 130) and told.strip() == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "lock", [networks._sessions_lock, transform_signal._lock, temporary._making, chatter._lock]
)
def test_a_fork_while_a_lock_is_held(lock):
    """While another thread opens a network, say."""
    begun = threading.Event()

    def hold() -> None:
        with lock:
            begun.set()
            time.sleep(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        os._exit(0 if lock.acquire(timeout=5) else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_while_another_thread_encodes(monkeypatch):
    """While it works out what no gain may be below, which once took a lock of Python's."""
    begun, forked = threading.Event(), threading.Event()

    def over_steps(self: Packer, logs: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        begun.set()
        if threading.current_thread() is thread:
            forked.wait()
        return work(self, logs)

    def encode() -> bytes:
        return vauxio.compress(voice(4800), RATE, model="hifi-48k", bitrate=16)

    encode()  # which imports all
    work, thread = Packer._over_steps, threading.Thread(target=encode)
    monkeypatch.setattr(Packer, "_over_steps", over_steps)
    thread.start()
    begun.wait()
    if not (child := os.fork()):
        signal.alarm(5)
        encode()
        os._exit(0)
    forked.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(os.name != "posix", reason="links and devices of POSIX")
@pytest.mark.parametrize("verb", ["encode", "decode", "verify"])
def test_links_that_lead_nowhere_or_to_devices(vaux, verb):
    os.makedirs("in")
    ending = "wav" if verb == "encode" else "vx"
    if verb == "encode":
        soundfile.write("in/good.wav", voice(4800), RATE)
    else:
        vauxio.write("in/good.vx", voice(4800), RATE)
    os.symlink(f"loop.{ending}", f"in/loop.{ending}")
    os.symlink("/dev/zero", f"in/zero.{ending}")
    os.mkfifo(f"in/pipe.{ending}")
    os.symlink(".", "in/folder")
    os.symlink(".", f"in/folder.{ending}")
    code, out, err = vaux(verb, "-r", "in", *(() if verb == "verify" else ("-o", "out")), "-j", 1)
    assert code == 1 and b"done" in out and b"1 file" in out
    assert f"loop.{ending}: " in err and err.count("is a device or a pipe") == 2
    assert f"folder.{ending}: is a link to a folder" in err and b"1 other file" in out


def test_the_first_generation_is_not_replaced(vaux, tmp_path):
    os.makedirs("in")
    soundfile.write("in/a.wav", voice(4800), RATE, subtype="PCM_24")
    soundfile.write("in/b.wav", voice(4800), RATE)
    assert vaux("encode", "-r", "in", "--delete-input").code == 0
    first = (tmp_path / "in" / "a.vx").read_bytes()
    assert vaux("decode", "-r", "in").code == 0
    for options in ((), ("--delete-input",), ("--quality", "5")):
        code, _, err = vaux("encode", "-r", "in", *options)
        assert code == 1 and "a.vx" in err and "-f replaces" in err
        assert os.path.exists("in/a.wav") and (tmp_path / "in" / "a.vx").read_bytes() == first
    assert vaux("encode", "-r", "in", "-f", "--quality", "5").code == 0
    assert (tmp_path / "in" / "a.vx").read_bytes() != first


def test_nor_is_it_when_each_was_decoded_alone(vaux, tmp_path):
    os.makedirs("in")
    soundfile.write("in/a.wav", voice(4800), RATE, subtype="PCM_24")
    assert vaux("encode", "-r", "in").code == 0
    os.unlink("in/a.wav")
    assert vaux("decode", "in/a.vx").code == 0
    code, _, err = vaux("encode", "-r", "in")
    assert code == 1 and "decoded from it" in err


def test_a_source_that_was_changed_is_encoded_again(vaux, tmp_path):
    os.makedirs("in")
    soundfile.write("in/a.wav", voice(4800), RATE)
    assert vaux("encode", "-r", "in").code == 0
    soundfile.write("in/a.wav", voice(9600), RATE)
    os.utime("in/a.wav")
    assert vaux("encode", "-r", "in").code == 0
    assert vauxio.info("in/a.vx").frames == 9600


def test_reports_say_what_they_are_of(vaux, tmp_path):
    os.makedirs("in")
    for name in "ab":
        soundfile.write(f"in/{name}.wav", voice(4800), RATE)
    (tmp_path / "in" / "notes.txt").write_text("x")
    assert vaux("encode", "-r", "in", "-o", "out", "-b", "3").code == 0
    os.unlink("in/b.wav")
    code, out, _ = vaux(
        "encode", "-r", "in", "-o", "out", "-b", "6", "--json", "--report", "r.html"
    )
    report = json.loads(out.splitlines()[-1])
    assert code == 0 and report["version"] == vauxio.__version__ and report["date"]
    assert report["settings"]["bitrate"] == 6
    assert report["left_alone_names"] == ["notes.txt"] and report["source_gone_names"] == ["b.vx"]
    page = (tmp_path / "r.html").read_text()
    said = ("bitrate: 6", vauxio.__version__, report["date"][:10], "notes.txt", "b.vx", "a.wav")
    assert all(text in page for text in said)
    plan = archive.plan("encode", "in", "out", archive.Settings(bitrate=6))
    assert plan.left == ("notes.txt",) and plan.gone == ("b.vx",)


@pytest.mark.parametrize("name", ["a.raw", "a.wma", "a.mp3"])
@pytest.mark.parametrize("recursive", [False, True])
def test_errors_are_one_line_with_the_file(vaux, tmp_path, name, recursive):
    os.makedirs("in")
    head = {"a.mp3": b"\xff\xfb\x90\0"}.get(name, b"")
    (tmp_path / "in" / name).write_bytes(head + b"hello" * 1000)
    what = ("-r", "in", "--include", name, "-j", 1) if recursive else (f"in/{name}",)
    code, _, err = vaux("encode", *what)
    assert code == 1 and err.count("\n") == 1 and f"{name}: " in err
    assert "pipe?" not in err and "Traceback" not in err


def test_a_recording_is_no_vx_file(vaux):
    soundfile.write("s.wav", voice(4800), RATE)
    assert vaux("decode", "s.wav") == (1, b"", "vaux: s.wav: not a .vx file\n")
