"""``vaux models``: what is installed."""

from __future__ import annotations

import json

import click

from ..models import Model, models

__all__ = ["command"]


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per model and line.")
def command(as_json: bool) -> int:
    """List the models that are installed; the first is the default.

    \b
    Examples:
      vaux models
      vaux models --json | jq .bitrates
    """
    for model in models():
        click.echo(json.dumps(_fields(model)) if as_json else repr(model))
    return 0


def _fields(model: Model) -> dict[str, object]:
    return {
        "name": model.name,
        "description": model.description,
        "samplerate": model.samplerate,
        "token_rate": model.token_rate,
        "codebooks": model.codebooks,
        "codebook_size": model.codebook_size,
        "bitrates": model.bitrates,
        "default_bitrate": model.default_bitrate,
        "delay": model.latency,
        "decoder": model.decoder.hash.hex(),
    }
