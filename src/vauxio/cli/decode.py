"""``vaux decode``: ``.vx`` files to recordings in any format that soundfile writes."""

from __future__ import annotations

import os
import re
from functools import partial

import click

from ..audio.tags import write_tags
from ..container.header import MAGIC
from ..errors import FormatError
from ..file.vauxfile import OnError, VauxFile
from ..fileio import naming
from ..results import Result
from .batch import Batch, only, options, work_on
from .events import for_each
from .failures import Failure, blame, blaming
from .names import STREAM, Job, plan
from .progress import Progress
from .recordings import format_of, sink
from .streams import opened, writing
from .terminal import complain

__all__ = ["command"]

_PIECE = 1 << 16  # frames


@click.command("decode")
@click.argument("files", nargs=-1, required=True, metavar="INPUT.vx... [OUTPUT]")
@click.option("-o", "--output", metavar="FILE|FOLDER", help="Where to write.")
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@click.option("--skip", metavar="TIME", help="Begin here: seconds, m:s or h:m:s.")
@click.option("--until", metavar="TIME", help="End here.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "conceal"]),
    default="stop",
    help="conceal: put something in the place of what is damaged, and list it.",
)
@click.option("--format", "ending", metavar="ENDING",
              help="With -r: of the outputs; wav if not given.")  # fmt: skip
@options
def command(
    files: tuple[str, ...],
    output: str | None,
    force: bool,
    skip: str | None,
    until: str | None,
    on_error: OnError,
    ending: str | None,
    batch: Batch,
) -> int:
    """Decode .vx files to recordings.

    The extension of the output says its format: wav, flac, ogg, opus, mp3, aiff, au, caf, w64,
    rf64. Without a name it is a WAV file beside the input. "-" stands for standard input or
    output, which takes WAV.

    \b
    Examples:
      vaux decode speech.vx                     makes speech.wav
      vaux decode speech.vx speech.flac
      vaux decode *.vx -o listen                into the folder listen
      vaux decode speech.vx - | aplay
      vaux decode --skip 1:30 --until 2:00 speech.vx part.wav
      vaux decode --on-error conceal damaged.vx what-is-left.wav
      vaux decode -r archive -o listen --format flac
    """
    begin, end = _seconds("--skip", skip), _seconds("--until", until)
    if end is not None and end < (begin or 0):
        raise click.UsageError("--until is before --skip")
    if batch.recursive:
        if begin is not None or end is not None:
            raise click.UsageError("--skip and --until are for files, not for trees")
        suffix = f".{(ending or 'wav').lower().lstrip('.')}"
        format_of(f"*{suffix}")
        return work_on(
            batch, "decode", only(files), output, format=suffix, on_error=on_error, force=force
        )
    if ending:
        raise click.UsageError("--format is for trees: -r; else the name of the output says it")
    if output is None:
        _check_magic(files[0])
    jobs = plan(files, output, ".wav", lambda name: not name.lower().endswith(".vx"))
    for job in jobs:
        format_of(job.target)  # wrong usage is found before anything is done
    if batch.as_json and any(job.target == STREAM for job in jobs):
        raise click.UsageError("--json and the recording cannot both go to standard output")
    work = partial(_decode, force=force, begin=begin, end=end, on_error=on_error, quiet=batch.quiet)
    return for_each(jobs, work, batch.as_json)


def _check_magic(name: str) -> None:
    """`FormatError` for a recording given without an output: it is not a ``.vx`` file."""
    if name.lower().endswith(".vx") or not os.path.isfile(name):
        return
    with naming(name), open(name, "rb") as file:
        start = file.read(len(MAGIC))
        if start and not MAGIC.startswith(start):
            raise FormatError("not a .vx file")


def _decode(
    job: Job,
    force: bool,
    begin: float | None,
    end: float | None,
    on_error: OnError,
    quiet: bool,
) -> Result:
    source, target = job
    notes: list[str] = []
    size = os.path.getsize(source) if os.path.isfile(source) else 0
    with opened(source) as file, blame(source), VauxFile(file, on_error=on_error) as f:
        frames, count = _go_to(f, source, begin, end, on_error)
        seconds = None if frames is None else frames / f.samplerate
        form = format_of(target)
        with writing(target, force) as output, Progress(source, seconds, quiet) as progress:
            with blame(target), sink(output.file, f, frames, form, f.tags) as write:
                dtype = "int16" if form is None else form.dtype
                blocks = f.blocks(_PIECE, frames=count, dtype=dtype, always_2d=True)
                for block in blaming(source, blocks, undisturbed=False):
                    write(block)
                    progress.add(len(block) / f.samplerate)
            output.like = source
            about = f.tags or f.pictures or f.foreign
            if form is not None and output.temporary is not None and about:
                foreign = f.foreign
                if foreign and (begin is not None or end is not None):
                    names = ", ".join(one.name.strip() for one in foreign)
                    notes.append(f"left out: {names}, which are for the whole of it")
                    foreign = ()
                with blame(target):
                    output.file.flush()
                    notes += write_tags(output.temporary, form.major, f.tags, f.pictures, foreign)
            for note in notes:
                complain(f"{target}: {note}")
        found = f.damage if on_error == "conceal" else []
        damage = tuple(one.describe(f.samplerate) for one in found)
        for text in damage:
            complain(f"{source}: {text}")
        made = os.path.getsize(target) if os.path.isfile(target) else 0
        return Result(source, target, None, progress.done, size, made, notes=tuple(notes),
                       damage=damage)  # fmt: skip


def _go_to(
    f: VauxFile, source: str, begin: float | None, end: float | None, on_error: OnError
) -> tuple[int | None, int]:
    """Go to the first frame. Returns the number of frames, and the number to ask for."""
    start = 0 if begin is None else round(begin * f.samplerate)
    stop = None if end is None else round(end * f.samplerate)
    known = f.frames
    if known is None:
        if start:
            raise Failure(source, "--skip needs a file, not a pipe")
        return None, -1 if stop is None else stop
    if not f.complete and on_error == "stop" and (stop is None or stop > known):
        raise Failure(source, f._reader.shortage("; --on-error conceal decodes them").reason)
    if start > known:
        raise Failure(source, f"--skip: it has only {known / f.samplerate:.3f} s")
    if start:
        f.seek(start)
    count = (known if stop is None else min(stop, known)) - start
    return count, count


def _seconds(option: str, time: str | None) -> float | None:
    """Seconds of ``12.5``, ``1:30`` or ``1:02:03.5``."""
    if time is None:
        return None
    if not re.fullmatch(r"(\d{1,9}:){0,2}\d{1,9}(\.\d*)?", time):
        raise click.UsageError(f"{option} {time}: must be seconds, m:s or h:m:s")
    seconds = 0.0
    for part in time.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
