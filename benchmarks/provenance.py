"""What a result was measured with, and what has changed since.

Every file in ``results/`` has the key ``measured``: the commit, the day and, for each model that
took part, the SHA-256 of all its weights, the size of an example file, and how far examples of
speech and of stereo music are from their originals once they are decoded. Weights, entropy coder
and bit allocation decide that size; all code from samples to samples decides the distances. A
result is stale when the installed model has other weights, when the size has changed by more than
one per cent, or when a distance has changed by more than 0.05 dB: floating-point rounding differs
between machines, and may change a code here and there. So code that is only written anew makes
nothing stale. A result without distances is older than they are, and says nothing of them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from .paths import MUSIC, ROOT, SPEECH

TOLERANCE = 0.01
NEAR = 0.05
"""dB by which distances may differ."""
_NAMES = {"lm": "language model", "static": "table of frequencies", "tables": "set of tables"}
"""Parts that only the entropy coder needs."""

Record = dict[str, Any]


def measured(models: Iterable[str], packets: bool = False) -> Record:
    """The record of a measurement with these models, made now.

    Packets of live streams are not entropy coded, so `packets` leaves out what only that needs.
    """
    about: dict[str, Record] = {}
    for name in models:
        about[name] = {"weights": weights(name)} | _example(name) | _distances(name)
        if packets:
            about[name] = {"weights": _of_packets(weights(name)), "packets": True}
    return {
        "commit": _git("describe", "--always", "--dirty", "--exclude", "*"),
        "date": date.today().isoformat(),
        "models": about,
    }


def changed(record: Mapping[str, Any]) -> list[str]:
    """What has changed since a measurement, model by model, in words."""
    said = []
    for name, then in record["models"].items():
        now = _of_packets(weights(name)) if then.get("packets") else weights(name)
        parts = sorted(_NAMES.get(part, part) for part in then["weights"] | now
                       if then["weights"].get(part) != now.get(part))  # fmt: skip
        if not now:
            said.append(f"{name} is no longer installed")
        elif len(parts) > 1 and len(parts) == len(now):
            said.append(f"{name} has other weights")
        elif parts:
            said.append(f"{name} has another {' and another '.join(parts)}")
        elif "example_bytes" in then:
            size = _example(name)["example_bytes"]
            if abs(size / then["example_bytes"] - 1) > TOLERANCE:
                said.append(f"{name} codes the same recording in {size} bytes, "
                            f"not {then['example_bytes']}")  # fmt: skip
            elif _sounds_other(name, then):
                said.append(f"{name} makes another sound of the same recordings")
    return said


def _sounds_other(name: str, then: Mapping[str, Any]) -> bool:
    before = then.get("example_distances", {})
    if not before:
        return False
    now = _distances(name)["example_distances"]
    return any(abs(now[example] - was) > NEAR for example, was in before.items())


def _of_packets(parts: dict[str, str]) -> dict[str, str]:
    return {part: hash for part, hash in parts.items() if part not in _NAMES}


@cache
def weights(name: str) -> dict[str, str]:
    """First 8 bytes of the SHA-256 of each file of a model, as hexadecimal digits."""
    path = ROOT / "weights" / name / "model.json"
    if not path.exists():
        return {}
    about = json.loads(path.read_text(encoding="utf-8"))
    return {
        part: entry["sha256"][:16]
        for part, entry in about.items()
        if isinstance(entry, dict) and "sha256" in entry
    }


@cache
def _example(name: str) -> dict[str, int]:
    """Size of the example at the model's default bitrate; a denoiser has none."""
    import soundfile

    import vauxio

    installed = vauxio.models()
    if name not in {model.name for model in (*installed, *installed.transforms)}:
        return {}
    data, samplerate = soundfile.read(SPEECH, dtype="int16")
    return {"example_bytes": len(vauxio.compress(data, samplerate, model=name))}


@cache
def _distances(name: str) -> dict[str, dict[str, float]]:
    """Mel distance of decoded examples at the model's default bitrate, dB; a denoiser has none."""
    import soundfile

    import vauxio
    from vauxio.compare.metrics import mel_distance

    if not _example(name):
        return {}
    found = {}
    for example, path in (("speech", SPEECH), ("music", MUSIC)):
        data, samplerate = soundfile.read(path, dtype="float32")
        decoded, _ = vauxio.decompress(vauxio.compress(data, samplerate, model=name))
        pairs = zip(np.atleast_2d(data.T), np.atleast_2d(decoded.T), strict=True)
        each = [mel_distance(original, channel, samplerate) for original, channel in pairs]
        found[example] = round(float(np.mean(each)), 3)
    return {"example_distances": found}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
