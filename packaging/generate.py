"""Man pages and shell completion from the command itself, for the wheel to bring along.

    python packaging/generate.py

A test says when they are not those of the command any more.
"""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from click_man.core import write_man_pages

from vauxio import __version__
from vauxio.cli import vaux

HERE = Path(__file__).parent
SHELLS = {
    "bash": "share/bash-completion/completions/vaux",
    "zsh": "share/zsh/site-functions/_vaux",
    "fish": "share/fish/vendor_completions.d/vaux.fish",
}


def generate(folder: Path) -> None:
    """Write all of them below a folder, at the places where they are installed."""
    man = folder / "share/man/man1"
    man.mkdir(parents=True, exist_ok=True)
    context = click.Context(vaux)
    verbs = {name: vaux.get_command(context, name) for name in vaux.list_commands(context)}
    whole = click.Group("vaux", verbs, help=vaux.help, params=vaux.params)  # verbs load at once
    root = click.Context(vaux, **vaux.context_settings)  # so that -h stays the option for help
    write_man_pages("vaux", whole, root, version=__version__, target_dir=str(man))
    for page in man.glob("*.1"):  # the same every day
        text = re.sub(r'"\d{4}-\d\d-\d\d"', '""', page.read_text("utf-8"), count=1)
        page.write_text(text, "utf-8", newline="\n")
    for shell, name in SHELLS.items():
        found = get_completion_class(shell)
        assert found is not None
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        source = found(vaux, {}, "vaux", "_VAUX_COMPLETE")
        script = source.source_template % source.source_vars()
        path.write_text(script.strip() + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    generate(HERE)
    click.echo(f"wrote {HERE / 'share'}")
