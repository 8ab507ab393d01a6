"""What uses a fleet while it is in trouble, and notes what it was told:
callers, who ask all replicas for tokens; a revoker; a watcher that resumes by
its cursor on any replica.

    with Load(fleet, names, seed) as load:
        ...
    load.notes

Threads of their own; what they noted is read when they have ended.
"""

from __future__ import annotations

import http.client
import json
import random
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from chaos.fleet import LOST, Caller, Fleet, Replica
from integration.harness import APPLICATION, Reply, reason_of

# A replica may stand still; a caller has others.
_CALL_TIMEOUT = 5.0
_READ_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Given:
    """A token that a caller was given."""

    name: str
    token: str
    generation: int
    # When it was asked for, by the steady clock, and given, by the wall's.
    asked: float
    given: float


@dataclass(slots=True)
class Notes:
    """Everything that is judged in the end. Appending is atomic."""

    # In order, one for each token and second at most.
    given: list[Given] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    # What no weather explains.
    wrong: list[str] = field(default_factory=list)
    revoking: set[str] = field(default_factory=set)
    # When Revoke had returned, by the steady clock.
    revoked: dict[str, float] = field(default_factory=dict)


class Load:
    def __init__(
        self,
        fleet: Fleet,
        names: Sequence[str],
        seed: int,
        callers: int = 10,
        revoke_every: float = 5.0,
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        """`allowed` are the reasons that a caller may be told."""
        self.fleet = fleet
        self.names = list(names)
        self.notes = Notes()
        self.watch = Watch(fleet, random.Random(f"{seed} watch"))
        self._allowed = allowed
        self._revoke_every = revoke_every
        self._stopping = threading.Event()
        self._newest: dict[tuple[int, int, str], int] = {}
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(
                target=self._call, args=(random.Random(f"{seed} {i}"),)
            )
            for i in range(callers)
        ]
        self._threads.append(
            threading.Thread(
                target=self._revoke, args=(random.Random(f"{seed} revoke"),)
            )
        )

    def __enter__(self) -> Self:
        self.watch.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.watch.stop()

    def stop(self) -> None:
        """The watcher goes on until the end of the block."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self, chance: random.Random) -> None:
        callers: dict[int, Caller] = {}
        try:
            self._call_all(callers, chance)
        finally:
            for caller in callers.values():
                caller.close()

    def _call_all(
        self, callers: dict[int, Caller], chance: random.Random
    ) -> None:
        while not self._stopping.is_set():
            replica = chance.choice(self.fleet.replicas)
            caller = callers.get(replica.index)
            if caller is None:
                caller = callers[replica.index] = Caller(
                    replica.http, replica.api_key, timeout=_CALL_TIMEOUT
                )
            try:
                self._ask(caller, replica, chance)
            except LOST as error:
                self.notes.answers[type(error).__name__] += 1
                caller.close()
            except Exception as error:  # noqa: BLE001: told by the test
                self.notes.wrong.append(repr(error))
                return
            # Enough to meet every fault, and no load to speak of.
            self._stopping.wait(chance.uniform(0.0, 0.06))

    def _ask(
        self, caller: Caller, replica: Replica, chance: random.Random
    ) -> None:
        name = chance.choice(self.names)
        place = (replica.index, replica.life, name)
        newest = self._newest.get(place, 0)
        asked = time.monotonic()
        if chance.random() < 0.1 and newest > 0:
            body = {"name": name, "generation": newest}
            reply = caller.call("TokenService/Refresh", body)
        else:
            reply = caller.call("TokenService/GetToken", {"name": name})
        self._note(reply, name)
        if not reply.ok:
            return
        token = reply.json()["token"]
        generation = int(token["generation"])
        self.notes.given.append(
            Given(name, token["accessToken"], generation, asked, time.time())
        )
        if replica.life != place[1]:
            return
        if generation < newest:
            self.notes.wrong.append(
                f"replica {replica.index} went back from generation {newest} "
                f"to {generation} of {name}"
            )
        with self._lock:
            self._newest[place] = max(self._newest.get(place, 0), generation)

    def _note(self, reply: Reply, name: str) -> None:
        reason = "ok" if reply.ok else reply.reason or reply.code
        self.notes.answers[reason] += 1
        if reason == "CONNECTION_REVOKED" and name in self.notes.revoking:
            return
        if not reply.ok and reason not in self._allowed:
            self.notes.wrong.append(f"{name}: {reply.body!r}")

    def _revoke(self, chance: random.Random) -> None:
        names = list(self.names)
        chance.shuffle(names)
        # Half of them stay, to be proved alive.
        for name in names[: len(names) // 2]:
            if self._stopping.wait(self._revoke_every * chance.uniform(0.5, 1.5)):
                return
            self.notes.revoking.add(name)
            while not self._stopping.is_set():
                replica = chance.choice(self.fleet.replicas)
                try:
                    with Caller(
                        replica.http, replica.api_key, timeout=_CALL_TIMEOUT
                    ) as caller:
                        reply = caller.call("TokenService/Revoke", {"name": name})
                except LOST:
                    continue
                if reply.ok:
                    self.notes.revoked[name] = time.monotonic()
                    break
                self._stopping.wait(0.1)


class Watch:
    """One watcher, which goes to another replica every few seconds and
    whenever a stream ends or falls silent."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        # As delivered.
        self.events: list[dict[str, Any]] = []
        self.resumed = 0
        # Ends of streams that are no weather.
        self.wrong: list[str] = []
        self.ends: Counter[str] = Counter()
        self._fleet = fleet
        self._chance = chance
        self._cursor = ""
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        """Returns when it has a cursor: what happens later is delivered."""
        self._thread.start()
        if not self._ready.wait(30):
            raise AssertionError(f"no checkpoint: {self.ends}")

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(30)

    def sequence(self) -> int:
        """Of the last event delivered."""
        return int(self.events[-1]["sequence"]) if self.events else 0

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow(self._chance.choice(self._fleet.replicas))
            except (*LOST, ValueError, AttributeError, struct.error) as error:
                self.ends[type(error).__name__] += 1
                time.sleep(0.05)
            self.resumed += 1

    def _follow(self, replica: Replica) -> None:
        until = time.monotonic() + self._chance.uniform(1.0, 6.0)
        parts = urlsplit(replica.http)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=_READ_TIMEOUT
        )
        body = {"parent": APPLICATION}
        if self._cursor:
            body["cursor"] = self._cursor
        data = json.dumps(body).encode()
        try:
            connection.request(
                "POST",
                "/valetkey.v1.EventService/WatchEvents",
                struct.pack(">BI", 0, len(data)) + data,
                {
                    "content-type": "application/connect+json",
                    "authorization": f"Bearer {replica.api_key}",
                },
            )
            response = connection.getresponse()
            while time.monotonic() < until and not self._stopping.is_set():
                flags, size = struct.unpack(">BI", response.read(5))
                message = json.loads(response.read(size))
                if flags & 2:
                    self._end(replica, message)
                    return
                if "event" in message:
                    self.events.append(message["event"])
                self._cursor = message["cursor"]
                self._ready.set()
        finally:
            connection.close()

    def _end(self, replica: Replica, message: dict[str, Any]) -> None:
        error = message.get("error", {})
        reason = reason_of(error) or error.get("code", "end")
        self.ends[reason] += 1
        if reason not in ("STORE_UNAVAILABLE", "SERVER_SHUTTING_DOWN"):
            self.wrong.append(f"replica {replica.index}: {message}")
        time.sleep(0.05)
