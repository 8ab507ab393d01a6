"""Members that are well, and cannot reach each other.

Each has a network namespace of its own. The test reaches all of them, as a
load balancer might that sits elsewhere. Needs root and iproute2.
"""

from __future__ import annotations

import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

import pinterest_emulator
from chaos.fleet import LOST, Caller, Fleet, Replica, missing_fleet, wait_for
from chaos.network import Network, missing_network
from chaos.postgres import Postgres
from integration.harness import Reply
from pinterest_emulator.client import Emulator

_BOUND = 1.0  # --coherence_bound
# Of a connection that a silent network has swallowed, and of the way back.
_PATIENCE = 60.0
_REDIS_PORT = 6379


class NetworkFleet(Fleet):
    """Each process in a namespace of its own, talking TCP."""

    def __init__(self, network: Network, **options: Any) -> None:
        self.network = network
        super().__init__(
            flags=[
                "--insecure_plaintext",
                "--allow_private_addresses",
                *options.pop("flags", ()),
            ],
            **options,
        )
        self.postgres.close()
        self.postgres = Postgres(host=network.address("store"))
        self.postgres.launcher = network.launcher("store")
        for replica in self.replicas:
            member = f"r{replica.index}"
            replica.launcher = network.launcher(member)
            replica.host = network.address(member)
            replica.http = f"http://{replica.host}:8801"
            replica.grpc = f"{replica.host}:8800"
            replica.client_flags = ["--insecure-plaintext"]

    def start_emulator(self, access_ttl: int) -> Emulator:
        ready = self.folder / "emulator.json"
        process = subprocess.Popen(
            [
                *self.network.launcher("provider"),
                *(sys.executable, str(Path(pinterest_emulator.__file__).parent)),
                *("--host", self.network.address("provider")),
                *("--access-ttl", str(access_ttl)),
                *("--ready-file", str(ready)),
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_for("the emulator", ready.exists)
        emulator = Emulator.running(ready)
        emulator.process = process
        return emulator

    def start_redis(self) -> None:
        self.redis = subprocess.Popen(
            [
                *self.network.launcher("redis"),
                *("redis-server", "--port", str(_REDIS_PORT)),
                *("--bind", self.network.address("redis")),
                *("--protected-mode", "no"),
                *("--unixsocket", str(self.redis_socket)),
                *("--dir", str(self.folder), "--save", ""),
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_for("redis", lambda: self.redis_cli("PING").out == "PONG\n")

    def store_url(self) -> str:
        host = self.network.address("store")
        return f"postgres://postgres@{host}:5432/postgres?sslmode=disable"

    def redis_url(self) -> str:
        return f"redis://{self.network.address('redis')}:{_REDIS_PORT}"


def _skip() -> str:
    return missing_fleet() or missing_network()


@unittest.skipIf(_skip(), _skip())
class Partitions(unittest.TestCase):
    network: Network
    fleet: NetworkFleet

    @classmethod
    def setUpClass(cls) -> None:
        cls.network = cls.enterClassContext(
            Network(("store", "redis", "provider", "r0", "r1", "r2"))
        )
        cls.fleet = cls.enterClassContext(
            NetworkFleet(cls.network, flags=["--http_timeout=2s"])
        )

    def setUp(self) -> None:
        self.addCleanup(self.network.heal_all)

    def ask(self, replica: Replica, name: str, timeout: float = 3) -> Reply | None:
        """None: no answer in time, which a partition may bring."""
        try:
            with Caller(
                replica.http, replica.api_key, timeout=timeout
            ) as caller:
                return caller.call("TokenService/GetToken", {"name": name})
        except LOST:
            return None

    def is_served(self, replica: Replica, name: str) -> bool:
        reply = self.ask(replica, name)
        return reply is not None and reply.ok

    def revoke(self, replica: Replica, name: str) -> float:
        """When Revoke had returned."""
        with replica.caller() as caller:
            reply = caller.call("TokenService/Revoke", {"name": name})
        self.assertTrue(reply.ok, reply.body)
        return time.monotonic()

    def test_without_the_store_no_token_outlives_its_revocation(self) -> None:
        fleet, network = self.fleet, self.network
        away, _, well = fleet.replicas
        names = [fleet.connect_fast(f"p{i}") for i in range(4)]
        stay, *doomed = names
        figures = []
        for number, name in enumerate(doomed):
            # With Redis it may hear of it; without it must not guess.
            also_redis = number > 0
            for each in (name, stay):
                self.assertTrue(self.is_served(away, each))
            if also_redis:
                network.part("r0", "redis")
            network.part("r0", "store")
            # At once, when memory is still trusted; or when it no more is.
            time.sleep(0.0 if number < 2 else 3.0)
            revoked = self.revoke(well, name)
            latest = 0.0
            while time.monotonic() < revoked + _BOUND + 3:
                asked = time.monotonic()
                if self.is_served(away, name):
                    latest = max(latest, asked - revoked)
            self.assertLess(latest, _BOUND)
            # Nor any other: it cannot know.
            self.assertFalse(self.is_served(away, stay))
            self.assertTrue(self.is_served(well, stay))
            healed = time.monotonic()
            network.heal("r0", "store")
            if also_redis:
                network.heal("r0", "redis")
            wait_for(
                "the replica to serve again",
                lambda: self.is_served(away, stay),
                timeout=_PATIENCE,
                pause=0.1,
            )
            figures.append((latest, time.monotonic() - healed))
            reply = self.ask(away, name)
            self.assertEqual(reply and reply.reason, "CONNECTION_REVOKED")
        print(
            "partitions: cut off from the store, last given out "
            + ", ".join(f"{late:.2f}" for late, _ in figures)
            + " s after Revoke, served again "
            + ", ".join(f"{back:.1f}" for _, back in figures)
            + " s after healing"
        )

    def test_without_redis_all_goes_on(self) -> None:
        fleet, network = self.fleet, self.network
        away, other, _ = fleet.replicas
        name = fleet.connect_fast("ann")
        self.assertTrue(self.is_served(away, name))
        network.part("r0", "redis")
        start, longest, calls = time.monotonic(), 0.0, 0
        while time.monotonic() < start + 5:
            # A refresh by each in turn, and each serves what the other has.
            one, two = (away, other) if calls % 2 else (other, away)
            asked = time.monotonic()
            reply = one.refresh(name, calls + 1)
            self.assertTrue(reply.ok, reply.body)
            generation = int(reply.json()["token"]["generation"])
            self.assertEqual(generation, calls + 2)
            reply = two.get_token(name, minGeneration=generation)
            self.assertTrue(reply.ok, reply.body)
            longest = max(longest, time.monotonic() - asked)
            calls += 1
        doomed = fleet.connect_fast("bob")
        self.assertTrue(self.is_served(away, doomed))
        revoked = self.revoke(other, doomed)
        latest = 0.0
        while time.monotonic() < revoked + _BOUND + 1:
            asked = time.monotonic()
            if self.is_served(away, doomed):
                latest = asked - revoked
        self.assertLess(latest, _BOUND)
        network.heal("r0", "redis")
        wait_for(
            "Redis to be found again",
            lambda: away.metric("valetkey_redis_up") == 1,
            timeout=_PATIENCE,
            pause=0.2,
        )
        print(
            f"partitions: without Redis {calls} refreshes, the longest with a "
            f"read elsewhere {longest:.2f} s; a token last given out "
            f"{latest:.2f} s after Revoke"
        )

    def test_without_the_provider_another_refreshes(self) -> None:
        fleet, network = self.fleet, self.network
        away, other, _ = fleet.replicas
        names = [fleet.connect_fast(f"p{i}") for i in range(8)]
        for name in names:
            self.assertTrue(self.is_served(away, name))
        before = len(fleet.refreshes())
        network.part("r0", "provider")
        # It begins and gets no answer; its callers learn so, and the old
        # tokens are served.
        failed = [away.refresh(name, 1).reason for name in names]
        self.assertEqual(set(failed), {"PROVIDER_UNAVAILABLE"})
        start = time.monotonic()
        left = set(names)
        while left and time.monotonic() < start + _PATIENCE:
            for name in names:
                self.assertTrue(self.is_served(away, name))
            for name in sorted(left):
                reply = other.refresh(name, 1)
                if reply.ok:
                    left.remove(name)
            time.sleep(0.2)
        self.assertEqual(left, set())
        taken = time.monotonic() - start
        # The one that is cut off has what the other fetched.
        for name in names:
            reply = away.get_token(name, minGeneration=2)
            self.assertTrue(reply.ok, reply.body)
        self.assertEqual(len(fleet.refreshes()) - before, len(names))
        network.heal("r0", "provider")
        # Its breaker is open for a while.
        wait_for(
            "the provider to be found again",
            lambda: away.refresh(names[0], 0).ok,
            timeout=_PATIENCE,
            pause=0.5,
        )
        summary = fleet.emulator.summary()
        self.assertEqual(summary["refresh_tokens_presented_twice"], 0)
        print(
            f"partitions: without the provider, {len(names)} connections were "
            f"refreshed by others within {taken:.1f} s"
        )


if __name__ == "__main__":
    unittest.main()
