"""Bring every page up to date; see the package's docstring."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from ..paths import ROOT
from ..quality import report
from ..speed import report as speed_report
from .places import filled
from .results import results


def pages() -> list[Path]:
    """All pages that may have places for figures."""
    return [
        ROOT / "README.md",
        ROOT / "benchmarks" / "README.md",
        *sorted(ROOT.glob("docs/*.md")),
        *sorted(ROOT.glob("weights/*/README.md")),
    ]


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if stale")
    arguments = parser.parse_args()
    same = str.split if arguments.check else str  # another click may break lines elsewhere
    stale = [(path, text) for path, text in made() if same(_read(path)) != same(text)]
    for path, text in stale:
        print(path.relative_to(ROOT))
        if not arguments.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and arguments.check:
        print("are not what the results say: run python -m benchmarks.figures", file=sys.stderr)
    return int(bool(stale) and arguments.check)


def made() -> Iterator[tuple[Path, str]]:
    """Every file that has figures in it, and what it should contain."""
    docs = ROOT / "docs"
    for name, about, by in (("benchmarks", "quality", report), ("speed", "speed", speed_report)):
        path = docs / f"{name}.md"
        yield path, filled(by.page(results(about)), path)
        for image, plot in by.plots(results(about)).items():
            for path, dark in ((Path(image), False), (Path(dark_name(image)), True)):
                if plot.digest not in _read(docs / "images" / path):
                    yield docs / "images" / path, plot.svg(dark)
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if "<!-- figures:" in text and path.name not in ("benchmarks.md", "speed.md"):
            yield path, filled(text, path)


def dark_name(image: str) -> str:
    """The file of a plot for dark pages; ``docs/hooks.py`` puts it beside the other."""
    return image.replace(".svg", "-dark.svg")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
