"""What these tests have in common: a stack whose server can be killed at a
fault point, callers that speak JSON over one kept connection, and streams.

    with IntegrationStack(access_ttl=60) as stack:
        stack.set_up()
        name = stack.connect_fast("ann")
        reply = stack.caller().call("TokenService/GetToken", {"name": name})

The stack is for one thread; each thread makes its own Caller.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from e2e.stack import Stack, missing, wait_for
from pinterest_emulator.client import consent, request

__all__ = [
    "APPLICATION",
    "PROVIDER",
    "Caller",
    "IntegrationStack",
    "Reply",
    "Stream",
    "consent",
    "missing",
    "request",
    "wait_for",
]

APPLICATION = "applications/shop"
PROVIDER = f"{APPLICATION}/providers/pinterest"
_FAULTS = "VALETKEY_FAULT_POINTS"
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call as JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status == 200

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Such as "not_found"; "" for success."""
        return "" if self.ok else self.json()["code"]

    @property
    def reason(self) -> str:
        """The ErrorInfo's reason; "" for success."""
        return "" if self.ok else reason_of(self.json())

    def info(self) -> dict[str, Any]:
        return next(
            d["debug"]
            for d in self.json()["details"]
            if d["type"] == "google.rpc.ErrorInfo"
        )


def reason_of(error: Mapping[str, Any]) -> str:
    for detail in error.get("details", ()):
        if detail["type"] == "google.rpc.ErrorInfo":
            return detail["debug"]["reason"]
    return ""


