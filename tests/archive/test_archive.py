"""Trees of recordings: what is planned, done, skipped, refused, reported."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC

import vauxio
from support.archives import RATE, files, run, save
from support.paths import DATA, tree
from support.signals import voice
from vauxio import archive
from vauxio.archive import jobs, manifest
from vauxio.archive.engine import Lost, Processes
from vauxio.archive.verify import verify
from vauxio.file.block_reader import TokenReader


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
    (root / "gone.wav").symlink_to("moved/elsewhere.wav")
    (root / "cut.wav").write_bytes(cut[:2000])
    (root / "nan.wav").write_bytes(nan())
    return root


def nan() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(9, np.nan), RATE, "FLOAT", format="WAV")
    return file.getvalue()


GOOD = {"a.vx", "deep/er/b.vx", "Ünïcode 題/c d.vx", "same.wav.vx", "same.flac.vx", "none.vx"}
BAD = {"empty.wav", "text.wav", "odd.mp3", "gone.wav", "cut.wav", "nan.wav"}


def test_a_tree_with_everything(library, tmp_path):
    before = tree(library)
    plan = archive.plan("encode", library, tmp_path / "out")
    assert len(plan.tasks) == len(GOOD) + len(BAD) and plan.others == 1
    sizes = [task.entry.size or 0 for task in plan.tasks]
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


def test_a_folder_that_cannot_be_read(library, tmp_path, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    plan = archive.plan("encode", library, tmp_path / "out", include=["a.wav", "b.flac"])
    assert plan.refused == (archive.Result("deep", "", "cannot be read: Permission denied"),)
    assert {name for name, result in run(plan).items() if result.ok} == {"a.wav"}
    with pytest.raises(PermissionError):  # what is there in the target must be known
        archive.plan("encode", tmp_path, library)


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
        archive.Settings(bitrate=3), archive.Settings(lm=False), archive.Settings(mono=True),
        archive.Settings(denoise=True),
    ):  # fmt: skip
        assert len(archive.plan("encode", tmp_path / "in", tmp_path / "out", settings).tasks) == 1
    same = archive.Settings(model="auto", lm=True)  # which are the defaults
    assert not archive.plan("encode", tmp_path / "in", tmp_path / "out", same).tasks


def test_settings_that_are_no_numbers(tmp_path):
    for settings in (archive.Settings(bitrate="6"), archive.Settings(quality="6")):
        with pytest.raises(ValueError, match="must be a number"):
            archive.plan("encode", tmp_path, tmp_path / "out", settings)
    for name, error in (("bitrate", ValueError), ("codebooks", TypeError), ("shard", TypeError)):
        settings = archive.Settings(**{name: "6", "format": ".npz"})
        with pytest.raises(error, match=f"{name} of '6': must be"):
            archive.plan("tokens", tmp_path, tmp_path / "out", settings)
    with pytest.raises(TypeError, match="jobs of '2': must be an integer"):
        archive.run(archive.plan("encode", tmp_path), "2")


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


def test_what_was_made_in_another_format_makes_nothing_known(tmp_path):
    save(tmp_path / "a.wav")
    run(archive.plan("encode", tmp_path))
    run(archive.plan("decode", tmp_path, settings=archive.Settings(format=".flac")))
    (refused,) = archive.plan("decode", tmp_path).refused
    assert refused.error == "a.wav exists; -f replaces it"


def test_a_name_once_given_stays(tmp_path):
    save(tmp_path / "in" / "a.wav")
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    save(tmp_path / "in" / "a.flac", seed=1)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    assert [(t.source, t.target) for t in plan.tasks] == [("a.flac", "a.flac.vx")]
    assert [t.target for t in plan.skipped] == ["a.vx"]


def targets(plan: archive.Plan) -> dict[str, str]:
    return {task.source: task.target for task in (*plan.tasks, *plan.skipped)}


def test_what_is_left_of_a_deleted_recording_is_not_replaced(tmp_path):
    for force in (False, True):
        save(tmp_path / "in" / "a.wav", seed=force)
        plan = archive.plan(
            "encode", tmp_path / "in", tmp_path / "out", delete_input=True, force=force
        )
        assert not plan.refused and all(r.ok for r in run(plan).values())
        assert files(tmp_path / "in") == {}
        save(tmp_path / "in" / "a.wav", 0.5, seed=2)
        (refused,) = archive.plan(
            "encode", tmp_path / "in", tmp_path / "out", delete_input=True
        ).refused
        assert refused.error == "a.vx is what is left of another recording; -f replaces it"


@pytest.mark.parametrize("verb, made", [
    ("encode", {"s.flac": "s.flac.2.vx", "s.mp3": "s.mp3.vx", "s.flac.mp3": "s.flac.vx"}),
    ("encode", {"a.wav": "a.wav.2.vx", "a.flac": "a.flac.vx", "a.wav.wav": "a.wav.vx",
                "b.wav": "b.vx", "b.wav.wav": "b.wav.vx"}),
    ("encode", {"A.wav": "A.wav.vx", "a.wav": "a.wav.3.vx", "a.wav.2.wav": "a.wav.2.vx"}),
    ("decode", {"A.vx": "A.vx.2.wav", "a.vx": "a.vx.3.wav", "a.vx.vx": "a.vx.wav"}),
])  # fmt: skip
def test_no_two_become_one(tmp_path, verb, made):
    (tmp_path / "in").mkdir()
    for name in made:
        (tmp_path / "in" / name).write_text(name)
    if len(files(tmp_path / "in")) < len(made):
        pytest.skip("this file system does not tell such names apart")
    plan = archive.plan(verb, tmp_path / "in", tmp_path / "out")
    assert targets(plan) == made and not plan.refused


def test_no_two_become_one_in_several_runs(tmp_path):
    save(tmp_path / "in" / "x.wav.wav")
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    first = files(tmp_path / "out")
    assert first.keys() == {"x.wav.vx"}
    save(tmp_path / "in" / "x.wav", seed=1)
    save(tmp_path / "in" / "x.flac", seed=2)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", force=True, delete_input=True)
    assert targets(plan) == {
        "x.wav": "x.wav.2.vx", "x.flac": "x.flac.vx", "x.wav.wav": "x.wav.vx"
    }  # fmt: skip
    assert all(r.ok for r in run(plan).values())
    assert len(files(tmp_path / "out")) == 3 and first.items() <= files(tmp_path / "out").items()


@pytest.mark.parametrize(
    "include, exclude, chosen",
    [
        ((), ("*.flac",), {"a.wav", "x/b.wav"}),
        (("*.flac",), (), {"c.flac"}),
        (("x/*",), (), {"x/b.wav", "x/d.dat"}),
        (("*.dat",), (), {"x/d.dat"}),
        (("*",), ("x/*", "c*"), {"a.wav"}),
        ("*.flac", (), {"c.flac"}),
        ((), "*.flac", {"a.wav", "x/b.wav"}),
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


def test_a_root_that_is_no_text(vaux, tmp_path):
    root = os.fsdecode(b"rec\xff")
    save(tmp_path / "in" / "a.wav")
    try:
        os.rename(tmp_path / "in", tmp_path / root)
    except OSError:
        pytest.skip("this file system has no such names")
    assert vaux("encode", "-r", root, "-o", "out", "-j", 1)[::2] == (0, "")
    assert len(archive.plan("encode", tmp_path / root, tmp_path / "out").skipped) == 1


def test_inputs_are_deleted_once_read_back(library, tmp_path):
    out = tmp_path / "out"
    run(archive.plan("encode", library, out))  # keeps them
    results = run(archive.plan("encode", library, out, delete_input=True))
    assert {name for name, r in results.items() if not r.ok} == BAD
    assert files(library).keys() == BAD - {"gone.wav"} | {"notes.txt"}
    assert (library / "gone.wav").is_symlink()
    assert files(out).keys() == GOOD
    assert all(r.ok for r in run(archive.plan("verify", out)).values())


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.rf64", "a.flac"])
def test_an_input_that_is_cut_off_is_kept(tmp_path, name):
    save(tmp_path / "in" / name)
    whole = (tmp_path / "in" / name).read_bytes()
    (tmp_path / "in" / name).write_bytes(whole[: len(whole) // 2])
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", delete_input=True)
    (result,) = run(plan).values()
    assert result.error and files(tmp_path / "out") == {}
    assert files(tmp_path / "in") == {name: whole[: len(whole) // 2]}


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
    assert files(back).keys() == {
        name[:-3].removesuffix(".flac") + ".flac" for name in GOOD - {"none.vx"}
    }
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
    made = {name[:-3].removesuffix(".wav") + ".wav" for name in GOOD}
    assert files(tmp_path / "wav").keys() == made - {"deep/er/b.wav", "a.wav"}


@pytest.mark.parametrize("codec", [{"lm": False}, {"model": "hifi-48k"}], ids=["codes", "hifi"])
@pytest.mark.parametrize("rest", ["junk", "zeros", "another", "a cut one", "a newline"])
def test_verify_says_what_follows_the_end_of_a_file(vaux, tmp_path, monkeypatch, codec, rest):
    """It is no fault, and readers ignore it: an end elsewhere than at the file's would be."""
    monkeypatch.chdir(tmp_path)
    blob = vauxio.compress(voice(12000, RATE), RATE, **codec)
    rest = {"junk": np.random.default_rng(0).bytes(1000), "zeros": bytes(4096), "another": blob,
            "a cut one": blob[:-9], "a newline": b"\n"}[rest]  # fmt: skip
    (tmp_path / "a.vx").write_bytes(blob + rest)
    (tmp_path / "b.vx").write_bytes(blob)
    said = f"which are no part of it and never read: {len(rest):,}"
    for deep in (False, True):
        found = verify(tmp_path / "a.vx", deep)
        assert found.seconds == 12000 / RATE and [said in note for note in found.notes] == [True]
    assert verify(tmp_path / "b.vx") == (12000 / RATE, ())
    alone = vaux("verify", "a.vx", "b.vx")
    assert (alone.code, alone.out) == (0, b"a.vx: ok\nb.vx: ok\n")
    assert alone.err.startswith("vaux: a.vx: bytes after its end") and alone.err.count("\n") == 1
    plan = archive.plan("verify", tmp_path)
    results = run(plan)
    assert results["a.vx"].ok and said in results["a.vx"].notes[0] and not results["b.vx"].notes
    report = archive.Report(plan)
    report.add(results["a.vx"])
    assert "1 of bytes after a file's end" in str(report)
    np.testing.assert_array_equal(vauxio.read("a.vx")[0], vauxio.read("b.vx")[0])


