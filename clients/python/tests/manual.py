"""A runtime whose time passes, and whose calls are answered, by hand."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone

import grpc

from valetkey import Token, v1
from valetkey._core.hub import Hubs
from valetkey._core.runtime import Cancel
from valetkey._core.source import SourceState
from valetkey._core.waiter import Waiter
from valetkey.errors import Error, make_error

NAME = "applications/shop/connections/c-7"
EPOCH = 1_700_000_000.0


class ManualClock:
    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return EPOCH + self.now

    def monotonic(self) -> float:
        return self.now


@dataclass
class Try:
    request: v1.GetTokenRequest
    timeout: float
    done: Callable[[Token | Error], None]
    cancelled: bool = False
    answered: bool = False

    def cancel(self) -> None:
        self.cancelled = True

    def answer(self, answer: Token | Error) -> None:
        assert not self.cancelled
        assert not self.answered
        self.answered = True
        self.done(answer)


@dataclass
class Stream:
    request: v1.WatchEventsRequest
    received: Callable[[v1.WatchEventsResponse], None]
    ended: Callable[[Error], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True

    def checkpoint(self, cursor: str = "1") -> None:
        self.received(
            v1.WatchEventsResponse(checkpoint=v1.Checkpoint(), cursor=cursor)
        )

    def event(self, kind: str, generation: int = 0, cursor: str = "2") -> None:
        event = v1.Event(
            type=v1.EventType.Value(f"EVENT_TYPE_{kind}"),
            connection=NAME,
            generation=generation,
        )
        self.received(v1.WatchEventsResponse(event=event, cursor=cursor))


@dataclass
class Reader:
    """A waiter that looks at what it was given."""

    waiter: Waiter

    @property
    def waits(self) -> bool:
        return self.waiter.result is None

    @property
    def token(self) -> Token:
        return self.waiter.take()

    @property
    def error(self) -> Error:
        assert isinstance(self.waiter.result, Error)
        return self.waiter.result


@dataclass
class ManualRuntime:
    clock: ManualClock = field(default_factory=ManualClock)
    tries: list[Try] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    roll: float = 0.5

    def __post_init__(self) -> None:
        self._timers: list[tuple[float, int, list[Callable[[], None]]]] = []
        self._numbers = itertools.count()

    def random(self) -> float:
        return self.roll

    def call_later(self, delay: float, action: Callable[[], None]) -> Cancel:
        actions = [action]
        when = self.clock.now + delay
        heapq.heappush(self._timers, (when, next(self._numbers), actions))
        return actions.clear

    def get_token(
        self,
        request: v1.GetTokenRequest,
        timeout: float,
        done: Callable[[Token | Error], None],
    ) -> Cancel:
        self.tries.append(Try(request, timeout, done))
        return self.tries[-1].cancel

    def watch(
        self,
        request: v1.WatchEventsRequest,
        received: Callable[[v1.WatchEventsResponse], None],
        ended: Callable[[Error], None],
    ) -> Cancel:
        asked = v1.WatchEventsRequest()
        asked.CopyFrom(request)
        self.streams.append(Stream(asked, received, ended))
        return self.streams[-1].cancel

    def advance(self, seconds: float) -> None:
        """Lets time pass, and what is due happen at its moment."""
        until = self.clock.now + seconds
        while self._timers and self._timers[0][0] <= until:
            when, _, actions = heapq.heappop(self._timers)
            self.clock.now = max(self.clock.now, when)
            for action in list(actions):
                action()
        self.clock.now = until

    def pending(self) -> list[float]:
        """Seconds to each timer that is set."""
        return sorted(w - self.clock.now for w, _, a in self._timers if a)


class Bench:
    """A source on a manual runtime, with its watch settled unless told."""

    def __init__(self, *, settled: bool = True) -> None:
        self.runtime = ManualRuntime()
        self.hubs = Hubs(self.runtime)
        self.source = self.make()
        self._settle = settled

    def make(self, name: str = NAME) -> SourceState:
        return SourceState(
            self.runtime,
            self.hubs,
            name=name,
            token="",
            required_scopes=(),
            timeout=30.0,
        )

    def read(self, timeout: float = 30.0) -> Reader:
        waiter = Waiter(self.runtime.clock.now + timeout, lambda: None)
        self.source.join(waiter)
        if self._settle and self.runtime.streams:
            self._settle = False
            self.stream.checkpoint()
        return Reader(waiter)

    def expire(self, reader: Reader) -> None:
        """The reader's deadline passes."""
        self.source.leave(reader.waiter)

    @property
    def stream(self) -> Stream:
        return self.runtime.streams[-1]

    @property
    def calls(self) -> int:
        return len(self.runtime.tries)

    @property
    def try_(self) -> Try:
        """The one under way."""
        last = self.runtime.tries[-1]
        assert not last.answered
        assert not last.cancelled
        return last

    def answer(self, answer: Token | Error) -> None:
        self.try_.answer(answer)

    def token(
        self,
        generation: int,
        lives: float | None = 100.0,
        refresh_in: float | None = None,
    ) -> Token:
        def at(seconds: float | None) -> datetime | None:
            if seconds is None:
                return None
            when = self.runtime.clock.time() + seconds
            return datetime.fromtimestamp(when, timezone.utc)

        return Token(
            access_token=f"token-{generation}",
            generation=generation,
            expire_time=at(lives),
            refresh_time=at(refresh_in),
        )

    def hold(
        self,
        generation: int = 1,
        lives: float | None = 100.0,
        refresh_in: float | None = None,
    ) -> Token:
        """Reads, and answers with such a token."""
        reader = self.read()
        self.answer(self.token(generation, lives, refresh_in))
        return reader.token


def failure(
    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
    reason: str = "",
    retry_delay: float | None = None,
) -> Error:
    return make_error(
        "it failed", code=code, reason=reason, retry_delay=retry_delay
    )
