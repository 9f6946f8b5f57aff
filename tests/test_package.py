"""What is published: built, checked, and installed where there is nothing else."""

from __future__ import annotations

import filecmp
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from support.paths import DATA

ROOT = Path(__file__).parents[1]
MOST = 45_000_000  # bytes


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """The folder of both packages."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory) -> Path:
    """An environment with the wheel; what it needs comes from this one, by a path."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.rglob("site-packages"))
    (site / "needed.pth").write_text(sysconfig.get_paths()["purelib"])
    wheel = next(dist.glob("*.whl"))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    # Not those that are there: without it, pip would find this very checkout installed.
    install = ["-m", "pip", "install", "--no-deps", "--no-index", "--ignore-installed", wheel]
    subprocess.run([python, *install], check=True, capture_output=True)
    return python.parent


def test_they_are_what_an_index_takes(dist):
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()], capture_output=True
    )
    assert done.returncode == 0, done.stdout
    assert all(path.stat().st_size < MOST for path in dist.iterdir())
    with tarfile.open(next(dist.glob("*.tar.gz"))) as source:
        names = source.getnames()
    assert not [name for name in names if "benchmarks/results" in name]
    assert [name for name in names if name.endswith("tests/data/speech-48k.flac")]


def test_the_wheel_works_by_itself(installed, tmp_path):
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    for command in (
        ["vaux", "encode", DATA / "speech-16k.flac", tmp_path / "a.vx"],
        ["vauxio", "decode", tmp_path / "a.vx", tmp_path / "a.wav"],
        ["python", "-c", "import vauxio; assert 'bare' in vauxio.__file__, vauxio.__file__"],
    ):
        done = subprocess.run(
            [installed / command[0], *command[1:]], env=environment, cwd=tmp_path,
            capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.wav").stat().st_size > 10_000
    share = installed.parent / "share"
    assert (share / "man/man1/vaux-encode.1").exists()
    assert (share / "bash-completion/completions/vaux").exists()


def test_links_of_the_readme_lead_somewhere_everywhere(dist):
    done = subprocess.run(
        [sys.executable, "-c", "import sys, zipfile; w = zipfile.ZipFile(sys.argv[1]); "
         "print(w.read(next(n for n in w.namelist() if n.endswith('METADATA'))).decode())",
         next(dist.glob("*.whl"))],
        check=True, capture_output=True,
    )  # fmt: skip
    about = done.stdout.decode()
    targets = [part.split(")")[0] for part in about.split("](")[1:]]
    assert targets and all(target.startswith(("https://", "#")) for target in targets)


def test_the_repository_has_one_address():
    """Where there must be a whole one: elsewhere, links are relative or made from this."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (source,) = re.findall(r'^Source = "(.+)"$', project, re.MULTILINE)
    assert f"repository-code: {source}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    named = re.findall(r"https://(?:raw\.githubusercontent|github)(\.com/[\w-]+/[\w-]+)", project)
    assert {"https://github" + name for name in named} == {source}


@pytest.mark.filterwarnings("ignore:.*click.utils:DeprecationWarning")  # of click-man
def test_man_pages_and_completion_are_those_of_the_command(tmp_path):
    sys.path.insert(0, str(ROOT / "packaging"))
    try:
        from generate import generate
    finally:
        sys.path.pop(0)
    generate(tmp_path)
    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(made) > 10
    for path in made:
        kept = ROOT / "packaging" / path.relative_to(tmp_path)
        assert kept.exists() and filecmp.cmp(path, kept, shallow=False), (
            f"{kept.name}: python packaging/generate.py makes it anew"
        )


def test_completion_knows_the_verbs(tmp_path):
    environment = {**os.environ, "_VAUX_COMPLETE": "bash_complete", "COMP_WORDS": "vaux e",
                   "COMP_CWORD": "1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "vauxio"], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "plain,encode"


def test_the_npm_package_has_the_licence():
    """npm packs a file of that name that stands in its folder, not a link to one."""
    copy = ROOT / "web" / "LICENSE"
    assert not copy.is_symlink() and filecmp.cmp(ROOT / "LICENSE", copy, shallow=False)
