"""Starts what a user would: Redis, the emulator and valetkeyd, on free ports
and in a folder of its own.

    with Stack(access_ttl=60) as stack:
        stack.set_up()
        uri = stack.authorize("ann")["authorizationUri"]
        stack.come_back(consent(uri))

Blocks, and is for one thread.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pinterest_emulator.client import Answer, Emulator, consent, request

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VALETKEY_BUILD_DIR", ROOT / "build/release"))
SERVER = BUILD / "service/cmd/valetkeyd/valetkeyd"
COMMAND_LINE = BUILD / "service/cmd/valetkey/valetkey"
SIDECAR = BUILD / "service/cmd/valetkey-sidecar/valetkey-sidecar"
CLIENT_ID = "1457312"
CLIENT_SECRET = "canary-client-secret"
_TIMEOUT = 30.0


class StackError(Exception):
    """Something did not start, or did not end well."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command did."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def missing() -> str:
    """What keeps this machine from running the stack; "" if nothing does."""
    for path in (SERVER, COMMAND_LINE, SIDECAR):
        if not path.exists():
            return f"{path.name} is not built"
    return "" if shutil.which("redis-server") else "redis-server is not here"


def wait_for(
    what: str, condition: Any, timeout: float = _TIMEOUT, pause: float = 0.02
) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StackError(f"waited {timeout:.0f} s in vain for {what}")
        time.sleep(pause)


