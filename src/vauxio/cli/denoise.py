"""``vaux denoise``: recordings to recordings, without the noise."""

from __future__ import annotations

from functools import partial

import click

from .events import for_each
from .failures import blame, blaming
from .names import STREAM, Job, plan
from .progress import Progress
from .recordings import format_of, recorded, sink
from .streams import writing
from .terminal import complain

__all__ = ["command"]

_PIECE = 1 << 16  # frames


@click.command("denoise")
@click.argument("files", nargs=-1, required=True, metavar="INPUT... OUTPUT")
@click.option("-o", "--output", metavar="FILE|FOLDER", help="Where to write.")
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
def command(files: tuple[str, ...], output: str | None, force: bool) -> int:
    """Take noise out of recordings of speech.

    The output has the rate, the channels and the length of the input, but nothing above 12 kHz. The
    extension of its name says its format; see vaux decode -h. Several inputs need a folder, where
    they become WAV files. "-" stands for standard input or output, which takes WAV.

    \b
    Examples:
      vaux denoise noisy.wav speech.wav
      vaux denoise *.flac -o clean              into the folder clean
      ffmpeg -i film.mkv -f wav - | vaux denoise - - | aplay
    """
    if output is None and len(files) == 1 and files[0] != STREAM:
        raise click.UsageError("name the output, or say where to write with -o")
    jobs = plan(files, output, ".wav", lambda name: True)
    for job in jobs:
        format_of(job.target)  # wrong usage is found before anything is done
    return for_each(jobs, partial(_denoise, force=force))


def _denoise(job: Job, force: bool) -> None:
    from ..audio import pcm
    from ..audio.tags import write_tags
    from ..codec.denoising import SignalDenoiser

    source, target = job
    form = format_of(target)
    dtype = pcm.check_dtype("int16" if form is None else form.dtype)
    with recorded(source) as (recording, tags), writing(target, force) as output:
        output.like = None if source == STREAM else source
        rate, channels = recording.samplerate, recording.channels
        seconds = None if recording.frames is None else recording.frames / rate
        denoiser = SignalDenoiser(rate, channels)
        with (
            Progress(source, seconds) as progress,
            blame(target),
            sink(output.file, recording, recording.frames, form, tags.tags) as write,
        ):
            for block in blaming(source, recording.blocks(_PIECE)):
                write(pcm.from_float(denoiser.push(block), dtype))
                progress.add(len(block) / rate)
            write(pcm.from_float(denoiser.finish(), dtype))
        for note in recording.notes:
            complain(f"{source}: {note}")
        kept = tags.tags, tags.pictures, tags.foreign
        if form is not None and output.temporary is not None and any(kept):
            with blame(target):
                output.file.flush()
                for note in write_tags(output.temporary, form.major, *kept):
                    complain(f"{target}: {note}")
