"""``vaux encode``: recordings to ``.vx`` files."""

from __future__ import annotations

import os
from functools import partial

import click

from ..audio.formats import Raw
from ..errors import FormatError
from ..file.vauxfile import VauxFile
from ..model.installed import models
from ..results import Result
from .batch import Batch, only, options, work_on
from .events import for_each
from .failures import Failure, blame, blaming
from .names import STREAM, Job, is_device, plan
from .numbers import Number
from .progress import Progress
from .recordings import recorded
from .streams import writing
from .terminal import complain

__all__ = ["command"]

_PIECE = 1 << 16  # frames


@click.command("encode")
@click.argument("files", nargs=-1, required=True, metavar="INPUT... [OUTPUT.vx]")
@click.option("-o", "--output", metavar="FILE|FOLDER", help="Where to write.")
@click.option("-b", "--bitrate", type=Number(), metavar="KBPS",
              help="Nominal kbps of the whole file, all channels, on average; the model's "
              "default for each channel if not given.")  # fmt: skip
@click.option("--quality", type=Number(), metavar="0-20",
              help="Instead of -b: as many bits as the recording needs. Above 10 with "
              "hifi-48k.")  # fmt: skip
@click.option("-m", "--model", default="auto", metavar="NAME",
              help="Model; see vaux models. auto, if not given: speech-24k for mono at 16 kHz or "
              "less, if it is installed and has the bitrate; hifi-48k from 12 kbps a channel on, "
              "for music from 8 on, and for a quality above 10; else general-24k.")  # fmt: skip
@click.option("--mono", is_flag=True, help="Mix all channels down to one.")
@click.option("--no-lm", is_flag=True, help="Write plain codes: larger files, the same sound.")
@click.option("--raw", metavar="RATE,CHANNELS,TYPE",
              help="The input is samples without a header: --raw 16000,1,s16; types are u8 s8 s16 "
              "s24 s32 f32 f64, with be if the high byte comes first, ulaw and alaw. With -r: "
              "those of files named .raw or .pcm, or as --include says.")  # fmt: skip
@click.option("--denoise", is_flag=True, help="Take noise out of speech before it is coded.")
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@click.option("--delete-input", is_flag=True,
              help="Delete a recording once its .vx file was read back without fault.")  # fmt: skip
@click.option("--delete-lossy", is_flag=True,
              help="With --delete-input: delete it also if a note says that something of it, be it "
              "a tag, could not be kept.")  # fmt: skip
@options
def command(
    files: tuple[str, ...],
    output: str | None,
    bitrate: float | None,
    quality: float | None,
    model: str,
    mono: bool,
    no_lm: bool,
    raw: str | None,
    denoise: bool,
    force: bool,
    delete_input: bool,
    delete_lossy: bool,
    batch: Batch,
) -> int:
    """Encode recordings (WAV, FLAC, MP3, m4a, Ogg, ...) to .vx files.

    The output lies beside the input unless it is named. "-" stands for standard input or output.

    \b
    Examples:
      vaux encode speech.wav                    makes speech.vx
      vaux encode -b 3 speech.wav small.vx
      vaux encode -b 128 music.flac             close to the original
      vaux encode --quality 4 speech.wav        as many bits as it needs
      vaux encode --quality 16 music.flac       the same, close to the original
      vaux encode *.flac -o archive             into the folder archive
      vaux encode memo.m4a film.mkv             with vauxio[av], or ffmpeg on the path
      arecord -t raw -f S16_LE -r 16000 | vaux encode --raw 16000,1,s16 - live.vx
      vaux encode -r recordings -o archive -j 8
    """
    if bitrate is not None and quality is not None:
        raise click.UsageError("only one of --bitrate and --quality can be given")
    from ..archive.planning import by_channels, encoded_with
    from ..archive.plans import Settings

    installed = models()
    if model not in ("auto", *(m.name for m in [*installed, *installed.transforms])):
        raise click.UsageError(
            f"model {model!r} is not installed; vaux models lists those that are"
        )
    settings = Settings(
        model=model, bitrate=bitrate, quality=quality, lm=not no_lm, denoise=denoise, mono=mono
    )
    try:
        by_channels(settings, encoded_with)
    except ValueError as e:
        raise click.UsageError(str(e)) from None
    if delete_lossy and not delete_input:
        raise click.UsageError("--delete-lossy is for --delete-input")
    try:
        samples = None if raw is None else Raw.parse(raw)
    except ValueError as e:
        raise click.UsageError(f"--raw {e}") from None
    if batch.recursive:
        return work_on(
            batch, "encode", only(files), output, model=model, bitrate=bitrate, quality=quality,
            mono=mono, lm=not no_lm, denoise=denoise, raw=samples, force=force,
            delete_input=delete_input, delete_lossy=delete_lossy,
        )  # fmt: skip
    jobs = plan(files, output, ".vx", lambda name: name == STREAM or name.lower().endswith(".vx"))
    if delete_input and any(STREAM in job or is_device(job.source) for job in jobs):
        raise click.UsageError("--delete-input needs files, not standard input or output or pipes")
    work = partial(
        _encode, bitrate=bitrate, quality=quality, model=model, mono=mono, lm=not no_lm,
        denoise=denoise, force=force, delete_input=delete_input, delete_lossy=delete_lossy,
        raw=samples, quiet=batch.quiet,
    )  # fmt: skip
    if batch.as_json and any(job.target == STREAM for job in jobs):
        raise click.UsageError("--json and the file cannot both go to standard output")
    return for_each(jobs, work, batch.as_json)


