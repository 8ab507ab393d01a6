"""Callers without an API key: JWTs of an issuer, and client certificates, by
the caller policy of a real server."""

from __future__ import annotations

import json
import ssl
import subprocess
import unittest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from e2e.stack import COMMAND_LINE, SERVER, free_port
from integration.authority import Authority
from integration.harness import (
    APPLICATION,
    Caller,
    IntegrationStack,
    Reply,
    missing,
    request,
    wait_for,
)
from integration.issuer import KeyServer, SigningKey

WEB = "system:serviceaccount:shop:web"


def rule(name: str, match: str, *rights: str) -> str:
    granted = " ".join(f"rights: RIGHT_{right}" for right in rights)
    return (
        f'rules {{ name: "{name}" {match} '
        f'grant {{ application: "{APPLICATION}" {granted} }} }}\n'
    )


def pods(name: str, subject: str, *rights: str) -> str:
    match = f'jwt {{ issuer: "cluster" subject: "{subject}" }}'
    return rule(name, match, *rights)


class PolicyStack(IntegrationStack):
    """A stack whose server has a caller policy and an issuer."""

    def __init__(self, keys: str = "", rules: str = "") -> None:
        super().__init__(access_ttl=3600)
        self.policy = self.folder / "callers.textproto"
        self.issuer = KeyServer()
        self.key = SigningKey(self.folder, "one")
        self.issuer.keys = [self.key]
        self.source = keys or f'jwks_url: "{self.issuer.url}/jwks"'
        self.write(rules or pods("shop", f"{WEB[:-3]}*", "READ_TOKENS"))
        self.flags = (f"--caller_policy={self.policy}",)

    def write(self, rules: str) -> None:
        """Replaces the policy's rules."""
        text = (
            f'issuers {{ name: "cluster" issuer: "{self.issuer.url}" '
            f'audiences: "valetkey" {self.source} }}\n{rules}'
        )
        self.replace(text)

    def replace(self, text: str) -> None:
        draft = self.policy.with_suffix(".new")
        draft.write_text(text)
        draft.replace(self.policy)

    def token(self, key: SigningKey | None = None, **claims: Any) -> str:
        return (key or self.key).sign(**{"iss": self.issuer.url, **claims})

    def ask(self, token: str | None, name: str) -> Reply:
        with Caller(self.http, token) as caller:
            return caller.call("TokenService/GetToken", {"name": name})

    def metric(self, line: str) -> bool:
        answer = request("GET", f"{self.http}/metrics")
        return line in answer.body.decode()

    def stop(self) -> None:
        self.issuer.stop()
        super().stop()


