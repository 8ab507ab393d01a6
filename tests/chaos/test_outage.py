"""The provider is down for a day, and comes back.

The store's clock is the fleet's, and faketime moves it: to where all access
tokens want to be renewed, and, in the middle of the outage, a day on. How
attempts grow with time is shown without that: the breaker of each replica
opens after 5 failures in a row and then lets one trial through, after 2 s
doubling to 60 s, half of that by chance; so from the sixth trial on at least
30 s apart, 2,880 a day for each replica.
"""

from __future__ import annotations

import time
import unittest
from typing import Any

from chaos.crowd import Crowd
from chaos.fleet import Fleet, faketime, missing_fleet, wait_for
from chaos.test_storm import most_within

_CONNECTIONS = 400
_CALLERS = 60
_OUTAGE = 16.0
_DAY = 86_400.0
# Access tokens are renewed between 70 % and 80 % of their life.
_LIFE = 30 * _DAY
_OVERDUE = 25 * _DAY
_REPLICAS = 3
_CAP = 32  # --max_parallel_per_client
_FAILURES = 5
_MIN_OPEN = 2.0
_MAX_OPEN = 60.0
# Replicas take a jump of the store's clock for what it is in this time.
_BELIEVED = 12.0
# How long the provider takes for a refresh when it is back.
_SLOW = 0.5
_PATIENCE = 90.0


def most_trials(seconds: float) -> int:
    """How many a breaker lets through at most, by the shortest waits."""
    trials, now, open_for = 0, 0.0, _MIN_OPEN
    while (now := now + open_for / 2) < seconds:
        trials += 1
        open_for = min(2 * open_for, _MAX_OPEN)
    return trials


def most_attempts(seconds: float) -> int:
    """Of all replicas: the failures that open a breaker, those that were
    under way meanwhile, and trials."""
    return _REPLICAS * (_FAILURES + _CAP + most_trials(seconds))


def _skip() -> str:
    return missing_fleet() or ("" if faketime() else "faketime is not here")


@unittest.skipIf(_skip(), _skip())
class Outage(unittest.TestCase):
    def setUp(self) -> None:
        self.fleet = self.enterContext(
            # Nobody is idle because the clock was moved.
            Fleet(
                replicas=_REPLICAS,
                access_ttl=int(_LIFE),
                flags=["--idle_after=2000h"],
            )
        )

    def test_valid_tokens_are_served_and_attempts_are_few(self) -> None:
        fleet = self.fleet
        names = fleet.connect_many(_CONNECTIONS)
        fleet.emulator.clear_ledger()
        down = time.time()
        fleet.emulator.add_fault("token", "http_error", status=503, times=-1)
        fleet.move_clocks(_OVERDUE)
        with Crowd(fleet.replicas, names, _CALLERS, pause=0.3) as crowd:
            self.wait_until(down + _OUTAGE)
            self.check_outage(down)
            # All back-off has passed, and what was overdue is so by a day.
            fleet.postgres.move_clock(_OVERDUE + _DAY)
            fleet.emulator.advance_clock(_DAY)
            jumped = time.time()
            self.wait_until(jumped + _BELIEVED)
            self.check_after_a_day(jumped)
            fleet.emulator.clear_faults()
            fleet.emulator.add_fault(
                "token", "slow", grant="refresh_token", seconds=_SLOW, times=-1
            )
            back = fleet.emulator.call("POST", "/clock", {"advance": 0})["now"]
            wait_for(
                "all to be refreshed",
                lambda: fleet.emulator.summary()["refreshes"] >= len(names),
                timeout=_MAX_OPEN + _PATIENCE,
                pause=0.5,
            )
            time.sleep(2)
        self.check_recovery(back)
        failed = [a for a in crowd.answers if a.reason]
        self.assertEqual(failed[:3], [], f"{len(failed)} failed")
        longest = max(a.taken for a in crowd.answers)
        print(
            f"outage: {len(crowd.answers)} tokens served all along, none "
            f"failed, the longest in {longest * 1e3:.0f} ms"
        )

    def wait_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - time.time()))

    def attempts(self) -> list[dict[str, Any]]:
        return self.fleet.emulator.ledger(
            event="presented", kind="refresh_token"
        )

    def check_outage(self, down: float) -> None:
        times = [
            e["time"] - down - _OVERDUE * (e["time"] > down + _OVERDUE)
            for e in self.attempts()
        ]
        per_slice = [
            sum(start <= t < start + 4 for t in times)
            for start in range(0, int(_OUTAGE), 4)
        ]
        bound = most_attempts(_OUTAGE)
        print(
            f"outage: {len(times)} attempts for {_CONNECTIONS} connections in "
            f"{_OUTAGE:.0f} s, in each 4 s {per_slice}; the bound is {bound}, "
            f"of a day {most_attempts(_DAY)}"
        )
        self.assertLessEqual(len(times), bound)
        self.assertGreaterEqual(len(times), _FAILURES)

    def check_after_a_day(self, jumped: float) -> None:
        start = jumped + _OVERDUE + _DAY
        count = sum(e["time"] >= start for e in self.attempts())
        # A trial may be due at once.
        bound = _REPLICAS * (1 + most_trials(_BELIEVED))
        print(f"outage: {count} attempts after a day's jump, bound {bound}")
        self.assertLessEqual(count, bound)

    def check_recovery(self, back: float) -> None:
        entries = [e for e in self.attempts() if e["time"] >= back]
        times = [e["time"] for e in entries]
        self.assertEqual({e["reason"] for e in entries}, {"ok"})
        self.assertEqual(len({e["grant"] for e in entries}), len(entries))
        peak = most_within(times, _SLOW)
        bound = int(_CAP * _REPLICAS / _SLOW)
        per_second = most_within(times, 1.0)
        print(
            f"outage: {len(entries)} refreshed from {times[0] - back:.1f} s to "
            f"{times[-1] - back:.1f} s after the provider was back, at most "
            f"{peak} at once and {per_second} in one second, where the caps "
            f"allow {bound}"
        )
        self.assertLessEqual(peak, _CAP * _REPLICAS)
        self.assertLessEqual(per_second, bound)


if __name__ == "__main__":
    unittest.main()
