"""The results of a run in numbers: as text, as JSON, and as a page (`page`)."""

from __future__ import annotations

import dataclasses
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..fileio import Output
from ..results import Result
from .page import page
from .plans import Plan, count

__all__ = ["Report", "clock"]


class Report:
    """The results of a run, summed up. Its str is the table.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    plan : Plan
    results : list of Result
        Those that were added, the order kept.
    failed : list of Result
    seconds : float
        Of audio in files that did not fail.
    bytes_in, bytes_out : int
        Of those files.
    elapsed : float
        Seconds since the report was begun, up to the last result.
    date : datetime
        When it was begun.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.results: list[Result] = []
        self.failed: list[Result] = []
        self.seconds = 0.0
        self.bytes_in = self.bytes_out = 0
        self.elapsed = 0.0
        self._begin = time.monotonic()
        self.date = datetime.now().astimezone()

    def add(self, result: Result) -> None:
        """One more result."""
        self.results.append(result)
        self.elapsed = time.monotonic() - self._begin
        if not result.ok:
            self.failed.append(result)
            return
        self.seconds += result.seconds
        self.bytes_in += result.bytes_in
        self.bytes_out += result.bytes_out

    @property
    def done(self) -> int:
        """Files that were done in this run."""
        return len(self.results) - len(self.failed)

    @property
    def speed(self) -> float:
        """How many times faster than real time."""
        return self.seconds / self.elapsed if self.elapsed else 0.0

    @property
    def saved(self) -> int:
        """Bytes of the sources less those of the targets."""
        return self.bytes_in - self.bytes_out

    def as_dict(self) -> dict[str, Any]:
        """The same numbers under names, for JSON."""
        return {
            "version": __version__,
            "date": self.date.isoformat(timespec="seconds"),
            "settings": self.settings(),
            "verb": self.plan.verb,
            "source": self.plan.source,
            "target": self.plan.target,
            "done": self.done,
            "skipped": len(self.plan.skipped),
            "failed": len(self.failed),
            "left_alone": self.plan.others,
            "left_alone_names": list(self.plan.left),
            "source_gone_names": list(self.plan.gone),
            "audio_seconds": round(self.seconds, 3),
            "elapsed_seconds": round(self.elapsed, 3),
            "speed": round(self.speed, 2),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }

    def settings(self) -> dict[str, Any]:
        """The settings that matter for this verb."""
        settings = dataclasses.asdict(self.plan.settings)
        names = {
            "encode": ("model", "bitrate", "quality", "lm", "denoise", "mono"),
            "decode": ("format", "on_error"),
            "verify": ("deep",),
            "tokens": ("format", "model", "bitrate", "codebooks", "denoise", "mono"),
        }[self.plan.verb]
        found = {name: settings[name] for name in names}
        if self.plan.verb == "encode":
            found["delete_input"] = self.plan.delete_input
        return found

    def rows(self) -> list[tuple[str, str]]:
        """The same numbers in words: the lines of the table."""
        speed = f", {self.speed:.0f} x real time" if self.seconds else ""
        rows = [
            ("done", f"{count(self.done)}, {clock(self.seconds)} of audio"),
            ("done before", count(len(self.plan.skipped))),
            ("failed", count(len(self.failed))),
            ("left alone", count(self.plan.others, "other file")),
            *([("source gone", f"{count(len(self.plan.gone))}, kept")] if self.plan.gone else []),
            ("time", f"{clock(self.elapsed)}{speed}"),
        ]
        if self.plan.verb != "verify" and self.done:
            coded = self.bytes_out if self.plan.verb == "encode" else self.bytes_in
            kbps = f", {coded * 8e-3 / self.seconds:.2f} kbps" if self.seconds else ""
            kbps = "" if self.plan.verb == "tokens" else kbps
            factor = ""
            if self.plan.verb == "encode" and self.bytes_out:
                factor = f", {self.bytes_in / self.bytes_out:.1f} times smaller"
            rows.append(("bytes", f"{self.bytes_in:,} -> {self.bytes_out:,}{factor}{kbps}"))
        damaged = sum(1 for result in self.results if result.damage)
        if damaged:
            rows.append(("concealed", f"damage in {count(damaged)}"))
        notes = sum(len(result.notes) for result in self.results)
        if notes:
            verifies = self.plan.verb == "verify"
            about = "bytes after a file's end" if verifies else "what could not be kept"
            rows.append(("notes", f"{notes} of {about}"))
        return rows

    def __str__(self) -> str:
        rows = self.rows()
        if rows[-1][0] == "notes":
            rows[-1] = "notes", f"{rows[-1][1]}; --report or --json names it"
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name.ljust(width)}  {text}" for name, text in rows)

    def write_html(self, path: str | os.PathLike[str]) -> None:
        """The whole report as a page without other files."""
        settings = ", ".join(f"{name}: {_said(value)}" for name, value in self.settings().items())
        about = [
            ("date", self.date.strftime("%Y-%m-%d %H:%M:%S %z")),
            ("version", f"vauxio {__version__}"),
            ("settings", settings),
            *([("target", self.plan.target)] if self.plan.target else []),
        ]
        text = page(self.plan, [*about, *self.rows()], self.results)
        output = Output(Path(path))
        try:
            output.file.write(text.encode("utf-8", "backslashreplace"))
        except BaseException:
            output.discard()
            raise
        output.commit()


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _said(value: object) -> str:
    """A setting in words."""
    words: dict[object, str] = {None: "default", True: "yes", False: "no"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
