"""Decoding and encoding in a browser: speed, time to the first sound, size of the scripts.

    python -m benchmarks.web [--json FILE]

Needs ``web/`` built (``npm ci && npm run build`` there), Debian's ``chromium`` and
``pip install playwright``. ONNX Runtime has one thread. Models come from the browser's cache, which
a first run fills.

``x_real_time_cpu`` divides the seconds of audio by those that all processes of the browser had on a
core: on a busy machine that is what means anything.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import vauxio

from .output import add_json_option, publish
from .paths import MUSIC, ROOT, SPEECH
from .process import processor

WEB = ROOT / "web"
LINKS = {"web": WEB, "weights": ROOT / "weights",
         "runtime": WEB / "node_modules" / "onnxruntime-web" / "dist"}  # fmt: skip

RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MODEL_FILES = ("decoder.onnx", "lm.onnx", "entropy.npz", "enhancer.onnx")
"""What decoding takes of a model."""

SPEED = """async (name) => {
  const { VauxDecoder } = await import('/web/dist/index.js');
  globalThis.decoder ??= new VauxDecoder({ models: '/weights/', runtime: '/runtime/', threads: 1 });
  const bytes = new Uint8Array(await (await fetch(name)).arrayBuffer());
  const begin = performance.now();
  const { samplesDecoded, sampleRate } = await decoder.decodeFile(bytes);
  return { seconds: (performance.now() - begin) / 1000, audio: samplesDecoded / sampleRate };
}"""

ENCODE = """async (name) => {
  const { VauxEncoder } = await import('/web/dist/encode.js');
  globalThis.encoder ??= new VauxEncoder({ models: '/weights/', runtime: '/runtime/', threads: 1 });
  const samples = new Float32Array(await (await fetch(name)).arrayBuffer());
  const begin = performance.now();
  await encoder.encode({ channelData: [samples], sampleRate: 24000 }, { bitrate: 6 });
  return { seconds: (performance.now() - begin) / 1000, audio: samples.length / 24000 };
}"""

FIRST = """async (name) => {
  const begin = performance.now();
  const { VauxDecoderWebWorker } = await import('/web/dist/index.js');
  const decoder = new VauxDecoderWebWorker(
    { models: '/weights/', runtime: '/runtime/', threads: 1 });
  const file = await decoder.open(name);
  await file.read();
  return (performance.now() - begin) / 1000;
}"""


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.web", description=__doc__)
    add_json_option(parser)
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder, "site")
        site.mkdir()
        for name, target in LINKS.items():
            (site / name).symlink_to(target)
        make_files(site)
        address = serve(site)
        context = playwright.chromium.launch_persistent_context(
            str(Path(folder, "profile")), executable_path=shutil.which("chromium"),
            args=["--no-sandbox"],
        )  # fmt: skip
        result = measure(context, address, Path(folder, "profile"))
        result["version"] = context.browser.version if context.browser else ""
        context.close()
    result |= {
        "script_bytes": script_bytes("vaux-player.js", "worker.js", "exact.wasm"),
        "script_bytes_to_encode": script_bytes("encode.js", "worker.js", "exact.wasm"),
        **sizes(),
        "load": os.getloadavg()[0],
        "processor": processor(),
    }
    publish(result, arguments.json, ["general-24k", "hifi-48k"])


def script_bytes(*names: str) -> int:
    """Bytes of scripts and all that they import; the worker imports a decoder or an encoder.

    What enhances speech of few bits is loaded only for that.
    """
    other = "decoder-" if "encode.js" in names else "encoder-"
    found, waiting = set(), [WEB / "dist" / name for name in names]
    while waiting:
        script = waiting.pop()
        if script in found or script.name.startswith((other, "enhancer-")):
            continue
        found.add(script)
        if script.suffix == ".js":
            imports = re.findall(r'(?:from|import)\(?"\./([^"]+)"', script.read_text())
            waiting += [script.parent / name for name in imports]
    return sum(script.stat().st_size for script in found)


def sizes() -> dict[str, Any]:
    """Bytes of what a page fetches beside its scripts."""
    runtime = [(LINKS["runtime"] / name).read_bytes() for name in RUNTIME]
    models = {
        folder.parent.name: sum((folder.parent / name).stat().st_size for name in files)
        for folder in sorted((ROOT / "weights").glob("*/model.json"))
        if (files := [n for n in MODEL_FILES if (folder.parent / n).exists()])
    }
    encoders = (ROOT / "weights").glob("*/encoder.onnx")
    return {
        "runtime_bytes": sum(map(len, runtime)),
        "runtime_bytes_gzip": sum(len(gzip.compress(content)) for content in runtime),
        "model_bytes": models,
        "encoder_bytes": {path.parent.name: path.stat().st_size for path in sorted(encoders)},
    }


def make_files(site: Path) -> None:
    """A minute, ten minutes and a minute of stereo, of the recordings of the repository."""
    speech, rate = soundfile.read(SPEECH, dtype="float32")
    music, music_rate = soundfile.read(MUSIC, dtype="float32")
    speech = np.tile(speech[::2], 15)[: 60 * rate // 2]
    vauxio.write(site / "minute.vx", speech, rate // 2, bitrate=6, model="general-24k")
    speech.tofile(site / "minute.f32")
    long = np.tile(speech, 10)
    vauxio.write(site / "long.vx", long, rate // 2, bitrate=6, model="general-24k")
    music = np.tile(music, (38, 1))[: 60 * music_rate]
    vauxio.write(site / "hifi.vx", music, music_rate, bitrate=128, model="hifi-48k")


def measure(context: Any, address: str, profile: Path) -> dict[str, Any]:
    result = {}
    for script, file, what in (
        (SPEED, "/minute.vx", "6 kbps, mono"),
        (SPEED, "/hifi.vx", "128 kbps, stereo"),
        (ENCODE, "/minute.f32", "encode 6 kbps, mono"),
    ):
        page = context.new_page()
        page.goto(address)
        runs = []
        for _ in range(4):  # the first loads models and compiles
            before = cpu_seconds(profile)
            found = page.evaluate(script, file)
            runs.append((found["seconds"], cpu_seconds(profile) - before, found["audio"]))
        seconds, cpu, audio = (float(np.median(values)) for values in zip(*runs[1:], strict=True))
        result[what] = {"x_real_time": audio / seconds, "x_real_time_cpu": audio / cpu}
    runs = []
    for _ in range(4):  # pages stay open: the time of one that has been closed is gone
        page = context.new_page()
        page.goto(address)
        before = cpu_seconds(profile)
        runs.append((page.evaluate(FIRST, "/long.vx"), cpu_seconds(profile) - before))
    seconds, cpu = (float(np.median(values)) for values in zip(*runs[1:], strict=True))
    result["first sound of ten minutes"] = {"seconds": seconds, "cpu_seconds": cpu}
    return result


def cpu_seconds(profile: Path) -> float:
    """Of all processes of the browser with that profile, and their children (Linux)."""
    parents, times = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            own = str(profile) in (path / "cmdline").read_text()
        except OSError:
            continue  # it has ended
        parents[int(path.name)] = -1 if own else int(fields[1])
        times[int(path.name)] = int(fields[11]) + int(fields[12])

    def belongs(process: int) -> bool:
        return process == -1 or (process in parents and belongs(parents[process]))

    ticks = sum(time for process, time in times.items() if belongs(process))
    return ticks / os.sysconf("SC_CLK_TCK")


def serve(site: Path) -> str:
    handler = functools.partial(_Handler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map,
                      ".mjs": "text/javascript", ".wasm": "application/wasm"}  # fmt: skip

    def log_message(self, *args: object) -> None:
        pass


if __name__ == "__main__":
    main()
