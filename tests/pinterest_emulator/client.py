"""What tests use: starts an emulator, consents, reads its ledger.

    with Emulator.start(clients=["1:secret:http://127.0.0.1/cb"]) as emulator:
        emulator.configure(access_ttl=2, reuse="revoke_family")
        location = consent(authorization_uri, login="ann")
        emulator.add_fault(endpoint="token", kind="lost_answer")
        assert emulator.summary()["refreshes"] == 1

Everything blocks, and nothing here is safe to share between threads except
`consent`, which opens a connection of its own.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

_HERE = Path(__file__).resolve().parent
_TIMEOUT = 30.0


class EmulatorError(Exception):
    """The emulator refused a call or did something unexpected."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = _TIMEOUT,
    authority: Path | None = None,
) -> Answer:
    """One request on a connection of its own; redirects are not followed.
    https is checked by the authority's certificate."""
    parts = urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=timeout
    )
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname or "",
            parts.port,
            timeout=timeout,
            context=ssl.create_default_context(cafile=authority),
        )
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def post_form(
    url: str,
    form: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    timeout: float = _TIMEOUT,
) -> Answer:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    sent = {**kind, **(headers or {})}
    return request("POST", url, urlencode(form).encode(), sent, timeout)


def consent(
    authorization_uri: str, login: str = "ann", approve: bool = True
) -> str:
    """Consents as a person would, and returns where the browser is sent:
    the client's redirect URI with code and state, or with an error.

    Under `auto_approve` the emulator decides who consents, not `login`.
    Raises EmulatorError if the page is not shown.
    """
    shown = request("GET", authorization_uri)
    if shown.status == 200:
        page = _ConsentPage()
        page.feed(shown.body.decode())
        parts = urlsplit(authorization_uri)
        shown = post_form(
            f"{parts.scheme}://{parts.netloc}{page.action}",
            {
                **page.hidden,
                "login": login,
                "decision": "approve" if approve else "cancel",
            },
        )
    if shown.status != 302:
        raise EmulatorError(f"no consent: {shown.status} {shown.body[:500]!r}")
    return shown.headers["location"]


class _ConsentPage(HTMLParser):
    """The form of the consent page."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values["action"]
        elif tag == "input" and values.get("type") == "hidden":
            self.hidden[values["name"]] = values["value"]


class Emulator:
    """A running emulator: its origins and its control interface."""

    def __init__(
        self,
        origins: Mapping[str, str],
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """For one that already runs, `origins` is what its ready file says."""
        self.www = origins["www"]
        self.api = origins["api"]
        self.sandbox = origins["sandbox"]
        self.control = origins["control"]
        self.process = process
        self._connection: http.client.HTTPConnection | None = None

    @classmethod
    def start(
        cls,
        clients: Sequence[str] = (),
        arguments: Sequence[str] = (),
        timeout: float = _TIMEOUT,
    ) -> Self:
        """Starts one as a process of its own, on free ports.

        `clients` are values of --client, `arguments` any other flags.
        """
        command = [sys.executable, str(_HERE), *arguments]
        for client in clients:
            command += ["--client", client]
        with tempfile.TemporaryDirectory() as folder:
            ready = Path(folder, "ready.json")
            command += ["--ready-file", str(ready)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + timeout
            while not ready.exists():
                if process.poll() is not None:
                    raise EmulatorError(f"ended with {process.returncode}")
                if time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    raise EmulatorError("not ready in time")
                time.sleep(0.01)
            return cls(json.loads(ready.read_text()), process)

    @classmethod
    def running(cls, ready_file: str | os.PathLike[str]) -> Self:
        """One that somebody else started with this --ready-file."""
        return cls(json.loads(Path(ready_file).read_text()))

    def stop(self) -> int | None:
        """Ends the process, if it is ours, and returns its exit code."""
        if self._connection is not None:
            self._connection.close()
        if self.process is None:
            return None
        self.process.terminate()
        return self.process.wait(_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # The control interface. The README describes every object.

    def config(self) -> dict[str, Any]:
        return self.call("GET", "/config")

    def configure(self, **switches: Any) -> dict[str, Any]:
        return self.call("POST", "/config", switches)

    def put_app(self, client_id: str, **fields: Any) -> dict[str, Any]:
        """Registers an app, or changes some of its fields."""
        return self.call("POST", "/apps", {"client_id": client_id, **fields})

    def put_login(self, login: str, **fields: Any) -> dict[str, Any]:
        return self.call("POST", "/logins", {"login": login, **fields})

    def add_fault(self, endpoint: str, kind: str, **fields: Any) -> str:
        """Switches a fault on and returns its id."""
        fault = {"endpoint": endpoint, "kind": kind, **fields}
        return self.call("POST", "/faults", fault)["id"]

    def faults(self) -> list[dict[str, Any]]:
        return self.call("GET", "/faults")["faults"]

    def clear_faults(self) -> None:
        self.call("DELETE", "/faults")

    def kill(self, **what: str) -> list[str]:
        """Kills by one of `grant`, `token`, `login`; returns the grants."""
        return self.call("POST", "/kill", what)["grants"]

    def advance_clock(self, seconds: float) -> None:
        self.call("POST", "/clock", {"advance": seconds})

    def grants(self, **filters: str) -> list[dict[str, Any]]:
        return self.call("GET", _with_query("/grants", filters))["grants"]

    def ledger(self, **filters: str | int) -> list[dict[str, Any]]:
        return self.call("GET", _with_query("/ledger", filters))["entries"]

    def summary(self) -> dict[str, Any]:
        return self.call("GET", "/ledger/summary")

    def clear_ledger(self) -> None:
        self.call("DELETE", "/ledger")

    def reset(self) -> None:
        self.call("POST", "/reset")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A control call. Raises EmulatorError with the emulator's words."""
        if self._connection is None:
            parts = urlsplit(self.control)
            self._connection = http.client.HTTPConnection(
                parts.hostname or "", parts.port, timeout=_TIMEOUT
            )
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, f"/_emulator{path}", content)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise EmulatorError(f"{method} {path}: {answer['error']}")
        return answer


def _with_query(path: str, filters: Mapping[str, str | int]) -> str:
    return f"{path}?{urlencode(filters)}" if filters else path
