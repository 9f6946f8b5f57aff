"""Trees that lie elsewhere: an S3 server, a zip, a web server, memory; and a Dask cluster."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import soundfile

import vauxio
from support.signals import voice
from support.waiting import PATIENCE, wait_until
from vauxio import archive
from vauxio.archive import manifest
from vauxio.archive.store import open_store

fsspec = pytest.importorskip("fsspec")

# Libraries of others, which warn of themselves.
pytestmark = pytest.mark.filterwarnings("default")


def library(root: Path, count: int = 3, seconds: float = 0.5) -> Path:
    for i in range(count):
        folder = root / f"{i % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        data = voice(int(16000 * (seconds + i / 10)), 16000, seed=i)
        soundfile.write(folder / f"ä {i}.wav", data, 16000)
    return root


@pytest.fixture
def expected(tmp_path) -> dict[str, bytes]:
    """What is made of the library where nothing is remote."""
    run(archive.plan("encode", library(tmp_path / "in"), tmp_path / "expected"))
    return content(tmp_path / "expected")


def run(plan: archive.Plan, jobs: int | None = None) -> None:
    results = list(archive.run(plan, jobs, engine="processes" if jobs else "inline"))
    assert [r.error for r in results] == [None] * len(plan.tasks)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.*")
        if path.is_file() and not path.name.startswith(manifest.NAME)
    }


def remote(url: str) -> dict[str, bytes]:
    store = open_store(url)
    found = {}
    for name in store.find():
        if name != manifest.NAME:
            with store.reading(name) as file:
                found[name] = file.read()
    return found


SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def s3():
    """A server that speaks S3, on loopback; a bucket in it."""
    pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{int(process.stdout.readline())}"
    settings = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        try:
            s3fs.S3FileSystem(skip_instance_cache=True).mkdir("library")
            yield "s3://library"
        finally:
            process.kill()
            process.communicate()


def test_s3_there_and_back(s3, expected, tmp_path):
    run(archive.plan("encode", tmp_path / "in", f"{s3}/vx"), 2)
    assert remote(f"{s3}/vx") == expected
    again = archive.plan("encode", tmp_path / "in", f"{s3}/vx")
    assert not again.tasks and len(again.skipped) == 3
    run(archive.plan("verify", f"{s3}/vx", settings=archive.Settings(deep=True)))
    run(archive.plan("decode", f"{s3}/vx", f"{s3}/flac", archive.Settings(format=".flac")))
    run(archive.plan("encode", f"{s3}/flac", tmp_path / "second"))
    names = {name.replace(".vx", ".flac") for name in expected}
    assert remote(f"{s3}/flac").keys() == names
    assert content(tmp_path / "second").keys() == expected.keys()
    assert vauxio.info(tmp_path / "second" / "1" / "ä 1.vx").frames == 9600


def test_s3_changes_are_seen_and_inputs_deleted(s3, tmp_path):
    files = fsspec.filesystem("s3")
    for path in library(tmp_path / "in").rglob("*.wav"):
        files.put_file(str(path), f"{s3}/wav/{path.parent.name}/{path.name}")
    run(archive.plan("encode", f"{s3}/wav", tmp_path / "out"))
    files.put_file(str(tmp_path / "in/0/ä 2.wav"), f"{s3}/wav/0/ä 0.wav")
    plan = archive.plan("encode", f"{s3}/wav", tmp_path / "out")
    assert [task.source for task in plan.tasks] == ["0/ä 0.wav"]
    run(archive.plan("encode", f"{s3}/wav", tmp_path / "out", delete_input=True, force=True))
    assert remote(f"{s3}/wav") == {}


def test_zip(expected, tmp_path):
    shutil.make_archive(str(tmp_path / "library"), "zip", tmp_path / "in")
    url = f"zip://::{tmp_path}/library.zip"
    run(archive.plan("encode", url, tmp_path / "out"), 2)
    assert content(tmp_path / "out") == expected
    with pytest.raises(vauxio.VauxError, match="cannot be put there"):
        archive.plan("encode", tmp_path / "in", url)
    with pytest.raises(vauxio.VauxError, match="cannot be deleted there"):
        archive.plan("encode", url, tmp_path / "out", delete_input=True)


def test_a_zip_that_leads_out_of_the_tree(tmp_path):
    import zipfile

    library(tmp_path / "in", 1)
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.write(tmp_path / "in" / "0" / "ä 0.wav", "a/../../evil.wav")
    plan = archive.plan("encode", f"zip://::{tmp_path}/evil.zip", tmp_path / "deep" / "out")
    list(archive.run(plan, engine="inline"))
    assert not list(tmp_path.rglob("evil.vx"))


def test_memory(expected, tmp_path):
    run(archive.plan("encode", tmp_path / "in", "memory://vx"))
    assert remote("memory://vx") == expected
    assert len(archive.plan("encode", tmp_path / "in", "memory://vx").skipped) == 3
    run(archive.plan("decode", "memory://vx", "memory://wav"))
    assert len(remote("memory://wav")) == 3
    with pytest.raises(vauxio.VauxError, match="one process"):
        list(archive.run(archive.plan("verify", "memory://vx"), 2))
    fsspec.filesystem("memory").rm("/", recursive=True)


def test_http(expected, tmp_path):
    pytest.importorskip("aiohttp")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=tmp_path / "in")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        run(archive.plan("encode", f"http://127.0.0.1:{server.server_port}/", tmp_path / "out"))
        server.shutdown()
    assert content(tmp_path / "out") == expected


# -- more than one machine -----------------------------------------------------------------------


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own."""
    pytest.importorskip("distributed")
    about = tmp_path / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(Path(vauxio.__file__).parents[1])}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment,
             "cwd": tmp_path}  # fmt: skip
    dask = [sys.executable, "-m", "dask"]
    with contextlib.ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen:
            process = subprocess.Popen([*dask, *arguments], **quiet)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
              "--scheduler-file", str(about))  # fmt: skip
        wait_until(lambda: about.exists() and "address" in about.read_text())
        address = json.loads(about.read_text())["address"]
        workers = [
            start("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                  "--host", "127.0.0.1", "--death-timeout", str(PATIENCE)) for _ in range(2)
        ]  # fmt: skip
        from distributed import Client

        with Client(address, timeout=PATIENCE, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
        yield address, workers


def test_dask_with_a_worker_killed(cluster, tmp_path):
    address, workers = cluster
    library(tmp_path / "in", 7, 13)  # long enough that each is a job of its own
    settings = archive.Settings(lm=False)
    run(archive.plan("encode", tmp_path / "in", tmp_path / "expected", settings))
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", settings)
    names = []
    for result in archive.run(plan, engine="dask", scheduler=address):
        assert result.ok, result
        names.append(result.source)
        if len(names) == 2:
            workers[0].kill()
    assert sorted(names) == sorted(task.source for task in plan.tasks)
    assert content(tmp_path / "out") == content(tmp_path / "expected")
    assert not archive.plan("encode", tmp_path / "in", tmp_path / "out", settings).tasks

    shards = archive.Settings(model="speech-24k", format=".tar", codebooks=2, shard=3)  # on one
    for folder, where in (("here", {}), ("there", {"engine": "dask", "scheduler": address})):
        tokens = archive.plan("tokens", tmp_path / "out", tmp_path / folder, shards)
        assert all(result.ok for result in archive.run(tokens, **where))
    assert len(content(tmp_path / "there")) == 3
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_dask_without_a_scheduler(tmp_path):
    pytest.importorskip("distributed")
    import dask

    plan = archive.plan("encode", library(tmp_path / "in", 1), tmp_path / "out")
    with socket.socket() as nobody, dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        scheduler = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(vauxio.VauxError, match="no answer"):
            list(archive.run(plan, engine="dask", scheduler=scheduler))
