"""The HTTP server in front of all emulated providers: one port for all.

valetkeyd is told that https://HOST is http://127.0.0.1:PORT/HOST, so the first
part of a path is the host that was meant. Which provider is meant is told by
the marks in what it gave out: "cid.KEY.", "at.KEY.".
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

from catalog.answers import Answer
from catalog.matching import Received
from catalog.provider import Provider

__all__ = ["Server"]

_MARK = re.compile(r"(?:cid|sec|code|at|rt)\.([a-z0-9-]+)\.")


def _readable(text: str) -> str:
    """With what is base64 in it decoded, for the sake of marks."""
    out = [unquote(text)]
    for piece in re.findall(r"[A-Za-z0-9+/_-]{16,}={0,2}", text):
        raw = piece.rstrip("=")
        try:
            plain = base64.urlsafe_b64decode(
                raw.replace("+", "-").replace("/", "_") + "=" * (-len(raw) % 4)
            )
        except (binascii.Error, ValueError):
            continue
        out.append(plain.decode("latin-1"))
    return "\n".join(out)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def _answer(self) -> None:
        size = int(self.headers.get("content-length", "0"))
        body = self.rfile.read(size) if size else b""
        host, _, rest = self.path[1:].partition("/")
        path, _, query = rest.partition("?")
        headers = {n.lower(): v for n, v in self.headers.items()}
        received = Received(
            self.command, f"https://{host}/{path}", query, headers, body
        )
        text = "\n".join([self.path, *headers.values(), body.decode("latin-1")])
        answer = self.server.owner.dispatch(received, _readable(text))
        self.send_response(answer.status)
        self.send_header("content-type", answer.kind)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, *_: Any) -> None:
        pass


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: Server


class Server:
    def __init__(self) -> None:
        self.providers: dict[str, Provider] = {}
        self.strays: list[str] = []  # requests that are nobody's
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, daemon=True
        )

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def dispatch(self, received: Received, text: str) -> Answer:
        for mark in _MARK.finditer(text):
            provider = self.providers.get(mark[1])
            if provider is not None:
                return provider.handle(received)
        self.strays.append(f"{received.method} {received.url}")
        return Answer(404)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
