"""A small HTTP/1.1 server on asyncio streams.

It does what clients of an API need (RFC 9112): keep-alive, pipelined requests
answered in order, Content-Length and chunked bodies, `Expect: 100-continue`.
Unlike a real server it can also misbehave on purpose: a Response says not only
what to answer but how to deliver it, so that tests see lost, cut and truncated
answers on a real socket.

It has no timeouts and little protection, as it is for tests alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import http
import socket
import struct
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 1024 * 1024

JSON = "application/json"
HTML = "text/html; charset=utf-8"


class Delivery(enum.Enum):
    """How an answer goes out."""

    ANSWER = enum.auto()
    """Whole."""
    CLOSE = enum.auto()
    """Not at all: the connection is closed in order, without a byte."""
    RESET = enum.auto()
    """Not at all: the connection is reset."""
    CUT = enum.auto()
    """The first bytes of the head, then a reset."""
    TRUNCATE = enum.auto()
    """The head and half of the announced body, then an orderly close."""
    HANG = enum.auto()
    """Not at all, while the connection stays open until the client leaves or
    `Response.hold` seconds are over."""


@dataclass(slots=True)
class Request:
    """One request. Header names are in lower case, repeated ones joined."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


@dataclass(slots=True)
class Response:
    """One answer and the way it is delivered."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)
    delivery: Delivery = Delivery.ANSWER
    hold: float | None = None

    def head(self, keep_alive: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Other')}"]
        if self.content_type is not None:
            lines.append(f"content-type: {self.content_type}")
        lines.append(f"content-length: {len(self.body)}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not keep_alive:
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


Handler = Callable[[Request], Awaitable[Response]]

_REASONS = {status.value: status.phrase for status in http.HTTPStatus}


class _BadRequest(Exception):
    """The bytes are no request we serve; answered, then closed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Listener:
    """One listening socket and its connections, all served by `handler`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listens and returns the port, which is a free one for port 0."""
        self._server = await asyncio.start_server(
            self._serve, host, port, limit=MAX_HEAD_BYTES, backlog=1024
        )
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stops listening and drops the connections that are open."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            pass  # The client left, or its framing is beyond repair.
        except asyncio.CancelledError:
            pass  # stop() ends this connection, and this task with it.
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serves one request; False when the connection is to be closed."""
        try:
            request = await _read_request(reader, writer)
        except _BadRequest as problem:
            response = Response(problem.status, content_type=None)
            writer.write(response.head(keep_alive=False))
            await writer.drain()
            return False
        try:
            response = await self._handler(request)
        except Exception:
            # A defect of the emulator. The test should see it and go on.
            traceback.print_exc(file=sys.stderr)
            response = Response(500, b"emulator failed", "text/plain")
        return await _deliver(request, response, reader, writer)


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise _BadRequest(431) from None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise _BadRequest(400)
    method, target, version = parts
    headers = _parse_headers(lines)
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection and (
        version != "HTTP/1.0" or "keep-alive" in connection
    )
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _read_body(reader, headers)
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body, keep_alive)


def _parse_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        # RFC 9112 sections 5.1 and 5.2: no blank before the colon, no folding.
        if not colon or not name or name != name.strip():
            raise _BadRequest(400)
        name, value = name.lower(), value.strip()
        if name in headers:
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


async def _read_body(
    reader: asyncio.StreamReader, headers: dict[str, str]
) -> bytes:
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        # RFC 9112 section 6.1: both framings at once may be smuggling.
        if length is not None or coding.lower() != "chunked":
            raise _BadRequest(400)
        return await _read_chunks(reader)
    if length is None:
        return b""
    if not (length.isascii() and length.isdigit()):
        raise _BadRequest(400)
    if int(length) > MAX_BODY_BYTES:
        raise _BadRequest(413)
    return await reader.readexactly(int(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        try:
            line = await reader.readuntil(b"\r\n")
            size = int(line.partition(b";")[0].strip(), 16)
        except (ValueError, asyncio.LimitOverrunError):
            raise _BadRequest(400) from None
        if size < 0 or len(body) + size > MAX_BODY_BYTES:
            raise _BadRequest(413)
        if size == 0:
            break
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise _BadRequest(400)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # Trailer fields, which no handler here looks at.
    return bytes(body)


async def _deliver(
    request: Request,
    response: Response,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> bool:
    """Sends the answer as it says; False when the connection is finished."""
    if response.delivery is Delivery.ANSWER:
        head = response.head(request.keep_alive)
        body = b"" if request.method == "HEAD" else response.body
        writer.write(head + body)
        await writer.drain()
        return request.keep_alive
    if response.delivery is Delivery.TRUNCATE:
        half = response.body[: len(response.body) // 2]
        writer.write(response.head(request.keep_alive) + half)
        await writer.drain()
    elif response.delivery is Delivery.CUT:
        writer.write(response.head(request.keep_alive)[:24])
        _reset(writer)
    elif response.delivery is Delivery.RESET:
        _reset(writer)
    elif response.delivery is Delivery.HANG:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(response.hold):
                while await reader.read(MAX_HEAD_BYTES):
                    pass
    return False


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes with a TCP reset: lingering for no time throws away the rest."""
    sock: socket.socket = writer.get_extra_info("socket")
    linger = struct.pack("ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
