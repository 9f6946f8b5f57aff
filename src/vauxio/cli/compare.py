"""``vaux compare``: files beside the recording that they were made from."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

from ..errors import AudioError
from .events import for_each
from .failures import Failure, blame
from .names import STREAM
from .numbers import Seconds
from .streams import writing
from .terminal import complain

if TYPE_CHECKING:
    from ..compare.comparison import Version

__all__ = ["command"]


@click.command("compare")
@click.argument("original", metavar="ORIGINAL")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", metavar="PAGE.html",
              help="Write a page to look at and listen to.")  # fmt: skip
@click.option("--blind", is_flag=True,
              help="With -o: a listening test instead, after MUSHRA: hidden reference, anchor, "
              "random order; ratings are saved as JSON.")  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Replace a page that exists.")
@click.option("--start", type=Seconds(0), default=0.0, metavar="SECONDS",
              help="Where the part to compare begins.")  # fmt: skip
@click.option("--seconds", type=Seconds(0, 600, min_open=True), default=30.0, metavar="SECONDS",
              show_default=True, help="How long it is, up to 600.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file and line.")
def command(
    original: str,
    files: tuple[str, ...],
    output: str | None,
    blind: bool,
    force: bool,
    start: float,
    seconds: float,
    as_json: bool,
) -> int:
    """Measure files (.vx, WAV, FLAC, MP3, Opus, ...) against the recording they were made from.

    The files are aligned with the original first. The page has waveforms and spectrograms side by
    side, the bitrate over time, and a player that switches between the files as they play; it needs
    nothing but a browser.

    \b
    SI-SDR        signal over distortion; generated detail, however good it sounds, lowers it
    mel distance  between spectra as the ear resolves them; less is closer
    level         how much louder than the original
    delay         that was found and taken out

    \b
    Examples:
      vaux compare speech.wav speech.vx
      vaux compare song.flac song.vx song.mp3 song.opus -o song.html
      vaux compare --blind song.flac song.vx song.mp3 -o test.html
      python -m vauxio.compare.ratings ratings-*.json
    """

    if not (math.isfinite(start) and math.isfinite(seconds)):
        raise click.UsageError("--start and --seconds must be finite numbers")
    if blind and (output is None or as_json):
        raise click.UsageError("--blind makes a page: name it with -o")
    from ..compare.blind import render_blind
    from ..compare.comparison import Comparison, measure, read_part
    from ..compare.page import render

    versions: list[Version] = []

    def work(name: str) -> None:
        with blame(name):
            versions.append(measure(reference, read_part(name, start, seconds)))

    try:
        with blame(original):
            reference = read_part(original, start, seconds)
            if not len(reference.data):
                raise AudioError(f"ends before second {start:g}; give an earlier --start")
        code = for_each(files, work)
        comparison = Comparison(reference, start, versions)
        if output is not None:
            with writing(output, force) as out, blame(output):
                page = render_blind(comparison) if blind else render(comparison)
                out.file.write(page.encode(errors="replace"))
    except Failure as e:
        complain(str(e))
        return 1
    if as_json:
        for v in versions:
            click.echo(json.dumps(_fields(v)))
    elif not blind:  # figures would tell which is which
        click.echo(str(comparison), err=output == STREAM)
    return code


def _fields(v: Version) -> dict[str, object]:
    return {
        "name": v.part.name,
        "bytes": v.part.bytes,
        "kbps": v.part.kbps,
        "si_sdr": None if math.isnan(v.si_sdr) else v.si_sdr,
        "mel": v.mel,
        "level": v.level,
        "delay": v.lag,
    }