def _encode(
    job: Job,
    bitrate: float | None,
    quality: float | None,
    model: str,
    mono: bool,
    lm: bool,
    denoise: bool,
    force: bool,
    delete_input: bool,
    delete_lossy: bool,
    raw: Raw | None,
    quiet: bool,
) -> Result:
    from ..audio import pcm

    source, target = job
    with blame(source):
        before = _state(source)
    with recorded(source, raw) as (recording, tags), writing(target, force) as output:
        output.like = None if source == STREAM else source
        seconds = None if recording.frames is None else recording.frames / recording.samplerate
        with blame(target), VauxFile(
            output.file, "w", recording.samplerate, 1 if mono else recording.channels,
            model=model, bitrate=bitrate, quality=quality, tags=tags.tags, pictures=tags.pictures,
            lm=lm, denoise=denoise, foreign=tags.foreign,
            frames=recording.frames, exact=recording.exact,
        ) as f, Progress(source, seconds, quiet) as progress:  # fmt: skip
            for block in blaming(source, recording.blocks(_PIECE)):
                f.write(pcm.mix_down(block) if mono else block)
                progress.add(len(block) / recording.samplerate)
        for note in recording.notes:
            complain(f"{source}: {note}")
        notes = tags.notes + recording.notes
        if delete_input:
            if output.temporary is None:
                raise Failure(source, f"kept: what is in {target} cannot be read back")
            with blame(target):
                output.file.flush()
                _verify(output.temporary, f)
    if delete_input:
        if _state(source) != before:
            raise Failure(source, "kept: it changed while it was encoded; encode it again")
        if notes and not delete_lossy:
            raise Failure(source, f"encoded, but kept: {notes[0]}; --delete-lossy deletes it")
        with blame(source):
            os.unlink(source)
    size = os.path.getsize(target) if os.path.isfile(target) else 0
    return Result(source, target, None, (f.frames or 0) / recording.samplerate,
                   before[1] if before else 0, size, notes=tuple(notes))  # fmt: skip


def _state(source: str) -> tuple[int, int, int] | None:
    """Properties of a file that change when a program writes to it."""
    if source == STREAM:
        return None
    status = os.stat(source)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _verify(path: os.PathLike[str], written: VauxFile) -> None:
    """Decode a whole file; an error if it is damaged."""
    with VauxFile(path) as f:
        frames = sum(len(block) for block in f.blocks(_PIECE))
        if (frames, f.samplerate, f.channels) != (
            written.frames, written.samplerate, written.channels
        ):  # fmt: skip
            raise FormatError("reads back as something else than was written; kept the input")
