"""What a benchmark has found: shown, and kept where asked for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")


def publish(result: dict[str, object], path: Path | None) -> None:
    text = json.dumps(result, indent=1)
    print(text)
    if path:
        path.write_text(text + "\n", encoding="utf-8")
