"""Every kind of fault, as a client meets it on the socket."""

from __future__ import annotations

import http.client
import json
import time

from pinterest_emulator.client import Answer, EmulatorError, consent, request

from .support import EmulatorTestCase


class FaultTest(EmulatorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tokens = self.connect()
        self.emulator.clear_ledger()

    def hit(self, kind: str, **fields: object) -> None:
        self.emulator.add_fault("token", kind, **fields)

    def rotations(self) -> int:
        return self.emulator.summary()["refreshes"]

    def refresh_now(self) -> Answer:
        return self.refresh(self.tokens["refresh_token"])

    def test_lost_answer_rotates_and_says_nothing(self) -> None:
        self.hit("lost_answer")
        with self.assertRaises(http.client.RemoteDisconnected):
            self.refresh_now()
        self.assertEqual(self.rotations(), 1)
        self.assert_failure(self.refresh_now(), 401, 2)
        self.assertEqual(
            self.emulator.summary()["refresh_tokens_presented_twice"], 1
        )

    def test_cut_before_changes_nothing(self) -> None:
        self.hit("cut_before")
        with self.assertRaises(ConnectionResetError):
            self.refresh_now()
        self.assertEqual(self.rotations(), 0)
        self.assertEqual(self.refresh_now().status, 200)
        summary = self.emulator.summary()
        self.assertEqual(summary["refresh_tokens_presented_twice"], 0)
        presented = summary["presented"]["refresh_token"]
        self.assertEqual(presented["unprocessed"], 1)

    def test_cut_connection_ends_within_the_head(self) -> None:
        self.hit("cut_connection")
        cut = (ConnectionResetError, http.client.HTTPException)
        with self.assertRaises(cut):
            self.refresh_now()
        self.assertEqual(self.rotations(), 1)

    def test_truncated_body(self) -> None:
        self.hit("truncated_body")
        with self.assertRaises(http.client.IncompleteRead):
            self.refresh_now()
        self.assertEqual(self.rotations(), 1)

    def test_throttle(self) -> None:
        self.hit("throttle", retry_after=7)
        answer = self.refresh_now()
        self.assert_failure(answer, 429, 8)
        self.assertEqual(answer.headers["retry-after"], "7")
        self.assertEqual(self.rotations(), 0)
        date = "Fri, 31 Dec 2027 23:59:59 GMT"
        self.hit("throttle", retry_after=date, phase="after")
        self.assertEqual(self.refresh_now().headers["retry-after"], date)
        self.assertEqual(self.rotations(), 1)

    def test_http_error_and_html_body(self) -> None:
        self.hit("http_error", status=503)
        self.assert_failure(self.refresh_now(), 503, 503)
        self.hit("html_body", status=200)
        answer = self.refresh_now()
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/html"))
        self.assertEqual(self.rotations(), 0)

    def test_spoilt_bodies(self) -> None:
        self.hit("missing_expires_in")
        answer = self.refresh_now()
        self.assertNotIn("expires_in", answer.json())
        self.hit("invalid_json")
        answer = self.refresh(answer.json()["refresh_token"])
        self.assertEqual(answer.status, 200)
        self.assertRaises(ValueError, json.loads, answer.body)

    def test_huge_body_is_still_the_answer(self) -> None:
        self.hit("huge_body", bytes=3_000_000)
        answer = self.refresh_now()
        self.assertGreaterEqual(len(answer.body), 3_000_000)
        self.assertIn("access_token", answer.json())

    def test_slow_and_hang(self) -> None:
        self.hit("slow", seconds=0.2)
        start = time.monotonic()
        self.assertEqual(self.refresh_now().status, 200)
        self.assertGreaterEqual(time.monotonic() - start, 0.2)
        self.hit("hang", seconds=0.1)
        with self.assertRaises(http.client.RemoteDisconnected):
            self.refresh_now()
        self.hit("hang")
        url = f"{self.emulator.api}/v5/oauth/token"
        with self.assertRaises(TimeoutError):
            request(
                "POST",
                url,
                b"grant_type=refresh_token",
                {"content-type": "application/x-www-form-urlencoded"},
                timeout=0.2,
            )

    def test_slow_does_not_hold_up_others(self) -> None:
        self.emulator.add_fault("user_account", "slow", seconds=30, login="ben")
        self.assertEqual(
            self.user_account(self.tokens["access_token"]).status, 200
        )

    def test_times_and_skip(self) -> None:
        self.emulator.add_fault("user_account", "http_error", times=2, skip=1)
        token = self.tokens["access_token"]
        statuses = [self.user_account(token).status for _ in range(5)]
        self.assertEqual(statuses, [200, 500, 500, 200, 200])
        self.assertEqual(self.emulator.faults()[0]["fired"], 2)

    def test_probability_is_seeded(self) -> None:
        token = self.tokens["access_token"]
        runs = []
        for _ in range(2):
            self.emulator.clear_faults()
            self.emulator.add_fault(
                "user_account", "http_error", times=-1, probability=0.5, seed=4
            )
            runs.append([self.user_account(token).status for _ in range(20)])
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(set(runs[0]), {200, 500})

    def test_only_for_grant_login_and_client(self) -> None:
        for only in (
            {"grant": "client_credentials"},
            {"login": "ben"},
            {"client": "0"},
        ):
            self.emulator.clear_faults()
            self.hit("http_error", times=-1, **only)
            answer = self.refresh_now()
            self.assertEqual(answer.status, 200, only)
            self.tokens = answer.json()
        self.emulator.clear_faults()
        self.hit("http_error", grant="refresh_token", login="ann")
        self.assertEqual(self.refresh_now().status, 500)

    def test_authorize_and_revoke(self) -> None:
        self.emulator.add_fault("authorize", "html_body")
        with self.assertRaises(EmulatorError):
            consent(self.authorization_uri())
        self.emulator.add_fault("revoke", "throttle")
        answer = self.revoke(self.tokens["refresh_token"])
        self.assert_failure(answer, 429, 8)
