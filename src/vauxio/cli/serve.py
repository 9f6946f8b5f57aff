"""``vaux serve``: a folder of ``.vx`` files as pages, where any browser plays them."""

from __future__ import annotations

from pathlib import Path

import click

from ..text import printable
from .numbers import Whole
from .site import Site
from .terminal import complain

__all__ = ["command"]


@click.command("serve")
@click.argument("folder", metavar="FOLDER", type=click.Path(exists=True, file_okay=False))
@click.option("-p", "--port", type=Whole(0, 65535), default=8000, metavar="PORT", show_default=True,
              help="Where to listen; 0 for any that is free.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Who can listen: this machine; 0.0.0.0 for the whole network.")  # fmt: skip
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
def command(folder: str, port: int, host: str, open_: bool) -> int:
    """List the .vx files of a folder on a local web page, and play them there.

    The browser needs nothing: it gets WAV, decoded as it listens. Only .vx files below the folder
    can be had, and nothing is written. Ctrl-C ends it.

    \b
    Examples:
      vaux serve archive
      vaux serve archive --port 8080 --open
    """
    try:
        site = Site(Path(folder), host, port)
    except OSError as e:
        complain(f"{host}:{port}: {e.strerror or e}; try another --port")
        return 1
    with site:
        click.echo(f"{printable(folder)}: {site.address} (Ctrl-C ends it)", err=True)
        if open_:
            click.launch(site.address)
        site.run()
    return 0
