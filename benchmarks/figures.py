"""Every figure of the README, the docs and the model cards, put there from JSON.

    python -m benchmarks.figures            # bring everything up to date
    python -m benchmarks.figures --check    # say what is not, and fail

A place for figures looks like ``<!-- figures: NAME -->...<!-- /figures -->``, NAME being a
function of this module. What stands between is replaced by what the function makes of the files in
``results/``, or, for ``help``, of the command line itself. The page on quality and its plots are
made by `benchmarks.quality.report`, in the same go.

Figures age: a result is stale when weights or coder have changed since (`benchmarks.provenance`). A
page that shows figures of a stale result must have a place ``age``, which says so.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import click

from vauxio.model.installed import DEFAULT, HIFI, SPEECH

from .provenance import changed
from .quality import report
from .speed import report as speed_report

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_PLACE = re.compile(r"(<!-- figures: ([^>]+?) -->).*?(<!-- /figures -->)", re.DOTALL)


def pages() -> list[Path]:
    """All pages that may have places for figures."""
    return [
        ROOT / "README.md",
        ROOT / "benchmarks" / "README.md",
        *sorted(ROOT.glob("docs/*.md")),
        *sorted(ROOT.glob("weights/*/README.md")),
    ]


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if stale")
    arguments = parser.parse_args()
    same = str.split if arguments.check else str  # another click may break lines elsewhere
    stale = [(path, text) for path, text in made() if same(_read(path)) != same(text)]
    for path, text in stale:
        print(path.relative_to(ROOT))
        if not arguments.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and arguments.check:
        print("are not what the results say: run python -m benchmarks.figures", file=sys.stderr)
    return int(bool(stale) and arguments.check)


def made() -> Iterator[tuple[Path, str]]:
    """Every file that has figures in it, and what it should contain."""
    docs = ROOT / "docs"
    for name, about, by in (("benchmarks", "quality", report), ("speed", "speed", speed_report)):
        path = docs / f"{name}.md"
        yield path, filled(by.page(results(about)), path)
        for image, plot in by.plots(results(about)).items():
            for path, dark in ((Path(image), False), (Path(dark_name(image)), True)):
                if plot.digest not in _read(docs / "images" / path):
                    yield docs / "images" / path, plot.svg(dark)
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if "<!-- figures:" in text and path.name not in ("benchmarks.md", "speed.md"):
            yield path, filled(text, path)


def dark_name(image: str) -> str:
    """The file of a plot for dark pages; ``docs/hooks.py`` puts it beside the other."""
    return image.replace(".svg", "-dark.svg")


def filled(page: str, path: Path) -> str:
    """A page with all its places filled anew, the places ``age`` last."""
    _used.clear()
    page = _PLACE.sub(lambda m: m[0] if m[2].startswith("age") else _filled(m), page)
    stale = [name for name in _used if name in _TITLES and since(name)]
    if stale and "<!-- figures: age" not in page:
        say = "add <!-- figures: age --><!-- /figures -->, or measure again"
        sys.exit(f"{path.relative_to(ROOT)}: weights or coder changed after {_and(stale)}: {say}")
    return _PLACE.sub(lambda m: _filled(m) if m[2].startswith("age") else m[0], page)


def results(name: str) -> dict[str, Any]:
    """What a benchmark wrote."""
    _used[name] = None
    return _loaded(name)


@cache
def since(name: str) -> list[str]:
    """What has changed since a result was measured."""
    return changed(_loaded(name)["measured"])


# What can stand in a place ------------------------------------------------------------------------


def quality(kind: str) -> str:
    """The codec beside its peers: a row for each bitrate. Qualities have a page of their own."""
    of_speech = "distillmos", "visqol", "pesq", "stoi", "dnsmos_ovrl"
    metrics = of_speech if kind == "speech" else ("visqol", "mel")
    names = [report.NAMES[m] for m in metrics]
    rows = []
    for entry in _entries(kind):
        if entry["family"] == "original" or report.is_variable(entry) or entry["kbps"] > 17:
            continue
        cells = [entry["family"], f"{entry['kbps']:.1f}"]
        cells += [
            f"{entry[m][0]:.{3 if m == 'stoi' else 2}f}" if entry.get(m) else "-" for m in metrics
        ]
        rows.append([f"**{c}**" for c in cells] if report.is_vauxio(entry) else cells)
    return _table([kind, "kbps", *names], rows)


def verdict() -> str:
    """Ahead or behind, at about the same bits: vauxio and the nearest setting of every peer.

    Level is what has overlapping intervals.
    """
    lines = []
    for kind, metric in (("speech", "pesq"), ("music", "visqol")):
        entries = _entries(kind)
        peers = sorted({e["family"] for e in entries if not report.is_vauxio(e)} - {"original"})
        for own in filter(report.is_vauxio, entries):
            if own["setting"] not in ("3 kbps", "6 kbps", "12 kbps"):
                continue
            said = []
            for family in peers:
                near = min((e for e in entries if e["family"] == family),
                           key=lambda e: abs(e["kbps"] - own["kbps"]))  # fmt: skip
                if abs(near["kbps"] / own["kbps"] - 1) > 0.2:
                    continue
                word = _compare(own[metric], near[metric])
                said.append(f"{word} {family} ({near[metric][0]:.2f} at {near['kbps']:.1f} kbps)")
            model = own["family"].removeprefix("vauxio").strip()
            lines += [
                f"- {kind}{f', {model},' if model else ''} at {own['kbps']:.1f} kbps: "
                f"{report.NAMES[metric]} "
                f"{own[metric][0]:.2f}, {_and(said)}"
            ] * bool(said)
    return "\n".join(lines)


def age(*names: str) -> str:
    """Which figures of a page, or of those results, are older than weights or coder."""
    names = tuple(name for name in names or _used if name in _TITLES)
    lines = []
    for name in names:
        if since(name):
            record = _loaded(name)["measured"]
            lines.append(f"> - {_TITLES[name]}: measured on {record['date']} at commit "
                         f"`{record['commit']}`. Since then {_and(since(name))}.")  # fmt: skip
    if not lines:
        return ""
    return "\n".join(["> Figures on this page that are older than the installed weights:", ">",
                      *lines])  # fmt: skip


def ages() -> str:
    """Every result: when it was measured, and what has changed since."""
    rows = []
    for path in sorted(RESULTS.glob("*.json")):
        record = _loaded(path.stem)["measured"]
        news = _and(since(path.stem)) or "nothing"
        rows.append([f"`{path.name}`", record["date"], f"`{record['commit']}`", news])
    return _table(["result", "measured", "commit", "changed since then"], rows)


def headline() -> str:
    """Five rows: sound at low bitrates beside a peer at about the same bits, speed, memory."""
    coding, memory = results("speed")["coding"], results("memory")["long"]
    speeds = [
        f"{coding[f'{verb} 6 kbps lm']['x_real_time']:.0f} ×" for verb in ("encode", "decode")
    ]
    peaks = [f"{memory[verb]['peak_mb']:.0f} MB" for verb in ("encode", "decode")]
    rows = [
        _beside("speech", "pesq", "3 kbps", "Codec2", "3.2 kbps"),
        _beside("speech", "pesq", "6 kbps", "Opus", "6 kbps"),
        _beside("music", "visqol", "6 kbps", "Opus", "6 kbps"),
        ["speed on one core, times real time", " / ".join(speeds) + " (encode / decode)", ""],
        [f"peak memory, {memory['audio_seconds'] / 3600:g} hours of audio",
         " / ".join(peaks) + " (encode / decode)", ""],
    ]  # fmt: skip
    return _table(["", "vauxio, general-24k", "beside"], rows)


def _beside(kind: str, metric: str, setting: str, family: str, others: str) -> list[str]:
    """One row: our mean at a setting, and that of a peer."""
    own = _own(kind, setting)
    peer = next(e for e in _entries(kind) if (e["family"], e["setting"]) == (family, others))
    return [
        f"{kind}, {report.NAMES[metric]}",
        f"{own[metric][0]:.2f} at {own['kbps']:.1f} kbps",
        f"{family}: {peer[metric][0]:.2f} at {peer['kbps']:.1f} kbps",
    ]


def recordings() -> str:
    """What was measured, in words."""
    n = results("quality")["recordings"]
    return f"{n['speech']} recordings of speech and {n['music']} of music"


def intelligibility(setting: str) -> str:
    """STOI of speech at so many nominal kbps."""
    own = _own("speech", setting + " kbps")
    return f"{own['stoi'][0]:.2f}"


def savings() -> str:
    """What entropy coding makes of the nominal bits; all bytes of files of ten seconds counted."""
    columns = {kind: ("vauxio", kind) for kind in ("speech", "music", "sound")}
    columns[f"speech, {SPEECH}"] = f"vauxio {SPEECH}", "speech"
    cells = {
        (e["family"], kind, e["setting"]): f"{e['kbps']:.2f} ({e['kbps_plain']:.2f})"
        for _, kind in columns.values()
        for e in filter(report.is_vauxio, _entries(kind))
        if not report.is_variable(e)
    }
    settings = dict.fromkeys(setting for *_, setting in cells)
    rows = [[s, *(cells.get((*column, s), "") for column in columns.values())] for s in settings]
    return _table(["nominal", *columns], rows)


def speed() -> str:
    """Coding, starting, memory: one core."""
    coding, starting = results("speed")["coding"], results("speed")["starting"]
    memory = results("memory")["long"]
    coder = next(c for c in ("lm", "static") if f"encode 6 kbps {c}" in coding)  # the default
    rows = [
        ["encode", f"{coding[f'encode 6 kbps {coder}']['x_real_time']:.0f} × real time"],
        ["decode", f"{coding[f'decode 6 kbps {coder}']['x_real_time']:.0f} × real time"],
        ["`import vauxio`", f"{starting['import vauxio']['seconds']:.2f} s"],
        ["`vaux --help`", f"{starting['vaux --help']['seconds']:.2f} s"],
        [f"peak memory, {memory['audio_seconds'] / 3600:g} hours of audio",
         f"{memory['encode']['peak_mb']:.0f} MB to encode, "
         f"{memory['decode']['peak_mb']:.0f} MB to decode"],
    ]  # fmt: skip
    return _table(["one core of an " + results("speed")["processor"], ""], rows)


def web() -> str:
    """Decoding in a browser, with one thread."""
    r = results("web")
    rows = [
        [f"decode {what}", f"{r[what]['x_real_time_cpu']:.0f} × real time"]
        for what in ("6 kbps, mono", "128 kbps, stereo")
    ]
    first = r["first sound of ten minutes"]["cpu_seconds"]
    rows.append(["first sound of a ten-minute file", f"{first:.1f} s"])
    rows.append(["scripts of the page", f"{r['script_bytes'] / 1000:.0f} kB"])
    return _table([f"Chromium, one core of an {r['processor']}", ""], rows)


def web_sizes() -> str:
    """What a page fetches."""
    r = results("web")
    runtime = f"{r['runtime_bytes'] / 1e6:.1f} MB, {r['runtime_bytes_gzip'] / 1e6:.1f} MB with gzip"
    rows = [
        ["`web/dist`", "the scripts", f"{r['script_bytes'] / 1000:.0f} kB"],
        ["`web/node_modules/onnxruntime-web/dist`", "ONNX Runtime: three files, below", runtime],
        *(["`weights`", f"the model `{name}`", f"{size / 1e6:.2g} MB"]
          for name, size in r["model_bytes"].items()),
    ]  # fmt: skip
    return _table(["folder", "what", "bytes"], rows)


def peak() -> str:
    """Memory of a process that encodes."""
    return f"{results('memory')['long']['encode']['peak_mb']:.0f} MB"


def streaming() -> str:
    """Live streams, one token at a time."""
    rows = [
        [name, f"{r['encode']['clock']:.1f} ×", f"{r['decode']['clock']:.1f} ×"]
        for name, r in results("streaming").items()
        if isinstance(r, dict) and "encode" in r
    ]
    return _table(["one core", "encode", "decode"], rows)


def loss() -> str:
    """PESQ of speech of which packets are lost."""
    r = results("loss")
    rows = [[name, f"{value:.2f}"] for name, value in r["pesq_wb"].items()]
    return _table([f"{r['loss_percent']:g} % of the packets lost", "PESQ-WB"], rows)


def delays() -> str:
    """Algorithmic delay of a live stream."""
    models = results("facts")["models"]
    rows = [
        [f"{int(rate) / 1000:g} kHz", *(f"{m['delay_ms'][rate]:.1f}" for m in models.values())]
        for rate in next(iter(models.values()))["delay_ms"]
    ]
    return _table(["both sides at", *(f"{name}, ms" for name in models)], rows)


def cost() -> str:
    """CPU hours for a thousand hours of audio, with what they were measured on."""
    r = results("archive")
    how = "a short run of it" if r.get("quick") else "it"
    hours = r["cpu_hours_per_1000_hours"]
    return f"{how} put 1,000 hours of audio at {hours:.1f} CPU hours of encoding"


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


def models() -> str:
    """All models, a row each."""
    rows = []
    for name, m in results("facts")["models"].items():
        delay = next(iter(m["delay_ms"].values()))
        rows.append([
            f"[{name}](../weights/{name}/README.md)",
            f"{m['bitrates'][0]:g} to {m['bitrates'][-1]:g}",
            f"{delay:.1f} ms",
            f"{sum(m['parameters'].values()) / 1e6:.1f} M",
            f"{sum(m['bytes'].values()) / 1e6:.1f} MB",
        ])  # fmt: skip
    return _table(["model", "kbps per channel", "delay of a stream", "parameters", "size"], rows)


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
    names = {"encoder": "encoder", "decoder": "decoder", "quantiser": "codebooks", "lm": "LM"}
    counts = m["parameters"]
    parts = ", ".join(
        f"{what} {counts[part] / 1e6:.1f} M" for part, what in names.items() if part in counts
    )
    sizes = ", ".join(f"`{file}` {n / 1e6:.1f}" for file, n in m["bytes"].items() if n > 1e5)
    delay = next(iter(m["delay_ms"].values()))
    return _table(["", ""], [
        ["bitrates", f"{m['bitrates'][0]:g} to {m['bitrates'][-1]:g} kbps per channel in steps of "
                     f"{m['bitrates'][0]:g}"],
        ["delay of a live stream", f"{delay:.1f} ms"],
        ["parameters", parts],
        ["size", f"{sum(m['bytes'].values()) / 1e6:.1f} MB ({sizes})"],
        ["decoder", f"`{m['decoder']}`: first 8 bytes of its SHA-256, as files name it"],
    ])  # fmt: skip


def variable_recordings() -> str:
    """What variable bitrate was measured on, in words."""
    n = results("vbr")["recordings"]
    return f"{n['speech']} recordings of speech, {n['music']} of music and {n['sound']} of sounds"


def qualities(kind: str) -> str:
    """Qualities of one kind of recording, beside as many codes everywhere at the same bits."""
    return _beside_constant(kind, "variable", "quality")


def averages(kind: str) -> str:
    """The same of bitrates."""
    return _beside_constant(kind, "average", "bitrate")


def latency() -> str:
    """Short recordings, warm and cold, and beside the build before."""
    found = results("latency")
    rows = [
        [
            key,
            *(f"{1000 * own[p]:.0f} ms" for p in ("p50", "p99")),
            *(f"{found['times_as_fast'][key][p]:.2f}" for p in ("p50", "p99")),
        ]
        for key, own in found["this"].items()
    ]
    return _table(["one core, 6 kbps", "p50", "p99", "times as fast as before, p50", "p99"], rows)


def high_rates_recordings() -> str:
    """What `hifi-48k` was measured on, in words."""
    found = results("high_rates")
    n = found["recordings"]
    return (
        f"the first {found['seconds']} seconds of {n['speech']} recordings of speech and "
        f"{n['music']} of music"
    )


def high_rates(kind: str) -> str:
    """`hifi-48k` and its peers, from the lowest bitrate on."""
    means = [row for row in results("high_rates")["means"] if row["kind"] == kind]
    metrics = [name for name in ("pesq", "mel") if name in means[0]]
    rows = [
        [row["family"], row["setting"], f"{row['kbps']:.1f}", *(f"{row[m]:.2f}" for m in metrics)]
        for row in sorted(
            means, key=lambda row: (row["family"] != HIFI, row["family"], row["kbps"])
        )
    ]
    return _table(["codec", "setting", "kbps", *(report.NAMES[m] for m in metrics)], rows)


def high_rates_equal() -> str:
    """Bits of `hifi-48k` for the same figures as Opus, over those of Opus."""
    rows = results("high_rates")["bits_for_equal"]

    def cell(kind: str, setting: str, metric: str) -> str:
        (row,) = (r for r in rows if (r["kind"], r["setting"]) == (kind, setting))
        return "-" if row[metric] is None else f"{row[metric]:.2f}"

    settings = dict.fromkeys(row["setting"] for row in rows)
    columns = (("speech", "pesq"), ("speech", "mel"), ("music", "mel"))
    return _table(
        ["Opus at", "speech, PESQ-WB", "speech, mel distance", "music, mel distance"],
        [[s, *(cell(kind, s, metric) for kind, metric in columns)] for s in settings],
    )


def _beside_constant(kind: str, what: str, setting: str) -> str:
    found = results("vbr")[kind][what]
    metrics = [name for name in ("visqol", "pesq") if name in found[0]]
    rows = []
    for row in found:
        cells = [f"{row[setting]:g}", f"{row['kbps']:.2f}"]
        for name in metrics:
            same = row[f"{name}_constant"]
            cells.append(f"{row[name]:.2f}" + (f" ({same:.2f})" if same is not None else ""))
        rows.append(cells)
    return _table([f"{setting}, {kind}", "kbps", *(report.NAMES[name] for name in metrics)], rows)


def silent() -> str:
    """kbps of digital silence at variable bitrate."""
    return f"{results('vbr')['silence_kbps']:.3f}"


def token_ms() -> str:
    """How long a token of the default model lasts."""
    about = json.loads((ROOT / "weights" / DEFAULT / "model.json").read_text(encoding="utf-8"))
    return f"{1000 * about['hop'] / about['samplerate']:.1f}"


def denoiser(name: str) -> str:
    """The numbers of a denoiser, for its card."""
    d = results("facts")["denoisers"][name]
    return _table(["", ""], [
        ["delay", f"{d['delay_ms']:.1f} ms"],
        ["parameters", f"{d['parameters'] / 1e6:.2f} M"],
        ["size", f"{d['bytes'] / 1e6:.1f} MB"],
        ["speed on one core", f"{results('denoise')['x_real_time_cpu']:.0f} × real time"],
    ])  # fmt: skip


def denoised() -> str:
    """What was denoised, in words."""
    return f"{results('denoise')['recordings']} recordings of speech"


def denoising(score: str) -> str:
    """DNSMOS of noisy speech in every way: ``ovrl`` or ``sig``."""
    by_condition = results("denoise")["dnsmos"]
    noisy = [c for c in by_condition if c != "clean"]
    rows = []
    for way in by_condition[noisy[0]]:
        kbps = mean(by_condition[c][way]["kbps"] for c in noisy)
        cells = [way, f"{kbps:.1f}" if kbps else "", *(
            f"{by_condition[c][way][score]:.2f}" if way in by_condition[c] else ""
            for c in (*noisy, "clean")
        )]  # fmt: skip
        rows.append(cells)
    return _table([f"DNSMOS {score.upper()}", "kbps", *noisy, "clean"], rows)


def help(verb: str) -> str:
    """What ``vaux VERB -h`` prints."""
    from vauxio.cli import vaux

    command = vaux.get_command(click.Context(vaux), verb)
    assert command is not None, verb
    context = click.Context(command, info_name=f"vaux {verb}", terminal_width=80,
                            help_option_names=["-h", "--help"])  # fmt: skip
    return "\n".join(["```text", command.get_help(context), "```"])


# How it is put there ------------------------------------------------------------------------------


_TITLES = {
    "archive": "cost of a library",
    "denoise": "denoising",
    "high_rates": "high bitrates",
    "latency": "latency",
    "lm": "entropy coding",
    "loss": "lost packets",
    "memory": "memory",
    "quality": "sound quality and bitrates",
    "seek": "seeking",
    "speed": "speed",
    "streaming": "speed of live streams",
    "vbr": "variable bitrate",
    "web": "decoding in a browser",
}
_used: dict[str, None] = {}
"""Results that the page in hand shows, in their order."""


@cache
def _loaded(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _filled(place: re.Match[str]) -> str:
    return place[1] + _fill(*place[2].split()) + place[3]


def _fill(name: str, *arguments: str) -> str:
    make: Callable[..., str] = globals()[name]
    text = make(*arguments)
    return f"\n\n{text}\n\n" if "\n" in text else text


def _entries(kind: str) -> list[dict[str, Any]]:
    return report._of_kind(results("quality"), kind)


def _compare(a: Sequence[float], b: Sequence[float]) -> str:
    """One mean and its interval against another."""
    if a[1] <= b[2] and b[1] <= a[2]:
        return "about level with"
    return "ahead of" if a[0] > b[0] else "behind"


def _own(kind: str, setting: str) -> dict[str, Any]:
    """The means of vauxio with its default model."""
    return next(e for e in _entries(kind) if (e["family"], e["setting"]) == ("vauxio", setting))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _and(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
