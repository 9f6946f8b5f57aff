"""How things look: tables, and errors in colour, where there is a terminal; plain text elsewhere.

rich draws, and is imported for a terminal only; it keeps to the width and to ``NO_COLOR``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from ..text import printable

__all__ = ["complain", "fitted", "show_table"]


def complain(message: str) -> None:
    """Write one line to standard error. Control characters are escaped."""
    if _is_terminal(sys.stderr) and "NO_COLOR" not in os.environ:
        from rich.console import Console
        from rich.text import Text

        line = Text.assemble(("vaux: ", "bold red"), printable(message))
        Console(stderr=True, highlight=False).print(line, soft_wrap=True)
    else:
        click.echo(f"vaux: {printable(message)}", err=True)


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int]) -> None:
    """A table on standard output.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequence of str
    words : sequence of int
        Columns that are words, and so begin at the left; numbers end at the right.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    if _is_terminal(sys.stdout):
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for i, name in enumerate(head):
            table.add_column(name, justify="left" if i in words else "right",
                             overflow="fold" if i in words else "ellipsis")  # fmt: skip
        for row in rows:
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for line in (head, *rows):
        cells = [
            cell.ljust(width) if i in words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def fitted(name: str, rest: str) -> str:
    """A line of progress that fits the terminal: the name is cut first.

    Its control characters are escaped.
    """
    name = printable(name)
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
    except (OSError, ValueError, AttributeError):
        width = 79
    room = max(0, width - len(rest))
    if len(name) > room:
        name = f"…{name[len(name) - room + 1 :]}" if room > 1 else ""
    return f"{name}{rest}"[:width] if width > 0 else f"{name}{rest}"


def _is_terminal(stream: Any) -> bool:
    return stream is not None and stream.isatty()
