"""Replicas over one PostgreSQL and one Redis, with the emulator as provider.

    with Fleet(replicas=3) as fleet:
        name = fleet.connect_fast("ann")
        fleet.replicas[1].get_token(name)

For one thread, but for what says otherwise; each thread makes its own callers.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from chaos.postgres import (
    Postgres,
    faketime,
    forget_faketime,
    missing_postgres,
)
from e2e.stack import SERVER, Ended, Stack, StackError, free_port
from integration.harness import (
    PROVIDER,
    Caller,
    IntegrationStack,
    Stream,
    missing,
    wait_for,
)
from pinterest_emulator.client import Emulator

__all__ = [
    "LOST",
    "Caller",
    "Fleet",
    "Replica",
    "Stream",
    "faketime",
    "missing_fleet",
    "wait_for",
]

LOST = (OSError, http.client.HTTPException)
"""What a call raises whose server died or stood still."""

# A start waits for the store, which a busy machine may take its time with.
_START = 60.0


def missing_fleet() -> str:
    """What keeps this machine from running a fleet; "" if nothing does."""
    return missing() or missing_postgres()


class Replica(IntegrationStack):
    """One server of a fleet. What it shares is the fleet's to stop."""

    def __init__(self, fleet: Fleet, index: int) -> None:
        # Not IntegrationStack's: emulator and Redis are the fleet's.
        self.fleet = fleet
        self.index = index
        self.folder = fleet.folder / f"r{index}"
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700, parents=True)
        self.log = self.folder / "valetkeyd.log"
        self.with_redis = fleet.with_redis
        self.redis_socket = fleet.redis_socket
        self.redis = None
        self.server = None
        self.emulator = fleet.emulator
        self.host = "127.0.0.1"
        self.grpc = ""
        self.http = ""
        self.api_key = fleet.api_key
        self.flags = fleet.flags
        # How far its wall clock is ahead, in seconds.
        self.skew = 0.0
        # Which life of it this is: memory does not outlive a process.
        self.life = 0
        self.program = SERVER
        # What the command is given to, such as `ip netns exec x`.
        self.launcher: list[str] = []
        # Of the command line.
        self.client_flags: list[str] = []

    def valetkey(self, *arguments: str, **keywords: Any) -> Ended:
        return super().valetkey(*self.client_flags, *arguments, **keywords)

    def start_server(
        self, arguments: Sequence[str] = (), faults: str = ""
    ) -> None:
        """Does what Stack's does for a server alone, but leaves this
        process's environment as it is, for several are started at once."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.http = self.http or f"http://{self.host}:{free_port()}"
        command = [
            *self.launcher,
            str(self.program),
            f"--data_dir={self.data}",
            f"--listen={self.grpc or f'{self.host}:0'}",
            f"--http_listen={urlsplit(self.http).netloc}",
            f"--public_url={self.fleet.replicas[0].http}",
            f"--origin_override={self.fleet.origin_override()}",
            f"--store={self.fleet.store_url()}",
            f"--keyring={self.fleet.keyring}",
            f"--ready_file={ready}",
            "--log_format=json",
            "--log_level=debug",
            *self.flags,
            *arguments,
        ]
        if self.with_redis:
            command.append(f"--redis_url={self.fleet.redis_url()}")
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                command, stderr=log, stdout=log, env=self._environment(faults)
            )
        self.life += 1
        server = self.server

        def is_ready() -> bool:
            if server.poll() is not None:
                raise StackError(
                    f"replica {self.index} ended with {server.returncode}:\n"
                    + self.log.read_text()[-4000:]
                )
            return ready.exists() and ready.stat().st_size > 0

        wait_for(f"replica {self.index}", is_ready, timeout=_START)
        self.grpc = json.loads(ready.read_text())["grpc"]

    def _environment(self, faults: str) -> dict[str, str]:
        environment = dict(os.environ)
        if faults:
            environment["VALETKEY_FAULT_POINTS"] = faults
        library = faketime()
        if self.skew and library is not None:
            environment["LD_PRELOAD"] = str(library)
            environment["FAKETIME"] = f"{self.skew:+.1f}"
            environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
        return environment

    def pause(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGCONT)

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        parts = urlsplit(self.http)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=10
        )
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name
        )


class Fleet:
    def __init__(
        self,
        replicas: int = 3,
        access_ttl: int = 3600,
        redis: bool = True,
        flags: Sequence[str] = (),
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="valetkey-fleet-"))
        self.flags = tuple(flags)
        self.with_redis = redis
        self.redis_socket = self.folder / "redis.sock"
        self.redis: subprocess.Popen[bytes] | None = None
        self.api_key = ""
        self.keyring = self.folder / "keyring"
        key = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
        self.keyring.write_text(f"k-1 {key}\n")
        self.keyring.chmod(0o600)
        self.emulator = self.start_emulator(access_ttl)
        self.postgres = Postgres()
        self.replicas: list[Replica] = []
        for index in range(replicas):
            self.replicas.append(Replica(self, index))

    # Started as a single server's is.
    start_redis = Stack.start_redis
    stop_redis = Stack.stop_redis
    redis_cli = Stack.redis_cli

    def start_emulator(self, access_ttl: int) -> Emulator:
        return Emulator.start(arguments=["--access-ttl", str(access_ttl)])

    def origin_override(self) -> str:
        origins = (
            ("www", self.emulator.www),
            ("api", self.emulator.api),
            ("api-sandbox", self.emulator.sandbox),
        )
        return ",".join(
            f"https://{host}.pinterest.com={origin}"
            for host, origin in origins
        )

    def store_url(self) -> str:
        return self.postgres.url

    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}"

    def __enter__(self) -> Self:
        try:
            self.postgres.start()
            if self.with_redis:
                self.start_redis()
            for replica in self.replicas:
                replica.start_server()
            self.set_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def set_up(self) -> None:
        first = self.replicas[0]
        first.set_up()
        self.api_key = first.api_key
        for replica in self.replicas:
            replica.api_key = self.api_key

    def stop(self) -> None:
        try:
            for replica in self.replicas:
                replica.resume()
                if replica.server is not None and replica.server.poll() is None:
                    replica.stop_server(signal.SIGKILL)
        finally:
            self.resume_redis()
            self.stop_redis()
            self.postgres.close()
            self.emulator.stop()
            forget_faketime()
            if not os.environ.get("VALETKEY_KEEP_FOLDERS"):
                shutil.rmtree(self.folder, ignore_errors=True)

    def pause_redis(self) -> None:
        if self.redis is not None:
            self.redis.send_signal(signal.SIGSTOP)

    def resume_redis(self) -> None:
        if self.redis is not None:
            self.redis.send_signal(signal.SIGCONT)

    def kill_redis(self) -> None:
        if self.redis is not None:
            self.redis.kill()
            self.redis.wait(30)
            self.redis = None

    def move_clocks(self, ahead: float) -> None:
        """The store's, which is all replicas', and the provider's; from a
        new start on, which stands for the time that passed."""
        for replica in self.replicas:
            replica.stop_server()
        self.postgres.stop()
        self.postgres.move_clock(ahead)
        self.postgres.start()
        self.emulator.advance_clock(ahead)
        for replica in self.replicas:
            replica.start_server()

    def connect_fast(self, subject: str = "ann", **fields: Any) -> str:
        return self.replicas[0].connect_fast(subject, **fields)

    def connect_many(
        self,
        count: int,
        ttl: Callable[[], int] | None = None,
        prefix: str = "u",
        threads: int = 12,
    ) -> list[str]:
        """So many consents over all replicas, each of a subject of its own.

        The provider does not ask but approves at once, as one person, and
        connections are kept: 3 requests for each, none with a new socket.
        `ttl` tells the life of the access tokens, asked every tenth of a
        second.
        """
        self.emulator.configure(auto_approve=True)
        local = threading.local()
        opened: list[_Consents] = []

        def connect(number: int) -> str:
            if not hasattr(local, "consents"):
                replica = self.replicas[number % len(self.replicas)]
                local.consents = _Consents(replica)
                opened.append(local.consents)
            return local.consents.connect(f"{prefix}{number}")

        try:
            with ThreadPoolExecutor(threads) as pool:
                if ttl is not None:
                    self.emulator.configure(access_ttl=ttl())
                futures = [pool.submit(connect, i) for i in range(count)]
                while ttl is not None and wait(futures, 0.1).not_done:
                    self.emulator.configure(access_ttl=ttl())
                return [future.result() for future in futures]
        finally:
            self.emulator.configure(auto_approve=False)
            for consents in opened:
                consents.close()

    def refreshes(self, **filters: str) -> list[dict[str, Any]]:
        """Refresh tokens that the provider accepted for the first time."""
        return self.emulator.ledger(
            event="presented",
            kind="refresh_token",
            verdict="accepted",
            reason="ok",
            **filters,
        )


class _Consents:
    """Consents over kept connections. For one thread."""

    def __init__(self, replica: Replica) -> None:
        self._caller = replica.caller()
        self._server = self._open(replica.http)
        self._provider = self._open(replica.emulator.www)

    def _open(self, address: str) -> http.client.HTTPConnection:
        parts = urlsplit(address)
        return http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=60
        )

    def connect(self, subject: str) -> str:
        reply = self._caller.call(
            "TokenService/Authorize", {"provider": PROVIDER, "subject": subject}
        )
        if not reply.ok:
            raise AssertionError(f"Authorize: {reply.body!r}")
        status, location = self._get(
            self._provider, reply.json()["authorizationUri"]
        )
        if status != 302:
            raise AssertionError(f"no consent: {status}")
        status, _ = self._get(self._server, location)
        if status not in (200, 303):
            raise AssertionError(f"callback: {status}")
        return reply.json()["connection"]

    def close(self) -> None:
        self._caller.close()
        self._server.close()
        self._provider.close()

    def _get(
        self, connection: http.client.HTTPConnection, url: str
    ) -> tuple[int, str]:
        parts = urlsplit(url)
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("location", "")
