"""From a consent to a revoked connection, as an operator does it by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import unittest
from typing import Any

from e2e.stack import (
    CLIENT_SECRET,
    COMMAND_LINE,
    Ended,
    Stack,
    Watch,
    missing,
    wait_for,
)
from pinterest_emulator.client import consent, request


@unittest.skipIf(missing(), missing())
class MainJob(unittest.TestCase):
    """The server's tokens live four seconds here."""

    stack: Stack

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = cls.enterClassContext(Stack(access_ttl=4))
        cls.stack.set_up()

    def test_connect_refresh_revoke(self) -> None:
        stack = self.stack
        with Watch(stack) as watch:
            connection = stack.connect("ann")
            connected = watch.wait("CONNECTED")
            self.assertEqual(connected["subject"], "ann")

            first = stack.checked("token", connection).out
            self.assertTrue(first.startswith("pina_"), first)
            self.assertEqual(first.count("\n"), 1)

            # Of this connection: the other tests' are renewed as well.
            def refreshes() -> int:
                return sum(
                    event["connection"] == connected["connection"]
                    for event in watch.events("REFRESHED")
                )

            before = refreshes()
            wait_for("its refresh", lambda: refreshes() > before)
            second = stack.checked("token", connection).out
            self.assertNotEqual(first, second)
            self.assertEqual(self.account(second), 200)

            revoked = stack.checked("revoke", connection)
            self.assertIn("UNSUPPORTED_BY_PROVIDER", revoked.out)
            watch.wait("REVOKED")
            self.assert_fails(
                stack.valetkey("token", connection), 3, "CONNECTION_REVOKED"
            )
        stream = stack.redis_cli("XRANGE", "valetkey:events", "-", "+").out
        for word in ("CONNECTED", "REFRESHED", "REVOKED", connection):
            self.assertIn(word, stream)
        self.assertNotIn("pina_", stream)
        self.assertNotIn("pinr_", stream)

    def test_watch_resumes_at_its_cursor(self) -> None:
        stack = self.stack
        with Watch(stack) as watch:
            connection = stack.connect("carol")
            name = watch.wait("CONNECTED")["connection"]
            cursor = next(
                message["cursor"]
                for message in watch.messages()
                if message.get("event", {}).get("connection") == name
            )
            stack.checked("connections", "label", connection, "team=a")
            wait_for("the label", lambda: labelled(watch))
        with Watch(
            stack, "--cursor", cursor, "--connection", connection
        ) as resumed:
            event = wait_for("the label again", lambda: labelled(resumed))
            self.assertEqual(event[0]["labels"], {"team": "a"})
            self.assertEqual(resumed.events("CONNECTED"), [])

    def test_snapshot_lists_what_is(self) -> None:
        connection = self.stack.connect("dora")
        with Watch(self.stack, "--snapshot", "--subject", "dora") as watch:
            wait_for(
                "the end of the snapshot",
                lambda: any("checkpoint" in m for m in watch.messages()),
            )
            names = [
                m["connection"]["name"]
                for m in watch.messages()
                if "connection" in m
            ]
        self.assertEqual(names, [f"applications/shop/connections/{connection}"])

    def test_connect_waits_for_the_person(self) -> None:
        stack = self.stack
        with subprocess.Popen(
            [str(COMMAND_LINE), "connect", "pinterest", "--subject", "emma"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=stack.environment(),
            text=True,
        ) as process:
            assert process.stderr is not None
            uri = next(
                line.strip()
                for line in process.stderr
                if line.strip().startswith("http")
            )
            stack.come_back(consent(uri, "emma"))
            out, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)
        self.assertIn("applications/shop/connections/", out)
        self.assertIn("boards:read", out)

    def test_a_declined_consent_changes_nothing(self) -> None:
        stack = self.stack
        begun = stack.authorize("fred")
        page = stack.come_back(
            consent(begun["authorizationUri"], "fred", approve=False)
        )
        self.assertIn("text/html", page.headers["content-type"])
        self.assertNotEqual(page.status, 500)
        self.assert_fails(
            stack.valetkey("token", begun["connection"]),
            2,
            "CONNECTION_NOT_FOUND",
        )

    def test_callbacks_that_lie_are_refused(self) -> None:
        for query in (
            "",
            "?state=forged&code=x",
            "?code=x",
            "?state=%00&code=%ff",
            "?error=access_denied&state=forged",
            "?state=" + "a" * 100_000,
        ):
            with self.subTest(query=query[:40]):
                page = request("GET", f"{self.stack.http}/oauth/callback{query}")
                self.assertGreaterEqual(page.status, 400)
                self.assertLess(page.status, 500)

    def test_callers_without_rights_are_refused(self) -> None:
        stack = self.stack
        connection = stack.connect("gina")
        self.assert_fails(
            stack.valetkey("token", connection, key=""), 5, "API_KEY_MISSING"
        )
        self.assert_fails(
            stack.valetkey("token", connection, key="vk_" + "x" * 43),
            5,
            "API_KEY_INVALID",
        )
        weak = stack.checked(
            "keys", "create", "--right", "read-metadata"
        ).out.strip()
        self.assert_fails(
            stack.valetkey("token", connection, key=weak), 5, "RIGHT_MISSING"
        )
        self.assert_fails(
            stack.valetkey("token", "c-unknown"), 2, "CONNECTION_NOT_FOUND"
        )
        stack.checked("applications", "create", "other", key=stack.admin_key)
        other = stack.checked(
            *("--application", "other", "keys", "create", "--all-rights"),
            key=stack.admin_key,
        ).out.strip()
        self.assert_fails(
            stack.valetkey("token", connection, key=other),
            2,
            "CONNECTION_NOT_FOUND",
        )

    def test_the_same_as_json(self) -> None:
        connection = self.stack.connect("hugo")
        name = f"applications/shop/connections/{connection}"
        answer = self.stack.post("TokenService/GetToken", {"name": name})
        self.assertEqual(answer.status, 200, answer.body)
        token = answer.json()["token"]
        self.assertTrue(token["accessToken"].startswith("pina_"))
        wrong = self.stack.post("TokenService/GetToken", {"name": "nonsense"})
        self.assertEqual(wrong.status, 400)
        self.assertEqual(wrong.json()["code"], "invalid_argument")
        unknown = self.stack.post("TokenService/GetToken", {"no_field": 1})
        self.assertEqual(unknown.status, 400)

    def test_health_and_metrics(self) -> None:
        stack = self.stack
        self.assertIn("serving", stack.checked("health").out)
        for path in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(request("GET", stack.http + path).status, 200)
        metrics = request("GET", stack.http + "/metrics").body.decode()
        self.assertIn("valetkey_rpc_calls_total", metrics)
        self.assertNotIn("pina_", metrics)

    @unittest.skipUnless(shutil.which("grpcurl"), "grpcurl is not here")
    def test_grpcurl_needs_no_files(self) -> None:
        listed = self.grpcurl("list").out
        for service in ("TokenService", "EventService", "ConnectionService"):
            self.assertIn(f"valetkey.v1.{service}", listed)
        self.assertIn("grpc.health.v1.Health", listed)
        begun = self.grpcurl(
            "valetkey.v1.TokenService/Authorize",
            {
                "provider": "applications/shop/providers/pinterest",
                "subject": "ida",
            },
        ).json()
        self.stack.come_back(consent(begun["authorization_uri"], "ida"))
        got = self.grpcurl(
            "valetkey.v1.TokenService/GetToken", {"name": begun["connection"]}
        ).json()
        self.assertTrue(got["token"]["access_token"].startswith("pina_"))
        failed = self.grpcurl("valetkey.v1.TokenService/GetToken", {"name": "x"})
        self.assertNotEqual(failed.code, 0)
        self.assertIn("applications/{a}/connections/{c}", failed.err)
        # Reflection knows the details too: nobody has to decode base64.
        self.assertIn('"reason": "FIELD_INVALID"', failed.err)

    @unittest.skipUnless(shutil.which("chromium"), "chromium is not here")
    def test_a_browser_ends_on_a_clear_page(self) -> None:
        stack = self.stack
        stack.emulator.configure(auto_approve=True, login="jane")
        self.addCleanup(stack.emulator.configure, auto_approve=False)
        begun = stack.authorize("jane")
        page = subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu"),
                *(f"--user-data-dir={stack.folder / 'chromium'}", "--dump-dom"),
                begun["authorizationUri"],
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        ).stdout
        self.assertIn("connected", page.lower())
        self.assertNotIn("pina_", page)
        stack.checked("token", begun["connection"])

    @classmethod
    def tearDownClass(cls) -> None:
        """No secret of all that happened is in the log."""
        log = cls.stack.log.read_text()
        secrets = [CLIENT_SECRET, cls.stack.api_key, cls.stack.admin_key]
        secrets += [
            entry["value"]
            for entry in cls.stack.emulator.ledger(event="issued")
        ]
        for secret in secrets:
            if secret in log:
                raise AssertionError(f"the log holds {secret[:8]}…")

    def grpcurl(self, method: str, body: object = None) -> Ended:
        command = ["grpcurl", "-plaintext"]
        command += ["-H", f"authorization: Bearer {self.stack.api_key}"]
        if body is not None:
            command += ["-d", json.dumps(body)]
        done = subprocess.run(
            [*command, self.stack.grpc, method],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def account(self, token: str) -> int:
        """What the provider says to the token."""
        return request(
            "GET",
            f"{self.stack.emulator.api}/v5/user_account",
            headers={"authorization": f"Bearer {token.strip()}"},
        ).status

    def assert_fails(self, ended: Ended, code: int, reason: str) -> None:
        self.assertEqual(ended.code, code, ended.err)
        self.assertIn(reason, ended.err)
        self.assertEqual(ended.out, "")


def labelled(watch: Watch) -> list[dict[str, Any]]:
    """The updates that tell of labels; the account's details are one too."""
    return [event for event in watch.events("UPDATED") if "labels" in event]


if __name__ == "__main__":
    unittest.main()
