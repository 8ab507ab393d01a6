"""The control interface and the ledger."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pinterest_emulator.client import Emulator, EmulatorError, request

from .support import CLIENT_ID, SECRET, EmulatorTestCase

PACKAGE = Path(__file__).resolve().parents[1]


class ConfigTest(EmulatorTestCase):
    def test_bad_fields_are_named_and_change_nothing(self) -> None:
        before = self.emulator.config()
        cases: tuple[tuple[str, object, str], ...] = (
            ("/config", {"access_ttl": -1}, "access_ttl"),
            ("/config", {"access_ttl": True}, "access_ttl"),
            ("/config", {"access_ttl": 5, "reuse": "maybe"}, "reuse"),
            ("/config", {"acess_ttl": 5}, "acess_ttl"),
            ("/config", {"auto_approve": None}, "auto_approve"),
            ("/config", [], "body"),
            ("/apps", {"client_id": "9"}, "secret"),
            (
                "/apps",
                {"client_id": "9", "secret": "x", "redirect_uris": []},
                "redirect_uris",
            ),
            ("/logins", {"login": "ann", "account_type": "X"}, "account_type"),
            ("/faults", {"endpoint": "token", "kind": "sloow"}, "kind"),
            ("/faults", {"endpoint": "token", "kind": "slow"}, "seconds"),
            (
                "/faults",
                {"endpoint": "token", "kind": "hang", "status": 500},
                "status",
            ),
            (
                "/faults",
                {"endpoint": "revoke", "kind": "hang", "grant": "x"},
                "grant",
            ),
            (
                "/faults",
                {"endpoint": "token", "kind": "throttle", "retry_after": []},
                "retry_after",
            ),
            ("/kill", {}, "grant"),
            ("/kill", {"token": "none"}, "token"),
            ("/clock", {"advance": -1}, "advance"),
        )
        for path, body, field in cases:
            with self.subTest(path=path, body=body):
                answer = request(
                    "POST",
                    f"{self.emulator.control}/_emulator{path}",
                    json.dumps(body).encode(),
                )
                self.assertEqual(answer.status, 400)
                self.assertEqual(answer.json()["field"], field)
        self.assertEqual(self.emulator.config(), before)
        self.assertEqual(self.emulator.faults(), [])

    def test_unknown_paths_and_methods(self) -> None:
        with self.assertRaisesRegex(EmulatorError, "not found"):
            self.emulator.call("GET", "/confg")
        with self.assertRaisesRegex(EmulatorError, "not allowed"):
            self.emulator.call("DELETE", "/config")
        outside = request("GET", f"{self.emulator.api}/_emulator/config")
        self.assertEqual(outside.status, 404)

    def test_answer_shapes(self) -> None:
        self.emulator.configure(expires_in_as_string=True, access_ttl=60)
        self.assertEqual(self.connect()["expires_in"], "60")
        self.emulator.configure(
            include_expires_in=False, include_refresh_expiry=False
        )
        body = self.connect()
        self.assertNotIn("expires_in", body)
        self.assertNotIn("refresh_token_expires_in", body)
        self.emulator.configure(token_length=4096)
        self.assertEqual(len(self.connect()["access_token"]), 4096 + 5)

    def test_legacy_shape_keeps_the_refresh_token(self) -> None:
        self.emulator.configure(legacy_shape=True)
        first = self.connect()
        self.assertNotIn("refresh_token_expires_at", first)
        for _ in range(2):
            answer = self.refresh(first["refresh_token"])
            self.assertEqual(answer.status, 200)
            self.assertNotIn("refresh_token", answer.json())
        self.assertEqual(
            self.emulator.summary()["refresh_tokens_presented_twice"], 0
        )

    def test_accumulated_scopes(self) -> None:
        self.emulator.configure(accumulate_scopes=True)
        self.connect(scope="boards:read")
        body = self.connect(scope="pins:read")
        self.assertEqual(body["scope"], "pins:read boards:read")


class KillTest(EmulatorTestCase):
    def test_login(self) -> None:
        ann, ben = self.connect("ann"), self.connect("ben")
        self.assertEqual(len(self.emulator.kill(login="ann")), 1)
        self.assert_failure(self.refresh(ann["refresh_token"]), 401, 2)
        self.assert_failure(self.user_account(ann["access_token"]), 401, 2)
        self.assertEqual(self.refresh(ben["refresh_token"]).status, 200)
        (dead,) = self.emulator.grants(alive="false")
        self.assertEqual(dead["login"], "ann")
        self.assertEqual(dead["death_reason"], "revoked_by_user")
        after = self.emulator.summary()["presented_after_death"]
        self.assertEqual(after, {"refresh_token": 1, "access_token": 1})

    def test_grant_and_token(self) -> None:
        first, second = self.connect(), self.connect()
        grants = self.emulator.grants(login="ann")
        self.emulator.kill(grant=grants[0]["id"])
        self.assert_failure(self.refresh(first["refresh_token"]), 401, 2)
        self.emulator.kill(token=second["access_token"])
        self.assert_failure(self.user_account(second["access_token"]), 401, 2)
        self.assertEqual(self.refresh(second["refresh_token"]).status, 200)


class LedgerTest(EmulatorTestCase):
    def test_records_what_was_issued_and_presented(self) -> None:
        first = self.connect()
        second = self.refresh(first["refresh_token"]).json()
        issued = self.emulator.ledger(event="issued", kind="refresh_token")
        self.assertEqual(
            [(e["value"], e["generation"]) for e in issued],
            [(first["refresh_token"], 1), (second["refresh_token"], 2)],
        )
        self.assertEqual(
            issued[0]["sha256"],
            hashlib.sha256(first["refresh_token"].encode()).hexdigest(),
        )
        (presented,) = self.emulator.ledger(
            event="presented", kind="refresh_token"
        )
        self.assertEqual(presented["verdict"], "accepted")
        self.assertEqual(presented["grant"], issued[0]["grant"])
        secrets = self.emulator.ledger(kind="client_secret")
        self.assertEqual([e["value"] for e in secrets], [SECRET, SECRET])

    def test_since_limit_and_clear(self) -> None:
        self.connect()
        entries = self.emulator.ledger()
        middle = entries[2]["seq"]
        self.assertEqual(self.emulator.ledger(since=middle), entries[3:])
        self.assertEqual(self.emulator.ledger(limit=2), entries[:2])
        self.assertEqual(self.emulator.ledger(since=10**9), [])
        self.emulator.clear_ledger()
        self.assertEqual(self.emulator.ledger(), [])
        self.connect()
        self.assertGreater(self.emulator.ledger()[0]["seq"], entries[-1]["seq"])
        self.assertEqual(len(self.emulator.ledger(since=middle)), 5)

    def test_summary(self) -> None:
        tokens = self.connect()
        self.refresh(tokens["refresh_token"])
        self.refresh(tokens["refresh_token"])
        self.revoke(tokens["refresh_token"])
        summary = self.emulator.summary()
        self.assertEqual(summary["token_posts"], 3)
        self.assertEqual(
            summary["token_posts_by_grant_type"],
            {"authorization_code": 1, "refresh_token": 2},
        )
        self.assertEqual(summary["revoke_calls"], 1)
        self.assertEqual(summary["refreshes"], 1)
        self.assertEqual(summary["issued"]["access_token"], 2)
        self.assertEqual(summary["refresh_tokens_presented_twice"], 1)
        self.assertEqual(summary["rejections"]["reuse"], 1)
        (grant,) = summary["grants"].values()
        self.assertEqual(grant["refreshes"], 1)
        self.assertEqual(grant["refresh_token_reuses"], 1)

    def test_grants_show_the_live_tokens(self) -> None:
        tokens = self.refresh(self.connect()["refresh_token"]).json()
        (grant,) = self.emulator.grants(client_id=CLIENT_ID)
        self.assertTrue(grant["alive"])
        self.assertEqual(grant["generation"], 2)
        self.assertTrue(grant["continuous_refresh"])
        for kind in ("access_token", "refresh_token"):
            self.assertEqual(grant[kind]["value"], tokens[kind])


class ProcessTest(EmulatorTestCase):
    def test_ledger_file_is_complete_after_a_kill(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "ledger.jsonl")
            emulator = Emulator.start(
                clients=["7:x:http://127.0.0.1:9/a,http://127.0.0.1:9/b"],
                arguments=["--ledger-file", str(path), "--auto-approve"],
            )
            self.addCleanup(emulator.stop)
            request(
                "GET",
                f"{emulator.www}/oauth/?client_id=7&response_type=code"
                "&redirect_uri=http://127.0.0.1:9/b&scope=pins:read",
            )
            expected = emulator.ledger()
            assert emulator.process is not None
            emulator.process.kill()
            lines = path.read_text().splitlines()
            self.assertEqual([json.loads(line) for line in lines], expected)
            self.assertEqual(len(expected), 1)

    def test_sigterm_ends_cleanly_with_connections_open(self) -> None:
        emulator = Emulator.start()
        emulator.config()  # Leaves a kept-alive connection behind.
        emulator.add_fault("user_account", "hang")
        with self.assertRaises(TimeoutError):
            url = f"{emulator.api}/v5/user_account"
            request("GET", url, timeout=0.1)
        assert emulator.process is not None
        emulator.process.terminate()
        self.assertEqual(emulator.process.wait(10), 0)
        emulator.stop()

    def test_bad_flags(self) -> None:
        for arguments in (["--access-ttl", "-1"], ["--client", "1:2"]):
            with self.subTest(arguments):
                command = [sys.executable, str(PACKAGE), *arguments]
                ended = subprocess.run(command, capture_output=True, timeout=10)
                self.assertEqual(ended.returncode, 2)
