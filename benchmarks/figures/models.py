"""The models: their sizes, delays and cards, and one example."""

from __future__ import annotations

import json

from vauxio.model.installed import DEFAULT

from ..paths import ROOT
from ..tables import table
from .results import results


def models() -> str:
    """All models that code, a row each."""
    facts = results("facts")
    rows = []
    for name, m in facts["models"].items():
        delay = next(iter(m["delay_ms"].values()))
        rows.append([
            _linked(name),
            f"{m['bitrates'][0]:g} to {m['bitrates'][-1]:g}",
            "tokens",
            f"{delay:.0f} ms",
            f"{sum(m['parameters'].values()) / 1e6:.1f} M",
            f"{sum(m['bytes'].values()) / 1e6:.1f} MB",
        ])  # fmt: skip
    for name, m in facts["transforms"].items():
        low, high = m["bitrates"]
        rows.append([
            _linked(name),
            f"{low:g} to {high:g}",
            "transform coefficients",
            "no live streams",
            f"{m['parameters'] / 1e6:.1f} M",
            f"{m['bytes'] / 1e6:.1f} MB",
        ])  # fmt: skip
    heads = ["model", "kbps per channel", "codes", "delay of a live stream", "parameters", "size"]
    return table(heads, rows)


def _linked(name: str) -> str:
    return f"[{name}](../weights/{name}/README.md)"


def cards() -> str:
    """Links to the cards of all models, with what ``model.json`` says of them."""
    lines = []
    for path in sorted(ROOT.glob("weights/*-*/README.md")):
        name = path.parent.name
        about = json.loads((path.parent / "model.json").read_text(encoding="utf-8"))
        lines.append(f"- [{name}](../weights/{name}/README.md): {about['description']}")
    return "\n".join(["Cards:", "", *lines])


def card(name: str) -> str:
    """The numbers of one model, for its card."""
    m = results("facts")["models"][name]
    names = {
        "encoder": "encoder",
        "decoder": "decoder",
        "enhancer": "enhancer",
        "quantiser": "codebooks",
        "lm": "LM",
    }
    counts = m["parameters"]
    parts = ", ".join(
        f"{what} {counts[part] / 1e6:.1f} M" for part, what in names.items() if part in counts
    )
    sizes = ", ".join(f"`{file}` {n / 1e6:.1f}" for file, n in m["bytes"].items() if n > 1e5)
    delay = next(iter(m["delay_ms"].values()))
    return table(["", ""], [
        ["bitrates", f"{m['bitrates'][0]:g} to {m['bitrates'][-1]:g} kbps per channel in steps of "
                     f"{m['bitrates'][0]:g}"],
        ["delay of a live stream", f"{delay:.1f} ms"],
        ["parameters", parts],
        ["size", f"{sum(m['bytes'].values()) / 1e6:.1f} MB ({sizes})"],
        ["decoder", f"`{m['decoder']}`: first 8 bytes of its SHA-256, as files name it"],
    ])  # fmt: skip


def denoiser(name: str) -> str:
    """The numbers of a denoiser, for its card."""
    d = results("facts")["denoisers"][name]
    return table(["", ""], [
        ["delay", f"{d['delay_ms']:.1f} ms"],
        ["parameters", f"{d['parameters'] / 1e6:.2f} M"],
        ["size", f"{d['bytes'] / 1e6:.1f} MB"],
        ["speed on one core", f"{results('denoise')['x_real_time_cpu']:.0f} × real time"],
    ])  # fmt: skip


def delays() -> str:
    """Algorithmic delay of a live stream."""
    models = results("facts")["models"]
    rows = [
        [f"{int(rate) / 1000:g} kHz", *(f"{m['delay_ms'][rate]:.1f}" for m in models.values())]
        for rate in next(iter(models.values()))["delay_ms"]
    ]
    return table(["both sides at", *(f"{name}, ms" for name in models)], rows)


def token_ms() -> str:
    """How long a token of the default model lasts."""
    about = json.loads((ROOT / "weights" / DEFAULT / "model.json").read_text(encoding="utf-8"))
    return f"{1000 * about['hop'] / about['samplerate']:.1f}"


def example() -> str:
    """An encoding, and what ``vaux info`` says of it."""
    r = results("facts")["example"]
    return "\n".join(
        [
            "```console",
            f"$ vaux encode tests/data/{r['recording']} speech.vx",
            "$ vaux info speech.vx",
            r["info"],
            "```",
        ]
    )


def ratio() -> str:
    """How much smaller the example becomes."""
    r = results("facts")["example"]
    return (
        f"As a WAV file the recording has {r['wav_bytes']:,} bytes, "
        f"{r['wav_bytes'] / r['vx_bytes']:.0f} times as many."
    )
