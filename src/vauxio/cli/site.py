"""A web server for one folder: pages that list ``.vx`` files, and their sound as WAV.

Sound is decoded as it is asked for, from anywhere in a file (range requests), never whole. The
server reads files below its folder only; names and tags are escaped before they are shown.
"""

from __future__ import annotations

import http.server
import ipaddress
import re
import socket
import struct
import sys
import urllib.parse
from collections.abc import Iterator
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..errors import VauxError, reason_of
from ..file.functions import info
from ..file.info import Info
from ..file.vauxfile import VauxFile
from .terminal import complain

__all__ = ["Site"]

_HEAD = 44  # bytes before the samples of a WAV file
_MOST = 0xFFFFFFFF  # bytes that its fields can say; players take it for "to the end"
_PIECE = 1 << 15  # frames decoded at a time

_POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  html {{ background: Canvas; }}
  body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }}
  h1 {{ font-size: 1.25rem; overflow-wrap: anywhere; }}
  ul {{ list-style: none; padding: 0; }}
  li {{ padding: .625rem 0; border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); }}
  .name {{ font-weight: 600; overflow-wrap: anywhere; }}
  .about {{ opacity: .75; font-size: .875rem; }}
  audio {{ display: block; width: 100%; margin-top: .375rem; }}
</style>
<h1>{title}</h1>
{body}
"""  # noqa: E501


class Site:
    """The server of a folder; a context manager.

    Parameters
    ----------
    folder : Path
    host : str
    port : int
        0 for any that is free.

    Attributes
    ----------
    address : str

    Raises
    ------
    OSError
        If it cannot listen there.
    """

    def __init__(self, folder: Path, host: str, port: int) -> None:
        handler = type("Handler", (_Handler,), {"folder": folder.resolve()})
        self._server = _Server((host, port), handler)
        self.address = f"http://{host}:{self._server.server_port}/"

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.server_close()

    def run(self) -> None:
        """Answer requests until an exception ends it."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Make `run`, in another thread, return."""
        self._server.shutdown()


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of listeners who leave, at any moment, also between two requests."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    folder: Path
    protocol_version = "HTTP/1.1"
    server_version = "vaux"
    sys_version = ""

    def do_GET(self) -> None:
        path = self._find()
        try:
            if not _is_own(self.headers["Host"] or ""):
                self._page(HTTPStatus.FORBIDDEN, "Not this server", "")
            elif path is None:
                self._page(HTTPStatus.NOT_FOUND, "Not found", "<p><a href='/'>To the list</a></p>")
            elif path.is_dir():
                self._page(HTTPStatus.OK, *_listing(self.folder, path))
            else:
                self._sound(path)
        except (BrokenPipeError, ConnectionResetError):  # the listener is gone
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _find(self) -> Path | None:
        """The folder or file of an address, if it is one that may be seen."""
        name = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/")
        try:
            path = (self.folder / name).resolve()
            shown = path == self.folder or self.folder in path.parents
            if shown and (path.is_dir() or (path.suffix.lower() == ".vx" and path.is_file())):
                return path
        except (OSError, ValueError):
            pass
        return None

    def _page(self, status: HTTPStatus, title: str, body: str) -> None:
        content = _PAGE.format(title=escape(title), body=body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", _POLICY)
        self._finish_head(len(content))
        self._write(content)

    def _sound(self, path: Path) -> None:
        try:
            file = VauxFile(path, on_error="conceal")
            head = _wav_head(file)
        except (VauxError, OSError) as e:
            reason = reason_of(e)
            complain(f"{path}: {reason}")
            self._page(HTTPStatus.UNPROCESSABLE_ENTITY, path.name, f"<p>{escape(reason)}</p>")
            return
        with file:
            size = len(head) + (file.frames or 0) * 2 * file.channels
            wanted = _range(self.headers["Range"], size)
            if wanted is None:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{size}")
                self._finish_head(0)
                return
            start, stop = wanted
            if not self.headers["Range"]:
                self.send_response(HTTPStatus.OK)
            else:
                self.send_response(HTTPStatus.PARTIAL_CONTENT)
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", "audio/wav")
            self._finish_head(stop - start)
            if self.command != "HEAD":
                self._send_sound(file, head, start, stop)
            for damage in file.damage:
                complain(f"{path}: {damage.describe(file.samplerate)}")

    def _send_sound(self, file: VauxFile, head: bytes, start: int, stop: int) -> None:
        try:
            for piece in _wav(file, head, start, stop):
                self._write(piece)
        except VauxError as e:  # too late for a status: the connection ends before its time
            complain(str(e))
            self.close_connection = True

    def _finish_head(self, length: int) -> None:
        self.send_header("Content-Length", str(length))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()

    def _write(self, content: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(content)


def _is_own(host: str) -> bool:
    """Whether a request names this machine.

    A page of another site could have its own name resolve to this address (DNS rebinding), and
    then read what is here.
    """
    name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in ("localhost", socket.gethostname().lower())
    return True


def _wav_head(file: VauxFile) -> bytes:
    """The header of a 16-bit WAV file."""
    channels, rate = file.channels, file.samplerate
    size = (file.frames or 0) * 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", min(_MOST, size + _HEAD - 8), b"WAVE", b"fmt ", 16, 1,
        channels, rate, 2 * channels * rate, 2 * channels, 16, b"data", min(_MOST, size),
    )  # fmt: skip


def _wav(file: VauxFile, head: bytes, start: int, stop: int) -> Iterator[bytes]:
    """Bytes of the file as WAV."""
    if start < len(head):
        yield head[start:stop]
        start = min(len(head), stop)
    frame, skipped = divmod(start - len(head), 2 * file.channels)
    left = stop - start
    file.seek(frame)
    while left > 0:
        data = file.read(_PIECE, dtype="int16", always_2d=True).astype("<i2").tobytes()
        if not data:
            return
        piece = data[skipped : skipped + left]
        left, skipped = left - len(piece), 0
        yield piece


def _range(text: str | None, size: int) -> tuple[int, int] | None:
    """The part of so many bytes that a request asks for; all without one, None if there is none."""
    if not text:
        return 0, size
    found = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", text.strip())
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    return (start, stop) if start < stop else None


def _listing(root: Path, folder: Path) -> tuple[str, str]:
    """Title and body of a folder's page."""
    where = folder.relative_to(root)
    title = f"{root.name}/{where.as_posix()}" if where.parts else root.name or str(root)
    rows = []
    if where.parts:
        rows.append("<li><a href='..'>Up</a></li>" if len(where.parts) > 1 else
                    "<li><a href='/'>Up</a></li>")  # fmt: skip
    entries = sorted(folder.iterdir(), key=lambda path: path.name.lower())
    for path in entries:
        if path.is_dir() and not path.name.startswith("."):
            rows.append(f"<li><a href='{_link(root, path)}/'>{escape(path.name)}/</a></li>")
    files = [path for path in entries if path.suffix.lower() == ".vx" and path.is_file()]
    rows += [_row(root, path) for path in files]
    return title, f"<ul>{''.join(rows)}</ul>" if rows else "<p>There are no .vx files here.</p>"


def _row(root: Path, path: Path) -> str:
    name = escape(path.name)
    try:
        found = info(path)
    except (VauxError, OSError) as e:
        about = escape(reason_of(e))
        return f"<li><span class='name'>{name}</span> <span class='about'>{about}</span>"
    tags = {key.lower(): value for key, value in found.tags.items()}
    parts = [tags[key].split("\n")[0] for key in ("artist", "title") if tags.get(key)]
    heading = " – ".join(parts)
    label = escape(heading or path.name, quote=True)
    title = f"<span class='name'>{escape(heading) if heading else name}</span>"
    return (
        f"<li>{title} <span class='about'>{escape(_about(path, found, bool(heading)))}</span>"
        f"<audio controls preload='none' aria-label='{label}' src='{_link(root, path)}'></audio>"
    )


def _about(path: Path, found: Info, named: bool) -> str:
    seconds = round(found.duration or 0)
    hours, rest = divmod(seconds, 3600)
    time = f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
    parts = [path.name] * named + [time]
    if found.kbps is not None:
        parts.append(f"{found.kbps:.1f} kbps")
    if not found.complete:
        parts.append("cut off")
    return ", ".join(parts)


def _link(root: Path, path: Path) -> str:
    return "/" + urllib.parse.quote(path.relative_to(root).as_posix())
