"""No secret is where it does not belong, whatever happens: every flow and its
errors at the most talkative log level, and then a search through all that
others may read."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import subprocess
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from e2e.stack import CLIENT_ID, CLIENT_SECRET
from integration.harness import (
    APPLICATION,
    PROVIDER,
    IntegrationStack,
    Stream,
    consent,
    missing,
    request,
    wait_for,
)

_FAULTS = (
    "throttle http_error html_body truncated_body missing_expires_in "
    "lost_answer cut_connection cut_before invalid_json slow huge_body"
).split()
_TOKEN_METHODS = ("TokenService/GetToken", "TokenService/Refresh")


def spellings(secret: str) -> Iterator[bytes]:
    """The secret as itself and in the encodings that might hide it."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield quote(secret, safe="").encode()
    # In base64 a text looks different at each of three offsets; the ends
    # depend on the neighbours.
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + raw)[4 if offset else 0 :]
        yield text[: len(text) // 4 * 4 - 4]


def more(kind: str) -> dict[str, Any]:
    return {"seconds": 0.2} if kind == "slow" else {}


class Wire:
    """Lies between the server and the emulator's API, and keeps what the
    server sends: PKCE verifiers are seen nowhere else."""

    def __init__(self, target: str) -> None:
        self.sent = b""
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.origin = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._relay, args=(near,), daemon=True
            ).start()

    def _relay(self, near: socket.socket) -> None:
        with contextlib.ExitStack() as open_sockets:
            open_sockets.enter_context(near)
            try:
                far = socket.create_connection(self._target)
            except OSError:  # the emulator has been stopped
                return
            open_sockets.enter_context(far)
            back = threading.Thread(
                target=self._pump, args=(far, near, False), daemon=True
            )
            back.start()
            self._pump(near, far, True)
            back.join()

    def _pump(
        self, one: socket.socket, other: socket.socket, keep: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if keep:
                    self.sent += data
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


class WiredStack(IntegrationStack):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.wire = Wire(self.emulator.api)
        self.emulator.api = self.wire.origin


@unittest.skipIf(missing(), missing())
class Canary(unittest.TestCase):
    def test_the_search_finds_what_is_hidden(self) -> None:
        secret = "pinr_secret-with-_and-other-characters/+=%20"
        for text in (
            secret.encode(),
            base64.b64encode(secret.encode()),
            base64.b64encode(b"user:" + secret.encode() + b":more"),
            base64.b64encode(b"x" + secret.encode() + b"y"),
            secret.encode().hex().encode(),
            urlencode({"token": secret}).encode(),
        ):
            self.assertTrue(any(s in text for s in spellings(secret)), text)

    def test_logs_in_json(self) -> None:
        self.run_all("json")

    def test_logs_in_text(self) -> None:
        self.run_all("text")

    def run_all(self, log_format: str) -> None:
        stack = self.enterContext(
            WiredStack(
                access_ttl=3,
                redis=True,
                flags=("--log_level=debug", f"--log_format={log_format}"),
            )
        )
        self.stack = stack
        self.wire = self.enterContext(stack.wire)
        self.secrets: dict[str, str] = {}
        # What others may read, by where it was found.
        self.seen: dict[str, bytes] = {}
        stack.set_up()
        with Stream(stack, {"snapshot": True}) as stream:
            self.flows()
            self.errors()
            self.command_line()
            self.provider_changes()
            wait_for("events", lambda: len(stream.events("REVOKED")) > 0)
            self.seen["WatchEvents"] = repr(stream.messages).encode()
        self.collect()
        stack.restart()
        self.collect("again ")
        stack.stop_server()
        self.collect_files("stopped ")
        self.collect_secrets()
        self.assert_nowhere()

    def call(self, method: str, body: Any, key: str | None = None) -> Any:
        with self.stack.caller(key) as caller:
            reply = caller.call(method, body)
        # The two that hand out tokens are the exception, for their successes.
        if not (reply.ok and method in _TOKEN_METHODS):
            number = len(self.seen)
            self.seen[f"answer {number} of {method}"] = (
                repr(sorted(reply.headers.items())).encode() + reply.body
            )
        return reply

    def callback(self, location: str) -> None:
        page = request("GET", location)
        head = repr(sorted(page.headers.items())).encode()
        self.seen[f"page {len(self.seen)}"] = head + page.body

    def consent(self, subject: str, **fields: Any) -> tuple[str, str]:
        begun = self.stack.begin(subject, **fields)
        location = consent(begun["authorizationUri"], subject)
        code = parse_qs(urlsplit(location).query)["code"][0]
        self.secrets[f"code of {subject}"] = code
        return begun["connection"], location

    def flows(self) -> None:
        self.name, location = self.consent("ann")
        self.callback(location)
        self.callback(location)
        for body in ({}, {"minLifetime": "2s"}, {"rejectedGeneration": 1}):
            self.call("TokenService/GetToken", {"name": self.name, **body})
        self.call("TokenService/Refresh", {"name": self.name})
        self.call(
            "ConnectionService/ListConnections", {"parent": APPLICATION}
        )
        self.call("ConnectionService/GetConnection", {"name": self.name})
        revoked, location = self.consent("rob")
        self.callback(location)
        self.call("TokenService/Revoke", {"name": revoked})
        self.call("TokenService/GetToken", {"name": revoked})

    def errors(self) -> None:
        emulator = self.stack.emulator
        for number, kind in enumerate(_FAULTS):
            emulator.add_fault("token", kind, times=1, **more(kind))
            _, location = self.consent(f"u{number}")
            self.callback(location)
            emulator.clear_faults()
            # A connection of its own, for a failure forbids the next attempt.
            name, location = self.consent(f"v{number}")
            self.callback(location)
            emulator.add_fault(
                "token", kind, grant="refresh_token", times=1, **more(kind)
            )
            self.call("TokenService/Refresh", {"name": name})
            emulator.clear_faults()
        emulator.kill(login="ann")
        self.call("TokenService/Refresh", {"name": self.name})
        emulator.put_app(CLIENT_ID, secret="another")
        name, location = self.consent("zoe")
        self.callback(location)
        emulator.put_app(CLIENT_ID, secret=CLIENT_SECRET)
        # Secrets sent to the wrong place.
        token = next(
            e["value"]
            for e in emulator.ledger(event="issued", kind="refresh_token")
        )
        for field in ("name", "requiredScopes", "minLifetime", "token"):
            self.call("TokenService/GetToken", {field: token})
        self.callback(
            f"{self.stack.http}/oauth/callback?"
            + urlencode({"state": token, "code": token, "error": token})
        )
        wrong = "vk_" + "w" * 43
        self.secrets["a wrong key"] = wrong
        self.call("TokenService/GetToken", {"name": self.name}, wrong)
        request("GET", f"{self.stack.http}/{token}?{token}={token}")
        with self.stack.caller() as caller:
            caller.call("TokenService/" + token, {})

    def command_line(self) -> None:
        stack = self.stack
        for arguments in (
            ("connections", "list"),
            ("--json", "connections", "list"),
            ("connections", "show", self.name),
            ("providers", "list"),
            ("--json", "providers", "show", "pinterest"),
            ("keys", "list"),
            ("applications", "list"),
            ("revoke", self.name),
            ("refresh", self.name),
            ("token", self.name),
        ):
            ended = stack.valetkey(*arguments)
            out = ended.out if arguments[0] != "token" else ""
            self.seen[" ".join(arguments)] = (out + ended.err).encode()

    def provider_changes(self) -> None:
        self.secrets["a changed client secret"] = "changed-client-secret-0001"
        self.secrets["a refused client secret"] = "refused-client-secret-0002"
        self.call(
            "ProviderService/UpdateProvider",
            {
                "provider": {
                    "name": PROVIDER,
                    "clientSecret": self.secrets["a changed client secret"],
                },
                "updateMask": "clientSecret",
            },
        )
        self.call(
            "ProviderService/CreateProvider",
            {
                "parent": APPLICATION,
                "providerId": "Not Valid",
                "provider": {
                    "clientSecret": self.secrets["a refused client secret"]
                },
            },
        )
        self.call("ProviderService/GetProvider", {"name": PROVIDER})
        self.call("ApplicationService/ListKeys", {"parent": APPLICATION})

    def collect(self, prefix: str = "") -> None:
        stack = self.stack
        time.sleep(0.3)
        for path in ("/", "/healthz", "/readyz", "/metrics"):
            answer = request("GET", stack.http + path)
            self.seen[prefix + path] = answer.body
        assert stack.server is not None
        process = Path("/proc", str(stack.server.pid))
        for name in ("cmdline", "environ"):
            self.seen[prefix + name] = (process / name).read_bytes()
        self.seen[prefix + "redis events"] = stack.redis_cli(
            "XRANGE", "valetkey:events", "-", "+"
        ).out.encode()
        subprocess.run(
            ["redis-cli", "-s", str(stack.redis_socket), "SAVE"],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.seen[prefix + "redis dump"] = (
            stack.folder / "dump.rdb"
        ).read_bytes()
        for key in stack.redis_cli("KEYS", "*").out.split():
            if key != "valetkey:events":
                got = subprocess.run(
                    ["redis-cli", "-s", str(stack.redis_socket), "GET", key],
                    capture_output=True,
                    check=False,
                )
                self.seen[f"{prefix}redis {key}"] = key.encode() + got.stdout
        self.collect_files(prefix)

    def collect_files(self, prefix: str) -> None:
        """The log, and all of the data folder but the key of the admin."""
        stack = self.stack
        self.seen[prefix + "log"] = stack.log.read_bytes()
        for path in stack.data.iterdir():
            if path.name != "admin.key":
                self.seen[prefix + path.name] = path.read_bytes()
            self.assertEqual(path.stat().st_mode & 0o077, 0, path.name)

    def collect_secrets(self) -> None:
        stack = self.stack
        for number, entry in enumerate(stack.emulator.ledger()):
            if entry["event"] == "issued":
                self.secrets[f"{entry['kind']} {number}"] = entry["value"]
        self.secrets["client secret"] = CLIENT_SECRET
        self.secrets["API key"] = stack.api_key
        self.secrets["admin key"] = stack.admin_key
        verifiers = set(re.findall(rb"code_verifier=([^&]+)", self.wire.sent))
        self.assertGreater(len(verifiers), 5)
        for number, verifier in enumerate(verifiers):
            self.secrets[f"verifier {number}"] = verifier.decode()
        self.assertGreater(len(self.secrets), 50)

    def assert_nowhere(self) -> None:
        self.assertIn(b"debug", self.seen["log"].lower())
        self.assertGreater(len(self.seen["store.db-wal"]), 4096)
        self.assertGreater(len(self.seen["stopped store.db"]), 4096)
        found = [
            f"{what} is in {where}"
            for what, secret in self.secrets.items()
            for spelling in spellings(secret)
            for where, text in self.seen.items()
            if spelling in text
        ]
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
