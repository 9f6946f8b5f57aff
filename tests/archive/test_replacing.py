"""What a run may replace: what earlier runs made and nobody changed, but no first generation."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
import soundfile

import vauxio
from support.archives import RATE, files, run, save
from vauxio import archive
from vauxio.archive import manifest, store

B3 = archive.Settings(bitrate=3, lm=False)
B6 = archive.Settings(bitrate=6, lm=False)


def encode(source: Path, target: Path, settings: archive.Settings = B6, **more: bool) -> str | None:
    """Encode the one recording of a tree. Returns the error."""
    return only(archive.plan("encode", source, target, settings, **more))


def decode(source: Path, target: Path, form: str = ".wav", **more: bool) -> str | None:
    return only(archive.plan("decode", source, target, archive.Settings(format=form), **more))


def only(plan: archive.Plan) -> str | None:
    (result,) = run(plan).values()
    return result.error


@pytest.fixture
def a(tmp_path) -> Path:
    """A tree with a recording, from which a decoded one differs in nothing but its samples."""
    save(tmp_path / "a" / "a.wav", 0.4)
    return tmp_path / "a"


def test_what_was_decoded_is_decoded_again_when_its_source_is_another(a, tmp_path):
    for settings in (B6, B3, B6):
        assert encode(a, tmp_path / "vx", settings) is None
        assert decode(tmp_path / "vx", tmp_path / "wav") is None
        expected, _ = vauxio.read(tmp_path / "vx" / "a.vx", dtype="int16")
        made, _ = soundfile.read(tmp_path / "wav" / "a.wav", dtype="int16")
        assert (made == expected).all()
        assert not archive.plan("decode", tmp_path / "vx", tmp_path / "wav").tasks


@pytest.mark.parametrize("verb, form", [("decode", ".wav"), ("tokens", ".npz"), ("tokens", ".tar")])
def test_another_file_of_the_same_size_and_time_is_seen(a, tmp_path, verb, form):
    """A ``.vx`` file that was made anew has the time of its recording again."""
    settings = archive.Settings(format=form)
    assert encode(a, tmp_path / "vx") is None
    run(archive.plan(verb, tmp_path / "vx", tmp_path / "out", settings))
    assert not archive.plan(verb, tmp_path / "vx", tmp_path / "out", settings).tasks
    path, was = tmp_path / "vx" / "a.vx", (tmp_path / "vx" / "a.vx").stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert len(archive.plan(verb, tmp_path / "vx", tmp_path / "out", settings).tasks) == 1


def test_a_recording_in_the_place_of_a_decoded_one_stays(a, tmp_path):
    """The very one that it was, with the same size and time."""
    encode(a, tmp_path / "vx")
    decode(tmp_path / "vx", tmp_path / "wav")
    made = tmp_path / "wav" / "a.wav"
    assert made.stat().st_size == (a / "a.wav").stat().st_size
    shutil.copy2(a / "a.wav", made)
    encode(a, tmp_path / "vx", B3)
    assert decode(tmp_path / "vx", tmp_path / "wav") == (
        "a.wav was changed since it was made; -f replaces it"
    )
    assert made.read_bytes() == (a / "a.wav").read_bytes()
    assert decode(tmp_path / "vx", tmp_path / "wav", force=True) is None
    encode(a, tmp_path / "vx", B6)
    assert decode(tmp_path / "vx", tmp_path / "wav") is None  # it is the run's own again


def test_what_somebody_changed_stays(vaux, a, tmp_path):
    encode(a, tmp_path / "vx")
    assert vaux("tags", "vx/a.vx", "--set", "title=T").code == 0
    tagged = (tmp_path / "vx" / "a.vx").read_bytes()
    assert len(archive.plan("encode", a, tmp_path / "vx", B6).skipped) == 1
    for options in ({}, {"delete_input": True}):
        assert "was changed since" in encode(a, tmp_path / "vx", B3, **options)
    assert (tmp_path / "vx" / "a.vx").read_bytes() == tagged and (a / "a.wav").exists()
    assert encode(a, tmp_path / "vx", B3, force=True) is None


@pytest.mark.parametrize("recursive", [False, True])
def test_the_first_generation_stays(vaux, a, recursive):
    """The decoded recording has the size and time of the one that is gone."""
    entry = (a / "a.wav").stat()
    encode(a, a)
    first = (a / "a.vx").read_bytes()
    (a / "a.wav").unlink()
    assert vaux("decode", *(["-r", a] if recursive else [a / "a.vx"])).code == 0
    now = (a / "a.wav").stat()
    assert (now.st_size, now.st_mtime_ns) == (entry.st_size, entry.st_mtime_ns)
    for options in ({}, {"delete_input": True}):
        assert "decoded from" in encode(a, a, B3, **options)
    assert (a / "a.vx").read_bytes() == first and (a / "a.wav").exists()
    if recursive:  # its name is known even after a change
        save(a / "a.wav", 0.3)
        assert encode(a, a) == "was decoded from a.vx; -f replaces that"
    assert encode(a, a, B3, force=True) is None
    assert encode(a, a, B6) is None  # which is now made of what is beside it


def test_a_recording_that_was_changed_is_encoded_again_to_be_deleted(a, tmp_path):
    encode(a, tmp_path / "vx")
    save(a / "a.wav", 0.7)
    assert encode(a, tmp_path / "vx", delete_input=True) is None
    assert files(a) == {} and vauxio.info(tmp_path / "vx" / "a.vx").frames == 0.7 * RATE


def test_each_format_is_known(a, tmp_path):
    encode(a, tmp_path / "vx")
    for form in (".wav", ".flac"):
        assert decode(tmp_path / "vx", tmp_path / "out", form) is None
    for form in (".wav", ".flac"):
        settings = archive.Settings(format=form)
        assert archive.plan("decode", tmp_path / "vx", tmp_path / "out", settings).skipped
    encode(a, tmp_path / "vx", B3)
    for form in (".wav", ".flac"):
        assert decode(tmp_path / "vx", tmp_path / "out", form) is None


def test_a_tree_has_one_name(a, tmp_path, monkeypatch):
    assert encode(a, tmp_path / "vx") is None
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(a)
    monkeypatch.chdir(tmp_path / "sub")
    for name in ("../a", tmp_path / "link"):
        assert archive.plan("encode", name, "../vx", B6).skipped


# -- runs that are killed ------------------------------------------------------------------------


class Killed(BaseException):
    pass


def killed(plan: archive.Plan, monkeypatch, what: type, name: str) -> None:
    """Carry out a plan up to a call of something, and end there without a word."""

    def die(*args):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(what, name, die)
        run(plan)


@pytest.mark.parametrize("settings", [B6, B3])
def test_what_a_killed_run_made_is_its_own(a, tmp_path, monkeypatch, settings):
    """With other settings, too; but not what somebody has put there since."""
    vx = tmp_path / "vx"
    for _ in range(2):  # what is there is of no run that ended, then of one
        killed(archive.plan("encode", a, vx, B6), monkeypatch, manifest.Manifest, "finish")
        assert (vx / "a.vx").exists()
        (vx / "a.vx").touch()
        assert "was changed since" in encode(a, vx, settings)
        (vx / "a.vx").unlink()
        killed(archive.plan("encode", a, vx, B6), monkeypatch, manifest.Manifest, "finish")
        assert encode(a, vx, settings) is None
        save(a / "a.wav", 0.3)


def test_a_run_that_is_killed_before_it_has_made_anything(a, tmp_path, monkeypatch):
    """Of what is there, the manifest then still knows what it was made of."""
    vx = tmp_path / "vx"
    assert encode(a, vx, B6, delete_input=True) is None
    save(a / "a.wav", 0.7)
    assert "what is left" in encode(a, vx)
    plan = archive.plan("encode", a, vx, B6, force=True)
    killed(plan, monkeypatch, archive.running._Work, "results")
    assert "what is left" in encode(a, vx)
    assert encode(a, vx, force=True) is None and encode(a, vx, B3) is None


def test_killed_while_it_deletes(a, tmp_path, monkeypatch):
    plan = archive.plan("encode", a, tmp_path / "vx", B6, delete_input=True)
    killed(plan, monkeypatch, store._Local, "remove")
    assert (a / "a.wav").exists()
    assert encode(a, tmp_path / "vx", delete_input=True) is None
    assert files(a) == {}
    save(a / "a.wav", 0.4, seed=1)
    assert "what is left" in encode(a, tmp_path / "vx", delete_input=True)


# -- manifests -----------------------------------------------------------------------------------


def test_without_a_manifest_nothing_is_known(a, tmp_path):
    encode(a, tmp_path / "vx")
    (tmp_path / "vx" / manifest.NAME).unlink()
    assert encode(a, tmp_path / "vx", B3) == "a.vx exists; -f replaces it"


def test_a_manifest_of_another_version(a, tmp_path):
    encode(a, tmp_path / "vx")
    path = tmp_path / "vx" / manifest.NAME
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    plan = archive.plan("encode", a, tmp_path / "new")
    (tmp_path / "new").mkdir()
    shutil.copy(path, tmp_path / "new" / manifest.NAME)
    for attempt in (lambda: archive.plan("encode", a, tmp_path / "vx"), lambda: run(plan)):
        with pytest.raises(vauxio.VauxError, match="of another version.*remove it to begin anew"):
            attempt()


def test_a_manifest_that_was_not_begun(a, tmp_path):
    """Its run was killed between creating the file and the first of its tables."""
    (tmp_path / "vx").mkdir()
    (tmp_path / "vx" / manifest.NAME).touch()
    assert encode(a, tmp_path / "vx") is None


# -- trees elsewhere, shards ---------------------------------------------------------------------


def test_a_remote_tree(a, tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    disk = fsspec.filesystem("memory")
    try:
        for settings in (B6, B3):
            assert encode(a, "memory://vx", settings) is None
            assert decode("memory://vx", "memory://wav") is None
            assert not archive.plan("decode", "memory://vx", "memory://wav").tasks
        disk.pipe_file("/wav/a.wav", b"mine")
        encode(a, "memory://vx", B6)
        assert "was changed since" in decode("memory://vx", "memory://wav")
        killed(archive.plan("encode", a, "memory://new", B6), monkeypatch,
               manifest.Manifest, "finish")  # fmt: skip
        assert disk.exists("/new/a.vx")
        assert encode(a, "memory://new", B3) is None
    finally:
        disk.rm("/", recursive=True)


def test_a_shard(tmp_path):
    settings = archive.Settings(format=".tar", model="speech-24k", shard=2)
    for number in range(4):
        save(tmp_path / "in" / f"{number}.wav", 0.3, seed=number)
    out = tmp_path / "out"

    def again(**more: bool) -> dict[str, str | None]:
        results = run(archive.plan("tokens", tmp_path / "in", out, settings, **more))
        return {name: result.error for name, result in results.items()}

    again()
    (out / "tokens-00000.tar").write_bytes(b"mine")
    assert again() == {}  # what it was made of is the same
    for number in (1, 3):
        save(tmp_path / "in" / f"{number}.wav", 0.4, seed=number)
    changed = "tokens-00000.tar was changed since it was made; -f replaces it"
    assert again() == {"0.wav": changed, "1.wav": changed, "2.wav": None, "3.wav": None}
    assert (out / "tokens-00000.tar").read_bytes() == b"mine"
    assert again(force=True) == {"0.wav": None, "1.wav": None}
    assert files(out).keys() == {"tokens-00000.tar", "tokens-00001.tar"}
    (tmp_path / "in" / "1.wav").rename(tmp_path / "1.wav")
    save(tmp_path / "in" / "0.wav", 0.4)
    assert again() == {"0.wav": None}
    (tmp_path / "1.wav").rename(tmp_path / "in" / "1.wav")  # its shard was made without it
    assert again() == {"0.wav": None, "1.wav": None}
