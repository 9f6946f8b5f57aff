"""The ``vaux`` command: its verbs, its exit codes, its one line per error.

Each verb has a module of its own, which is imported when the verb is used: `vaux --help` loads
none of them. They share `names` (of inputs and outputs), `streams`, `failures`, `events` and
`progress`; `batch` is for trees. Exit codes: 0, 1 if some file failed, 2 for wrong
usage, and 128 plus the signal's number if one ended it.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence

import click

from .. import __version__
from ..audio import chatter
from ..errors import VauxError
from .signals import unwinding
from .terminal import complain

__all__ = ["main"]

_VERBS = {
    "encode": "Encode recordings (WAV, FLAC, MP3, m4a, Ogg, ...) to .vx files.",
    "decode": "Decode .vx files to recordings.",
    "play": "Play .vx files.",
    "serve": "Play the .vx files of a folder in a browser.",
    "denoise": "Take noise out of recordings of speech.",
    "tokens": "Code recordings into tokens for machine learning: npz, Parquet, WebDataset.",
    "info": "Describe .vx files without decoding them.",
    "verify": "Check .vx files: all checksums; with --deep, that they decode.",
    "tags": "Show the tags of .vx files, or change them.",
    "models": "List the installed models; the first is the default.",
    "compare": "Measure how close files are to the original recording.",
}
"""What `vaux --help` says of each, so that it need not import them."""


class _Verbs(click.Group):
    """Commands from the modules named after them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        command: click.Command = importlib.import_module(f".{name}", __name__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vaux", message="%(prog)s %(version)s")
def vaux() -> None:
    """Neural audio codec: recordings to small .vx files and back.

    \b
    Example:
      vaux encode speech.wav speech.vx
      vaux decode speech.vx speech.flac
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process, if not given.

    Returns
    -------
    int
        The exit code.
    """
    if arguments is None:
        arguments = sys.argv[1:]
        chatter.own_process()
    try:
        with unwinding():
            code = vaux.main(list(arguments) or ["--help"], "vaux", standalone_mode=False)
        return code or 0
    except click.UsageError as e:
        where = e.ctx.command_path if e.ctx is not None else "vaux"
        complain(f"{e.format_message().rstrip('.')}; see {where} -h")
        return 2
    except VauxError as e:
        complain(str(e))
        return 1
    except OSError as e:  # without a file's name: standard output
        complain(f"{e.filename or 'standard output'}: {e.strerror or e}")
        return 1
    except click.Abort:
        return 128 + signal.SIGINT
