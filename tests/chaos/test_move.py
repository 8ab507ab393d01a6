"""An embedded store moved into PostgreSQL with `valetkey store copy`, and what
`valetkey status` tells of a fleet."""

from __future__ import annotations

import unittest

from chaos.fleet import Fleet, missing_fleet, wait_for
from chaos.postgres import Postgres
from integration.harness import IntegrationStack


@unittest.skipIf(missing_fleet(), missing_fleet())
class Move(unittest.TestCase):
    def test_grants_keys_and_settings_move(self) -> None:
        stack = self.enterContext(IntegrationStack(access_ttl=3600))
        stack.set_up()
        names = [stack.connect_fast(f"p{i}") for i in range(3)]
        before = [stack.get_token(n).json()["token"] for n in names]
        postgres = self.enterContext(Postgres())
        command = ("store", "copy", "--from", str(stack.data))
        command += ("--to", postgres.url)
        # A server that runs keeps its store.
        refused = stack.valetkey(*command)
        self.assertNotEqual(refused.code, 0)
        self.assertIn("lock", refused.err)
        stack.stop_server()
        self.assertIn("3 connections", stack.checked(*command).out)
        self.assertFalse((stack.data / "store.db").exists())
        self.assertNotEqual(stack.valetkey(*command).code, 0)
        stack.flags = (f"--store={postgres.url}",)
        stack.start_server()
        after = [stack.get_token(n).json()["token"] for n in names]
        self.assertEqual(
            [t["accessToken"] for t in after],
            [t["accessToken"] for t in before],
        )
        for name in names:
            self.assertTrue(stack.refresh(name, 1).ok)
        self.assertEqual(
            [e["verdict"] for e in stack.presented()], ["accepted"] * 3
        )


@unittest.skipIf(missing_fleet(), missing_fleet())
class Status(unittest.TestCase):
    def test_it_shows_the_replicas_and_what_fails(self) -> None:
        fleet = self.enterContext(Fleet(replicas=3))
        first, second, third = fleet.replicas
        admin = first.admin_key

        def shown() -> dict:
            return second.checked("--json", "status", key=admin).json()

        wait_for("three replicas", lambda: len(shown().get("replicas", [])) == 3)
        names = fleet.connect_many(6)
        fleet.emulator.add_fault("token", "http_error", status=503, times=-1)
        for name in names:
            self.assertEqual(first.refresh(name).reason, "PROVIDER_UNAVAILABLE")

        def failing() -> list[dict]:
            return [
                breaker
                for replica in shown()["replicas"]
                for breaker in replica["status"].get("openBreakers", [])
            ]

        breaker = wait_for("an open breaker", failing)[0]
        self.assertEqual(
            breaker["endpoint"], "https://api.pinterest.com/v5/oauth/token"
        )
        text = second.checked("status", key=admin).out
        self.assertIn("current", text)
        self.assertIn("ENDPOINT THAT FAILS", text)
        self.assertIn("connections due", text)
        self.assertNotIn("cut off", text)
        # A replica that is gone is forgotten after a minute, and not before:
        # it may only be slow.
        third.kill_server()
        self.assertEqual(len(shown().get("replicas", [])), 3)
        # What an application's key shows is of its application alone.
        refused = second.valetkey("status")
        self.assertIn("RIGHT_MISSING", refused.err)


if __name__ == "__main__":
    unittest.main()
