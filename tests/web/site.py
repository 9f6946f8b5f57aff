"""A web server for the tests: folders of this checkout by the first part of an address.

It answers range requests, as servers of files do, and remembers what was asked of it.
"""

from __future__ import annotations

import http.server
import mimetypes
import re
import threading
from pathlib import Path


class Site:
    """Files by address.

    Attributes
    ----------
    folders : dict of str to Path
        By the first part of the address.
    asked : list of (str, str or None)
        Path and range of each request.
    ranges : bool
        Whether range requests are answered as such.
    isolated : bool
        Whether pages are cross-origin isolated, and so may have threads.
    """

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders, self.ranges, self.isolated = folders, True, False
        self.asked: list[tuple[str, str | None]] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _content(self, path: str) -> bytes | None:
        if path in ("/", "/favicon.ico"):
            return b"<!doctype html><title>Test</title>"
        _, first, rest = path.split("/", 2) if path.count("/") > 1 else ("", "", "")
        file = self.folders.get(first, Path("/nowhere")) / rest
        return file.read_bytes() if file.is_file() else None

    def _handler(site) -> type[http.server.BaseHTTPRequestHandler]:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path, wanted = self.path.partition("?")[0], self.headers["Range"]
                site.asked.append((path, wanted))
                content = site._content(path)
                status, headers = (404, {}) if content is None else (200, {})
                content = content or b""
                if wanted and site.ranges and status == 200:
                    first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", wanted).groups())
                    size, content = len(content), content[first : last + 1]
                    status = 206 if content else 416
                    headers["Content-Range"] = f"bytes {first}-{first + len(content) - 1}/{size}"
                kind = mimetypes.guess_type(path)[0] or "text/html"
                kind = "text/javascript" if path.endswith(".mjs") else kind
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if site.isolated:
                    self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                    self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        return Handler
