"""``vaux info``: the properties of ``.vx`` files."""

from __future__ import annotations

import dataclasses
import json

import click

from ..file.functions import info
from ..file.info import Info
from .events import for_each
from .failures import blame
from .names import STREAM
from .streams import opened
from .terminal import show_table

__all__ = ["command"]


@click.command("info")
@click.argument("files", nargs=-1, required=True, metavar="FILE.vx...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file and line.")
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Describe .vx files without decoding them: one in words, several in a table, a line each.

    "-" stands for standard input. Durations are in seconds.

    \b
    Examples:
      vaux info speech.vx
      vaux info *.vx
      vaux info --json *.vx | jq .kbps
    """
    if files.count(STREAM) > 1:
        raise click.UsageError("standard input can be read only once")

    found: list[Info] = []

    def show(name: str) -> None:
        with opened(name) as file, blame(name):
            report = info(file)
        if as_json:
            click.echo(json.dumps({**dataclasses.asdict(report), "tags": dict(report.tags)}))
        elif len(files) > 1:
            found.append(report)
        else:
            click.echo(repr(report))

    code = for_each(files, show)
    if found:
        show_table(_HEAD, [_row(report) for report in found], words=(0, 4))
    return code


_HEAD = "file", "duration", "Hz", "channels", "model", "kbps", "bytes", "tags"


def _row(report: Info) -> list[str]:
    """One file as a row of a table."""
    bytes = f"{report.bytes:,}" + ("" if report.complete else " CUT OFF")
    kbps = "" if report.kbps is None else f"{report.kbps:.2f}"
    duration = "" if report.duration is None else f"{report.duration:.3f}"
    return [report.name, duration, str(report.samplerate), str(report.channels), report.model, kbps,
            bytes, str(len(report.tags))]  # fmt: skip
