"""Trees of recordings: what is planned, done, skipped, refused, reported."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import tree
from mutagen.flac import FLAC
from signals import voice

import vauxio
from vauxio import archive
from vauxio.archive import coding, manifest, running, work
from vauxio.archive.engine import Lost, Processes
from vauxio.codec import Codec
from vauxio.pcm import Recording

RATE = 16000


def save(path: Path, seconds: float = 0.5, rate: int = RATE, channels: int = 1, seed: int = 0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(round(seconds * rate), rate, channels, seed), rate)


@pytest.fixture
def library(tmp_path) -> Path:
    """A tree with everything that trees have."""
    root = tmp_path / "library"
    save(root / "a.wav", 0.4)
    save(root / "deep" / "er" / "b.flac", 2.7, 44100, 2)
    save(root / "Ünïcode 題" / "c d.ogg", 0.6, 48000)
    save(root / "same.wav", 0.3, seed=1)
    save(root / "same.flac", 0.3, seed=2)
    save(root / "none.wav", 0)
    (root / "empty.wav").write_bytes(b"")
    (root / "text.wav").write_bytes(b"not audio at all\n" * 20)
    (root / "notes.txt").write_text("left alone")
    cut = (root / "a.wav").read_bytes()
    (root / "odd.mp3").write_bytes(cut[:13])
    return root


GOOD = {"a.vx", "deep/er/b.vx", "Ünïcode 題/c d.vx", "same.wav.vx", "same.flac.vx", "none.vx"}
BAD = {"empty.wav", "text.wav", "odd.mp3"}


def run(plan: archive.Plan, jobs: int | None = None) -> dict[str, archive.Result]:
    """Have it done: in this process, which is fast for little, or by so many others."""
    results = list(archive.run(plan, jobs, engine="processes" if jobs else "inline"))
    assert len({r.source for r in results}) == len(results)
    return {r.source: r for r in results}


def files(folder: Path) -> dict[str, bytes]:
    """What is in a tree, but for folders and the manifest."""
    return {
        name: content
        for name, content in tree(folder).items()
        if content is not None and not name.startswith(manifest.NAME)
    }


def test_a_tree_with_everything(library, tmp_path):
    before = tree(library)
    plan = archive.plan("encode", library, tmp_path / "out")
    assert len(plan.tasks) == len(GOOD) + len(BAD) and plan.others == 1
    sizes = [task.entry.size for task in plan.tasks]
    assert sizes == sorted(sizes, reverse=True)
    results = run(plan, 2)
    out = files(tmp_path / "out")
    assert out.keys() == GOOD
    assert {name for name, r in results.items() if not r.ok} == BAD
    assert all("\n" not in (r.error or "") for r in results.values())
    assert not any(str(tmp_path) in (r.error or "") for r in results.values())
    assert tree(library) == before
    for name, r in results.items():
        if r.ok:
            info = soundfile.info(library / name)
            made = vauxio.info(tmp_path / "out" / r.target)
            assert (made.frames, made.samplerate, made.channels) == (
                info.frames, info.samplerate, info.channels,
            )  # fmt: skip
            assert r.seconds == pytest.approx(info.duration)
            assert (r.bytes_in, r.bytes_out) == ((library / name).stat().st_size, made.bytes)


def test_files_are_as_if_each_were_encoded_alone(library, tmp_path, vaux):
    run(archive.plan("encode", library, tmp_path / "out", archive.Settings(bitrate=3)))
    for target in GOOD:
        source = target[:-3] if target.startswith("same") else None
        stem = (library / target).with_suffix("")
        source = library / source if source else next(
            p for p in stem.parent.iterdir() if p.stem == stem.name
        )  # fmt: skip
        assert vaux("encode", "-b", 3, source, tmp_path / "one.vx", "-f").code == 0
        assert (tmp_path / "one.vx").read_bytes() == (tmp_path / "out" / target).read_bytes()


def test_what_is_done_is_skipped(library, tmp_path):
    out = tmp_path / "out"
    run(archive.plan("encode", library, out))
    first = files(out)
    again = archive.plan("encode", library, out)
    assert {task.source for task in again.tasks} == BAD
    assert len(again.skipped) == len(GOOD) and not again.refused
    # Changed, touched, lost, new: these are done.
    save(library / "a.wav", 0.5)
    os.utime(library / "same.wav", (1, 1))
    (out / "none.vx").unlink()
    save(library / "deep" / "new.wav")
    plan = archive.plan("encode", library, out)
    todo = {task.source for task in plan.tasks} - BAD
    assert todo == {"a.wav", "same.wav", "none.wav", "deep/new.wav"}
    run(plan)
    second = files(out)
    assert second.keys() == first.keys() | {"deep/new.vx"}
    assert {name for name in first if second[name] != first[name]} == {"a.vx"}
    assert not {task.source for task in archive.plan("encode", library, out).tasks} - BAD


def test_other_settings_are_another_job(tmp_path):
    save(tmp_path / "in" / "a.wav")
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    for settings in (
        archive.Settings(bitrate=3), archive.Settings(lm=False), archive.Settings(mono=True)
    ):  # fmt: skip
        assert len(archive.plan("encode", tmp_path / "in", tmp_path / "out", settings).tasks) == 1
    same = archive.Settings(bitrate=6, model="general-24k")
    assert not archive.plan("encode", tmp_path / "in", tmp_path / "out", same).tasks


def test_files_of_others_are_not_replaced(tmp_path):
    save(tmp_path / "in" / "a.wav")
    save(tmp_path / "in" / "b.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.vx").write_bytes(b"precious")
    results = run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    assert results["a.wav"].error == "a.vx exists; -f replaces it" and results["b.wav"].ok
    assert (tmp_path / "out" / "a.vx").read_bytes() == b"precious"
    assert run(archive.plan("encode", tmp_path / "in", tmp_path / "out", force=True))["a.wav"].ok
    assert vauxio.info(tmp_path / "out" / "a.vx").complete


def test_a_name_once_given_stays(tmp_path):
    save(tmp_path / "in" / "a.wav")
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    save(tmp_path / "in" / "a.flac", seed=1)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    assert [(t.source, t.target) for t in plan.tasks] == [("a.flac", "a.flac.vx")]
    assert [t.target for t in plan.skipped] == ["a.vx"]


@pytest.mark.parametrize(
    "include, exclude, chosen",
    [
        ((), ("*.flac",), {"a.wav", "x/b.wav"}),
        (("*.flac",), (), {"c.flac"}),
        (("x/*",), (), {"x/b.wav", "x/d.dat"}),
        (("*.dat",), (), {"x/d.dat"}),
        (("*",), ("x/*", "c*"), {"a.wav"}),
    ],
)
def test_include_and_exclude(tmp_path, include, exclude, chosen):
    for name in ("a.wav", "x/b.wav", "c.flac", "x/d.dat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    plan = archive.plan("encode", tmp_path, tmp_path / "out", include=include, exclude=exclude)
    assert {task.source for task in plan.tasks} == chosen
    assert plan.others == 4 - len(chosen)


def test_names_that_are_no_text(tmp_path):
    name = os.fsdecode(b"\xff\xfe latin \xe9.wav")
    try:
        save(tmp_path / "in" / "a.wav")
        os.rename(tmp_path / "in" / "a.wav", tmp_path / "in" / name)
    except OSError:
        pytest.skip("this file system has no such names")
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    assert run(plan)[name].ok
    report = archive.Report(plan)
    report.add(archive.Result(name, "", error="x"))
    report.write_html(tmp_path / "r.html")
    assert len(archive.plan("encode", tmp_path / "in", tmp_path / "out").skipped) == 1


def test_inputs_are_deleted_once_read_back(library, tmp_path):
    out = tmp_path / "out"
    run(archive.plan("encode", library, out))  # keeps them
    results = run(archive.plan("encode", library, out, delete_input=True))
    assert {name for name, r in results.items() if not r.ok} == BAD
    assert {name for name in files(library)} == BAD | {"notes.txt"}
    assert files(out).keys() == GOOD
    assert all(r.ok for r in run(archive.plan("verify", out)).values())


def test_an_input_that_changes_meanwhile_is_kept(tmp_path):
    save(tmp_path / "in" / "a.wav")
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", delete_input=True)
    save(tmp_path / "in" / "a.wav", 0.7)
    assert "kept: it changed" in run(plan)["a.wav"].error
    assert soundfile.info(tmp_path / "in" / "a.wav").duration == 0.7


def test_decode_and_verify(library, tmp_path):
    out, back = tmp_path / "out", tmp_path / "back"
    file = FLAC(library / "deep" / "er" / "b.flac")
    file["title"] = "T"
    file.save()
    run(archive.plan("encode", library, out))
    results = run(archive.plan("decode", out, back, archive.Settings(format=".flac")))
    assert {name for name, r in results.items() if not r.ok} == {"none.vx"}  # FLAC has no such
    assert files(back).keys() == {name[:-3] + ".flac" for name in GOOD - {"none.vx"}}
    assert FLAC(back / "deep" / "er" / "b.flac")["title"] == ["T"]
    expected, _ = vauxio.read(out / "deep" / "er" / "b.vx", dtype="int16")
    decoded, _ = soundfile.read(back / "deep" / "er" / "b.flac", dtype="int16")
    np.testing.assert_array_equal(decoded, expected)
    assert len(archive.plan("decode", out, back, archive.Settings(format=".flac")).skipped) == 5

    broken = bytearray((out / "deep" / "er" / "b.vx").read_bytes())
    broken[len(broken) // 2] ^= 1
    (out / "deep" / "er" / "b.vx").write_bytes(broken)
    whole = (out / "a.vx").read_bytes()
    (out / "a.vx").write_bytes(whole[:-9])
    for deep in (False, True):
        results = run(archive.plan("verify", out, settings=archive.Settings(deep=deep)))
        assert {n for n, r in results.items() if not r.ok} == {"deep/er/b.vx", "a.vx"}
        assert "1 of 1 blocks" in results["deep/er/b.vx"].error
        assert "cut off" in results["a.vx"].error
    assert {n for n, r in run(archive.plan("decode", out, tmp_path / "wav")).items()
            if not r.ok} == {"deep/er/b.vx", "a.vx"}  # fmt: skip
    assert files(tmp_path / "wav").keys() == {name[:-3] + ".wav" for name in GOOD} - {
        "deep/er/b.wav", "a.wav"
    }  # fmt: skip


# -- the same codes, whoever makes them ----------------------------------------------------------


@pytest.mark.parametrize("rate, channels", [(24000, 1), (44100, 2), (16000, 1), (11025, 1)])
def test_a_stretch_is_as_the_whole(tmp_path, rate, channels):
    save(tmp_path / "a.wav", 33.3, rate, channels)
    codec = Codec()
    data, _ = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    whole = codec.encode(data, rate, bitrate=3).codes
    for first, stop in ((0, 7), (750, 1500), (2100, whole.shape[2]), (1499, 1501)):
        with Recording(tmp_path / "a.wav") as recording:
            codes = coding.encode_stretch(recording, codec, 4, False, first, stop)
        np.testing.assert_array_equal(codes, whole[..., first:stop])


def test_short_ones_together_are_as_alone():
    codec = Codec()
    signals = [
        (voice(n, rate, c, seed=n), rate)
        for n, rate, c in (
            (0, 8000, 1),
            (1, 24000, 2),
            (320, 24000, 1),
            (30000, 44100, 2),
            (9000, 16000, 1),
        )
    ]
    for (frames, rate), codes in zip(
        signals, coding.encode_together(signals, codec, 8), strict=True
    ):
        np.testing.assert_array_equal(codes, codec.encode(frames, rate, bitrate=6).codes)


@pytest.mark.parametrize("name, divisible", [
    ("a.wav", True), ("a.flac", True), ("a.aiff", True), ("a.ogg", False), ("a.mp3", False),
])  # fmt: skip
def test_what_can_be_divided(tmp_path, name, divisible):
    save(tmp_path / name)
    with Recording(tmp_path / name) as recording:
        assert coding.is_divisible(recording) is divisible


@pytest.mark.parametrize("delete", [False, True], ids=["kept", "deleted"])
def test_a_long_file_goes_through_several_hands(tmp_path, monkeypatch, vaux, delete):
    monkeypatch.setattr(running, "_DIVIDE", 0)
    monkeypatch.setattr(work, "_PART_BLOCKS", 1)
    save(tmp_path / "in" / "long.flac", 41, 44100)
    file = FLAC(tmp_path / "in" / "long.flac")
    file["title"] = "Long"
    file.save()
    assert vaux("encode", "in/long.flac", "alone.vx").code == 0
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", delete_input=delete)
    context = work.Context("encode", plan.source, plan.target, plan.settings, delete)
    assert len(work.divide(context, plan.tasks[0])) == 5
    (result,) = archive.run(plan, 2)
    assert result.ok and result.seconds == pytest.approx(41)
    assert (tmp_path / "out" / "long.vx").read_bytes() == (tmp_path / "alone.vx").read_bytes()
    assert (tmp_path / "in" / "long.flac").exists() is not delete


def test_a_long_file_that_is_damaged_fails_once(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_DIVIDE", 0)
    monkeypatch.setattr(work, "_PART_BLOCKS", 1)
    data = voice(40 * RATE, RATE)
    data[5 * RATE] = data[33 * RATE] = np.nan
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", data, RATE, "FLOAT")
    results = run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    assert len(results) == 1 and "NaN" in results["a.wav"].error
    assert files(tmp_path / "out") == {}


# -- workers ------------------------------------------------------------------------------------


def test_processes_that_die_are_replaced(tmp_path):
    for i in range(4):
        save(tmp_path / "in" / f"{i}.wav", 2.5, seed=i)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    results = archive.run(plan, 1)
    first = next(results)
    (child,) = [int(p) for p in Path(f"/proc/{os.getpid()}/task").glob("*/children")
                for p in p.read_text().split()
                if b"vauxio.archive.worker" in Path(f"/proc/{p}/cmdline").read_bytes()]  # fmt: skip
    os.kill(child, 9)
    assert all(r.ok for r in [first, *results])
    assert files(tmp_path / "out").keys() == {f"{i}.vx" for i in range(4)}


def test_a_job_that_kills_its_process_is_given_up():
    engine = Processes(1)
    try:
        engine.submit(_Killer())
        job, outcome = engine.next()
        assert isinstance(outcome, Lost) and outcome.again and "signal 9" in outcome.reason
        engine.submit(work.Many(work.Context("verify", "/", "", archive.Settings(), False), ()))
        assert engine.next()[1] == []
    finally:
        engine.close()


class _Killer:
    """Ends the process that receives it, as a crash in a library would."""

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)


def test_two_runs_in_one_tree(tmp_path):
    for i in range(2):
        save(tmp_path / "in" / f"{i}.wav")
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    results = archive.run(plan, 1)
    next(results)
    with pytest.raises(vauxio.VauxError, match="another run"):
        next(archive.run(plan, 1))
    results.close()
    left = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    assert all(result.ok for result in run(left).values())


def test_a_damaged_manifest(tmp_path):
    save(tmp_path / "in" / "a.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / manifest.NAME).write_bytes(b"not a database " * 100)
    with pytest.raises(vauxio.VauxError, match="remove it to begin anew"):
        archive.plan("encode", tmp_path / "in", tmp_path / "out")


def test_a_run_that_is_given_up_is_taken_up(tmp_path):
    for i in range(3):
        save(tmp_path / "in" / f"{i}.wav", 2.5, seed=i)
    results = archive.run(archive.plan("encode", tmp_path / "in", tmp_path / "out"), 1)
    assert next(results).ok
    results.close()
    left = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    assert 0 < len(left.tasks) < 3 and not left.refused
    run(left)
    assert files(tmp_path / "out").keys() == {"0.vx", "1.vx", "2.vx"}


@pytest.mark.parametrize("wrong", [
    lambda p: archive.plan("burn", p), lambda p: archive.plan("encode", p / "none"),
    lambda p: archive.plan("encode", p, settings=archive.Settings(model="none")),
    lambda p: archive.plan("encode", p, settings=archive.Settings(bitrate=99)),
    lambda p: archive.plan("encode", "nosuch://x"),
    lambda p: archive.run(archive.plan("encode", p), 0),
    lambda p: archive.run(archive.plan("encode", p), engine="horses"),
])  # fmt: skip
def test_wrong_use(tmp_path, wrong):
    with pytest.raises((ValueError, vauxio.VauxError, FileNotFoundError)):
        wrong(tmp_path)


# -- the command line ----------------------------------------------------------------------------


def test_the_commands(vaux, library, tmp_path):
    code, out, err = vaux("encode", "-r", library, "-o", "out", "-j", 2, "--report", "r.html")
    assert code == 1
    assert sorted(line.split(": ")[1] for line in err.splitlines()) == sorted(BAD)
    assert out.decode().splitlines()[0].startswith("done         6 files")
    assert b"failed       3 files" in out
    page = (tmp_path / "r.html").read_text()
    checker = HTMLParser()
    checker.feed(page)
    assert all(name in page for name in BAD) and "<svg" in page and "http" not in page
    shutil.rmtree(library)
    library.mkdir()
    (library / "sub").mkdir()
    save(library / "sub" / "x.wav")
    assert vaux("encode", "-r", library, "-o", "two", "--dry-run").out.startswith(
        b"encode sub/x.wav -> sub/x.vx\n"
    )
    assert not (tmp_path / "two").exists()
    assert vaux("encode", "-r", library, "-o", "two", "-j", 1)[::2] == (0, "")
    assert vaux("verify", "-r", "two", "--deep", "-j", 1)[::2] == (0, "")
    assert vaux("verify", "two/sub/x.vx") == (0, b"two/sub/x.vx: ok\n", "")
    assert vaux("decode", "-r", "two", "-o", "three", "-j", 1, "--format", "FLAC").code == 0
    assert soundfile.info("three/sub/x.flac").frames == RATE // 2


def test_events(vaux, tmp_path):
    save(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "b.wav").touch()
    code, out, err = vaux("encode", "-r", "in", "-j", 1, "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, "")
    assert [e["event"] for e in events] == ["plan", "file", "file", "report"]
    assert {e["source"]: e["error"] is None for e in events[1:3]} == {"a.wav": True, "b.wav": False}
    assert (events[3]["done"], events[3]["failed"], events[3]["audio_seconds"]) == (1, 1, 0.5)
    assert (tmp_path / "in" / "a.vx").exists()  # beside its source


@pytest.mark.parametrize("arguments", [
    "encode -j 2 in/a.wav", "encode -r in in", "encode -r in --scheduler tcp://x",
    "encode --dry-run in/a.wav", "decode -r in --format doc", "decode --format wav in/a.vx",
    "encode -r in -j 0", "encode -r in -b 99", "verify --include x in/a.vx",
])  # fmt: skip
def test_wrong_usage(vaux, tmp_path, arguments):
    save(tmp_path / "in" / "a.wav")
    before = tree(tmp_path)
    code, out, err = vaux(*arguments.split())
    assert code == 2 and out == b"" and err.startswith("vaux: ") and err.count("\n") == 1
    assert tree(tmp_path) == before


@pytest.mark.parametrize("arguments", ["encode -r none", "verify in", "verify none.vx",
                                       "verify in/a.wav", "encode -r nosuch://x"])  # fmt: skip
def test_what_cannot_be_done(vaux, tmp_path, arguments):
    save(tmp_path / "in" / "a.wav")
    code, out, err = vaux(*arguments.split())
    assert code == 1 and out == b"" and err.startswith("vaux: ") and err.count("\n") == 1


def test_the_manifest_is_a_database_that_others_can_read(tmp_path):
    save(tmp_path / "in" / "a.wav")
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    db = sqlite3.connect(tmp_path / "out" / manifest.NAME)
    assert db.execute("SELECT verb, source, target, done FROM files").fetchall() == [
        ("encode", b"a.wav", b"a.vx", 1)
    ]
    db.close()
