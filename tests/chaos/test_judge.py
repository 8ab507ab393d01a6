"""That the judges of chaos see what they are to see: made-up stories, each
with one thing wrong."""

from __future__ import annotations

import random
import unittest
from typing import Any

from chaos import judge
from chaos.load import Given, Notes
from chaos.plan import Interval, Plan


def _presented(time: float, generation: int = 1, **fields: Any) -> judge.Entry:
    return {
        "event": "presented",
        "kind": "refresh_token",
        "endpoint": "token",
        "verdict": "accepted",
        "reason": "ok",
        "grant": "g1",
        "login": "ann",
        "generation": generation,
        "time": time,
        **fields,
    }


def _event(sequence: int, generation: int, **fields: Any) -> judge.Entry:
    return {
        "sequence": str(sequence),
        "type": "EVENT_TYPE_REFRESHED",
        "connection": "c1",
        "subject": "ann",
        "generation": str(generation),
        "time": "1970-01-01T00:16:40.500Z",
        **fields,
    }


class Repeats(unittest.TestCase):
    twice = [_presented(1000.0), _presented(1042.0)]

    def test_without_an_excuse(self) -> None:
        self.assertEqual(len(judge.unexcused_repeats(self.twice, [])), 1)

    def test_what_excuses(self) -> None:
        for target, kind in (
            ("replica1", "kill"),
            ("replica0", "stop"),
            ("store", "refuse"),
            ("provider", "lost_answer"),
        ):
            one = Interval(target, kind, 1000.5, 1000.6)
            self.assertEqual(judge.unexcused_repeats(self.twice, [one]), [])

    def test_what_does_not(self) -> None:
        for one in (
            Interval("redis", "kill", 999.0, 1001.0),
            Interval("provider", "http_error", 999.0, 1001.0),
            Interval("replica1", "kill", 998.0, 998.1),
            Interval("store", "stop", 1030.0, 1031.0),
        ):
            self.assertEqual(len(judge.unexcused_repeats(self.twice, [one])), 1)

    def test_what_the_provider_never_saw_is_none(self) -> None:
        first = _presented(1000.0, verdict="unprocessed", reason="fault:hang")
        self.assertEqual(judge.unexcused_repeats([first, self.twice[1]], []), [])

    def test_after_the_store_had_it(self) -> None:
        for time, count in ((1000.4, 0), (1000.6, 1)):
            ledger = [_presented(999.0), _presented(time)]
            wrong = judge.repeats_after_storing(ledger, [_event(1, 2)])
            self.assertEqual(len(wrong), count)


class Callers(unittest.TestCase):
    def test_given_after_revocation(self) -> None:
        notes = Notes()
        notes.revoked["c1"] = 10.0
        for asked in (10.9, 11.1):
            notes.given.append(Given("c1", "t", 1, asked, 0.0))
        self.assertEqual(len(judge.given_after_revocation(notes, 1.0)), 1)

    def test_foreign_tokens(self) -> None:
        issued = {"event": "issued", "kind": "access_token", "value": "t"}
        ledger = [{**issued, "grant": "g1", "generation": 1, "login": "ann"}]
        for login, generation, count in (
            ("ann", 1, 0),
            ("bob", 1, 1),
            ("ann", 2, 1),
        ):
            notes = Notes(given=[Given("c1", "t", generation, 0.0, 0.0)])
            wrong = judge.foreign_tokens(ledger, notes, {"c1": login})
            self.assertEqual(len(wrong), count)


class Events(unittest.TestCase):
    def test_again_is_well(self) -> None:
        events = [_event(1, 2), _event(2, 3), _event(1, 2), _event(2, 3)]
        self.assertEqual(judge.badly_delivered(events, [1, 2]), [])

    def test_lost_or_out_of_order(self) -> None:
        lost = judge.badly_delivered([_event(1, 2), _event(3, 4)], [1, 2, 3])
        self.assertEqual(len(lost), 1)
        swapped = judge.badly_delivered([_event(2, 3), _event(1, 2)], [1, 2])
        self.assertEqual(len(swapped), 1)

    def test_a_change_that_no_event_told(self) -> None:
        events = [_event(1, 2), _event(3, 4)]
        self.assertEqual(judge.missing_generations(events, {"c2": 1}), [])
        self.assertEqual(len(judge.missing_generations(events, {"c1": 4})), 1)


class Plans(unittest.TestCase):
    def test_the_same_for_the_same_seed(self) -> None:
        plans = [
            Plan(random.Random(seed), 60, replicas=3, skewed=True).faults
            for seed in ("1", "1", "2")
        ]
        self.assertEqual(plans[0], plans[1])
        self.assertNotEqual(plans[0], plans[2])


if __name__ == "__main__":
    unittest.main()
