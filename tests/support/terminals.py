"""What a command shows on a terminal (of a POSIX system)."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path


def on_terminal(arguments: list[str], folder: Path, columns: int = 80, **environment: str) -> str:
    """What ``vaux`` shows on a terminal of so many columns.

    Parameters
    ----------
    arguments : list of str
    folder : Path
        To run it in.
    columns : int, optional
    **environment : str
        Variables to set.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    unset = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "vauxio", *arguments], cwd=folder, stdin=subprocess.DEVNULL,
        stdout=theirs, stderr=theirs,
        env={**unset, "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        said += part
    os.close(ours)
    process.wait()
    return said.decode()
