"""What the command line says of itself."""

from __future__ import annotations

import click


def help(verb: str) -> str:
    """What ``vaux VERB -h`` prints."""
    from vauxio.cli import vaux

    command = vaux.get_command(click.Context(vaux), verb)
    assert command is not None, verb
    context = click.Context(command, info_name=f"vaux {verb}", terminal_width=80,
                            help_option_names=["-h", "--help"])  # fmt: skip
    return "\n".join(["```text", command.get_help(context), "```"])
