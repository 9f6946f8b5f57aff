"""``vaux models``: what is installed."""

from __future__ import annotations

import json

import click

from ..model.installed import models
from ..model.models import Denoiser, Model, Transform

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
    installed = models()
    if not as_json:
        click.echo(repr(installed))
        return 0
    for model in [*installed, *installed.transforms, *installed.denoisers]:
        click.echo(json.dumps(_fields(model)))
    return 0


def _fields(model: Model | Denoiser | Transform) -> dict[str, object]:
    if isinstance(model, Transform):
        return {
            "name": model.name,
            "kind": "transform",
            "description": model.description,
            "samplerate": model.samplerate,
            "lowest_bitrate": model.lowest,
            "highest_bitrate": model.highest,
            "default_bitrate": model.default_bitrate,
            "auto_bitrate": model.auto_bitrate,
            "music_bitrate": model.music_bitrate,
            "code_space": model.tables.hash.hex(),
            "enhancer": model.enhancer and model.enhancer.hash.hex(),
        }
    if isinstance(model, Denoiser):
        return {
            "name": model.name,
            "kind": "denoiser",
            "description": model.description,
            "samplerate": model.samplerate,
            "delay": model.delay / model.samplerate,
        }
    return {
        "name": model.name,
        "kind": "codec",
        "description": model.description,
        "samplerate": model.samplerate,
        "token_rate": model.token_rate,
        "codebooks": model.codebooks,
        "codebook_size": model.codebook_size,
        "bitrates": model.bitrates,
        "default_bitrate": model.default_bitrate,
        "delay": model.latency,
        "code_space": model.code_space.hex(),
        "decoder": model.decoder.hash.hex(),
    }
