"""Faults at random instants, the same ones for the same seed.

    plan = Plan(random.Random(seed), seconds=60, replicas=3)
    weather = Weather(fleet)
    weather.run(plan)      # blocks for so long; then all is well again
    weather.intervals      # what was amiss when, by the wall clock

Each target has one thing amiss at a time; several targets may be in trouble
together.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chaos.fleet import Fleet, Replica
from e2e.stack import StackError
from pinterest_emulator.client import EmulatorError

# How long each lasts, in seconds.
_REPLICA = {"kill": (0.1, 2.0), "stop": (0.2, 6.0)}
_REDIS = {"kill": (0.1, 2.0), "stop": (0.2, 3.0), "flush": (0.0, 0.0)}
_STORE = {"kill": (0.0, 1.5), "stop": (0.2, 4.0), "refuse": (0.2, 3.0)}
_PROVIDER = {
    "slow": (0.3, 3.0),
    "cut_before": (0.3, 3.0),
    "cut_connection": (0.3, 2.0),
    "lost_answer": (0.3, 2.0),
    "truncated_body": (0.3, 2.0),
    "throttle": (0.3, 2.0),
    "http_error": (0.3, 3.0),
    "html_body": (0.3, 2.0),
    "hang": (0.3, 2.0),
}
ROTATED = frozenset(("slow", "cut_connection", "lost_answer", "truncated_body"))
"""The provider's faults that strike after it has exchanged a token."""

SKEWS = (0.0, 90.0, -90.0, 240.0, -240.0)
# Longer than a lease.
_LONG_STOP = 46.0


@dataclass(frozen=True, slots=True)
class Fault:
    target: str  # "replica0", "redis", "store", "provider"
    kind: str
    start: float  # seconds from the beginning
    length: float
    fields: dict[str, Any]  # of the emulator's fault
    skew: float = 0.0  # of the replica's next life


@dataclass(frozen=True, slots=True)
class Interval:
    """Something was amiss, by the wall clock."""

    target: str
    kind: str
    start: float
    end: float


class Plan:
    def __init__(
        self,
        chance: random.Random,
        seconds: float,
        replicas: int,
        skewed: bool,
    ) -> None:
        targets: dict[str, dict[str, tuple[float, float]]] = {
            **{f"replica{i}": _REPLICA for i in range(replicas)},
            "redis": _REDIS,
            "store": _STORE,
            "provider": _PROVIDER,
        }
        self.seconds = seconds
        self.faults: list[Fault] = []
        free = dict.fromkeys(targets, 0.0)
        now = 0.0
        while True:
            now += chance.expovariate(2.5)
            # What strikes after the provider has rotated is what matters most.
            target = chance.choice([*sorted(targets), "provider"])
            kind = chance.choice(sorted(targets[target]))
            length = chance.uniform(*targets[target][kind])
            # Few, for each leaves the others alone for as long.
            long = chance.random() < 0.02
            fields = self._fields(chance, kind) if target == "provider" else {}
            skew = chance.choice(SKEWS) if skewed else 0.0
            if now >= seconds:
                return
            if now < free[target]:
                continue
            if long and kind == "stop" and target.startswith("replica"):
                length = min(_LONG_STOP, seconds - now)
            # A time of peace for each, or nothing would ever be done.
            free[target] = now + length + 1.0
            self.faults.append(Fault(target, kind, now, length, fields, skew))

    def _fields(self, chance: random.Random, kind: str) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "times": -1,
            "probability": chance.choice((0.3, 1.0)),
            "seed": chance.randrange(1 << 30),
        }
        # Up to longer than --http_timeout.
        seconds = chance.uniform(0.2, 4.0)
        if kind in ("slow", "hang"):
            fields["seconds"] = round(seconds, 3)
        if kind == "throttle":
            fields["retry_after"] = 1
        if kind == "http_error":
            fields["status"] = chance.choice((500, 503))
        return fields