class Caller:
    """Calls over one connection, opened again when it was lost. For one
    thread."""

    def __init__(
        self,
        address: str,
        key: str | None,
        context: ssl.SSLContext | None = None,
        timeout: float = _TIMEOUT,
    ) -> None:
        self._parts = urlsplit(address)
        self._key = key
        self._context = context
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self,
        method: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Raises OSError or HTTPException where no answer came."""
        sent = {"content-type": "application/json", **(headers or {})}
        if self._key is not None:
            sent.setdefault("authorization", f"Bearer {self._key}")
        content = body if isinstance(body, bytes) else json.dumps(body or {})
        if self._connection is None:
            self._connection = self.connection()
        try:
            self._connection.request(
                "POST", f"/valetkey.v1.{method}", content, sent
            )
            response = self._connection.getresponse()
            names = {n.lower(): v for n, v in response.getheaders()}
            return Reply(response.status, names, response.read())
        except BaseException:
            self.close()
            raise

    def connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout, context=self._context
            )
        return http.client.HTTPConnection(host, port, timeout=self._timeout)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Stream:
    """WatchEvents as the Connect protocol streams it, read by a thread.

    `messages` grows; `end` is the last envelope's JSON once it came, and
    `broken` is set if the connection ended without one.
    """

    def __init__(
        self,
        stack: IntegrationStack,
        body: Mapping[str, Any],
        key: str | None = None,
    ) -> None:
        self.messages: list[dict[str, Any]] = []
        self.end: dict[str, Any] | None = None
        self.broken = False
        self.status = 0
        parts = urlsplit(stack.http)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=120
        )
        data = json.dumps({"parent": APPLICATION, **body}).encode()
        self._connection.request(
            "POST",
            "/valetkey.v1.EventService/WatchEvents",
            struct.pack(">BI", 0, len(data)) + data,
            {
                "content-type": "application/connect+json",
                "authorization": f"Bearer {key or stack.api_key}",
            },
        )
        self._response = self._connection.getresponse()
        self.status = self._response.status
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while True:
                head = self._response.read(5)
                if len(head) < 5:
                    break
                flags, size = struct.unpack(">BI", head)
                message = json.loads(self._response.read(size))
                if flags & 2:
                    self.end = message
                    return
                self.messages.append(message)
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.broken = True

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        found = [m["event"] for m in list(self.messages) if "event" in m]
        wanted = f"EVENT_TYPE_{kind}"
        return [e for e in found if not kind or e["type"] == wanted]

    def wait(self, what: str, condition: Callable[[], Any]) -> Any:
        return wait_for(what, condition, timeout=20)

    def wait_end(self) -> dict[str, Any]:
        return wait_for("the stream's end", lambda: self.end, timeout=20)

    def end_reason(self) -> str:
        return reason_of(self.wait_end().get("error", {}))

    def close(self) -> None:
        # Shut down first: close() alone waits for the reader's lock.
        sock = self._connection.sock
        if sock is not None:
            try:
                sock.shutdown(2)
            except OSError:
                pass
        self._thread.join(10)
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class IntegrationStack(Stack):
    """A stack whose server is started with flags of the test's and may be
    killed."""

    def __init__(
        self,
        access_ttl: int = 60,
        redis: bool = False,
        flags: Sequence[str] = (),
    ) -> None:
        super().__init__(access_ttl, redis)
        self.flags = tuple(flags)

    def start_server(
        self, arguments: Sequence[str] = (), faults: str = ""
    ) -> None:
        before = os.environ.pop(_FAULTS, None)
        if faults:
            os.environ[_FAULTS] = faults
        try:
            super().start_server([*self.flags, *arguments])
        finally:
            os.environ.pop(_FAULTS, None)
            if before is not None:
                os.environ[_FAULTS] = before

    def restart(self, faults: str = "", arguments: Sequence[str] = ()) -> None:
        self.stop_server()
        self.start_server(arguments, faults)

    def kill_server(self) -> None:
        self.stop_server(signal.SIGKILL)

    def await_crash(self, timeout: float = _TIMEOUT) -> None:
        """Until the server has killed itself at a fault point."""
        assert self.server is not None
        code = self.server.wait(timeout)
        self.server = None
        if code != -signal.SIGKILL:
            raise AssertionError(f"the server ended with {code}")


    def caller(self, key: str | None = None) -> Caller:
        return Caller(self.http, self.api_key if key is None else key)

    def get_token(self, name: str, **fields: Any) -> Reply:
        with self.caller() as caller:
            return caller.call(
                "TokenService/GetToken", {"name": name, **fields}
            )

    def refresh(self, name: str, generation: int = 0) -> Reply:
        with self.caller() as caller:
            return caller.call(
                "TokenService/Refresh", {"name": name, "generation": generation}
            )

    def begin(self, subject: str, **fields: Any) -> dict[str, Any]:
        """AuthorizeResponse."""
        with self.caller() as caller:
            reply = caller.call(
                "TokenService/Authorize",
                {"provider": PROVIDER, "subject": subject, **fields},
            )
        if not reply.ok:
            raise AssertionError(reply.body)
        return reply.json()

    def connect_fast(self, subject: str = "ann", **fields: Any) -> str:
        """A finished consent; returns the connection's name."""
        begun = self.begin(subject, **fields)
        page = self.come_back(consent(begun["authorizationUri"], subject))
        if page.status not in (200, 303):
            raise AssertionError(f"callback: {page.status} {page.body!r}")
        return begun["connection"]

    def connections(self, **filters: Any) -> list[dict[str, Any]]:
        """All of them, page by page."""
        found: list[dict[str, Any]] = []
        token = ""
        with self.caller() as caller:
            while True:
                reply = caller.call(
                    "ConnectionService/ListConnections",
                    {"parent": APPLICATION, "pageToken": token, **filters},
                )
                if not reply.ok:
                    raise AssertionError(reply.body)
                found += reply.json().get("connections", [])
                token = reply.json().get("nextPageToken", "")
                if not token:
                    return found

    def presented(
        self, kind: str = "refresh_token", **filters: str
    ) -> list[dict[str, Any]]:
        return self.emulator.ledger(event="presented", kind=kind, **filters)

    def account_status(self, token: str) -> int:
        """What the provider says to an access token."""
        return request(
            "GET",
            f"{self.emulator.api}/v5/user_account",
            headers={"authorization": f"Bearer {token}"},
        ).status
