"""A provider's API on a loopback port: says 401 to tokens it does not like."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    host: str
    authorization: str | None
    body: bytes


# The status, and where to for a redirect.
Answer = tuple[int, str]


class Provider:
    """Answers by `decide`; keeps what it was asked."""

    def __init__(self, decide: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                request = Request(
                    self.command,
                    self.path,
                    self.headers["host"].split(":")[0],
                    self.headers["authorization"],
                    self._body(),
                )
                provider.requests.append(request)
                status, location = decide(request)
                body = f"answer {status}".encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                if location:
                    self.send_header("location", location)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def _body(self) -> bytes:
                if self.headers["transfer-encoding"] != "chunked":
                    return self.rfile.read(
                        int(self.headers["content-length"] or 0)
                    )
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def __enter__(self) -> Provider:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def only(*tokens: str) -> Callable[[Request], Answer]:
    """200 to these tokens, 401 to others."""
    good = {f"Bearer {token}" for token in tokens}
    return lambda request: (200 if request.authorization in good else 401, "")
