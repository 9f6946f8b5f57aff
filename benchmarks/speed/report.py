"""The page on speed and its plots, from ``speed.json`` alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..plots import Plot, Point
from ..tables import table

_TEMPLATE = Path(__file__).with_name("template.md")
_SPANS = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h"}
_ENCODEC = """`encodec` {encodec} on PyTorch {torch}: its 24 kHz model, through its own `compress`
and `decompress`. Its networks have random weights, which take as long as trained ones: nothing here
is about sound. Both codecs are given the same {seconds:g} seconds of speech at 24 kHz, and 6 kbps
nominal. vauxio uses one thread here; EnCodec is measured with one and with all.

{table}

{ratios}"""
_WITHOUT = """Not measured: EnCodec ({reason}). `pip install encodec` puts it here."""

Entry = dict[str, Any]


def page(result: Entry) -> str:
    """``speed.md``."""
    fill = {
        "WARNING": "**Not to be cited: a quick run, to see whether it runs.** " * result["quick"],
        "MACHINE": f"{result['cores']} cores of an {result['processor']} with Python "
                   f"{result['python']}, onnxruntime {result['onnxruntime']}, "
                   f"vauxio {result['vauxio']}",
        "MINUTES": f"{result['minutes']:g}",
        "LOAD": f"{result['load'][0]:.1f}",
        "GIGAFLOPS": f"{result['gigaflops']['clock']:.0f}",
        "REPEAT": str(result["repeat"]),
        "SECONDS": f"{result['audio_seconds']:g}",
        "ROW": f"{result['row_seconds']:g}",
        "BITRATE": " and ".join(sorted({f"{m['bitrate']:g}" for m in result["models"].values()})),
        "TABLE coding": _coding(result),
        "TABLE stages": _stages(result),
        "ENCODEC": _encodec(result),
        "TABLE lengths": _lengths(result),
        "TABLE batch": _batch(result),
        "TABLE starting": _table(["", "seconds"], [
            [f"`{name}`", f"{e['seconds']:.2f} ({e['fastest']:.2f} to {e['slowest']:.2f})"]
            for name, e in result["starting"].items()]),
    }  # fmt: skip
    parts = _TEMPLATE.read_text(encoding="utf-8").split("%%")  # text, key, text, key, ..., text
    return "".join(fill[part] if i % 2 else part for i, part in enumerate(parts))


def plots(result: Entry) -> dict[str, Plot]:
    """By file name."""
    lengths = {
        verb: [_point(float(seconds), of[verb]) for seconds, of in result["lengths"].items()]
        for verb in ("encode", "decode")
    }
    batches = {
        f"{verb}, {where}": [_point(int(rows), of[verb]) for rows, of in sizes.items()]
        for where, sizes in result["models"][result["model"]]["batch"].items()
        for verb in ("encode", "decode")
    }
    return {
        "speed-length.svg": Plot("vaux on one core, × real time", lengths, unit="length",
                                 ticks=tuple(_SPANS), labels=_SPANS, from_zero=True),
        "speed-batch.svg": Plot("Networks, × real time", batches, unit="rows of a batch",
                                ticks=(1, 2, 4, 8, 16, 32), from_zero=True),
    }  # fmt: skip


def ratio(fast: Entry, slow: Entry) -> float:
    """How much less time one took than the other."""
    return slow["seconds"] / fast["seconds"]


def _coding(result: Entry) -> str:
    rows = []
    for model, of in result["models"].items():
        settings = list(dict.fromkeys(key.split(" ", 1)[1] for key in of["coding"]))
        for setting in settings:
            encode, decode = (of["coding"][f"{verb} {setting}"] for verb in ("encode", "decode"))
            *kbps, coder = setting.split()
            rows.append([model, " ".join(kbps), coder, _speed(encode), _speed(decode),
                         f"{encode['peak_mb']:.0f} MB"])  # fmt: skip
    return _table(["model", "bitrate", "entropy coder", "encode, × real time",
                   "decode, × real time", "peak memory"], rows)  # fmt: skip


def _stages(result: Entry) -> str:
    rows, places = [], ["one core"]
    for model, of in result["models"].items():
        places = list(of["stages"])
        for name in of["stages"][places[0]]:
            speeds = [_speed(of["stages"][place][name]) for place in places]
            rows.append([model, name, *speeds])
    return _table(["model", "", *(f"{place}, × real time" for place in places)], rows)


def _encodec(result: Entry) -> str:
    if "EnCodec" not in result["beside"]:
        return _WITHOUT.format(reason=result["skipped"]["EnCodec"])
    rows, ratios = [], []
    for codec, kinds in result["beside"].items():
        for kind, places in kinds.items():
            for place, of in places.items():
                rows.append([codec, kind, place, _speed(of["encode"]), _speed(of["decode"]),
                             f"{of['encode']['peak_mb']:.0f} MB"])  # fmt: skip
    theirs = result["beside"]["EnCodec"]
    for codec, kinds in result["beside"].items():
        for kind in [k for k in kinds if k in theirs and codec != "EnCodec"]:
            own, peer = kinds[kind]["one core"], theirs[kind]["one core"]
            encode, decode = (ratio(own[verb], peer[verb]) for verb in ("encode", "decode"))
            ratios.append(f"- {codec}, {kind}: encodes {encode:.1f} and decodes {decode:.1f} times "
                          "as fast as EnCodec on one core.")  # fmt: skip
    coded = _table(["codec", "entropy coding", "on", "encode, × real time", "decode, × real time",
                    "peak memory"], rows)  # fmt: skip
    return _ENCODEC.format(**result["encodec"], seconds=result["beside_seconds"], table=coded,
                           ratios="\n".join(ratios))  # fmt: skip


def _lengths(result: Entry) -> str:
    rows = []
    for seconds, of in result["lengths"].items():
        row = [_SPANS[int(seconds)]]
        for verb in ("encode", "decode"):
            e = of[verb]
            row += [f"{e['seconds']:.2f} s", _speed(e), f"{e['peak_mb']:.0f} MB"]
        rows.append(row)
    head = [f"{verb}, {what}" for verb in ("encode", "decode")
            for what in ("process", "× real time", "peak memory")]  # fmt: skip
    return _table(["length", *head], rows)


def _batch(result: Entry) -> str:
    rows, head = [], []
    for model, of in result["models"].items():
        columns = [(p, verb) for p in of["batch"] for verb in ("encode", "decode")]
        head = [f"{verb}, {place}" for place, verb in columns]
        for size in next(iter(of["batch"].values())):
            rows.append([model, size, *(_speed(of["batch"][p][size][verb]) for p, verb in columns)])
    return _table(["model", "rows", *head], rows)


def _speed(entry: Entry) -> str:
    """The median and, where there were several rounds, the range; × real time."""
    audio = entry["x_real_time"] * entry["seconds"]
    slow, fast = (audio / entry[key] for key in ("slowest", "fastest"))
    middle = _round(entry["x_real_time"])
    return middle if slow == fast else f"{middle} ({_round(slow)} to {_round(fast)})"


def _round(speed: float) -> str:
    return f"{speed:.0f}" if speed >= 20 else f"{speed:.1f}"


def _point(x: float, entry: Entry) -> Point:
    audio = entry["x_real_time"] * entry["seconds"]
    return Point(x, entry["x_real_time"], audio / entry["slowest"], audio / entry["fastest"])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return table(head, rows, texts=1)
