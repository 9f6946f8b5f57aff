"""What coding takes: time, memory, bytes to fetch."""

from __future__ import annotations

from ..tables import table
from .results import results


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
    return table(["one core of an " + results("speed")["processor"], ""], rows)


def peak() -> str:
    """Memory of a process that encodes or decodes."""
    long = results("memory")["long"]
    return f"{max(long[verb]['peak_mb'] for verb in ('encode', 'decode')):.0f} MB"


def streaming() -> str:
    """Live streams, one token at a time."""
    rows = [
        [name, f"{r['encode']['clock']:.1f} ×", f"{r['decode']['clock']:.1f} ×"]
        for name, r in results("streaming").items()
        if isinstance(r, dict) and "encode" in r
    ]
    return table(["one core", "encode", "decode"], rows)


def latency() -> str:
    """Short recordings, warm and cold: milliseconds at the median and at the 99th percentile."""
    codecs = results("latency")["codecs"]
    rows = []
    for what in next(iter(codecs.values())):
        own = [codec.get(what) for codec in codecs.values()]
        cells = [f"{1000 * t['p50']:.0f} ({1000 * t['p99']:.0f})" if t else "" for t in own]
        rows.append([what, *cells])
    return table(["one core, 6 kbps, ms", *codecs], rows)


def cost() -> str:
    """CPU hours for a thousand hours of audio, with what they were measured on."""
    r = results("archive")
    how = "a short run of it" if r.get("quick") else "it"
    hours = r["cpu_hours_per_1000_hours"]
    return f"{how} put 1,000 hours of audio at {hours:.1f} CPU hours of encoding"


def web() -> str:
    """Decoding and encoding in a browser, with one thread."""
    r = results("web")
    rows = [
        [what, f"{r[key]['x_real_time_cpu']:.0f} × real time"]
        for what, key in (
            ("decode 6 kbps, mono", "6 kbps, mono"),
            ("decode 128 kbps, stereo", "128 kbps, stereo"),
            ("encode 6 kbps, mono", "encode 6 kbps, mono"),
        )
    ]
    first = r["first sound of ten minutes"]["cpu_seconds"]
    rows.append(["first sound of a ten-minute file", f"{first:.1f} s"])
    rows.append(["scripts of a page that plays", f"{r['script_bytes'] / 1000:.0f} kB"])
    rows.append(["scripts of one that encodes", f"{r['script_bytes_to_encode'] / 1000:.0f} kB"])
    return table([f"Chromium, one core of an {r['processor']}", ""], rows)


def web_sizes() -> str:
    """What a page fetches."""
    r = results("web")
    runtime = f"{r['runtime_bytes'] / 1e6:.1f} MB, {r['runtime_bytes_gzip'] / 1e6:.1f} MB with gzip"
    models = {name: f"{size / 1e6:.2g} MB" for name, size in r["model_bytes"].items()}
    for name, size in r["encoder_bytes"].items():
        models[name] += f", and {size / 1e6:.2g} MB to encode"
    rows = [
        ["`web/dist`", "the scripts", f"{r['script_bytes'] / 1000:.0f} kB"],
        ["`web/node_modules/onnxruntime-web/dist`", "ONNX Runtime: three files, below", runtime],
        *(["`weights`", f"the model `{name}`", size] for name, size in models.items()),
    ]  # fmt: skip
    return table(["folder", "what", "bytes"], rows)