def test_a_report_of_nothing_new_has_no_figures_of_it(tmp_path):
    save(tmp_path / "in" / "a.wav", 0.3)
    for first in (True, False):
        plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
        report = archive.Report(plan)
        for result in run(plan).values():
            report.add(result)
        said = str(report)
        assert ("x real time" in said) == ("->" in said) == first
    assert "done before  1 file" in said


def test_verify_decodes_only_if_deep(tmp_path, monkeypatch):
    """A file whose codes' checksum is wrong, but not that of the block, is whole; not so deep."""
    bad = DATA / "vectors" / "bad-03-codes.vx"
    decode = TokenReader._decoded
    monkeypatch.setattr(TokenReader, "_decoded", lambda *args: pytest.fail("decodes"))
    vauxio.write(tmp_path / "a.vx", voice(12000, RATE), RATE)
    assert verify(tmp_path / "a.vx").seconds == 12000 / RATE
    assert verify(bad).seconds > 0
    monkeypatch.setattr(TokenReader, "_decoded", decode)
    assert verify(tmp_path / "a.vx", deep=True).seconds == 12000 / RATE
    with pytest.raises(vauxio.VauxError):
        verify(bad, deep=True)


def test_verify_needs_no_model_unless_deep(tmp_path, monkeypatch):
    vauxio.write(tmp_path / "a.vx", voice(12000, RATE), RATE)
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path / "weights"))
    assert verify(tmp_path / "a.vx").seconds == 12000 / RATE
    with pytest.raises(vauxio.ModelError):
        verify(tmp_path / "a.vx", deep=True)


