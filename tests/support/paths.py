"""Where things lie: the checkout, the test data."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""

DATA = ROOT / "tests" / "data"
"""Real recordings, test vectors, and small models."""


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder: the content of files, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
