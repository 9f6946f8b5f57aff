"""The command line, doing what it is asked to do."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import tree
from support.signals import voice
from support.terminals import on_terminal
from support.waiting import PATIENCE, wait_until


@pytest.fixture
def vx(vaux, speech, tmp_path) -> Path:
    """A ``.vx`` file of real speech: bare codes, since many tests decode it."""
    path = tmp_path / "speech.vx"
    assert vaux("encode", "--no-lm", speech, path).code == 0
    return path


@pytest.fixture
def long_wav(speech, tmp_path) -> Path:
    """Half a minute of speech, four blocks, in a folder of its own."""
    data, samplerate = soundfile.read(speech, dtype="int16")
    path = tmp_path / "in" / "long.wav"
    path.parent.mkdir()
    soundfile.write(path, np.tile(data, 8), samplerate)
    return path


@pytest.mark.parametrize("name", ["speech-48k", "speech-16k", "music-44k-stereo"])
def test_the_main_job(vaux, recordings, tmp_path, name):
    recording = recordings / f"{name}.flac"
    assert vaux("encode", recording, "out.vx") == (0, b"", "")
    assert vaux("decode", "out.vx", "out.flac") == (0, b"", "")
    before, after = soundfile.info(recording), soundfile.info("out.flac")
    assert (after.frames, after.samplerate, after.channels, after.format) == (
        before.frames, before.samplerate, before.channels, "FLAC",
    )  # fmt: skip
    decoded, _ = soundfile.read("out.flac", dtype="int16")
    expected, _ = vauxio.read("out.vx", dtype="int16")
    np.testing.assert_array_equal(decoded, expected)
    assert vaux("info", "out.vx").out.decode() == f"{vauxio.info('out.vx')!r}\n"
    assert tmp_path.joinpath("out.vx").stat().st_size < recording.stat().st_size / 20
    assert tree(tmp_path).keys() == {"out.vx", "out.flac"}


def test_as_a_process(vaux_process, speech, tmp_path):
    for arguments in (
        ("encode", speech, "speech.vx"),
        ("info", "speech.vx"),
        ("decode", "speech.vx", "speech.wav"),
    ):
        process = vaux_process(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert err == b""
        assert (b"samplerate: 48000 Hz" in out) == ("info" in arguments)
    assert soundfile.info(tmp_path / "speech.wav").frames == soundfile.info(speech).frames


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_standard_output_that_is_full(tmp_path):
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "vauxio", "models"], stdout=full, stderr=subprocess.PIPE
        )
    assert process.returncode == 1
    assert process.stderr == b"vaux: standard output: No space left on device\n"


# -- which file goes where -----------------------------------------------------------------------


def copies(folder: Path, recording: Path, *names: str) -> None:
    for name in names:
        folder.joinpath(name).write_bytes(recording.read_bytes())


@pytest.mark.parametrize(
    "arguments, made",
    [
        (["a.flac"], {"a.vx"}),
        (["a.flac", "b.flac"], {"a.vx", "b.vx"}),
        (["a.flac", "b.flac", "c.d.flac"], {"a.vx", "b.vx", "c.d.vx"}),
        (["a.flac", "x.VX"], {"x.VX"}),
        (["-o", "anything", "a.flac"], {"anything"}),
        (["a.flac", "-o", "folder"], {"folder/a.vx"}),
        (["a.flac", "b.flac", "-o", "folder/"], {"folder/a.vx", "folder/b.vx"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_names_of_encoded_files(vaux, recordings, tmp_path, arguments, made):
    (tmp_path / "folder").mkdir()
    copies(tmp_path, recordings / "speech-16k.flac", "a.flac", "b.flac", "c.d.flac")
    before = tree(tmp_path)
    assert vaux("encode", *arguments) == (0, b"", "")
    after = tree(tmp_path)
    assert after.keys() - before.keys() == made
    assert before.items() <= after.items()
    assert all(vauxio.info(path).complete for path in made)


@pytest.mark.parametrize(
    "arguments, made",
    [
        (["a.vx"], {"a.wav"}),
        (["a.vx", "b.vx"], {"a.wav", "b.wav"}),
        (["a.vx", "x.flac"], {"x.flac"}),
        (["a.vx", "-o", "x.ogg"], {"x.ogg"}),
        (["a.vx", "b.vx", "c.d.VX", "-o", "folder"], {"folder/a.wav", "folder/b.wav",
                                                       "folder/c.d.wav"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_names_of_decoded_files(vaux, vx, tmp_path, arguments, made):
    (tmp_path / "folder").mkdir()
    copies(tmp_path, vx, "a.vx", "b.vx", "c.d.VX")
    before = tree(tmp_path)
    assert vaux("decode", *arguments) == (0, b"", "")
    assert tree(tmp_path).keys() - before.keys() == made
    assert {soundfile.info(path).frames for path in made} == {vauxio.info(vx).frames}


@pytest.mark.parametrize(
    "name, format, subtype, exact",
    [
        ("out.wav", "WAV", "PCM_16", True),
        ("out.FLAC", "FLAC", "PCM_16", True),
        ("out.aiff", "AIFF", "PCM_16", True),
        ("out.aif", "AIFF", "PCM_16", True),
        ("out.au", "AU", "PCM_16", True),
        ("out.caf", "CAF", "PCM_16", True),
        ("out.w64", "W64", "PCM_16", True),
        ("out.rf64", "RF64", "PCM_16", True),
        ("out.ogg", "OGG", "VORBIS", False),
        ("out.opus", "OGG", "OPUS", False),
        ("out.mp3", "MP3", "MPEG_LAYER_III", False),
    ],
)
def test_the_format_follows_from_the_extension(vaux, vx, name, format, subtype, exact):
    assert vaux("decode", vx, name) == (0, b"", "")
    made = soundfile.info(name)
    assert (made.format, made.subtype, made.samplerate) == (format, subtype, 48000)
    expected, _ = vauxio.read(vx, dtype="int16")
    decoded, _ = soundfile.read(name, dtype="int16")
    if exact:
        np.testing.assert_array_equal(decoded, expected)
    else:
        assert len(decoded) >= len(expected)


@pytest.mark.parametrize("channels", [3, 8])
def test_many_channels(vaux, channels):
    noise = np.random.default_rng(0).standard_normal((3000, channels)) / 10
    soundfile.write("in.wav", noise, 32000)
    assert vaux("encode", "in.wav", "in.vx").code == 0
    for name in ("out.wav", "out.flac"):
        assert vaux("decode", "in.vx", name).code == 0
        assert soundfile.read(name)[0].shape == (3000, channels)


@pytest.mark.parametrize("name", ["out.wav", "out.aiff", "out.ogg", "out.w64", "-"])
def test_an_empty_recording(vaux, name):
    soundfile.write("in.wav", np.zeros(0), 48000)
    assert vaux("encode", "in.wav", "in.vx") == (0, b"", "")
    assert vauxio.info("in.vx").frames == 0
    code, out, err = vaux("decode", "in.vx", name)
    assert (code, err) == (0, "")
    assert soundfile.info(io.BytesIO(out) if out else name).frames == 0


@pytest.mark.parametrize("name", ["out.flac", "out.mp3", "out.opus"])
def test_formats_that_are_never_empty(vaux, tmp_path, name):
    soundfile.write("in.wav", np.zeros(0), 48000)
    assert vaux("encode", "in.wav", "in.vx").code == 0
    code, out, err = vaux("decode", "in.vx", name)
    assert (code, out) == (1, b"")
    assert err == f"vaux: {name}: this format cannot hold a recording without samples; .wav can\n"
    assert tree(tmp_path).keys() == {"in.wav", "in.vx"}


# -- options -------------------------------------------------------------------------------------


def test_bitrate(vaux, speech):
    for bitrate in (0.75, 1.5, 12):
        assert vaux("encode", "-f", "-b", bitrate, speech, "out.vx").code == 0
        assert vauxio.info("out.vx").nominal == pytest.approx(bitrate, rel=0.1)
    assert vaux("encode", speech, "default.vx").code == 0
    default = vauxio.models()[0].default_bitrate
    assert vauxio.info("default.vx").nominal == pytest.approx(default, rel=0.1)


def test_a_bitrate_that_the_model_lacks_for_the_channels(vaux, music):
    """Mono would have it, so only the recording shows that it is an error."""
    for arguments in ((music, "out.vx"), ("-r", music.parent, "-o", "out")):
        code, _, err = vaux("encode", "-b", 0.8, "-m", "general-24k", *arguments)
        assert code == 1 and "general-24k has 1.5 to 24 kbps for 2 channels" in err
        assert "internal error" not in err and "Traceback" not in err


def test_model_by_name(vaux, speech):
    name = vauxio.models()[0].name
    assert vaux("encode", "-m", name, speech, "named.vx").code == 0
    assert vaux("encode", speech, "auto.vx").code == 0
    assert Path("named.vx").read_bytes() == Path("auto.vx").read_bytes()


def test_mono(vaux, music):
    assert vaux("encode", "--mono", music, "mono.vx").code == 0
    data, samplerate = soundfile.read(music, dtype="float32")
    vauxio.write("expected.vx", data.mean(axis=1), samplerate)
    assert Path("mono.vx").read_bytes() == Path("expected.vx").read_bytes()
    assert vauxio.info("mono.vx").channels == 1


def test_plain_codes_sound_the_same(vaux, speech, vx):
    assert vaux("encode", "--no-lm", speech, "plain.vx").code == 0
    assert vauxio.info("plain.vx").coder == "packed"
    np.testing.assert_array_equal(vauxio.read("plain.vx")[0], vauxio.read(vx)[0])


@pytest.mark.parametrize("verb, source, target", [
    ("encode", "speech.flac", "there.vx"),
    ("decode", "speech.vx", "there.wav"),
])  # fmt: skip
def test_files_are_replaced_only_by_force(vaux, vx, speech, tmp_path, verb, source, target):
    copies(tmp_path, speech, "speech.flac")
    Path(target).write_bytes(b"precious")
    before = tree(tmp_path)
    assert vaux(verb, source, target) == (1, b"", f"vaux: {target}: exists; -f replaces it\n")
    assert tree(tmp_path) == before
    assert vaux(verb, "-f", source, target) == (0, b"", "")
    assert {**tree(tmp_path), target: None} == {**before, target: None}
    assert Path(target).read_bytes() != b"precious"


@pytest.mark.parametrize("arguments, reason", [
    (["encode", "."], "'.' is not the name of a file"),
    (["encode", ""], "'' is not the name of a file"),
    (["decode", "."], "'.' is not the name of a file"),
    (["decode", ".", "-o", "folder"], "'.' is not the name of a file"),
    (["decode", "--skip", "9" * 400, "a.vx"], "must be seconds, m:s or h:m:s"),
    (["verify", "-r", "a", "b", "--report", "r.html"], "--report takes one folder"),
    (["compare", "--start", "inf", "a.wav", "a.wav"], "finite"),
    (["compare", "--start", "nan", "a.wav", "a.wav"], "finite"),
    (["compare", "--seconds", "nan", "a.wav", "a.wav"], "finite"),
], ids=str)  # fmt: skip
def test_neither_names_nor_numbers(vaux, tmp_path, arguments, reason):
    (tmp_path / "folder").mkdir()
    soundfile.write("a.wav", np.zeros(1000), 8000)
    result = vaux(*arguments)
    assert result.code == 2
    assert result.err.startswith("vaux: ") and reason in result.err
    assert result.err.count("\n") == 1
    assert set(tree(tmp_path)) == {"a.wav", "folder"}


def test_the_others_are_done_when_one_fails(vaux, recordings, tmp_path):
    copies(tmp_path, recordings / "speech-16k.flac", "a.flac", "c.flac")
    Path("b.flac").write_bytes(b"not audio")
    result = vaux("encode", "a.flac", "b.flac", "c.flac", "d.flac")
    assert result.code == 1
    assert [line.split(":")[1] for line in result.err.splitlines()] == [" b.flac", " d.flac"]
    assert set(tree(tmp_path)) == {"a.flac", "b.flac", "c.flac", "a.vx", "c.vx"}


# -- --delete-input ------------------------------------------------------------------------------


def test_the_input_is_deleted_after_success(vaux, recordings, tmp_path):
    copies(tmp_path, recordings / "speech-16k.flac", "a.flac", "b.flac")
    assert vaux("encode", "--delete-input", "a.flac", "b.flac") == (0, b"", "")
    assert set(tree(tmp_path)) == {"a.vx", "b.vx"}
    assert vauxio.read("a.vx")[0].shape == (64000,)


def test_the_input_is_kept_if_the_output_cannot_be_named(vaux, recordings, tmp_path):
    copies(tmp_path, recordings / "speech-16k.flac", "a.flac")
    Path("a.vx").write_bytes(b"precious")
    before = tree(tmp_path)
    assert vaux("encode", "--delete-input", "a.flac").code == 1
    assert vaux("encode", "--delete-input", "a.flac", "-o", "/dev/null").code == 1
    assert tree(tmp_path) == before


def test_the_input_is_kept_if_the_output_reads_back_damaged(
    vaux, recordings, tmp_path, monkeypatch
):
    copies(tmp_path, recordings / "speech-16k.flac", "a.flac")
    before = tree(tmp_path)
    real_open = open

    def bad_disk(file, mode="r", *rest, **options):
        if str(file).endswith(".part") and mode == "rb":
            content = bytearray(Path(file).read_bytes())
            content[len(content) // 2] ^= 1
            Path(file).write_bytes(content)
        return real_open(file, mode, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", bad_disk)
        result = vaux("encode", "--delete-input", "a.flac")
    assert result.code == 1
    assert result.err.startswith("vaux: a.vx: block 0")
    assert tree(tmp_path) == before


def test_the_input_is_kept_if_it_changes_meanwhile(vaux, recordings, tmp_path, monkeypatch):
    copies(tmp_path, recordings / "speech-16k.flac", "a.flac")
    read = soundfile.SoundFile.read

    def changing(self, *arguments, **options):
        os.utime("a.flac", (1, 1))
        return read(self, *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", changing)
    result = vaux("encode", "--delete-input", "a.flac")
    assert result.code == 1
    assert result.err.startswith("vaux: a.flac: kept: it changed")
    assert set(tree(tmp_path)) == {"a.flac", "a.vx"}


# -- pipes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["speech-48k.flac", "long.wav"])
def test_pipes_both_ways(vaux_process, recordings, long_wav, tmp_path, name):
    path = long_wav if name == "long.wav" else recordings / name
    encoder = vaux_process("encode", "--no-lm", "-", "-")
    decoder = vaux_process("decode", "-", "-", stdin=encoder.stdout)
    sink = tmp_path / "out.wav"
    with open(path, "rb") as source:
        feeder = subprocess.Popen(["cat"], stdin=source, stdout=encoder.stdin)
    encoder.stdin.close()
    encoder.stdin = None
    sink.write_bytes(decoder.communicate(timeout=PATIENCE)[0])
    assert (feeder.wait(), encoder.wait(), decoder.returncode) == (0, 0, 0)
    vauxio.write(tmp_path / "expected.vx", *soundfile.read(path, dtype="float32"), lm=False)
    expected, _ = vauxio.read(tmp_path / "expected.vx", dtype="int16")
    np.testing.assert_array_equal(soundfile.read(sink, dtype="int16")[0], expected)


def test_standard_input_that_is_a_file(vaux_process, vx, tmp_path):
    for arguments in (("info", "--json", "-"), ("decode", "-", "out.wav")):
        with open(vx, "rb") as source:
            process = vaux_process(*arguments, stdin=source)
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, b"")
        if out:
            report = json.loads(out)
            assert (report["name"], report["frames"]) == ("-", vauxio.info(vx).frames)
    assert soundfile.info(tmp_path / "out.wav").frames == vauxio.info(vx).frames


@pytest.mark.parametrize("stereo", [False, True])
def test_wav_on_standard_output(vaux, vx, music, tmp_path, stereo):
    if stereo:
        assert vaux("encode", music, "stereo.vx").code == 0
        vx = tmp_path / "stereo.vx"
    code, out, err = vaux("decode", vx, "-")
    assert (code, err) == (0, "")
    Path("out.wav").write_bytes(out)
    expected, samplerate = vauxio.read(vx, dtype="int16")
    decoded, found = soundfile.read("out.wav", dtype="int16")
    assert found == samplerate
    np.testing.assert_array_equal(decoded, expected)
    assert len(out) == int.from_bytes(out[4:8], "little") + 8 == 44 + expected.nbytes


@pytest.mark.parametrize("verb, target", [("encode", "out.vx"), ("decode", "out.wav")])
def test_named_pipes(vaux, vaux_process, vx, speech, tmp_path, verb, target):
    os.mkfifo("in")
    process = vaux_process(verb, "in", "-o", target)
    Path("in").write_bytes((speech if verb == "encode" else vx).read_bytes())
    assert process.communicate(timeout=PATIENCE) == (b"", b"")
    assert process.returncode == 0
    made = (vauxio if verb == "encode" else soundfile).info(target)
    assert (made.samplerate, made.frames) == (48000, 201600)


def test_devices_are_written_to_without_force(vaux, speech, vx):
    assert vaux("encode", speech, "-o", "/dev/null") == (0, b"", "")
    assert vaux("decode", vx, "-o", "/dev/null") == (0, b"", "")


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1"])
def test_a_pipe_that_has_a_name(vaux, vaux_process, vx, target):
    out, err = vaux_process("decode", vx, target).communicate(timeout=PATIENCE)
    assert (out, err) == (vaux("decode", vx, "-").out, b"")


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_a_reader_that_leaves_is_no_error_message(vaux, vaux_process, long_wav, verb, tmp_path):
    source = long_wav
    if verb == "decode":
        assert vaux("encode", long_wav, "long.vx").code == 0
        source = tmp_path / "long.vx"
    process = vaux_process(verb, source, "-")
    assert process.stdout.read(10)
    process.stdout.close()
    process.stdout = None
    assert process.communicate(timeout=PATIENCE)[1] == b""
    assert process.returncode == 1


# -- being interrupted ---------------------------------------------------------------------------


@pytest.mark.parametrize("number, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_a_signal_leaves_nothing(vaux, vaux_process, long_wav, tmp_path, verb, number, code):
    """Half of the input is there and no more comes: the command waits for it."""
    content, target = long_wav.read_bytes(), "out.vx"
    if verb == "decode":
        assert vaux("encode", "-b", "1.5", long_wav, "long.vx").code == 0
        content, target = Path("long.vx").read_bytes(), "out.wav"
    Path(target).write_bytes(b"precious")
    before = tree(tmp_path)
    process = vaux_process(verb, "-f", "-", target)
    process.stdin.write(content[: len(content) // 2])
    process.stdin.flush()
    wait_until(lambda: any(tmp_path.glob(".*.part")))
    time.sleep(0.5)
    process.send_signal(getattr(signal, number))
    process.wait(timeout=PATIENCE)
    assert process.returncode == code
    assert process.stderr.read().strip() == b""
    assert tree(tmp_path) == before


def test_signals_are_as_before_afterwards(vaux):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert vaux("models").code == 0
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


# -- progress ------------------------------------------------------------------------------------


def test_progress_on_a_terminal(long_wav, tmp_path):
    for arguments in (["encode", "--no-lm", str(long_wav), "out.vx"], ["decode", "out.vx"]):
        said = on_terminal(arguments, tmp_path, NO_COLOR="1")
        assert "100 % of 34 s" in said
        assert "x real time" in said
        assert said.count("\n") == 1
    said = on_terminal(["encode", str(long_wav), "out.vx"], tmp_path, NO_COLOR="1")
    assert said.splitlines() == ["vaux: out.vx: exists; -f replaces it"]


def test_no_binary_on_a_terminal(vx, tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", "vauxio", "decode", str(vx), "-"], cwd=tmp_path, stdout=theirs,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 2
    assert b"not for a terminal" in process.stderr


# -- reports -------------------------------------------------------------------------------------


def test_info_as_json(vaux, speech, music):
    assert vaux("encode", speech, "a.vx").code == 0
    assert vaux("encode", "-b", 6, music, "b.vx").code == 0
    code, out, err = vaux("info", "--json", "a.vx", "b.vx")
    assert (code, err) == (0, "")
    first, second = map(json.loads, out.splitlines())
    assert first["name"] == "a.vx" and first["frames"] == 201600 and first["complete"]
    assert second["channels"] == 2 and second["nominal"] == pytest.approx(6, rel=0.05)
    size = Path("b.vx").stat().st_size
    assert second["bytes"] == size
    assert second["kbps"] == pytest.approx(size * 8 / 1.6 / 1000)


def test_info_of_several_files(vaux, vx, tmp_path):
    copies(tmp_path, vx, "copy.vx")
    code, out, err = vaux("info", vx, "nosuch.vx", "copy.vx")
    assert code == 1
    assert err == "vaux: nosuch.vx: no such file or folder\n"
    assert [line.split()[0] for line in out.decode().splitlines()[1:]] == [str(vx), "copy.vx"]


@pytest.mark.parametrize("verb, line", [("info", "tag title: "), ("tags", "title=")])
def test_tags_of_strangers_do_not_reach_the_terminal(tmp_path, verb, line):
    tags = {"title": "\x1b]0;owned\x07\nline"}
    vauxio.write(tmp_path / "a.vx", np.zeros(800, "int16"), 8000, tags=tags)
    shown = on_terminal([verb, "a.vx"], tmp_path)
    assert line + r"\x1b]0;owned\x07\nline" in shown


def test_info_of_a_file_cut_off(vaux, vx):
    Path("cut.vx").write_bytes(vx.read_bytes()[:-5])
    code, out, err = vaux("info", "cut.vx")
    assert (code, err) == (0, "")
    assert b"CUT OFF" in out


def test_models(vaux):
    code, out, err = vaux("models")
    assert (code, err) == (0, "")
    assert out.decode() == f"{vauxio.models()!r}\n"
    code, out, err = vaux("models", "--json")
    model = json.loads(out.splitlines()[0])
    assert model["name"] == vauxio.models()[0].name
    assert model["default_bitrate"] in model["bitrates"]


# -- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["encode", "decode", "info", "models"])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_shows_an_example(vaux, verb, option):
    code, out, err = vaux(verb, option)
    assert (code, err) == (0, "")
    assert f"  vaux {verb}" in out.decode()
    assert verb in vaux("--help").out.decode()


def test_help_without_arguments(vaux):
    assert vaux() == vaux("--help") == vaux("-h")


def test_version(vaux):
    assert vaux("--version") == (0, f"vaux {vauxio.__version__}\n".encode(), "")


@pytest.mark.parametrize("arguments", [["--help"], ["encode", "-h"], ["models"], ["info", "x.vx"]])
def test_what_needs_no_audio_loads_none(arguments, vx, tmp_path):
    """They are to answer at once; heavy imports are what would make them slow."""
    vx.rename(tmp_path / "x.vx")
    code = (
        f"import sys; from vauxio.cli import main; assert main({arguments!r}) == 0; "
        "print(*(m for m in sys.modules if '.' not in m), file=sys.stderr)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    loaded = set(process.stderr.split())
    assert {"click", "vauxio"} <= loaded
    assert loaded.isdisjoint({"onnxruntime", "soundfile", "soxr", "torch"})


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("ending, rate, becomes", [
    ("opus", 44100, 48000), ("opus", 22050, 24000), ("opus", 96000, 48000), ("mp3", 96000, 48000),
    ("mp3", 7000, 8000), ("opus", 16000, 16000),
])  # fmt: skip
def test_formats_of_few_rates_are_resampled_to(vaux, tmp_path, ending, rate, becomes, recursive):
    data = voice(rate, rate, 2)
    (tmp_path / "in").mkdir()
    vauxio.write("in/a.vx", data, rate, bitrate=6)
    if recursive:
        assert vaux("decode", "-r", "in", "-o", ".", "--format", ending, "-j", "1").code == 0
    else:
        assert vaux("decode", "in/a.vx", f"a.{ending}").code == 0
    found, samplerate = soundfile.read(f"a.{ending}")
    assert samplerate == becomes and abs(len(found) - becomes) <= (1 if ending == "opus" else 2304)


def test_raw_samples_are_encoded(vaux, tmp_path):
    samples = (voice(16000, 16000)[:, 0] * 2**15).astype("<i2")
    (tmp_path / "a.raw").write_bytes(samples.tobytes())
    assert vaux("encode", "--raw", "16000,1,s16", "a.raw").code == 0
    assert vauxio.info("a.vx").frames == 16000
    code, _, said = vaux("encode", "-f", "a.raw")
    assert code == 1 and "--raw" in said
    assert vaux("encode", "--raw", "16000,1,s17", "a.raw").code == 2


def test_raw_samples_of_a_tree_are_encoded(vaux, tmp_path):
    samples = (8000 * voice(4000, 16000)[:, 0]).astype(">i2")
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.raw", "deep/b.PCM", "c.data", "notes.txt"):
        (tmp_path / "in" / name).write_bytes(samples.tobytes())
    soundfile.write(tmp_path / "in" / "d.wav", voice(3000, 8000), 8000)
    tree = "encode", "--no-lm", "-q", "--raw", "16000,1,s16be", "-r", "in", "-j", "1"
    assert vaux(*tree, "-o", "out").code == 0
    made = {p.relative_to("out").as_posix(): vauxio.info(p) for p in Path("out").rglob("*.vx")}
    assert {name: (info.samplerate, info.frames) for name, info in made.items()} == {
        "a.vx": (16000, 4000), "deep/b.vx": (16000, 4000), "d.vx": (8000, 3000)
    }  # fmt: skip
    assert vaux("encode", "--no-lm", "--raw", "16000,1,s16be", "in/a.raw", "a.vx").code == 0
    assert (tmp_path / "a.vx").read_bytes() == (tmp_path / "out" / "a.vx").read_bytes()
    assert vaux(*tree, "-o", "chosen", "--include", "*.data").code == 0
    assert [path.name for path in Path("chosen").glob("*.vx")] == ["c.vx"]
