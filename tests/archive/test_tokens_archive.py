"""Trees of recordings to files of tokens: what is in them, resuming, what fails."""

from __future__ import annotations

import io
import json
import os
import tarfile

import numpy as np
import pytest
import soundfile

import vauxio
from support.archives import RATE, files, run, save
from support.signals import voice
from vauxio import archive
from vauxio.archive.engine import Lost
from vauxio.archive.jobs import Many
from vauxio.archive.token_files import keys_of


@pytest.fixture
def library(tmp_path):
    root = tmp_path / "in"
    save(root / "a.wav", 0.4)
    save(root / "deep" / "b.flac", 2.7, 44100, 2)
    save(root / "deep" / "c.wav", 0.6, seed=3)
    vauxio.write(root / "d.vx", voice(RATE, RATE), RATE, bitrate=3, tags={"title": "T"})
    (root / "text.wav").write_bytes(b"not audio at all\n" * 20)
    (root / "notes.txt").write_text("left alone")
    return root


def tar(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as file:
        return {m.name: file.extractfile(m).read() for m in file.getmembers()}


def test_npz_of_each(library, tmp_path):
    settings = archive.Settings(format=".npz", model="speech-24k", codebooks=4)
    plan = archive.plan("tokens", library, tmp_path / "out", settings)
    results = run(plan, 2)
    assert {name for name, r in results.items() if not r.ok} == {"text.wav"}
    assert plan.others == 1
    assert files(tmp_path / "out").keys() == {"a.npz", "deep/b.npz", "deep/c.npz", "d.npz"}
    found = np.load(tmp_path / "out" / "deep" / "b.npz")
    data, rate = soundfile.read(library / "deep" / "b.flac", dtype="float32")
    expected = vauxio.Codec("speech-24k").encode(data, rate, codebooks=4)
    assert np.array_equal(found["codes"], expected.codes)
    assert found["samplerate"] == rate and found["frames"] == len(data)
    assert found["model"] == "speech-24k" and len(str(found["encoder"])) == 64
    d = np.load(tmp_path / "out" / "d.npz")
    held = vauxio.read_codes(library / "d.vx")
    assert np.array_equal(d["codes"], held.codes[:, :4]) and d["codes"].dtype == np.int16
    assert json.loads(str(d["tags"])) == {"title": "T"}
    again = archive.plan("tokens", library, tmp_path / "out", settings)
    assert len(again.skipped) == 4 and [t.source for t in again.tasks] == ["text.wav"]


def test_webdataset_shards_are_resumed(library, tmp_path):
    settings = archive.Settings(format=".tar", model="speech-24k", shard=2)
    out = tmp_path / "out"
    run(archive.plan("tokens", library, out, settings), 2)
    made = files(out)
    assert made.keys() == {"tokens-00000.tar", "tokens-00001.tar"}  # nothing in a third
    members = {name: content for shard in made.values() for name, content in tar(shard).items()}
    keys = {"a", "deep/b", "deep/c", "d"}
    assert members.keys() == {f"{key}{suffix}" for key in keys for suffix in (".npy", ".json")}
    about = json.loads(members["deep/c.json"])
    codes = np.load(io.BytesIO(members["deep/c.npy"]))
    assert about["source"] == "deep/c.wav" and about["tokens"] == codes.shape[2]
    assert (about["channels"], about["codebooks"]) == codes.shape[:2]

    again = archive.plan("tokens", library, out, settings)
    assert {task.source for task in again.skipped} == {"a.wav", "deep/b.flac", "deep/c.wav", "d.vx"}
    run(again)
    assert files(out) == made
    save(library / "new.wav", 0.3)  # into a new shard; the others stay
    run(archive.plan("tokens", library, out, settings))
    assert files(out).keys() == made.keys() | {"tokens-00002.tar"}
    assert {k: v for k, v in files(out).items() if k in made} == made
    save(library / "a.wav", 0.9, seed=9)  # its shard is made anew, and no other
    plan = archive.plan("tokens", library, out, settings)
    assert {t.target for t in plan.tasks if t.source != "text.wav"} == {"tokens-00000.tar"}
    run(plan)
    changed = files(out)
    assert {name for name in made if changed[name] != made[name]} == {"tokens-00000.tar"}
    (library / "a.wav").unlink()
    assert not [t for t in archive.plan("tokens", library, out, settings).tasks
                if t.source != "text.wav"]  # fmt: skip


def test_a_shard_that_was_not_finished_is_made_again(library, tmp_path):
    settings = archive.Settings(format=".tar", model="speech-24k", shard=2)
    plan = archive.plan("tokens", library, tmp_path / "whole", settings)
    run(plan)
    plan = archive.plan("tokens", library, tmp_path / "out", settings)
    results = archive.run(plan, 1, engine="inline")
    next(results)
    results.close()
    assert len(files(tmp_path / "out")) == 1
    run(archive.plan("tokens", library, tmp_path / "out", settings))
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_files_of_others_stay(library, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "tokens-00000.tar").write_bytes(b"mine")
    run(archive.plan("tokens", library, out, archive.Settings(format=".tar")))
    assert files(out).keys() == {"tokens-00000.tar", "tokens-00001.tar"}
    assert files(out)["tokens-00000.tar"] == b"mine"


def test_a_shard_whose_process_dies_fails_as_a_whole(library, tmp_path):
    from vauxio.archive.running import _Work

    plan = archive.plan("tokens", library, tmp_path / "out", archive.Settings(format=".tar"))

    class Dying:
        workers = 1
        given: list[Many] = []

        def submit(self, job):
            self.given.append(job)

        def next(self):
            return self.given[-1], Lost("died", again=True)

        def close(self):
            pass

    results = list(_Work(plan, Dying(), True, lambda *args: None, lambda tasks: None).results())
    assert len(Dying.given) == 2 and Dying.given[0] == Dying.given[1]  # tried twice, together
    assert [done.result.error for _, done in results] == ["died"] * len(plan.tasks)


def test_parquet(library, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    settings = archive.Settings(format=".parquet", model="speech-24k", codebooks=4)
    run(archive.plan("tokens", library, tmp_path / "out", settings), 1)
    table = parquet.read_table(tmp_path / "out" / "tokens-00000.parquet")
    rows = {row["source"]: row for row in table.to_pylist()}
    assert rows.keys() == {"a.wav", "deep/b.flac", "deep/c.wav", "d.vx"}
    data, rate = soundfile.read(library / "deep" / "b.flac", dtype="float32")
    row = rows["deep/b.flac"]
    expected = vauxio.Codec("speech-24k").encode(data, rate, codebooks=4).codes
    assert np.array_equal(np.array(row["codes"]), expected)
    assert (row["channels"], row["codebooks"], row["tokens"]) == expected.shape
    assert row["samplerate"] == rate and row["frames"] == len(data)
    assert json.loads(rows["d.vx"]["tags"]) == {"title": "T"}


def test_names_in_a_webdataset():
    keys = keys_of(["a.b.wav", "x/c.wav", "x/c.flac", "x/c_wav.ogg", "x.y/d.wav"])
    assert keys == {"a.b.wav": "a_b", "x/c.wav": "x/c_wav", "x/c.flac": "x/c_flac",
                    "x/c_wav.ogg": "x/c_wav-2", "x.y/d.wav": "x_y/d"}  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [dict(format=".wav"), dict(format=".npz", codebooks=17), dict(format=".tar", shard=0),
     dict(format=".npz", bitrate=999)],
)  # fmt: skip
def test_plans_that_cannot_be(library, tmp_path, settings):
    with pytest.raises(ValueError):
        archive.plan("tokens", library, tmp_path / "out", archive.Settings(**settings))


def test_the_command(vaux, library):
    assert vaux("tokens", "in/a.wav", "-o", "a.npz", "-c", 3)[::2] == (0, "")
    assert np.load("a.npz")["codes"].shape[:2] == (1, 3)
    assert vaux("tokens", "in/a.wav", "-o", "a.npz").code == 1  # it exists
    assert vaux("tokens", "in", "-o", "out", "--format", "webdataset", "-j", 1).code == 1  # text
    assert vaux("tokens", "in", "-o", "out", "--format", "webdataset", "--exclude", "text.wav",
                "-j", 1).code == 0  # fmt: skip
    with open("list.txt", "w") as file:
        file.write("in/a.wav\nin/deep/c.wav\n\n")
    assert vaux("tokens", "--list", "list.txt", "-o", "two.tar")[::2] == (0, "")
    with open("two.tar", "rb") as file:
        assert tar(file.read()).keys() == {"in/a.npy", "in/a.json", "in/deep/c.npy",
                                           "in/deep/c.json"}  # fmt: skip
    assert vaux("tokens", "--list", "list.txt", "-o", "listed", "-j", 1).code == 0
    assert {name for name in os.listdir("listed") if name[0] != "."} == {"a.npz", "deep"}
    assert "would" not in vaux("tokens", "in", "-o", "x", "--dry-run").err
    bad = vaux("tokens", "in/a.wav", "in/text.wav", "-o", "b.tar")
    assert bad.code == 1 and bad.err.count("\n") == 1 and os.path.exists("b.tar")


@pytest.mark.parametrize("arguments", [
    "tokens in/a.wav", "tokens -o x", "tokens in/a.wav -o x.npz -b 5", "tokens in -o x -b 3 -c 4",
    "tokens in/a.wav -o x.npz --format parquet", "tokens in/a.wav in/d.vx -o x.npz",
    "tokens in -o x -c 17", "tokens in -o x -m none", "tokens in/a.wav -o x.tar -j 2",
])  # fmt: skip
def test_usage(vaux, library, arguments):
    result = vaux(*arguments.split())
    assert result.code == 2 and result.err.count("\n") == 1
    assert not os.path.exists("x")