@dataclass(order=True, slots=True)
class _Step:
    time: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Weather:
    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.intervals: list[Interval] = []
        self.counts: Counter[str] = Counter()
        # Starts that failed, as they may while the store is away.
        self.failed_starts = 0
        self._begun: dict[str, tuple[str, float]] = {}
        self._starting: dict[int, threading.Thread] = {}
        self._ids: list[str] = []

    def run(self, plan: Plan) -> None:
        steps: list[_Step] = []
        for fault in plan.faults:
            end = fault.start + fault.length
            for at, act in ((fault.start, self._begin), (end, self._end)):
                steps.append(
                    _Step(at, len(steps), lambda a=act, f=fault: a(f))
                )
        start = time.monotonic()
        try:
            for step in sorted(steps):
                time.sleep(max(0.0, start + step.time - time.monotonic()))
                step.act()
            time.sleep(max(0.0, start + plan.seconds - time.monotonic()))
        finally:
            self.clear_up()

    def clear_up(self) -> None:
        """Everything comes up again."""
        for target in list(self._begun):
            self._close(target)
        fleet = self.fleet
        fleet.postgres.resume()
        if fleet.postgres.process is None:
            fleet.postgres.start()
        fleet.postgres.refuse_writes(False)
        fleet.resume_redis()
        if fleet.redis is None:
            fleet.start_redis()
        fleet.emulator.clear_faults()
        for replica in fleet.replicas:
            replica.resume()
            if replica.server is None:
                self._start(replica)
        for thread in self._starting.values():
            thread.join(120)

    def _begin(self, fault: Fault) -> None:
        target, kind, fleet = fault.target, fault.kind, self.fleet
        # A step that took long may have run into the next one.
        if target in self._begun:
            return
        begun = time.time()
        if target.startswith("replica"):
            replica = fleet.replicas[int(target[-1])]
            starting = self._starting.get(replica.index)
            if starting is not None and starting.is_alive():
                return
            if kind == "stop":
                replica.pause()
            else:
                replica.kill_server()
                replica.skew = fault.skew
        elif target == "redis":
            if kind == "stop":
                fleet.pause_redis()
            elif kind == "kill":
                fleet.kill_redis()
            else:
                fleet.redis_cli("FLUSHALL")
        elif target == "store":
            if kind == "stop":
                fleet.postgres.pause()
            elif kind == "kill":
                fleet.postgres.kill()
            else:
                fleet.postgres.refuse_writes(True)
        else:
            self._ids.append(
                fleet.emulator.add_fault(
                    "token", kind, grant="refresh_token", **fault.fields
                )
            )
        self.counts[f"{target.rstrip('0123456789')} {kind}"] += 1
        self._begun[target] = (kind, begun)

    def _end(self, fault: Fault) -> None:
        target, kind, fleet = fault.target, fault.kind, self.fleet
        if target not in self._begun or self._begun[target][0] != kind:
            return
        if target.startswith("replica"):
            replica = fleet.replicas[int(target[-1])]
            if kind == "kill":
                self._start(replica)
            else:
                replica.resume()
        elif target == "redis":
            if kind == "stop":
                fleet.resume_redis()
            elif kind == "kill":
                fleet.start_redis()
        elif target == "store":
            if kind == "stop":
                fleet.postgres.resume()
            elif kind == "kill":
                fleet.postgres.start()
            else:
                fleet.postgres.refuse_writes(False)
        else:
            self._clear_fault()
        self._close(target)

    def _clear_fault(self) -> None:
        try:
            self.fleet.emulator.call("DELETE", f"/faults?id={self._ids.pop()}")
        except EmulatorError:
            self.fleet.emulator.clear_faults()

    def _close(self, target: str) -> None:
        kind, begun = self._begun.pop(target)
        self.intervals.append(Interval(target, kind, begun, time.time()))

    def _start(self, replica: Replica) -> None:
        """As a supervisor would: until it serves."""

        def run() -> None:
            for _ in range(20):
                try:
                    replica.start_server()
                    return
                except StackError:
                    self.failed_starts += 1
                    replica.kill_server()

        thread = threading.Thread(target=run)
        self._starting[replica.index] = thread
        thread.start()
