"""``vaux tags``: tags and pictures of ``.vx`` files, shown and changed."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path

import click

from ..container import Picture, Reader
from ..container.retag import retag
from ..errors import FormatError
from ..text import printable
from .events import for_each
from .failures import blame

__all__ = ["command"]

_FRONT = 3  # the kind of a front cover


@click.command("tags")
@click.argument("files", nargs=-1, required=True, metavar="FILE.vx...")
@click.option("-s", "--set", "given", multiple=True, metavar="KEY=TEXT", help="Set a tag.")
@click.option("-d", "--delete", "gone", multiple=True, metavar="KEY", help="Delete a tag.")
@click.option("--clear", is_flag=True, help="Delete all tags first; pictures stay.")
@click.option("--cover", metavar="IMAGE", help="Set the front cover.")
@click.option("--no-pictures", is_flag=True, help="Delete all pictures first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file and line.")
def command(
    files: tuple[str, ...],
    given: tuple[str, ...],
    gone: tuple[str, ...],
    clear: bool,
    cover: str | None,
    no_pictures: bool,
    as_json: bool,
) -> int:
    """Show the tags of .vx files, or change them; the audio is not touched.

    \b
    Examples:
      vaux tags song.vx
      vaux tags --set title="A song" --set artist=Somebody song.vx
      vaux tags --delete comment --cover cover.jpg *.vx
    """
    new = dict(_split(text) for text in given)
    picture = None if cover is None else _picture(cover)
    changes = bool(new or gone or clear or picture or no_pictures)

    def change(name: str) -> None:
        with blame(name):
            tags, pictures = _read(name)
            tags = {} if clear else tags
            for key in (*gone, *new):
                tags = {k: text for k, text in tags.items() if k.lower() != key.lower()}
            pictures = [] if no_pictures else pictures
            if picture is not None:
                pictures = [picture, *(p for p in pictures if p.kind != _FRONT)]
            retag(name, {**tags, **new}, pictures)

    def show(name: str) -> None:
        with blame(name):
            tags, pictures = _read(name)
        if as_json:
            about = [
                {"kind": p.kind, "mime": p.mime, "description": p.description,
                 "bytes": len(p.data)} for p in pictures
            ]  # fmt: skip
            click.echo(json.dumps({"name": name, "tags": tags, "pictures": about}))
            return
        if len(files) > 1:
            click.echo(printable(name))
        for key, text in tags.items():
            click.echo(f"{key}={printable(text)}")
        for p in pictures:
            description = printable(p.description)
            click.echo(f"picture {p.kind}: {p.mime}, {len(p.data)} bytes {description}".rstrip())

    return for_each(files, change if changes else show)


def _split(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise click.UsageError(f"--set {text}: must be KEY=TEXT")
    return key, value


def _read(name: str) -> tuple[dict[str, str], list[Picture]]:
    with open(name, "rb") as file:
        header = Reader(file).header
    return dict(header.tags), list(header.pictures)


def _picture(name: str) -> Picture:
    mime = mimetypes.guess_type(name)[0] or ""
    if not mime.startswith("image/"):
        raise click.UsageError(f"--cover {name}: must be an image, by its name")
    try:
        data = Path(name).read_bytes()
    except OSError as e:
        raise click.UsageError(f"--cover {name}: {e.strerror}") from None
    if not data:
        raise FormatError(f"{name}: empty")
    return Picture(_FRONT, mime, "", data)
