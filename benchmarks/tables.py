"""Markdown that figures are put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int | None = None) -> str:
    """Head and rows of cells; those after the first `texts` are numbers, to the right."""
    texts = len(head) if texts is None else texts
    align = ["---"] * texts + ["---:"] * (len(head) - texts)
    lines = [head, align, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def listed(items: Sequence[str]) -> str:
    """``"a, b and c"``."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
