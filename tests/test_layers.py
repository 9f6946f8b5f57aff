"""Which package may import which: the contracts in pyproject.toml hold."""

from __future__ import annotations

import subprocess
import sys

from support.paths import ROOT


def test_imports_point_one_way():
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", lint, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_say_what_they_know_and_what_they_must_not():
    for path in sorted(ROOT.glob("src/vauxio/*/__init__.py")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith('"""') and len(first) > 30, path
