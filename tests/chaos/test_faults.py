"""Random faults of everything at once, and what must hold all the same.

VALETKEY_CHAOS_SECONDS of faults in all (60), of which a third against a
provider that forgives no repeated token. VALETKEY_CHAOS_SEED replays a plan,
which each failure and each run prints.
"""

from __future__ import annotations

import os
import random
import time
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chaos import judge
from chaos.fleet import LOST, Fleet, faketime, missing_fleet, wait_for
from chaos.load import Load
from chaos.plan import SKEWS, Plan, Weather

_SECONDS = float(os.environ.get("VALETKEY_CHAOS_SECONDS", "60"))
_SEED = int(os.environ.get("VALETKEY_CHAOS_SEED", time.time_ns() % 2**32))
_CONNECTIONS = 100
_HTTP_TIMEOUT = 3
# What a refresh of a process that was killed may have to be waited for, and
# what a busy machine adds.
_LEASE = _HTTP_TIMEOUT + 40
_PATIENCE = 60.0
# After Revoke has returned; --coherence_bound.
_BOUND = 1.0
# What a caller may be told in bad weather. Not INTERNAL, nor that a person
# has to consent again.
_WEATHER = frozenset(
    (
        "STORE_UNAVAILABLE",
        "PROVIDER_UNAVAILABLE",
        "PROVIDER_THROTTLED",
        "PROVIDER_RESPONSE_INVALID",
        "SERVER_SHUTTING_DOWN",
    )
)
# What a provider that takes a repeated token amiss brings in addition: its
# refusal does not tell whether it means the client, until that is found out.
_STRICT = frozenset(("REAUTHORIZATION_REQUIRED", "PROVIDER_CLIENT_REJECTED"))


