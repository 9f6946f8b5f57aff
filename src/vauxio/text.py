"""Text of others in one line: names of files, tags, what libraries say."""

from __future__ import annotations

__all__ = ["first_line", "printable"]


def printable(text: str) -> str:
    """A text for a terminal or a log: control characters become escape sequences.

    A name of a file may have any, a newline too.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def first_line(error: Exception) -> str:
    """What another library's exception says, in a line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