def damaged(folder: Path) -> None:
    """A file that is whole, one with a damaged block, one that is cut off, and one that is none."""
    folder.mkdir()
    data = voice(16 * 8000, 8000)  # two blocks
    blob = vauxio.compress(data, 8000, bitrate=1.5, tags={"title": "T"}, lm=False)
    broken = bytearray(blob)
    broken[len(broken) * 19 // 20] ^= 1  # in the second
    (folder / "whole.vx").write_bytes(blob)
    (folder / "broken.vx").write_bytes(broken)
    (folder / "cut.vx").write_bytes(blob[: len(blob) * 19 // 20])
    (folder / "none.vx").write_bytes(b"not audio at all")


def test_damage_is_concealed(tmp_path):
    damaged(tmp_path / "in")
    settings = archive.Settings(format=".flac", on_error="conceal")
    plan = archive.plan("decode", tmp_path / "in", tmp_path / "out", settings)
    results = run(plan)
    assert {name for name, r in results.items() if not r.ok} == {"none.vx"}
    assert results["whole.vx"].damage == ()
    assert [d[:36] for d in results["broken.vx"].damage] == ["concealed 0:09.933 to 0:16.000: bloc"]
    assert "cut off" in results["cut.vx"].damage[-1] and 9.9 < results["cut.vx"].seconds < 10
    for name in ("whole", "broken", "cut"):
        expected, _ = vauxio.read(tmp_path / "in" / f"{name}.vx", dtype="int16", on_error="conceal")
        made, _ = soundfile.read(tmp_path / "out" / f"{name}.flac", dtype="int16")
        np.testing.assert_array_equal(made, expected)
    assert FLAC(tmp_path / "out" / "broken.flac")["title"] == ["T"]
    # What is done is known to have been done so, and only so.
    again = archive.plan("decode", tmp_path / "in", tmp_path / "out", settings)
    assert {task.source for task in again.tasks} == {"none.vx"}
    strict = archive.plan(
        "decode", tmp_path / "in", tmp_path / "out", archive.Settings(format=".flac")
    )
    assert len(strict.tasks) == 4
    report = archive.Report(plan)
    for result in results.values():
        report.add(result)
    assert "concealed    damage in 2 files" in str(report)
    report.write_html(tmp_path / "r.html")
    assert "concealed 0:09.933 to 0:16.000" in (tmp_path / "r.html").read_text()


def test_the_command_conceals(vaux, tmp_path):
    damaged(tmp_path / "in")
    for name in ("whole", "none"):
        (tmp_path / "in" / f"{name}.vx").unlink()
    conceal = ("decode", "-r", "in", "-o", "out", "-j", 1, "--on-error", "conceal")
    code, _, err = vaux(*conceal)
    assert code == 0
    alone = [vaux("decode", "--on-error", "conceal", f"in/{name}.vx", f"{name}.wav")
             for name in ("broken", "cut")]  # fmt: skip
    said = "".join(result.err for result in alone).replace("vaux: in/", "vaux: ")
    assert sorted(err.splitlines()) == sorted(said.splitlines())
    for name in ("broken", "cut"):
        assert Path(f"out/{name}.wav").read_bytes() == Path(f"{name}.wav").read_bytes()
    assert vaux(*conceal)[::2] == (0, "")  # done before


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


class _Killer:
    """Ends the process that receives it, as a crash in a library would."""

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)


class _Puzzle:
    """Cannot be read by who receives it, as if its program had been replaced meanwhile."""

    def __reduce__(self):
        return int, ("no number",)


@pytest.mark.parametrize("job, how", [(_Killer(), "signal 9"), (_Puzzle(), "exit code 1")])
def test_a_job_that_ends_its_process_is_given_up(job, how):
    engine = Processes(1)
    try:
        engine.submit(job)
        same, outcome = engine.next()
        assert same is job and isinstance(outcome, Lost) and outcome.again and how in outcome.reason
        context = jobs.Context("verify", "/", "", archive.Settings(), False)
        engine.submit(jobs.Many(context, ()))
        assert engine.next()[1] == []
    finally:
        engine.close()


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


def test_a_manifest_that_cannot_be_opened(tmp_path):
    """As on a file system that is read-only."""
    save(tmp_path / "in" / "a.wav")
    plan = archive.plan("encode", tmp_path / "in")
    (tmp_path / "in" / manifest.NAME).mkdir()
    with pytest.raises(vauxio.VauxError, match="files cannot be put there; name a folder with -o"):
        list(archive.run(plan, engine="inline"))


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
    lambda p: archive.plan("encode", p, settings=archive.Settings(bitrate=9999)),
    lambda p: archive.plan("encode", "nosuch://x"),
    lambda p: archive.plan("decode", p, delete_input=True),
    lambda p: archive.plan("decode", p, settings=archive.Settings(on_error="hope")),
    lambda p: archive.plan("decode", p, settings=archive.Settings(format=".xyz")),
    lambda p: archive.plan("decode", p, settings=archive.Settings(format=".FLAC")),
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
    assert b"failed       6 files" in out
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


def test_one_line_on_a_terminal_says_how_far_it_is(tmp_path):
    termios = pytest.importorskip("termios")
    import fcntl
    import pty

    for name in "ab":
        save(tmp_path / "in" / f"{name}.wav", seed=ord(name))
    (tmp_path / "in" / "none.wav").touch()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))
    command = [sys.executable, "-m", "vauxio", "encode", "-r", tmp_path / "in", "-j", "1"]
    plain = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=plain) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # when it has ended
            while piece := os.read(ours, 1024):
                shown += piece
    os.close(ours)
    assert process.returncode == 1
    lines = re.split(r"[\r\n]+", shown.decode())
    assert any(line.startswith("  0 %") and "0/3 files" in line for line in lines)
    end = r"100 %, .* left .* 3/3 files, 0\.00 h of audio, \d+ x real time, 0\.0 MB saved"
    assert any(re.match(end, line) for line in lines)
    assert any(line.startswith("vaux: none.wav: ") for line in lines)


@pytest.mark.parametrize("arguments", [
    "encode -j 2 in/a.wav", "encode -r in in", "encode -r in --scheduler tcp://x",
    "encode --dry-run in/a.wav", "decode -r in --format doc", "decode --format wav in/a.vx",
    "encode -r in -j 0", "encode -r in -b 9999", "verify --include x in/a.vx",
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


def test_hidden_folders_are_left_alone(tmp_path):
    for name in ("a.wav", ".trash/b.wav", "sub/.git/c.wav", "sub/d.wav", ".e.wav"):
        save(tmp_path / "in" / name, 0.1)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out")
    assert sorted(task.source for task in plan.tasks) == [".e.wav", "a.wav", "sub/d.wav"]
    assert plan.left == (".trash/b.wav", "sub/.git/c.wav")
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", include=[".trash/*", "a.wav"])
    assert sorted(task.source for task in plan.tasks) == [".trash/b.wav", "a.wav"]
