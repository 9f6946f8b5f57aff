"""``vaux verify``: check ``.vx`` files."""

from __future__ import annotations

import os

import click

from ..errors import FormatError
from ..results import Result
from ..text import printable
from .batch import Batch, options, work_on
from .events import for_each
from .failures import blame
from .terminal import complain

__all__ = ["command"]


@click.command("verify")
@click.argument("paths", nargs=-1, required=True, metavar="FILE.vx...|FOLDER")
@click.option("--deep", is_flag=True, help="Decode all codes and the audio, too.")
@options
def command(paths: tuple[str, ...], deep: bool, batch: Batch) -> int:
    """Check that .vx files are whole: their structure and all checksums.

    This takes hardly longer than reading. With --deep, everything is decoded, too. Bytes after the
    end of a file are named, and are no fault.

    \b
    Examples:
      vaux verify speech.vx
      vaux verify --deep speech.vx
      vaux verify -r archive --report state.html
    """
    if batch.recursive:
        if batch.report and len(paths) > 1:
            raise click.UsageError("--report takes one folder or URL")
        return max(work_on(batch, "verify", path, deep=deep) for path in paths)

    def check(path: str) -> Result:
        from ..archive.verify import verify

        with blame(path):
            if os.path.isdir(path):
                raise FormatError("is a folder; -r verifies all in it")
            found = verify(path, deep)
        if not batch.as_json:
            for note in found.notes:
                complain(f"{path}: {note}")
            if not batch.quiet:
                click.echo(f"{printable(path)}: ok")
        return Result(path, "", seconds=found.seconds, bytes_in=os.path.getsize(path),
                       notes=found.notes)  # fmt: skip

    return for_each(paths, check, batch.as_json)
