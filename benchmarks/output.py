"""What a benchmark has found: shown, and kept where asked for."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .provenance import measured


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")


def publish(
    result: dict[str, Any], path: Path | None, models: Iterable[str], *, packets: bool = False
) -> None:
    """Show a result, and write it with the record of what it was measured with."""
    result = {"measured": measured(models, packets)} | result
    print(json.dumps(result, indent=1))
    if path:
        write(result, path)


def write(result: dict[str, Any], path: Path) -> None:
    """Write a result that has its record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
