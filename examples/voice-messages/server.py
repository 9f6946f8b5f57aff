"""Voice messages: recorded in a page, encoded here with vauxio, played in the page again.

    (cd web && npm ci && npm run build)      # once: the player, and ONNX Runtime for browsers
    python examples/voice-messages/server.py [--port 8000] [--folder messages]

A message is a file of 1.5 kbps: a minute takes 11 kB. The page sends WAV, as every browser can make
that; the .vx file that comes of it is what is kept, and what players fetch.
"""

from __future__ import annotations

import argparse
import http.server
import io
import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import soundfile

import vauxio
from vauxio.model.bundles import weights_folder

HERE = Path(__file__).parent
WEB = HERE.parents[1] / "web"
MOST_BYTES = 50_000_000  # of a recording: nine minutes at 48 kHz
BITRATE = 1.5

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript",
         ".wasm": "application/wasm", ".json": "application/json"}  # fmt: skip


def save(recording: bytes, folder: Path) -> str:
    """A WAV file to a message in the folder; its name.

    Raises
    ------
    soundfile.LibsndfileError, vauxio.AudioError
        If it is no recording, or one that cannot be coded.
    """
    data, samplerate = soundfile.read(io.BytesIO(recording), dtype="float32", always_2d=True)
    name = f"{secrets.token_urlsafe(12)}.vx"
    vauxio.write(folder / name, data.mean(axis=1), samplerate, model="speech-24k", bitrate=BITRATE)
    return name


def make_server(port: int, folder: Path) -> http.server.ThreadingHTTPServer:
    """A server for this machine, with messages in a folder."""
    folder.mkdir(exist_ok=True)
    handler = type("Handler", (Handler,), {"folder": folder})
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


class Handler(http.server.BaseHTTPRequestHandler):
    folder: Path

    def do_GET(self) -> None:
        if self.path == "/":
            self.answer(200, (HERE / "page.html").read_bytes(), TYPES[".html"])
        elif self.path == "/messages":
            newest = sorted(self.folder.glob("*.vx"), key=lambda p: p.stat().st_mtime, reverse=True)
            names = [path.name for path in newest]
            self.answer(200, json.dumps(names).encode(), TYPES[".json"])
        elif (file := self.find()) is not None:
            kind = TYPES.get(file.suffix, "application/octet-stream")
            self.answer(200, file.read_bytes(), kind)
        else:
            self.answer(404, b"not found", "text/plain")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"] or 0)
        if self.path != "/messages" or not 0 < length <= MOST_BYTES:
            self.answer(400, b"a recording of up to 50 MB goes to /messages", "text/plain")
            return
        try:
            name = save(self.rfile.read(length), self.folder)
        except (soundfile.LibsndfileError, vauxio.AudioError) as e:
            self.answer(400, str(e).encode(), "text/plain")
        else:
            self.answer(201, json.dumps(name).encode(), TYPES[".json"])

    def find(self) -> Path | None:
        """The file of an address: a message, or one of the player's. No other can be had."""
        folders = {"messages": self.folder, "weights": weights_folder(), "vauxio": WEB / "dist",
                   "runtime": WEB / "node_modules" / "onnxruntime-web" / "dist"}  # fmt: skip
        found = re.fullmatch(r"/(\w+)/((?:[\w-][\w.-]*/)?[\w-][\w.-]*)", self.path)
        if found is None or found[1] not in folders:
            return None
        file = folders[found[1]] / found[2]
        return file if file.is_file() else None

    def answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--folder", type=Path, default=Path("messages"))
    options = parser.parse_args(arguments)
    server = make_server(options.port, options.folder)
    print(f"http://127.0.0.1:{server.server_port}/")
    server.serve_forever()


if __name__ == "__main__":
    main()