def free_port() -> int:
    """The callback's URL is registered at the provider before the server
    starts, so its port has to be known."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack:
    """Redis, the emulator and a server over one data folder."""

    def __init__(self, access_ttl: int = 60, redis: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="valetkey-e2e-"))
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.log = self.folder / "valetkeyd.log"
        self.redis_socket = self.folder / "redis.sock"
        self.with_redis = redis
        self.redis: subprocess.Popen[bytes] | None = None
        self.server: subprocess.Popen[bytes] | None = None
        self.emulator = Emulator.start(
            arguments=["--access-ttl", str(access_ttl)]
        )
        self.grpc = ""
        self.http = ""
        self.api_key = ""

    def __enter__(self) -> Self:
        try:
            if self.with_redis:
                self.start_redis()
            self.start_server()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_redis(self) -> None:
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.redis_socket)]
            + ["--dir", str(self.folder), "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        wait_for(
            "redis",
            lambda: self.redis_cli("PING").out == "PONG\n",
        )

    def stop_redis(self) -> None:
        if self.redis is not None:
            self.redis.terminate()
            self.redis.wait(_TIMEOUT)
            self.redis = None

    def start_server(self, arguments: Sequence[str] = ()) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        overrides = ",".join(
            f"https://{host}.pinterest.com={origin}"
            for host, origin in (
                ("www", self.emulator.www),
                ("api", self.emulator.api),
                ("api-sandbox", self.emulator.sandbox),
            )
        )
        # The same addresses after a restart, for callers keep them.
        self.http = self.http or f"http://127.0.0.1:{free_port()}"
        grpc = self.grpc or "127.0.0.1:0"
        command = [
            str(SERVER),
            f"--data_dir={self.data}",
            f"--listen={grpc}",
            f"--http_listen={urlsplit(self.http).netloc}",
            f"--public_url={self.http}",
            f"--origin_override={overrides}",
            f"--ready_file={ready}",
            "--log_format=json",
            "--log_level=debug",
            *arguments,
        ]
        if self.with_redis:
            command.append(f"--redis_url=unix://{self.redis_socket}")
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(command, stderr=log, stdout=log)
        server = self.server

        def is_ready() -> bool:
            if server.poll() is not None:
                raise StackError(
                    f"valetkeyd ended with {server.returncode}:\n"
                    + self.log.read_text()[-4000:]
                )
            return ready.exists() and ready.stat().st_size > 0

        wait_for("valetkeyd", is_ready)
        self.grpc = json.loads(ready.read_text())["grpc"]

    def stop_server(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        if self.server is None:
            return None
        self.server.send_signal(how)
        code = self.server.wait(_TIMEOUT)
        self.server = None
        return code

    def stop(self) -> None:
        try:
            if self.server is not None and self.server.poll() is None:
                self.stop_server()
        finally:
            self.stop_redis()
            self.emulator.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def set_up(self) -> None:
        """An application `shop`, its key, and Pinterest as its provider."""
        self.emulator.put_app(
            CLIENT_ID,
            secret=CLIENT_SECRET,
            redirect_uris=[f"{self.http}/oauth/callback"],
        )
        self.checked("applications", "create", "shop", key=self.admin_key)
        made = self.checked(
            "keys", "create", "--all-rights", key=self.admin_key
        )
        self.api_key = made.out.strip()
        self.checked(
            *("providers", "add", "pinterest", "--client-id", CLIENT_ID),
            *("--client-secret-file", "-"),
            stdin=CLIENT_SECRET,
        )

    @property
    def admin_key(self) -> str:
        return (self.data / "admin.key").read_text().strip()

    def valetkey(
        self, *arguments: str, key: str | None = None, stdin: str = ""
    ) -> Ended:
        """Runs the command line for the application `shop`."""
        command = [COMMAND_LINE, "--address", self.grpc, *arguments]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment(key),
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def checked(self, *arguments: str, **keywords: Any) -> Ended:
        ended = self.valetkey(*arguments, **keywords)
        if ended.code != 0:
            raise StackError(f"{arguments}: {ended.err}")
        return ended

    def environment(self, key: str | None = None) -> dict[str, str]:
        return {
            **os.environ,
            "VALETKEY_ADDRESS": self.grpc,
            "VALETKEY_APPLICATION": "shop",
            "VALETKEY_API_KEY": self.api_key if key is None else key,
        }

    def authorize(self, subject: str, *arguments: str) -> dict[str, Any]:
        return self.checked(
            *("--json", "connect", "pinterest", "--subject", subject),
            *("--no-wait", *arguments),
        ).json()

    def connect(self, subject: str = "ann") -> str:
        """A finished consent; returns the connection's id."""
        begun = self.authorize(subject)
        page = self.come_back(consent(begun["authorizationUri"], subject))
        if page.status != 200:
            raise StackError(f"callback: {page.status} {page.body[:500]!r}")
        return begun["connection"].rsplit("/", 1)[1]

    def come_back(self, location: str) -> Answer:
        """What the browser does at the end: opens the redirect."""
        return request("GET", location)

    def post(
        self, method: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A call as JSON over HTTP: post("TokenService/GetToken", {...})."""
        parts = urlsplit(self.http)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=_TIMEOUT
        )
        sent = {
            "content-type": "application/json",
            "authorization": f"Bearer {self.api_key}",
            **(headers or {}),
        }
        try:
            connection.request(
                "POST", f"/valetkey.v1.{method}", json.dumps(body), sent
            )
            response = connection.getresponse()
            names = {n.lower(): v for n, v in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def redis_cli(self, *arguments: str) -> Ended:
        done = subprocess.run(
            ["redis-cli", "-s", str(self.redis_socket), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


class Watch:
    """`valetkey watch --json`, whose lines a test waits for."""

    def __init__(self, stack: Stack, *arguments: str) -> None:
        self.path = stack.folder / f"watch-{time.monotonic_ns()}.jsonl"
        with self.path.open("wb") as out:
            self.process = subprocess.Popen(
                [COMMAND_LINE, "--json", "watch", *arguments],
                stdout=out,
                env=stack.environment(),
            )

    def __enter__(self) -> Self:
        wait_for("the first checkpoint", self.messages)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(_TIMEOUT)

    def messages(self) -> list[dict[str, Any]]:
        lines = self.path.read_text().split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Events so far; of a type such as "REFRESHED"."""
        found = [m["event"] for m in self.messages() if "event" in m]
        return [
            event
            for event in found
            if not kind or event["type"] == f"EVENT_TYPE_{kind}"
        ]

    def wait(self, kind: str, count: int = 1) -> dict[str, Any]:
        wait_for(f"{count} {kind}", lambda: len(self.events(kind)) >= count)
        return self.events(kind)[count - 1]
