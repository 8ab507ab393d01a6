"""The state of one token source: what it holds, and when it fetches.

A source fetches by tries of GetToken, one at a time. A *series* is the tries
from the first until one is answered with anything but UNAVAILABLE; its waits
are those of the table of retries. Readers join the series under way, and each
leaves it at the end of its own deadline. The watch and the timer begin series
too, with no reader waiting.

Three numbers keep tokens from going back:

- `_highest`: the highest generation ever held. No lower one is taken.
- `_barred`: generations up to this are dead: rejected by the provider, or
  revoked here. None of them is taken.
- `_wanted`: the highest generation that an event has told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import grpc

from valetkey import v1
from valetkey._core.runtime import Cancel, Runtime
from valetkey._core.waiter import Waiter
from valetkey._retry import Backoff
from valetkey._status import cancelled, unavailable
from valetkey._token import Token
from valetkey.errors import Error

# How long FAILED_PRECONDITION and NOT_FOUND are remembered.
_MEMORY = 1.0

_REMEMBERED = (
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
)
# Answers after which no token of the connection is good, as after the events.
_GONE = ("CONNECTION_REVOKED", "CONNECTION_NOT_FOUND")

_RENEWED = (
    v1.EventType.EVENT_TYPE_REFRESHED,
    v1.EventType.EVENT_TYPE_REAUTHORIZED,
)


class Watcher(Protocol):
    """The watch of an application, as a source sees it."""

    def attach(self, source: SourceState) -> bool:
        """Tells the source of events from now on.

        Returns whether the source may fetch; if not, `settled` tells it later.
        """

    def detach(self, source: SourceState) -> None:
        """Tells it no more."""


class _Try:
    """A GetToken under way, and what was known when it began."""

    __slots__ = ("barred", "cancel", "deadline", "told", "wanted")

    def __init__(self, wanted: int, barred: int, deadline: float) -> None:
        self.wanted = wanted
        self.barred = barred
        self.deadline = deadline
        # Whether an event came since, which may have made the answer old.
        self.told = False
        self.cancel: Cancel = _nothing


class SourceState:
    """See the top of this file."""

    def __init__(
        self,
        runtime: Runtime,
        watcher: Watcher,
        *,
        name: str,
        token: str,
        required_scopes: Sequence[str],
        timeout: float,
    ) -> None:
        """`timeout` is that of a fetch for which nobody waits longer."""
        self.name = name
        # What readers may have without a lock, if it lives long enough.
        self.ready: Token | None = None
        self._runtime = runtime
        self._watcher = watcher
        self._token = token
        self._required_scopes = tuple(required_scopes)
        self._timeout = timeout
        self._backoff = Backoff(runtime.random)
        self._held: Token | None = None
        self._highest = 0
        self._barred = 0
        self._rejected = 0
        self._wanted = 0
        self._again = False
        self._waiters: dict[Waiter, None] = {}
        self._try: _Try | None = None
        self._timer: Cancel = _nothing
        self._remembered: Error | None = None
        self._remembered_until = 0.0
        self._started = False
        self._settled = False
        self._closed = False

    # ------------------------------------------------------------- readers

    def join(self, waiter: Waiter) -> None:
        """Gives the waiter a token, now or later, or an error."""
        clock = self._runtime.clock
        if self._closed:
            waiter.resolve(cancelled("the token source is closed"))
            return
        if self.ready is not None and self.ready._good_until > clock.time():
            waiter.resolve(self.ready)
            return
        if self._remembered is not None:
            if clock.monotonic() < self._remembered_until:
                waiter.resolve(self._remembered)
                return
            self._remembered = None
        if not self._waiters:
            # A new call of a reader's own, whatever went before.
            self._backoff.reset()
        self._waiters[waiter] = None
        if not self._started:
            self._started = True
            self._settled = self._watcher.attach(self)
        if self._settled and self._try is None:
            self._begin()

    def leave(self, waiter: Waiter) -> None:
        """The waiter has given up, or its deadline has passed."""
        self._waiters.pop(waiter, None)
        waiter.expire()

    def invalidate(self, generation: int) -> None:
        """The provider has refused the token of this generation."""
        held = self._held
        if held is None or held.generation != generation:
            return
        self.ready = None
        self._barred = max(self._barred, generation)
        self._rejected = generation

    def close(self) -> None:
        """Ends all that is under way."""
        if self._closed:
            return
        self._closed = True
        self._stop()
        self.ready = self._held = None
        self._resolve(cancelled("the token source is closed"))
        if self._started:
            self._watcher.detach(self)

    # ----------------------------------------------------------- the watch

    def settled(self) -> None:
        """The watch is there, or will not be: a first fetch misses nothing."""
        if self._settled or self._closed:
            return
        self._settled = True
        if self._waiters:
            self._begin()

    def event(self, kind: v1.EventType.ValueType, generation: int) -> None:
        """Something happened to the connection."""
        self._remembered = None
        if self._try is not None:
            self._try.told = True
        if kind in _RENEWED:
            if generation > max(self._highest, self._barred, self._wanted):
                self._wanted = generation
                if self._settled and self._try is None:
                    self._begin()
        elif kind == v1.EventType.EVENT_TYPE_DELETED or (
            # One told again, after the person has consented anew, is past.
            kind == v1.EventType.EVENT_TYPE_REVOKED
            and generation >= self._highest
        ):
            self._drop(generation)

    def resync(self) -> None:
        """Events may have been missed: what is held may be old."""
        if self._try is not None:
            self._again = True
        elif self.ready is not None:
            self._begin()

    def _drop(self, generation: int) -> None:
        self.ready = self._held = None
        self._barred = max(self._barred, self._highest, generation)
        self._stop()
        if self._waiters and self._settled:
            self._begin()

    # ---------------------------------------------------------- the fetch

    def _begin(self) -> None:
        self._timer()
        now = self._runtime.clock.monotonic()
        self._again = False
        request = v1.GetTokenRequest(
            name=self.name,
            required_scopes=self._required_scopes,
            token=self._token,
        )
        if self._wanted > self._highest:
            request.min_generation = self._wanted
        if self._rejected and self._rejected == self._highest:
            request.rejected_generation = self._rejected
        latest = max((w.deadline for w in self._waiters), default=now)
        timeout = max(self._timeout, latest - now)
        begun = _Try(self._wanted, self._barred, now + timeout)
        self._try = begun
        begun.cancel = self._runtime.get_token(
            request, timeout, partial(self._answered, begun)
        )

    def _answered(self, begun: _Try, answer: Token | Error) -> None:
        self._try = None
        if isinstance(answer, Token):
            self._take(begun, answer)
        elif answer.code is grpc.StatusCode.UNAVAILABLE:
            self._retry(answer)
        else:
            self._failed(begun, answer)

    def _take(self, begun: _Try, token: Token) -> None:
        if token.generation < self._highest or token.generation <= self._barred:
            if self._barred > begun.barred:
                # It was good when it was sent.
                self._continue()
            else:
                self._retry(unavailable("ValetKey answered with an old token"))
            return
        repeated = (
            self._held is not None and self._held.generation == token.generation
        )
        self._backoff.reset()
        self._remembered = None
        if self._is_newer(token):
            self._held = self.ready = token
            self._highest = token.generation
        self._resolve(token)
        self._plan(repeated=repeated)
        if self._again or self._wanted > max(token.generation, begun.wanted):
            self._begin()

    def _is_newer(self, token: Token) -> bool:
        held = self._held
        if held is None or token.generation > held.generation:
            return True
        return token._good_until > held._good_until

    def _retry(self, error: Error) -> None:
        """After an UNAVAILABLE."""
        wait = error.retry_delay = self._backoff.wait_after(error)
        if self.ready is not None and self._is_alive(self.ready):
            # Served to its end, though it would not live 2 s longer.
            self._resolve(self.ready)
        now = self._runtime.clock.monotonic()
        for waiter in list(self._waiters):
            waiter.failure = error
            if now + wait > waiter.deadline:
                del self._waiters[waiter]
                waiter.resolve(error)
        if self._waiters or self.ready is not None:
            self._timer = self._runtime.call_later(wait, self._begin)

    def _is_alive(self, token: Token) -> bool:
        expiry = token.expire_time
        return expiry is None or expiry.timestamp() > self._runtime.clock.time()

    def _failed(self, begun: _Try, error: Error) -> None:
        now = self._runtime.clock.monotonic()
        if self._wanted > begun.wanted:
            # Answered before what the event told of.
            self._begin()
            return
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self._expire(begun, error, now)
            return
        if error.code in _REMEMBERED and not begun.told:
            self._remembered = error
            self._remembered_until = now + _MEMORY
        if error.code is grpc.StatusCode.INVALID_ARGUMENT:
            # Such as a generation that the store does not know (any more).
            self._wanted = 0
        if error.reason in _GONE:
            self.ready = self._held = None
            self._barred = max(self._barred, self._highest)
        self._resolve(error)
        self._plan(repeated=True)

    def _expire(self, begun: _Try, error: Error, now: float) -> None:
        for waiter in list(self._waiters):
            if waiter.deadline <= begun.deadline or now < begun.deadline:
                del self._waiters[waiter]
                waiter.resolve(waiter.failure or error)
        if self._waiters:
            self._begin()
        else:
            self._plan(repeated=True)

    def _continue(self) -> None:
        if self._waiters:
            self._begin()

    def _resolve(self, result: Token | Error) -> None:
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            waiter.resolve(result)

    def _stop(self) -> None:
        self._timer()
        self._timer = _nothing
        if self._try is not None:
            self._try.cancel()
            self._try = None

    # ----------------------------------------------------------- the timer

    def _plan(self, *, repeated: bool) -> None:
        """Sets the timer; `repeated` after an answer that brought nothing."""
        self._timer()
        self._timer = _nothing
        token = self.ready
        if token is None or token.expire_time is None:
            return
        now = self._runtime.clock.time()
        left = token.expire_time.timestamp() - now
        if left <= 0:
            return
        if repeated:
            delay = max(left / 10, 1.0)
        else:
            delay = 0.8 * left
            if token.refresh_time is not None:
                delay = max(token.refresh_time.timestamp() - now, 0.0)
            delay += self._runtime.random() * max(left - delay, 0.0) / 10
        self._timer = self._runtime.call_later(delay, self._begin)


def _nothing() -> None:
    """Cancels nothing."""
