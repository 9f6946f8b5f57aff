"""What README.md says of installing and testing; `test_docs` runs its other examples."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import ROOT

README = ROOT.joinpath("README.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder in which the paths of the README lead to the recordings."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "data").symlink_to(ROOT / "tests" / "data")
    return tmp_path


def test_the_main_job(checkout):
    main_job, _ = examples("sh")
    steps = [step.strip() for step in main_job.split("&&")]
    assert steps[:2] == ["python3 -m venv .venv", ".venv/bin/pip install ."]
    for step in steps[2:]:
        program, *arguments = shlex.split(step)
        assert program == ".venv/bin/vaux"
        subprocess.run([sys.executable, "-m", "vauxio", *arguments], cwd=checkout, check=True)
    wav, vx = (checkout / name for name in ("example.wav", "example.vx"))
    assert wav.stat().st_size > 100 * vx.stat().st_size


def test_ci_runs_the_test_command():
    _, tests = examples("sh")
    script = ROOT.joinpath(".ci", "run").read_text(encoding="utf-8")
    command = tests.strip().replace(".venv/bin/pip", '"$venv/bin/pip"')
    command = command.replace(".venv/bin/python", '"$venv/bin/python"').replace(".venv", '"$venv"')
    assert command in script.splitlines()


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []
