"""A fleet in fair weather, and with members that die or stand still."""

from __future__ import annotations

import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chaos.fleet import (
    LOST,
    Fleet,
    Replica,
    Stream,
    missing_fleet,
    wait_for,
)
from integration.harness import APPLICATION

# Of a refresh under way: --http_timeout and 40 s, by the store's clock.
_LEASE = 41.0
# For what a busy machine does when a lease has ended.
_PATIENCE = 60.0


def _served(replica: Replica, name: str) -> str:
    """A token, or the reason why there is none."""
    reply = replica.get_token(name)
    return reply.json()["token"]["accessToken"] if reply.ok else reply.reason


@unittest.skipIf(missing_fleet(), missing_fleet())
class Together(unittest.TestCase):
    redis = True
    fleet: Fleet

    @classmethod
    def setUpClass(cls) -> None:
        cls.fleet = cls.enterClassContext(Fleet(replicas=3, redis=cls.redis))

    def test_a_connection_made_on_one_is_served_by_all(self) -> None:
        name = self.fleet.connect_fast()
        tokens = {_served(r, name) for r in self.fleet.replicas}
        self.assertEqual(len(tokens), 1)

    def test_many_callers_of_all_replicas_make_one_refresh(self) -> None:
        name = self.fleet.connect_fast("many")
        first = self.fleet.replicas[0].get_token(name)
        generation = first.json()["token"]["generation"]
        self.fleet.emulator.add_fault(
            "token", "slow", seconds=1, grant="refresh_token"
        )
        with ThreadPoolExecutor(60) as pool:
            replies = list(
                pool.map(
                    lambda i: self.fleet.replicas[i % 3].get_token(
                        name, rejectedGeneration=generation
                    ),
                    range(300),
                )
            )
        self.assertEqual({r.reason for r in replies}, {""})
        tokens = {r.json()["token"]["accessToken"] for r in replies}
        self.assertEqual(len(tokens), 1)
        self.assertEqual(len(self.fleet.refreshes(login="many")), 1)

    def test_a_watcher_hears_what_other_replicas_do(self) -> None:
        name = self.fleet.connect_fast()
        with Stream(self.fleet.replicas[2], {}) as stream:
            stream.wait("a checkpoint", lambda: stream.messages)
            delays = []
            for i in range(10):
                start = time.monotonic()
                self.assertTrue(self.fleet.replicas[0].refresh(name, i + 1).ok)
                stream.wait(
                    "the event", lambda: len(stream.events("REFRESHED")) > i
                )
                delays.append(time.monotonic() - start)
            generations = [
                int(e["generation"]) for e in stream.events("REFRESHED")
            ]
        self.assertEqual(generations, list(range(2, 12)))
        # The refresh itself is in it.
        self.assertLess(sorted(delays)[5], 0.5 if self.redis else 1)

    def test_a_definition_added_on_one_is_in_force_on_all(self) -> None:
        text = (
            'id: "own" display_name: "Own" category: CATEGORY_OTHER\n'
            'authorization { url: "https://own.example/authorize" }\n'
            "client_authentication {"
            " method: CLIENT_AUTHENTICATION_METHOD_POST }\n"
            'token { url: "https://own.example/token" }\n'
        )
        first, *others = self.fleet.replicas
        name = {"name": "catalog/own"}

        def summary(replica: Replica) -> str:
            with replica.caller() as caller:
                reply = caller.call("ProviderService/GetCatalogEntry", name)
            if not reply.ok:
                return str(reply.reason)
            return str(reply.json()["entry"]["definition"].get("summary", ""))

        def change(method: str, body: dict[str, str], expected: str) -> None:
            with first.caller(first.admin_key) as caller:
                reply = caller.call(f"ProviderService/{method}", body)
            self.assertTrue(reply.ok, reply.body)
            self.assertEqual(summary(first), expected)
            for other in others:
                wait_for(
                    f"{method} on another server",
                    lambda r=other: summary(r) == expected,
                    timeout=10,
                )

        change("CreateCatalogEntry", {"text": text}, "")
        later = text + 'summary: "changed"'
        change("UpdateCatalogEntry", {**name, "text": later}, "changed")
        with others[0].caller() as caller:
            made = caller.call(
                "ProviderService/CreateProvider",
                {
                    "parent": APPLICATION,
                    "providerId": "own",
                    "provider": {
                        "catalogEntry": "catalog/own",
                        "clientId": "1",
                        "clientSecret": "s",
                    },
                },
            )
        self.assertTrue(made.ok, made.body)
        with first.caller(first.admin_key) as caller:
            reply = caller.call("ProviderService/DeleteCatalogEntry", name)
            self.assertEqual(reply.reason, "RESOURCE_IN_USE")
            reply = caller.call(
                "ProviderService/DeleteProvider",
                {"name": f"{APPLICATION}/providers/own"},
            )
            self.assertTrue(reply.ok, reply.body)
        change("DeleteCatalogEntry", name, "CATALOG_ENTRY_NOT_FOUND")

    def test_a_revoked_token_is_given_out_by_none(self) -> None:
        for i in range(5):
            name = self.fleet.connect_fast(f"r{i}")
            for replica in self.fleet.replicas:
                self.assertTrue(replica.get_token(name).ok)
            with self.fleet.replicas[0].caller() as caller:
                reply = caller.call("TokenService/Revoke", {"name": name})
            self.assertTrue(reply.ok, reply.body)
            # Who asks later than this and has a token was given it too late.
            end = time.monotonic() + (0.5 if self.redis else 1.0)
            latest = 0.0
            while time.monotonic() < end + 0.5:
                for replica in self.fleet.replicas:
                    asked = time.monotonic()
                    if _served(replica, name) != "CONNECTION_REVOKED":
                        latest = asked
            self.assertLess(latest, end)


class TogetherWithoutRedis(Together):
    redis = False


@unittest.skipIf(missing_fleet(), missing_fleet())
class Members(unittest.TestCase):
    """One wait for the end of a lease is shared by all cases: --http_timeout
    is as short as it may be on a busy machine."""

    def setUp(self) -> None:
        self.fleet = self.enterContext(
            Fleet(replicas=4, flags=["--http_timeout=1s"])
        )
        self.fleet.emulator.configure(reuse="grace", reuse_grace=600)

    def test_what_the_dead_and_the_stopped_began_is_taken_over(self) -> None:
        fleet = self.fleet
        dying, waiting, holding, well = fleet.replicas
        killed, asked, answered = [
            fleet.connect_fast(who) for who in ("killed", "asked", "answered")
        ]
        names = (killed, asked, answered)
        first = {name: self.token(well, name) for name in names}
        dying.restart("refresh.after_post:kill:1")
        holding.restart("refresh.after_post:sleep_ms=1000:1")

        # The provider's answer is on its way to a process that dies.
        with self.assertRaises(LOST):
            dying.refresh(killed)
        dying.await_crash()
        # One stands still before the answer comes ...
        fleet.emulator.add_fault(
            "token", "slow", grant="refresh_token", login="asked", seconds=0.8
        )
        self.begin(waiting, asked)
        self.await_presented("asked")
        waiting.pause()
        # ... and one with the answer in its hands.
        self.begin(holding, answered)
        self.await_presented("answered")
        time.sleep(0.4)
        holding.pause()

        # Meanwhile the old tokens are served, and nobody else begins.
        end = time.monotonic() + _LEASE - 5
        while time.monotonic() < end:
            for name in names:
                self.assertEqual(self.token(well, name), first[name])
            time.sleep(0.5)
        self.assertEqual(len(self.repeats()), 0)
        second = {
            name: wait_for(
                f"{name} to be taken over",
                lambda name=name: self.later(well, name, 1),
                timeout=_PATIENCE,
            )
            for name in names
        }
        self.assertEqual(
            sorted(e["login"] for e in self.repeats()),
            ["answered", "asked", "killed"],
        )
        # What the stopped ones bring is now older than what there is.
        third = {}
        for name in names:
            reply = well.refresh(name, second[name]["generation"])
            self.assertTrue(reply.ok, reply.body)
            third[name] = reply.json()["token"]
        waiting.resume()
        holding.resume()
        dying.start_server()
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for name in names:
                for replica in (waiting, holding, well):
                    token = self.token(replica, name)
                    self.assertEqual(token["generation"], "3")
                    self.assertEqual(
                        token["accessToken"], third[name]["accessToken"]
                    )
            time.sleep(0.2)
        self.check_alive(names)
        print(
            f"members: 1 killed, 2 stopped for more than {_LEASE:.0f} s, "
            f"3 refreshes taken over, {len(fleet.refreshes())} refreshes"
        )

    def token(self, replica: Replica, name: str) -> dict[str, Any]:
        reply = replica.get_token(name)
        self.assertTrue(reply.ok, reply.body)
        return reply.json()["token"]

    def later(
        self, replica: Replica, name: str, generation: int
    ) -> dict[str, Any] | None:
        """The token, if it is of a later generation."""
        token = self.token(replica, name)
        return token if int(token["generation"]) > generation else None

    def begin(self, replica: Replica, name: str) -> None:
        """A refresh whose caller gets what it gets, when it gets it."""

        def run() -> None:
            try:
                replica.refresh(name)
            except LOST:
                pass

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(replica.resume)

    def await_presented(self, login: str) -> None:
        wait_for("the refresh", lambda: self.fleet.refreshes(login=login))

    def repeats(self) -> list[dict[str, Any]]:
        """Refresh tokens that came again after they had been exchanged."""
        return self.fleet.emulator.ledger(
            event="presented", kind="refresh_token", reason="reuse_grace"
        )

    def check_alive(self, names: tuple[str, ...]) -> None:
        """Each replica in turn refreshes each: had an older pair been
        written anywhere, the provider would refuse the next."""
        self.fleet.emulator.configure(reuse="revoke_family")
        for replica in self.fleet.replicas:
            for name in names:
                reply = replica.refresh(name)
                self.assertTrue(reply.ok, reply.body)
                token = reply.json()["token"]["accessToken"]
                self.assertEqual(replica.account_status(token), 200)
        self.assertEqual(
            self.fleet.emulator.ledger(
                event="presented", kind="refresh_token", verdict="rejected"
            ),
            [],
        )


if __name__ == "__main__":
    unittest.main()