@unittest.skipIf(missing_fleet(), missing_fleet())
class AnyWeather(unittest.TestCase):
    def test_the_provider_forgives(self) -> None:
        self.run_faults("grace", _SEED, _SECONDS * 2 / 3)

    def test_the_provider_is_strict(self) -> None:
        self.run_faults("reject", _SEED + 1, _SECONDS / 3)

    def run_faults(self, reuse: str, seed: int, seconds: float) -> None:
        with self.subTest(seed=_SEED, reuse=reuse):
            skewed = faketime() is not None
            if not skewed:
                print("chaos: clocks agree, for faketime is not installed")
            chance = random.Random(f"{seed} plan")
            plan = Plan(chance, seconds, replicas=3, skewed=skewed)
            self.fleet = Fleet(
                access_ttl=3600, flags=[f"--http_timeout={_HTTP_TIMEOUT}s"]
            )
            if skewed:
                for replica in self.fleet.replicas:
                    replica.skew = chance.choice(SKEWS)
            with self.fleet as fleet:
                people = [f"p{i}" for i in range(_CONNECTIONS)]
                with ThreadPoolExecutor(8) as pool:
                    names = pool.map(fleet.connect_fast, people)
                    self.logins = dict(zip(names, people))
                # From now on each lives a few seconds.
                fleet.emulator.configure(
                    reuse=reuse, reuse_grace=3600, access_ttl=8
                )
                self.run_plan(plan, seed, reuse)

    def run_plan(self, plan: Plan, seed: int, reuse: str) -> None:
        fleet = self.fleet
        load = Load(
            fleet,
            list(self.logins),
            seed,
            revoke_every=max(1.5, plan.seconds / 15),
            allowed=_WEATHER | (_STRICT if reuse == "reject" else frozenset()),
        )
        weather = Weather(fleet)
        before = int(fleet.postgres.query("SELECT newest FROM outbox"))
        with load:
            weather.run(plan)
            # Everybody goes on for a while in fair weather.
            time.sleep(3)
            load.stop()
            fleet.emulator.configure(access_ttl=3600)
            dead = self.find_dead(load)
            self.drain(load)
        ledger = fleet.emulator.ledger()
        self.report(plan, load, weather, dead, ledger, reuse)
        self.check_callers(load, ledger)
        self.check_ledger(load, weather, ledger)
        self.check_dead(dead, weather, ledger, reuse)
        self.check_events(load, before)

    def find_dead(self, load: Load) -> set[str]:
        """Refreshes each that was not revoked, until it yields a token that
        the provider accepts, or tells that it is dead."""
        alive = [n for n in self.logins if n not in load.notes.revoking]
        deadline = time.monotonic() + _LEASE + _PATIENCE

        def is_dead(number: int) -> bool:
            name = alive[number]
            while True:
                replica = self.fleet.replicas[number % 3]
                try:
                    reply = replica.refresh(name)
                except LOST as error:
                    told = repr(error)
                else:
                    if reply.ok and self.is_accepted(number, name):
                        return False
                    if reply.reason == "REAUTHORIZATION_REQUIRED":
                        return True
                    told = str(reply.body)
                self.assertLess(time.monotonic(), deadline, f"{name}: {told}")
                time.sleep(0.3)

        with ThreadPoolExecutor(6) as pool:
            verdicts = list(pool.map(is_dead, range(len(alive))))
        for name in load.notes.revoking:
            for replica in self.fleet.replicas:
                reason = replica.get_token(name).reason
                self.assertEqual(reason, "CONNECTION_REVOKED", name)
        return {n for n, verdict in zip(alive, verdicts) if verdict}

    def is_accepted(self, number: int, name: str) -> bool:
        """Whether what is given out for it is good at the provider."""
        # On another replica than the one that refreshed it.
        replica = self.fleet.replicas[(number + 1) % 3]
        reply = replica.get_token(name)
        if not reply.ok:
            return False
        token = reply.json()["token"]["accessToken"]
        return replica.account_status(token) == 200

    def drain(self, load: Load) -> None:
        """Until the watcher has the last event, and all are numbered."""

        def newest() -> int:
            waiting = "SELECT count(*) FROM events WHERE sequence IS NULL"
            if self.fleet.postgres.query(waiting) != "0":
                return 0
            return int(self.fleet.postgres.query("SELECT newest FROM outbox"))

        wait_for(
            "the last event",
            lambda: 0 < newest() <= load.watch.sequence(),
            timeout=_PATIENCE,
            pause=0.2,
        )

    def check_callers(self, load: Load, ledger: list[dict[str, Any]]) -> None:
        notes = load.notes
        self.none(notes.wrong, "told to callers")
        self.none(
            judge.given_after_revocation(notes, _BOUND), "given after Revoke"
        )
        self.none(
            judge.foreign_tokens(ledger, notes, self.logins), "foreign tokens"
        )
        # Otherwise nothing was tested.
        self.assertGreater(len(notes.given), 100)
        self.assertGreater(len(notes.revoked), 0)

    def check_ledger(
        self, load: Load, weather: Weather, ledger: list[dict[str, Any]]
    ) -> None:
        self.none(
            judge.repeats_after_storing(ledger, load.watch.events),
            "presented after they were stored",
        )
        self.none(
            judge.unexcused_repeats(ledger, weather.intervals),
            "presented twice for nothing",
        )

    def check_dead(
        self,
        dead: set[str],
        weather: Weather,
        ledger: list[dict[str, Any]],
        reuse: str,
    ) -> None:
        """With a provider that forgives, none. With a strict one those alone
        whose refresh token it refused after it had exchanged it, which
        check_ledger finds excused."""
        if reuse == "grace":
            self.assertEqual(dead, set())
        refused = {
            e["login"]
            for e in ledger
            if e["event"] == "presented"
            and e["kind"] == "refresh_token"
            and e["verdict"] == "rejected"
            and e["reason"] == "reuse"
        }
        self.assertLessEqual({self.logins[n] for n in dead}, refused)

    def check_events(self, load: Load, before: int) -> None:
        query = self.fleet.postgres.query
        stored = query(
            f"SELECT sequence FROM events WHERE sequence > {before}"
            " ORDER BY sequence"
        )
        events = load.watch.events
        self.none(load.watch.wrong, "streams that ended")
        self.none(
            judge.badly_delivered(events, [int(s) for s in stored.split()]),
            "delivered badly",
        )
        newest = {
            c["name"]: int(c["generation"])
            for c in self.fleet.replicas[0].connections()
        }
        self.assertEqual(set(newest), set(self.logins))
        self.none(judge.missing_generations(events, newest), "no event")

    def none(self, wrong: list[str], what: str) -> None:
        shown = "\n  ".join(wrong[:10])
        self.assertFalse(wrong, f"{len(wrong)} {what}:\n  {shown}")

    def report(
        self,
        plan: Plan,
        load: Load,
        weather: Weather,
        dead: set[str],
        ledger: list[dict[str, Any]],
        reuse: str,
    ) -> None:
        summary = self.fleet.emulator.summary()
        kinds = Counter(e["type"][11:] for e in load.watch.events)
        print(
            f"faults: reuse={reuse} VALETKEY_CHAOS_SEED={_SEED} "
            f"{plan.seconds:.0f} s: {sum(weather.counts.values())} faults "
            f"{dict(sorted(weather.counts.items()))}, "
            f"failed starts {weather.failed_starts}; "
            f"{summary['refreshes']} refreshes, "
            f"{judge.repeats(ledger)} presented again, "
            f"{len(load.notes.revoked)} revoked, {len(dead)} dead; "
            f"answers {dict(load.notes.answers.most_common())}; "
            f"events {dict(kinds)}, {load.watch.resumed} resumptions, "
            f"ends {dict(load.watch.ends)}"
        )


if __name__ == "__main__":
    unittest.main()
