"""Very many tokens that expire in the same second.

VALETKEY_CHAOS_CONNECTIONS (2,000) and VALETKEY_CHAOS_CALLERS (200) set the
size: 10,000 and 1,000 by hand.
"""

from __future__ import annotations

import bisect
import os
import threading
import time
import unittest
from collections import Counter

from chaos.crowd import Crowd
from chaos.fleet import Fleet, missing_fleet, wait_for

_CONNECTIONS = int(os.environ.get("VALETKEY_CHAOS_CONNECTIONS", "2000"))
_CALLERS = int(os.environ.get("VALETKEY_CHAOS_CALLERS", "200"))
_CAP = 32  # --max_parallel_per_client
_REPLICAS = 3
# How long the provider takes for each refresh.
_SLOW = 0.25
# How long the tokens still live when the fleet comes up again, all overdue:
# for the start, and for all refreshes at the pace that the caps allow.
_LEFT = 10 + 1.4 * _CONNECTIONS * _SLOW / (_CAP * _REPLICAS)


@unittest.skipIf(missing_fleet(), missing_fleet())
class Storm(unittest.TestCase):
    def setUp(self) -> None:
        self.fleet = self.enterContext(Fleet(replicas=_REPLICAS))

    def test_exactly_one_refresh_for_each(self) -> None:
        fleet = self.fleet
        names, expiry = self.connect_all()
        self.check_expiry(expiry)
        # All are overdue at once when the fleet comes back, and their tokens
        # still live for a while.
        for replica in fleet.replicas:
            replica.stop_server()
        time.sleep(max(0.0, expiry - _LEFT - time.time()))
        fleet.emulator.configure(access_ttl=3600)
        fleet.emulator.add_fault(
            "token", "slow", grant="refresh_token", seconds=_SLOW, times=-1
        )
        starts = [
            threading.Thread(target=replica.start_server)
            for replica in fleet.replicas
        ]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()
        started = time.time()
        with Crowd(fleet.replicas, names, _CALLERS, pause=0.5) as crowd:
            wait_for(
                "all refreshes",
                lambda: fleet.emulator.summary()["refreshes"] >= len(names),
                timeout=60 + len(names) / 50,
                pause=0.5,
            )
            # Nothing more comes, whoever asks.
            time.sleep(3)
        self.check_refreshes(len(names), started)
        self.check_callers(crowd, expiry)

    def connect_all(self) -> tuple[list[str], float]:
        """Consents whose access tokens all die in the same second, whenever
        they were given: their lives grow shorter as time passes."""
        fleet = self.fleet
        # How quick this machine is today.
        start = time.time()
        fleet.connect_many(100, prefix="w")
        pace = (time.time() - start) / 100
        fleet.emulator.clear_ledger()
        # None becomes due before the last is there: at 70 % of its life.
        ahead = max((1.5 * pace * _CONNECTIONS + 5) / 0.7, _LEFT) + _LEFT
        expiry = int(time.time() + ahead) + 0.5
        start = time.time()
        names = fleet.connect_many(
            _CONNECTIONS, ttl=lambda: round(expiry - time.time())
        )
        taken = time.time() - start
        print(
            f"storm: {len(names)} consents in {taken:.1f} s, "
            f"{len(names) / taken:.0f}/s; due at once in "
            f"{max(0.0, expiry - _LEFT - time.time()):.0f} s"
        )
        self.assertEqual(len(fleet.refreshes()), 0, "too slow to connect")
        return names, expiry

    def check_expiry(self, expiry: float) -> None:
        ends = [
            e["expires_at"]
            for e in self.fleet.emulator.ledger(
                event="issued", kind="access_token"
            )
        ]
        self.assertEqual(len(ends), _CONNECTIONS)
        early, late = min(ends), max(ends)
        print(f"storm: they expire within {late - early:.2f} s")
        self.assertLess(late - early, 2.0)
        self.assertLess(abs(early - expiry), 2.0)

    def check_refreshes(self, count: int, started: float) -> None:
        entries = self.fleet.emulator.ledger(
            event="presented", kind="refresh_token"
        )
        self.assertEqual(Counter(e["reason"] for e in entries), {"ok": count})
        self.assertEqual(len({e["grant"] for e in entries}), count)
        times = sorted(e["time"] for e in entries)
        # An answer is held back for _SLOW after the entry, so that of those
        # in a window of that length none had ended: a lower bound of what the
        # provider saw at once, and all but equal to it.
        peak = most_within(times, _SLOW)
        taken = times[-1] - times[0]
        print(
            f"storm: {count} refreshes in {taken:.1f} s, {count / taken:.0f}/s"
            f" on average and {most_within(times, 1.0)} in one second at most,"
            f" at most {peak} at once; the first {times[0] - started:+.1f} s "
            "after the last start"
        )
        self.assertLessEqual(peak, _CAP * _REPLICAS)
        # The caps are what spread it, not a single caller after another.
        self.assertGreater(peak, _CAP)

    def check_callers(self, crowd: Crowd, expiry: float) -> None:
        failed = [a for a in crowd.answers if a.reason]
        early = [a for a in failed if a.asked < expiry - 2.5]
        self.assertEqual(early[:5], [], f"{len(early)} of {len(failed)}")
        # Who asks later waits for a refresh, and may be told to ask again.
        self.assertLessEqual(
            {a.reason for a in failed}, {"PROVIDER_UNAVAILABLE"}
        )
        taken = sorted(a.taken for a in crowd.answers)
        print(
            f"storm: {_CALLERS} callers had {len(taken)} answers, "
            f"{len(failed)} failures {dict(crowd.reasons())}; median "
            f"{taken[len(taken) // 2] * 1e3:.1f} ms, 99 % "
            f"{taken[len(taken) * 99 // 100] * 1e3:.0f} ms, "
            f"longest {taken[-1]:.1f} s"
        )


def most_within(times: list[float], window: float) -> int:
    """The most of the sorted times that fit into a half-open window."""
    return max(
        (
            bisect.bisect_left(times, start + window) - i
            for i, start in enumerate(times)
        ),
        default=0,
    )


if __name__ == "__main__":
    unittest.main()
