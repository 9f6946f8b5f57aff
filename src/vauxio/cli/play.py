"""``vaux play``: ``.vx`` files on the speakers of this machine."""

from __future__ import annotations

import click

from ..file.vauxfile import OnError, VauxFile
from .events import for_each
from .failures import blame
from .keys import Keys
from .names import STREAM
from .speakers import Speakers, open_speakers
from .streams import opened
from .terminal import complain

__all__ = ["command"]

_JUMPS = {"left": -5, "right": 5, "down": -60, "up": 60}  # seconds


class _Quit(Exception):
    """Raised to stop playing."""


@click.command("play")
@click.argument("files", nargs=-1, required=True, metavar="FILE.vx...")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "conceal"]),
    default="stop",
    help="conceal: put something in the place of what is damaged, and list it.",
)
def command(files: tuple[str, ...], on_error: OnError) -> int:
    """Play .vx files. "-" stands for standard input.

    On a terminal, left and right go 5 seconds back and forth, down and up a minute, space pauses,
    n goes on to the next file, q quits.

    It plays with sounddevice (pip install 'vauxio[play]'), else with pw-cat, paplay, aplay, ffplay,
    mpv or play (SoX), whichever is installed.

    \b
    Examples:
      vaux play speech.vx
      vaux play album/*.vx
    """
    if files.count(STREAM) > 1:
        raise click.UsageError("standard input can be read only once")
    with Keys(STREAM not in files) as keys:

        def play(name: str) -> None:
            with opened(name) as file, blame(name), VauxFile(file, on_error=on_error) as f:
                with open_speakers(f.samplerate, f.channels) as speakers:
                    _play(name, f, speakers, keys)
                for damage in f.damage:
                    complain(f"{name}: {damage.describe(f.samplerate)}")

        try:
            return for_each(files, play)
        except _Quit:
            return 0


def _play(name: str, f: VauxFile, speakers: Speakers, keys: Keys) -> None:
    piece, paused = max(1, f.samplerate // 10), False
    while True:
        keys.show(name, f.tell() / f.samplerate, f.frames and f.frames / f.samplerate, paused)
        key = keys.next(wait=paused)
        if key == "q":
            raise _Quit
        if key == "n":
            return
        if key == "space":
            paused = not paused
        elif key in _JUMPS and f.seekable():
            to = f.tell() + _JUMPS[key] * f.samplerate
            f.seek(min(max(0, to), f.frames or 0))
            speakers.drop()
        if paused:
            continue
        data = f.read(piece, dtype="int16", always_2d=True)
        if not len(data):
            speakers.drain()
            return
        speakers.write(data)
