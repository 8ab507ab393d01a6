"""The sidecar beside an application, against a real server: tokens on the
socket and in files, an outage, a revocation, a restart, and that it never has
what it must not have."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Self

from e2e.stack import CLIENT_SECRET, COMMAND_LINE, SIDECAR
from integration.harness import IntegrationStack, missing, wait_for
from pinterest_emulator.client import Answer, request


class Tap:
    """Between the sidecar and the server; keeps what passes."""

    def __init__(self, target: str) -> None:
        self.passed = bytearray()
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            for one, other in ((near, far), (far, near)):
                threading.Thread(
                    target=self._pump, args=(one, other), daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self.passed += data
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        self._listener.close()


class Sidecar:
    """A process, with a folder of its own on tmpfs if there is one."""

    def __init__(self, upstream: str, key: str, *flags: str) -> None:
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self._folder = tempfile.TemporaryDirectory("-sidecar", dir=memory)
        self.folder = Path(self._folder.name)
        self.socket = self.folder / "s"
        (self.folder / "key").write_text(key)
        self.files = self.folder / "files"
        self.arguments = [
            str(SIDECAR),
            f"--upstream={upstream}",
            f"--api_key_file={self.folder}/key",
            "--application=shop",
            f"--listen=unix:{self.socket}",
            "--health_listen=127.0.0.1:0",
            "--files_on_disk",
            *flags,
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.arguments, f"--ready_file={ready}"],
                stderr=log,
                env={"PATH": os.environ["PATH"]},
            )
        wait_for("the sidecar", ready.exists)

    def init(self, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.arguments, "--init"],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={"PATH": os.environ["PATH"]},
        )

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(20)
        self.process = None
        return code

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line over the socket, with no key."""
        return subprocess.run(
            [
                str(COMMAND_LINE),
                "--address",
                f"unix:{self.socket}",
                "--application",
                "shop",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": os.environ["PATH"]},
        )

    def token(self, name: str) -> str:
        """The access token, or the error's text."""
        told = self.cli("token", name)
        return told.stdout.strip() if told.returncode == 0 else told.stderr

    def metric(self, line: str) -> float:
        port = json.loads((self.folder / "ready").read_text())["health_port"]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        found = re.search("^" + re.escape(line) + r" (\S+)", text, re.M)
        return float(found.group(1)) if found else -1.0

    def memory(self) -> bytes:
        """All that the process can read and write."""
        assert self.process is not None
        pid = self.process.pid
        found = bytearray()
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if not match:
                    continue
                begin, end = (int(g, 16) for g in match.groups())
                try:
                    memory.seek(begin)
                    found += memory.read(end - begin)
                except OSError:
                    continue
        return bytes(found)

    def resident(self) -> int:
        """Bytes of memory that are in use."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.stop(signal.SIGKILL)
        self._folder.cleanup()


@unittest.skipIf(missing(), missing())
class SidecarTests(unittest.TestCase):
    def setUp(self) -> None:
        self.stack = IntegrationStack(access_ttl=3600)
        self.stack.__enter__()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.stack.set_up()
        self.name = self.stack.connect_fast("ann")

    def sidecar(self, *flags: str, upstream: str = "") -> Sidecar:
        return Sidecar(
            upstream or self.stack.grpc, self.stack.api_key or "", *flags
        )

    def door(self) -> Sidecar:
        """With a door to the emulator's API."""
        return self.sidecar(
            f"--inject=127.0.0.1:0={self.name}",
            "--inject_origin_override=https://api.pinterest.com="
            + self.stack.emulator.api,
        )

    def through(
        self, sidecar: Sidecar, headers: dict[str, str] | None = None
    ) -> Answer:
        told = json.loads((sidecar.folder / "ready").read_text())
        return request(
            "GET",
            f"http://{told['inject'][0]}/v5/user_account",
            headers=headers or {},
        )

    def stored_token(self) -> str:
        reply = self.stack.get_token(self.name)
        return reply.json()["token"]["accessToken"]

    def await_from_memory(self, sidecar: Sidecar) -> None:
        line = 'valetkey_sidecar_get_token_total{from="memory"}'
        before = sidecar.metric(line)

        def asks() -> bool:
            sidecar.token(self.name)
            return sidecar.metric(line) > before

        wait_for("an answer from memory", asks)

    def test_an_application_needs_no_key(self) -> None:
        with self.sidecar() as sidecar:
            self.assertEqual(sidecar.token(self.name), self.stored_token())
            self.await_from_memory(sidecar)
            listed = sidecar.cli("connections", "list", "--json")
            self.assertIn(self.name, listed.stdout)
            # What is not its business does not go through.
            refused = sidecar.cli("keys", "create", "--all-rights")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("a sidecar does not serve", refused.stderr)
            self.assertEqual(sidecar.stop(), 0)

    def test_a_token_is_renewed_and_a_revoked_one_is_gone(self) -> None:
        files = "--file=" + self.name
        with self.sidecar() as sidecar:
            sidecar.arguments.append(f"{files}={sidecar.files}")
            sidecar.stop()
            sidecar.start()
            self.await_from_memory(sidecar)
            old = self.stored_token()
            token = sidecar.files / "token"
            wait_for("the file", lambda: token.exists())
            self.assertEqual(token.read_text(), old)
            self.assertTrue(self.stack.refresh(self.name).ok)
            new = self.stored_token()
            self.assertNotEqual(new, old)
            wait_for("the new token", lambda: sidecar.token(self.name) == new)
            wait_for("the new file", lambda: token.read_text() == new)
            with self.stack.caller() as caller:
                revoked = caller.call(
                    "TokenService/Revoke", {"name": self.name}
                )
            self.assertTrue(revoked.ok, revoked.body)
            wait_for(
                "the revocation",
                lambda: "CONNECTION_REVOKED" in sidecar.token(self.name),
                timeout=2,
            )
            wait_for("no file", lambda: not token.exists())
            error = json.loads((sidecar.files / "token.json").read_text())
            self.assertEqual(error["error"], "CONNECTION_REVOKED")

    def test_an_outage_is_bridged_and_a_revocation_heard_after_it(self) -> None:
        with self.sidecar() as sidecar:
            self.await_from_memory(sidecar)
            token = self.stored_token()
            self.stack.kill_server()
            for _ in range(5):
                self.assertEqual(sidecar.token(self.name), token)
            self.stack.start_server()
            with self.stack.caller() as caller:
                caller.call("TokenService/Revoke", {"name": self.name})
            wait_for(
                "the revocation",
                lambda: "CONNECTION_REVOKED" in sidecar.token(self.name),
                timeout=20,
            )

    def test_a_program_without_a_token_uses_the_api(self) -> None:
        with self.door() as sidecar:
            wait_for("the door", lambda: self.through(sidecar).status == 200)
            answer = self.through(sidecar)
            self.assertEqual(answer.json()["username"], "ann_pins")
            for secret in (self.stored_token(), "Bearer"):
                self.assertNotIn(secret, f"{answer.headers} {answer.body}")
            refused = self.through(sidecar, {"Authorization": "Bearer mine"})
            self.assertEqual(refused.status, 400)
            self.assertEqual(
                refused.headers["valetkey-error"], "REQUEST_REFUSED"
            )
            page = self.through(sidecar, {"Origin": "http://evil.example"})
            self.assertEqual(page.status, 403)

            with self.subTest("a token that the provider takes no more"):
                refreshes = self.stack.emulator.summary()["refreshes"]
                self.stack.emulator.add_fault(
                    endpoint="user_account",
                    kind="http_error",
                    status=401,
                    times=1,
                )
                self.assertEqual(self.through(sidecar).status, 200)
                self.assertEqual(
                    self.stack.emulator.summary()["refreshes"], refreshes + 1
                )

            with self.subTest("an outage"):
                self.stack.kill_server()
                for _ in range(3):
                    self.assertEqual(self.through(sidecar).status, 200)
                self.stack.start_server()

            with self.subTest("revoked"):
                with self.stack.caller() as caller:
                    caller.call("TokenService/Revoke", {"name": self.name})
                wait_for(
                    "the revocation",
                    lambda: self.through(sidecar).status == 502,
                )
                gone = self.through(sidecar)
                self.assertEqual(
                    gone.headers["valetkey-error"], "CONNECTION_REVOKED"
                )
            self.assertEqual(sidecar.stop(), 0)
            log = (sidecar.folder / "log").read_text()
            self.assertNotIn("user_account", log)

    def test_init_waits_and_writes_the_files(self) -> None:
        with self.sidecar() as sidecar:
            sidecar.stop()
            sidecar.arguments.append(f"--file={self.name}={sidecar.files}")
            done = sidecar.init()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(
                (sidecar.files / "token").read_text(), self.stored_token()
            )
            sidecar.arguments.append("--warm=c-none")
            missed = sidecar.init()
            self.assertEqual(missed.returncode, 1)
            self.assertIn("CONNECTION_NOT_FOUND", missed.stderr)

    def test_a_killed_sidecar_is_replaced_on_the_same_socket(self) -> None:
        with self.sidecar() as sidecar:
            self.assertEqual(sidecar.token(self.name), self.stored_token())
            sidecar.stop(signal.SIGKILL)
            self.assertTrue(sidecar.socket.exists())
            sidecar.start()
            self.assertEqual(sidecar.token(self.name), self.stored_token())

    def test_it_never_has_a_refresh_token_or_a_client_secret(self) -> None:
        tap = Tap(self.stack.grpc)
        self.addCleanup(tap.close)
        with self.sidecar(upstream=tap.address) as sidecar:
            sidecar.arguments.append(f"--file={self.name}={sidecar.files}")
            sidecar.stop()
            sidecar.start()
            self.await_from_memory(sidecar)
            for _ in range(3):
                told = sidecar.cli("refresh", self.name)
                self.assertEqual(told.returncode, 0, told.stderr)
            sidecar.cli("providers", "list")
            sidecar.cli("connections", "list")
            update = sidecar.cli(
                "providers", "update", "pinterest", "--display-name", "P"
            )
            self.assertNotEqual(update.returncode, 0)
            token = self.stored_token()
            wait_for("the new token", lambda: sidecar.token(self.name) == token)
            memory = sidecar.memory()
            # The search finds what is there.
            self.assertIn(token.encode(), memory)
            self.assertIn(token.encode(), bytes(tap.passed))
            refresh_tokens = {
                e["value"]
                for e in self.stack.emulator.ledger()
                if e["event"] == "issued" and e.get("kind") == "refresh_token"
            }
            self.assertGreaterEqual(len(refresh_tokens), 4)
            for secret in (*refresh_tokens, CLIENT_SECRET):
                self.assertNotIn(secret.encode(), memory)
                self.assertNotIn(secret.encode(), bytes(tap.passed))

    def test_it_stays_small(self) -> None:
        names = [self.stack.connect_fast(f"p{i}") for i in range(100)]
        with self.sidecar("--warm=" + ",".join(names)) as sidecar:
            wait_for(
                "all tokens",
                lambda: sidecar.metric("valetkey_sidecar_tokens") == 100,
            )
            for name in names[::10]:
                self.assertNotIn("error", sidecar.token(name))
            self.assertLess(sidecar.resident(), 30 << 20)


if __name__ == "__main__":
    unittest.main()
