"""A rolling upgrade: each replica is ended by SIGTERM and started again with
this build, one after the other, under load.

VALETKEY_PREVIOUS_BUILD names the build folder of the version before; without
it replicas are replaced by their own kind. Callers do what a load balancer and
a client library do: after a refused or broken connection, or UNAVAILABLE, they
ask another replica.
"""

from __future__ import annotations

import os
import random
import threading
import time
import unittest
from pathlib import Path

from chaos import judge
from chaos.fleet import LOST, Fleet, Replica, missing_fleet, wait_for
from chaos.load import Watch
from e2e.stack import SERVER

_PREVIOUS = os.environ.get("VALETKEY_PREVIOUS_BUILD", "")
_CALLERS = 8
_CONNECTIONS = 40
# As often as libraries try, with their waits between.
_TRIES = 4


class Callers:
    """Ask all along, and note what they were told in the end."""

    def __init__(self, fleet: Fleet, names: list[str]) -> None:
        self.answers = 0
        self.retried = 0
        self.failed: list[str] = []
        self._fleet = fleet
        self._names = names
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(i),))
            for i in range(_CALLERS)
        ]

    def _run(self, chance: random.Random) -> None:
        while not self._stopping.is_set():
            self._ask(chance.choice(self._names), chance)

    def _ask(self, name: str, chance: random.Random) -> None:
        told = ""
        for attempt in range(_TRIES):
            replica = chance.choice(self._fleet.replicas)
            try:
                reply = replica.get_token(name)
            except LOST as error:
                told = repr(error)
            else:
                if reply.ok:
                    with self._lock:
                        self.answers += 1
                    return
                told = f"{reply.code} {reply.reason}"
                if reply.code != "unavailable":
                    break
            with self._lock:
                self.retried += 1
            time.sleep(0.1 * 2**attempt)
        with self._lock:
            self.failed.append(f"{name}: {told}")

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)


@unittest.skipIf(missing_fleet(), missing_fleet())
class Upgrade(unittest.TestCase):
    def test_no_call_fails_and_no_event_is_lost(self) -> None:
        before = (
            Path(_PREVIOUS) / "service/cmd/valetkeyd/valetkeyd"
            if _PREVIOUS
            else SERVER
        )
        fleet = Fleet(access_ttl=3600)
        for replica in fleet.replicas:
            replica.program = before
        with fleet:
            names = [fleet.connect_fast(f"p{i}") for i in range(_CONNECTIONS)]
            # Refreshes go on all along.
            fleet.emulator.configure(access_ttl=6)
            for name in names:
                self.assertTrue(fleet.replicas[0].refresh(name).ok)
            first = int(fleet.postgres.query("SELECT newest FROM outbox"))
            watch = Watch(fleet, random.Random(7))
            watch.start()
            with Callers(fleet, names) as callers:
                time.sleep(3)
                for replica in fleet.replicas:
                    self.replace(replica)
                    time.sleep(4)
            last = int(fleet.postgres.query("SELECT newest FROM outbox"))
            wait_for(
                "the last event",
                lambda: watch.sequence() >= last,
                timeout=60,
                pause=0.2,
            )
            watch.stop()
            stored = fleet.postgres.query(
                f"SELECT sequence FROM events WHERE sequence > {first}"
                f" AND sequence <= {last} ORDER BY sequence"
            )
            refreshes = fleet.emulator.summary()["refreshes"]
            repeats = judge.repeats(fleet.emulator.ledger())
        print(
            f"upgrade: from {'another build' if _PREVIOUS else 'the same'}: "
            f"{callers.answers} answers, {callers.retried} asked again, "
            f"{len(callers.failed)} failed; {refreshes} refreshes, {repeats} "
            f"presented again; {len(watch.events)} events, "
            f"{watch.resumed} resumptions"
        )
        self.assertEqual(callers.failed, [])
        self.assertGreater(callers.answers, 100)
        self.assertEqual(repeats, 0)
        self.assertEqual(watch.wrong, [])
        sequences = [int(s) for s in stored.split()]
        self.assertGreater(len(sequences), _CONNECTIONS)
        self.assertEqual(judge.badly_delivered(watch.events, sequences), [])

    def replace(self, replica: Replica) -> None:
        self.assertEqual(replica.stop_server(), 0)
        replica.program = SERVER
        replica.start_server()


if __name__ == "__main__":
    unittest.main()
