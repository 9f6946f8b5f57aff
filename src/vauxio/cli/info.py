"""``vaux info``: the properties of ``.vx`` files."""

from __future__ import annotations

import dataclasses
import json

import click

from ..file.functions import info
from .common import STREAM, blame, for_each, opened

__all__ = ["command"]


@click.command("info")
@click.argument("files", nargs=-1, required=True, metavar="FILE.vx...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file and line.")
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Describe .vx files without decoding them. "-" stands for standard input.

    \b
    Examples:
      vaux info speech.vx
      vaux info --json *.vx | jq .kbps
    """
    if files.count(STREAM) > 1:
        raise click.UsageError("standard input can be read only once")

    def show(name: str) -> None:
        with opened(name) as file, blame(name):
            report = info(file)
        if as_json:
            click.echo(json.dumps({**dataclasses.asdict(report), "tags": dict(report.tags)}))
        else:
            click.echo(repr(report) + "\n" * (name != files[-1]))

    return for_each(files, show)
