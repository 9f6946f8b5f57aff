"""``vaux tokens``: recordings and ``.vx`` files to tokens for machine learning."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..errors import VauxError
from ..model.installed import candidates, find_denoiser, models
from .batch import Batch, work_on
from .failures import Failure, blame
from .numbers import Number, Whole
from .streams import writing
from .terminal import complain

__all__ = ["command"]

_FORMATS = {"npz": ".npz", "parquet": ".parquet", "webdataset": ".tar"}


@click.command("tokens")
@click.argument("inputs", nargs=-1, metavar="FOLDER|FILE...")
@click.option("-o", "--output", required=True, metavar="FOLDER|FILE",
              help="Where to write; a file ends in .npz, .parquet or .tar.")  # fmt: skip
@click.option("--list", "listed", metavar="FILE",
              help="Take the files that it names, one per line.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(list(_FORMATS)),
              help="Of files in a folder; npz, if not given: one for each input.")  # fmt: skip
@click.option("-b", "--bitrate", type=Number(), metavar="KBPS",
              help="Nominal kbps of all channels, which says how many codes every token has; the "
              "model's default if not given.")  # fmt: skip
@click.option("-c", "--codebooks", type=Whole(1), metavar="N",
              help="Instead of -b: how many codes every token has.")  # fmt: skip
@click.option("-m", "--model", default="auto", metavar="NAME",
              help="Model; auto, if not given, as for vaux encode.")  # fmt: skip
@click.option("--mono", is_flag=True, help="Mix all channels down to one.")
@click.option("--denoise", is_flag=True, help="Take noise out of speech first.")
@click.option("--shard", type=Whole(1), default=500, metavar="N", show_default=True,
              help="Recordings in a Parquet or WebDataset file.")  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@click.option("-j", "--jobs", type=Whole(1), metavar="N",
              help="So many processes; one for each core if not given.")  # fmt: skip
@click.option("--include", multiple=True, metavar="GLOB",
              help="Only files whose names match; may be given several times.")  # fmt: skip
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files whose names match.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--report", metavar="FILE.html", help="Write a report as a page.")
@click.option("--json", "as_json", is_flag=True,
              help="Events as JSON, one per line, on standard output.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True,
              help="Say nothing but what fails and what could not be kept.")  # fmt: skip
@click.option("--engine", type=click.Choice(["processes", "dask"]), default="processes",
              help="Who works.")  # fmt: skip
@click.option("--scheduler", metavar="URL", help="With --engine dask: tcp://host:8786.")
def command(
    inputs: tuple[str, ...],
    output: str,
    listed: str | None,
    form: str | None,
    bitrate: float | None,
    codebooks: int | None,
    model: str,
    mono: bool,
    denoise: bool,
    shard: int,
    force: bool,
    jobs: int | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    dry_run: bool,
    report: str | None,
    as_json: bool,
    quiet: bool,
    engine: str,
    scheduler: str | None,
) -> int:
    """Encode recordings to tokens for machine learning; of .vx files, take those that they hold.

    Into a folder, many processes work, and a run that was interrupted goes on where it was. An
    output that is a file is made by this one, of all inputs.

    \b
    Examples:
      vaux tokens speech.wav -o speech.npz
      vaux tokens recordings -o tokens --format parquet -c 8 -j 4
      vaux tokens archive -o tokens --format webdataset
      vaux tokens --list train.txt -o train.parquet
    """
    if bitrate is not None and codebooks is not None:
        raise click.UsageError("only one of --bitrate and --codebooks can be given")
    if scheduler and engine != "dask":
        raise click.UsageError("--scheduler is for --engine dask")
    names = [*inputs, *(_read_list(listed) if listed else ())]
    if not names:
        raise click.UsageError("name a folder, files, or a --list of them")
    _check_model(model, bitrate, codebooks, mono, denoise)
    settings = {"model": model, "bitrate": bitrate, "codebooks": codebooks, "mono": mono,
                "denoise": denoise, "shard": shard}  # fmt: skip
    suffix = Path(output).suffix.lower()
    if suffix in _FORMATS.values() and not os.path.isdir(output):
        if form is not None and _FORMATS[form] != suffix:
            raise click.UsageError(f"{output}: its name says another format than --format {form}")
        if jobs or include or exclude or dry_run or report or as_json or engine == "dask":
            raise click.UsageError("-j, --include and what follows it are for an output folder")
        if suffix == ".npz" and len(names) > 1:
            raise click.UsageError(f"{output}: .npz holds one recording; name a folder")
        return _one_file(names, output, force, {**settings, "format": suffix})
    settings["format"] = _FORMATS[form or "npz"]
    batch = Batch(True, jobs, include, exclude, dry_run, report, as_json, quiet, engine, scheduler)
    if len(names) == 1 and not listed and (os.path.isdir(names[0]) or "://" in names[0]):
        return work_on(batch, "tokens", names[0], output, force=force, **settings)
    absolute = [os.path.abspath(name) for name in names]
    for name in absolute:
        if os.path.isdir(name):
            raise click.UsageError(f"{name}: one folder, or files")
    root = os.path.commonpath([os.path.dirname(name) for name in absolute])
    within = [Path(name).relative_to(root).as_posix() for name in absolute]
    return work_on(batch, "tokens", root, output, force=force, names=within, **settings)


def _check_model(
    model: str, bitrate: float | None, codebooks: int | None, mono: bool, denoise: bool
) -> None:
    """Refuse at once what no recording of one or two channels can have.

    Those of more channels could have a higher bitrate; for them, codebooks say it.
    """
    installed = models()
    if any(m.name == model for m in installed.transforms):
        raise click.UsageError(f"{model} has no tokens; vaux encode writes files with it")
    if model not in ("auto", *(m.name for m in installed)):
        raise click.UsageError(
            f"model {model!r} is not installed; vaux models lists those that are"
        )
    from ..archive.planning import tokens_bitrate
    from ..archive.plans import Settings
    from ..archive.tokenizing import wanted_codebooks

    settings = Settings(model=model, bitrate=bitrate, codebooks=codebooks)
    refused = ""
    for channels in (1,) if mono else (1, 2):
        try:
            for chosen in candidates(model, tokens_bitrate(settings, channels), channels):
                wanted_codebooks(chosen, settings, channels)
                if denoise:
                    find_denoiser(chosen.samplerate)
        except ValueError as e:
            refused = refused or str(e)
        else:
            return
    more = "; of more than two channels, give --codebooks" if bitrate and not mono else ""
    raise click.UsageError(refused + more)


def _read_list(name: str) -> list[str]:
    with blame(name):
        try:
            lines = Path(name).read_text("utf-8").splitlines()
        except UnicodeDecodeError as e:
            raise VauxError("not a list of names in UTF-8") from e
    return [line.strip() for line in lines if line.strip()]


def _one_file(names: list[str], output: str, force: bool, settings: dict[str, object]) -> int:
    from ..archive.plans import Settings
    from ..archive.tokens import write_one

    code = 0
    shown = [os.path.normpath(name).lstrip("./").replace(os.sep, "/") for name in names]
    try:
        with writing(output, force) as file, blame(output):
            chosen = Settings(**settings)  # type: ignore[arg-type]
            suffix = chosen.format
            for source, outcome in write_one(names, shown, file.file, suffix, chosen):
                if isinstance(outcome, Exception):
                    code = 1
                    try:
                        with blame(source):
                            raise outcome
                    except Failure as e:
                        complain(str(e))
                    except ValueError as e:
                        complain(f"{source}: {e}")
    except Failure as e:
        complain(str(e))
        code = 1
    return code
