"""Places for figures on a page, and what fills them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ..paths import ROOT
from ..tables import listed
from . import commands, cost, machines, models, results, settings, sound

MODULES = sound, models, cost, machines, settings, results, commands
_PLACE = re.compile(r"(<!-- figures: ([^>]+?) -->).*?(<!-- /figures -->)", re.DOTALL)


def filled(page: str, path: Path) -> str:
    """A page with all its places filled anew, the places ``age`` last."""
    results.used.clear()
    page = _PLACE.sub(lambda m: m[0] if m[2].startswith("age") else _filled(m), page)
    stale = [name for name in results.used if name in results.TITLES and results.since(name)]
    if stale and "<!-- figures: age" not in page:
        say = "add <!-- figures: age --><!-- /figures -->, or measure again"
        sys.exit(f"{path.relative_to(ROOT)}: weights or coder changed after {listed(stale)}: {say}")
    return _PLACE.sub(lambda m: _filled(m) if m[2].startswith("age") else m[0], page)


def _filled(place: re.Match[str]) -> str:
    return place[1] + _fill(*place[2].split()) + place[3]


def _fill(name: str, *arguments: str) -> str:
    make = next(getattr(module, name) for module in MODULES if hasattr(module, name))
    text = make(*arguments)
    return f"\n\n{text}\n\n" if "\n" in text else text