@unittest.skipIf(missing(), missing())
class Tokens(unittest.TestCase):
    def start(self, **options: str) -> PolicyStack:
        stack = self.enterContext(PolicyStack(**options))
        stack.set_up()
        self.name = stack.connect_fast("ann")
        return stack

    def test_a_pod_reads_its_token_and_does_no_more(self) -> None:
        stack = self.start()
        token = stack.token()
        reply = stack.ask(token, self.name)
        self.assertTrue(reply.ok, reply.body)
        # gRPC as well as JSON.
        ended = stack.valetkey("token", self.name, key=token)
        self.assertEqual(ended.code, 0, ended.err)
        ended = stack.valetkey("revoke", self.name, key=token)
        self.assertIn("RIGHT_MISSING", ended.err)
        # An API key goes on to work beside it.
        self.assertTrue(stack.get_token(self.name).ok)

    def test_others_are_refused(self) -> None:
        stack = self.start()
        forger = SigningKey(stack.folder, "one-more")
        forger.name = "one"
        for reason, token in (
            ("CALLER_DENIED", stack.token(sub="system:serviceaccount:x:web")),
            ("CALLER_INVALID", stack.token(aud="vault")),
            ("CALLER_INVALID", stack.token(exp=1)),
            ("CALLER_INVALID", stack.token(exp=None)),
            ("CALLER_INVALID", stack.token(iss="https://evil.example")),
            ("CALLER_INVALID", stack.token(forger)),
            ("CALLER_INVALID", stack.token()[:-8] + "AAAAAAAA"),
            ("CALLER_INVALID", "nonsense"),
            ("API_KEY_MISSING", None),
            ("API_KEY_INVALID", "vk_" + "A" * 43),
        ):
            with self.subTest(reason=reason, token=token):
                self.assertEqual(stack.ask(token, self.name).reason, reason)

    def test_keys_rotate(self) -> None:
        stack = self.start()
        self.assertTrue(stack.ask(stack.token(), self.name).ok)
        fresh = SigningKey(stack.folder, "two")
        stack.issuer.keys.append(fresh)
        token = stack.token(fresh)
        wait_for("the new key", lambda: stack.ask(token, self.name).ok)
        self.assertTrue(stack.ask(stack.token(), self.name).ok)
        # However many tokens with made-up keys come, the URL has peace.
        made_up = SigningKey(stack.folder, "three")
        before = len(stack.issuer.requests)
        for _ in range(50):
            reply = stack.ask(stack.token(made_up), self.name)
            self.assertEqual(reply.reason, "CALLER_INVALID")
        self.assertLessEqual(len(stack.issuer.requests), before + 2)

    def test_the_issuer_is_away(self) -> None:
        stack = self.start()
        self.assertTrue(stack.ask(stack.token(), self.name).ok)
        stack.issuer.stop()
        # Known tokens and new ones, as long as the key is known.
        self.assertTrue(stack.ask(stack.token(), self.name).ok)
        self.assertTrue(
            stack.ask(stack.token(sub=f"{WEB}-2"), self.name).ok
        )
        # A server that starts meanwhile serves those with API keys, and tells
        # the others to come again.
        stack.restart()
        self.assertTrue(stack.get_token(self.name).ok)
        reply = stack.ask(stack.token(), self.name)
        self.assertEqual(reply.reason, "CALLER_KEYS_UNAVAILABLE")
        self.assertEqual(reply.code, "unavailable")
        stack.issuer.start()
        wait_for("the keys", lambda: stack.ask(stack.token(), self.name).ok)

    def test_discovery(self) -> None:
        stack = self.start(keys="discovery: true")
        self.assertTrue(stack.ask(stack.token(), self.name).ok)
        self.assertIn("/jwks", stack.issuer.requests)

    def test_the_policy_changes_under_a_running_server(self) -> None:
        stack = self.start()
        token = stack.token()
        self.assertTrue(stack.ask(token, self.name).ok)
        stack.write(pods("others", f"{WEB}-2", "READ_TOKENS"))
        wait_for(
            "the new policy",
            lambda: stack.ask(token, self.name).reason == "CALLER_DENIED",
        )
        # One that is not good changes nothing, and is told.
        stack.replace("rules {\n  name: }")
        wait_for(
            "the metric",
            lambda: stack.metric("valetkey_caller_policy_current 0"),
        )
        self.assertIn("callers.textproto:2", stack.log.read_text())
        self.assertEqual(
            stack.ask(token, self.name).reason, "CALLER_DENIED"
        )
        stack.write(pods("web", WEB, "READ_TOKENS"))
        wait_for("the first rule", lambda: stack.ask(token, self.name).ok)
        self.assertTrue(stack.metric("valetkey_caller_policy_current 1"))

    def test_the_log_names_rule_and_subject_and_no_token(self) -> None:
        stack = self.start()
        tokens = [stack.token(), stack.token(aud="vault"), "canary.canary.x"]
        for token in tokens:
            stack.ask(token, self.name)
        log = stack.log.read_text()
        self.assertIn('"rule":"shop"', log)
        self.assertIn(f'"subject":"{WEB}"', log)
        for token in tokens:
            for part in token.split("."):
                if len(part) > 8:
                    self.assertNotIn(part, log)

    def test_a_start_that_is_refused(self) -> None:
        stack = self.start()
        bad = stack.folder / "bad.textproto"
        certificates = rule("r", 'mtls { common_name: "c" }', "CONNECT")
        for text, said in (
            ("rules {\n  nome: 1\n}", "bad.textproto:2"),
            ("", "rules: expected"),
            (certificates, "--tls_client_ca"),
        ):
            bad.write_text(text)
            done = subprocess.run(
                [
                    str(SERVER),
                    f"--data_dir={stack.folder / 'other'}",
                    "--listen=127.0.0.1:0",
                    f"--http_listen=127.0.0.1:{free_port()}",
                    f"--caller_policy={bad}",
                ],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn("--caller_policy", done.stderr)
            self.assertIn(said, done.stderr)


class MtlsStack(PolicyStack):
    """Both ports ask for certificates, and the policy knows some."""

    def __init__(self, mode: str) -> None:
        names = "spiffe://example.org/ns/billing/sa/*"
        super().__init__(
            rules=rule("mesh", f'mtls {{ spiffe_id: "{names}" }}', "READ_TOKENS")
            + rule("host", 'mtls { dns_name: "*.jobs.example" }', "CONNECT")
        )
        self.authority = Authority(self.folder, "authority")
        server, key = self.authority.issue("server")
        self.flags += (
            f"--tls_cert={server}",
            f"--tls_key={key}",
            f"--tls_client_ca={self.authority.certificate}",
            f"--tls_client_auth={mode}",
        )
        self.http = f"https://127.0.0.1:{free_port()}"

    def client(self, name: str, names: str) -> tuple[Path, Path]:
        return self.authority.issue(name, names)

    def context(self, client: tuple[Path, Path] | None) -> ssl.SSLContext:
        context = ssl.create_default_context(
            cafile=str(self.authority.certificate)
        )
        if client is not None:
            context.load_cert_chain(*client)
        return context

    def over_http(
        self,
        client: tuple[Path, Path] | None,
        method: str,
        body: Any,
        key: str | None = None,
    ) -> Reply:
        with Caller(self.http, key, self.context(client)) as caller:
            return caller.call(method, body)

    def over_grpc(
        self, client: tuple[Path, Path] | None, *arguments: str, key: str = ""
    ) -> tuple[int, str]:
        tls = ["--tls-ca", str(self.authority.certificate)]
        if client is not None:
            tls += ["--tls-cert", str(client[0]), "--tls-key", str(client[1])]
        done = subprocess.run(
            [str(COMMAND_LINE), "--address", self.grpc]
            + [*tls, "--application", "shop", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={"VALETKEY_API_KEY": key} if key else {},
        )
        return done.returncode, done.stderr


@unittest.skipIf(missing(), missing())
class Certificates(unittest.TestCase):
    def start(self, mode: str) -> MtlsStack:
        stack = self.enterContext(MtlsStack(mode))
        self.mesh = stack.client(
            "mesh", "URI:spiffe://example.org/ns/billing/sa/jobs"
        )
        self.host = stack.client("host", "DNS:a.jobs.example")
        self.other = stack.client("other", "DNS:other.example")
        self.two = stack.client(
            "two",
            "URI:spiffe://example.org/ns/billing/sa/jobs,URI:spiffe://evil/x",
        )
        return stack

    def missing_connection(
        self, stack: MtlsStack, client: tuple[Path, Path] | None, key: str = ""
    ) -> tuple[str, str]:
        """The reasons that GetToken of a connection that is not there fails
        for, by HTTP and gRPC: CONNECTION_NOT_FOUND is for those let in."""
        name = f"{APPLICATION}/connections/c-1"
        reply = stack.over_http(
            client, "TokenService/GetToken", {"name": name}, key or None
        )
        _, said = stack.over_grpc(client, "token", "c-1", key=key)
        return reply.reason, said.split(": ")[1] if said else ""

    def test_names_are_mapped(self) -> None:
        stack = self.start("request")
        self.assertEqual(
            self.missing_connection(stack, self.mesh),
            ("CONNECTION_NOT_FOUND", "CONNECTION_NOT_FOUND"),
        )
        self.assertEqual(
            self.missing_connection(stack, self.host),
            ("RIGHT_MISSING", "RIGHT_MISSING"),
        )
        for client in (self.other, self.two):
            self.assertEqual(
                self.missing_connection(stack, client),
                ("CALLER_DENIED", "CALLER_DENIED"),
            )

    def test_the_portal_needs_one_too_where_calls_do(self) -> None:
        stack = self.start("require")
        for client, status in ((None, 401), (self.other, 204)):
            with Caller(stack.http, None, stack.context(client)) as caller:
                connection = caller.connection()
                connection.request(
                    "POST",
                    "/portal/session",
                    json.dumps({"api_key": stack.admin_key}),
                    {"content-type": "application/json", "origin": stack.http},
                )
                response = connection.getresponse()
                response.read()
                connection.close()
                self.assertEqual(response.status, status)

    def test_a_certificate_is_asked_for_but_not_insisted_on(self) -> None:
        stack = self.start("request")
        self.assertEqual(
            self.missing_connection(stack, None),
            ("API_KEY_MISSING", "API_KEY_MISSING"),
        )
        reply = stack.over_http(
            None,
            "ApplicationService/ListApplications",
            {},
            key=stack.admin_key,
        )
        self.assertTrue(reply.ok, reply.body)
        code, said = stack.over_grpc(
            None, "applications", "list", key=stack.admin_key
        )
        self.assertEqual(code, 0, said)
        # With both, the key counts.
        reply = stack.over_http(
            self.mesh,
            "ApplicationService/ListApplications",
            {},
            key=stack.admin_key,
        )
        self.assertTrue(reply.ok, reply.body)

    def test_a_strange_certificate_is_refused_by_tls(self) -> None:
        stack = self.start("request")
        strange = Authority(stack.folder, "stranger").issue(
            "strange", "URI:spiffe://example.org/ns/billing/sa/jobs"
        )
        with self.assertRaises(OSError):
            stack.over_http(strange, "TokenService/GetToken", {"name": "x"})
        code, _ = stack.over_grpc(strange, "token", "c-1")
        self.assertEqual(code, 4)

    def test_required_certificates(self) -> None:
        stack = self.start("require")
        self.assertEqual(
            self.missing_connection(stack, self.mesh),
            ("CONNECTION_NOT_FOUND", "CONNECTION_NOT_FOUND"),
        )
        code, _ = stack.over_grpc(None, "token", "c-1", key=stack.admin_key)
        self.assertEqual(code, 4)
        reply = stack.over_http(None, "TokenService/GetToken", {"name": "x"})
        self.assertEqual(reply.code, "unauthenticated")

    def test_flags_that_do_not_fit(self) -> None:
        stack = self.start("request")
        base = [
            str(SERVER),
            f"--data_dir={stack.folder / 'other'}",
            "--listen=127.0.0.1:0",
            f"--http_listen={urlsplit(stack.http).netloc}",
        ]
        for flags in (
            ["--tls_client_auth=request"],
            ["--tls_client_auth=perhaps"],
        ):
            done = subprocess.run(
                [*base, *flags],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn("--tls_client_auth", done.stderr)


if __name__ == "__main__":
    unittest.main()
