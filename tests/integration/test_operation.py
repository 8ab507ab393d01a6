"""How the server starts, refuses to start, serves TLS and ends."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from e2e.stack import COMMAND_LINE, SERVER, free_port
from integration.authority import Authority
from integration.harness import (
    Caller,
    IntegrationStack,
    Reply,
    Stream,
    missing,
    request,
    wait_for,
)


def start_refused(*flags: str) -> str:
    """Runs a server that is to refuse, and returns its last words."""
    done = subprocess.run(
        [str(SERVER), *flags],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode != 1:
        raise AssertionError(f"ended with {done.returncode}: {done.stderr}")
    return done.stderr


@unittest.skipIf(missing(), missing())
class Refusals(unittest.TestCase):
    def setUp(self) -> None:
        self.stack = self.enterContext(IntegrationStack(access_ttl=3600))

    def flags(self, **more: str) -> list[str]:
        values = {
            "data_dir": str(self.stack.folder / "second"),
            "listen": "127.0.0.1:0",
            "http_listen": f"127.0.0.1:{free_port()}",
            **more,
        }
        return [f"--{name}={value}" for name, value in values.items()]

    def test_plaintext_for_other_machines(self) -> None:
        for flag in ("listen", "http_listen"):
            with self.subTest(flag=flag):
                said = start_refused(
                    *self.flags(**{flag: f"0.0.0.0:{free_port()}"}),
                    "--public_url=https://tokens.example",
                )
                self.assertIn("insecure_plaintext", said)

    def assert_healthy(self) -> None:
        answer = request("GET", self.stack.http + "/healthz")
        self.assertEqual(answer.status, 200)

    def test_plaintext_when_insisted(self) -> None:
        self.stack.restart(
            arguments=["--listen=0.0.0.0:0", "--insecure_plaintext"]
        )
        self.assert_healthy()

    def test_a_second_server_on_the_same_data(self) -> None:
        said = start_refused(*self.flags(data_dir=str(self.stack.data)))
        self.assertIn(str(self.stack.data), said)
        self.assert_healthy()

    def test_a_port_in_use(self) -> None:
        taken = urlsplit(self.stack.http).netloc
        said = start_refused(*self.flags(http_listen=taken))
        self.assertIn(taken.rsplit(":", 1)[1], said)
        start_refused(*self.flags(listen=self.stack.grpc))

    def test_the_keyring_lost(self) -> None:
        stack = self.stack
        stack.set_up()
        name = stack.connect_fast("ann")
        stack.stop_server()
        keyring = stack.data / "keyring"
        saved = keyring.read_bytes()
        keyring.unlink()
        said = start_refused(*self.flags(data_dir=str(stack.data)))
        self.assertIn("keyring", said)
        self.assertFalse(keyring.exists())
        for bad in (b"", b"nonsense", saved[: len(saved) // 2]):
            keyring.write_bytes(bad)
            keyring.chmod(0o600)
            said = start_refused(*self.flags(data_dir=str(stack.data)))
            self.assertIn("keyring", said)
        keyring.write_bytes(saved)
        stack.start_server()
        self.assertTrue(stack.get_token(name).ok)

    def test_bad_flags(self) -> None:
        for flag in (
            "--log_level=loud",
            "--log_format=xml",
            "--redis_url=http://x",
            "--public_url=http://tokens.example",
            "--http_timeout=0s",
            "--reactors=-1",
            "--tls_cert=/none.pem",
            "--origin_override=x",
            "--authorization_lifetime=soon",
        ):
            with self.subTest(flag=flag):
                said = start_refused(*self.flags(), flag)
                self.assertIn(flag.split("=")[0].strip("-"), said)


@unittest.skipIf(missing(), missing())
class Ending(unittest.TestCase):
    """SIGTERM: nothing under way is lost."""

    def test_streams_end_and_a_refresh_is_finished(self) -> None:
        stack = self.enterContext(IntegrationStack(access_ttl=3600))
        stack.set_up()
        name = stack.connect_fast("ann")
        stack.emulator.add_fault(
            "token", "slow", grant="refresh_token", seconds=2
        )
        replies: list[Reply] = []

        def refresh() -> None:
            replies.append(stack.refresh(name))

        with Stream(stack, {}) as stream:
            stream.wait("a checkpoint", lambda: stream.messages)
            caller = threading.Thread(target=refresh)
            caller.start()
            wait_for("the refresh to be under way", stack.presented)
            begun = time.monotonic()
            self.assertEqual(stack.stop_server(signal.SIGTERM), 0)
            self.assertLess(time.monotonic() - begun, 15)
            self.assertEqual(stream.end_reason(), "SERVER_SHUTTING_DOWN")
            caller.join(10)
        self.assertEqual(replies[0].status, 200, replies[0].body)
        token = replies[0].json()["token"]
        self.assertEqual(token["generation"], "2")
        stack.start_server()
        self.assertEqual(stack.get_token(name).json()["token"], token)
        self.assertTrue(stack.refresh(name).ok)
        self.assertEqual(
            stack.emulator.summary()["refresh_tokens_presented_twice"], 0
        )

    def test_idle_connections_do_not_delay_it(self) -> None:
        self.assertLess(self.stop_with(b""), 5)

    def test_half_a_request_delays_it_a_little(self) -> None:
        """It counts as a call under way until its time is over."""
        self.assertLess(self.stop_with(b"GET /healthz HT"), 20)

    def stop_with(self, sent: bytes) -> float:
        """How long the end takes with connections that sent only this."""
        stack = self.enterContext(IntegrationStack())
        parts = urlsplit(stack.http)
        for _ in range(5):
            raw = socket.create_connection((parts.hostname, parts.port))
            self.enterContext(raw).sendall(sent)
        begun = time.monotonic()
        self.assertEqual(stack.stop_server(signal.SIGTERM), 0)
        return time.monotonic() - begun

    def test_the_interrupt_key(self) -> None:
        stack = self.enterContext(IntegrationStack())
        self.assertEqual(stack.stop_server(signal.SIGINT), 0)


class TlsStack(IntegrationStack):
    """The server's both ports speak TLS."""

    def __init__(self, clients: bool = False) -> None:
        super().__init__(access_ttl=3600)
        self.authority = Authority(self.folder, "authority")
        self.certificate = self.folder / "server.pem"
        self.key = self.folder / "server-key.pem"
        self.install("first")
        self.flags = (
            f"--tls_cert={self.certificate}",
            f"--tls_key={self.key}",
        )
        self.client: tuple[Path, Path] | None = None
        if clients:
            self.client = self.authority.issue("client")
            self.flags += (f"--tls_client_ca={self.authority.certificate}",)
        self.http = f"https://127.0.0.1:{free_port()}"

    def install(self, name: str) -> None:
        certificate, key = self.authority.issue(name)
        key.replace(self.key)
        certificate.replace(self.certificate)

    def context(self, with_client: bool = True) -> ssl.SSLContext:
        context = ssl.create_default_context(
            cafile=str(self.authority.certificate)
        )
        if self.client is not None and with_client:
            context.load_cert_chain(*self.client)
        return context

    def subject(self, address: str) -> str:
        """The name in the certificate that a port shows now."""
        host, port = address.rsplit(":", 1)
        context = self.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection((host, int(port)), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=host) as wrapped,
        ):
            certificate = wrapped.getpeercert() or {}
            names: Any = certificate["subject"]
            return names[0][0][1]

    def health(self, *arguments: str) -> int:
        """`valetkey health` by gRPC; its exit code."""
        return subprocess.run(
            [
                *(str(COMMAND_LINE), "--address", self.grpc, "--timeout", "5s"),
                *(*arguments, "health"),
            ],
            capture_output=True,
            timeout=30,
            check=False,
        ).returncode


@unittest.skipIf(missing(), missing())
class Tls(unittest.TestCase):
    def test_both_ports_and_new_certificates(self) -> None:
        stack = self.enterContext(TlsStack())
        http = urlsplit(stack.http).netloc
        for address in (stack.grpc, http):
            self.assertEqual(stack.subject(address), "first")
        ca = ("--tls-ca", str(stack.authority.certificate))
        self.assertEqual(stack.health(*ca), 0)
        self.assertNotEqual(stack.health(), 0)
        with Caller(stack.http, None, stack.context()) as caller:
            reply = caller.call("TokenService/GetToken", {"name": "x"})
            self.assertEqual(reply.reason, "API_KEY_MISSING")
        stack.install("second")
        for address in (stack.grpc, http):
            wait_for(
                f"the new certificate at {address}",
                lambda a=address: stack.subject(a) == "second",
                timeout=40,
                pause=0.2,
            )

    def test_a_bad_certificate_does_not_replace_a_good_one(self) -> None:
        stack = self.enterContext(TlsStack())
        http = urlsplit(stack.http).netloc
        stack.certificate.write_text("nonsense")
        assert stack.server is not None
        stack.server.send_signal(signal.SIGHUP)
        time.sleep(2)
        for address in (stack.grpc, http):
            self.assertEqual(stack.subject(address), "first")

    def test_client_certificates(self) -> None:
        stack = self.enterContext(TlsStack(clients=True))
        assert stack.client is not None
        certificate, key = stack.client
        ca = ("--tls-ca", str(stack.authority.certificate))
        own = ("--tls-cert", str(certificate), "--tls-key", str(key))
        self.assertEqual(stack.health(*ca, *own), 0)
        self.assertNotEqual(stack.health(*ca), 0)
        stranger = Authority(stack.folder, "stranger").issue("strange")
        strange = ("--tls-cert", str(stranger[0]))
        strange += ("--tls-key", str(stranger[1]))
        self.assertNotEqual(stack.health(*ca, *strange), 0)

        admin = stack.admin_key
        method, body = "ApplicationService/ListApplications", {}
        with Caller(stack.http, admin, stack.context()) as caller:
            self.assertEqual(caller.call(method, body).status, 200)
        # A browser has none, and still reaches its page.
        bare = stack.context(with_client=False)
        with Caller(stack.http, admin, bare) as caller:
            connection = caller.connection()
            connection.request("GET", "/oauth/callback?state=x&code=y")
            self.assertEqual(connection.getresponse().status, 400)
            connection.close()
            refused = caller.call(method, body)
            self.assertEqual(refused.code, "unauthenticated", refused.body)


if __name__ == "__main__":
    unittest.main()
