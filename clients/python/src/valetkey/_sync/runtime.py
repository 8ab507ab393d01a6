"""The core's runtime on threads."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial

import grpc

from valetkey import v1
from valetkey._core.runtime import Cancel, Clock
from valetkey._status import error_of, unavailable
from valetkey._sync.scheduler import Scheduler
from valetkey._sync.stubs import Stream, Stubs
from valetkey._token import Token, token_of
from valetkey.errors import Error


class ThreadRuntime:
    """One thread for timers and answers, and one for each open stream.

    The core is entered with `lock` held, by these threads and by callers.
    """

    def __init__(self, stubs: Stubs, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._stubs = stubs
        self._scheduler = Scheduler(self.lock, clock)
        self._streams: set[threading.Thread] = set()

    def random(self) -> float:
        """A number in [0, 1)."""
        return random.random()

    def call_later(self, delay: float, action: Callable[[], None]) -> Cancel:
        """Calls the action after so many seconds."""
        return self._scheduler.call_later(delay, action)

    def get_token(
        self,
        request: v1.GetTokenRequest,
        timeout: float,
        done: Callable[[Token | Error], None],
    ) -> Cancel:
        """One try of GetToken."""
        answer = _Answer(self._scheduler, done)
        try:
            future = self._stubs.future(
                "TokenService", "GetToken", request, timeout
            )
        except Error as error:
            answer.give(error)
            return answer.cancel
        # Called by a thread of gRPC's, or by this one if it is over already:
        # the scheduler takes it from there.
        future.add_done_callback(answer.done)
        return partial(answer.cancel, future)

    def watch(
        self,
        request: v1.WatchEventsRequest,
        received: Callable[[v1.WatchEventsResponse], None],
        ended: Callable[[Error], None],
    ) -> Cancel:
        """One stream of events."""
        reader = _Reader(self.lock, received, ended)
        try:
            stream = self._stubs.watch(request)
        except Error as error:
            return self._scheduler.call_later(0, partial(ended, error))
        thread = threading.Thread(
            target=self._read,
            args=(reader, stream),
            name="valetkey-watch",
            daemon=True,
        )
        self._streams.add(thread)
        thread.start()
        return partial(reader.cancel, stream)

    def _read(self, reader: _Reader, stream: Stream) -> None:
        try:
            reader.run(stream)
        finally:
            with self.lock:
                self._streams.discard(threading.current_thread())

    def close(self) -> None:
        """Waits for the threads, whose streams must have been cancelled."""
        self._scheduler.stop()
        with self.lock:
            streams = list(self._streams)
        for thread in streams:
            if thread is not threading.current_thread():
                thread.join()


class _Answer:
    """Hands the outcome of a GetToken to the scheduler's thread."""

    def __init__(
        self, scheduler: Scheduler, done: Callable[[Token | Error], None]
    ) -> None:
        self._scheduler = scheduler
        self._done = done
        self._cancelled = False

    def done(self, future: grpc.Future[v1.GetTokenResponse]) -> None:
        if future.cancelled():
            return
        failure = future.exception()
        if failure is None:
            self.give(token_of(future.result().token))
        else:
            self.give(error_of(failure))

    def give(self, answer: Token | Error) -> None:
        self._scheduler.call_later(0, partial(self._give, answer))

    def _give(self, answer: Token | Error) -> None:
        if not self._cancelled:
            self._done(answer)

    def cancel(
        self, future: grpc.Future[v1.GetTokenResponse] | None = None
    ) -> None:
        self._cancelled = True
        if future is not None:
            future.cancel()


class _Reader:
    """Hands the messages of a stream to the core, under the lock."""

    def __init__(
        self,
        lock: threading.RLock,
        received: Callable[[v1.WatchEventsResponse], None],
        ended: Callable[[Error], None],
    ) -> None:
        self._lock = lock
        self._received = received
        self._ended = ended
        self._cancelled = False

    def run(self, stream: Stream) -> None:
        try:
            for message in stream:
                with self._lock:
                    if self._cancelled:
                        return
                    self._received(message)
            error = unavailable("the stream ended")
        except grpc.RpcError as failure:
            error = error_of(failure)
        with self._lock:
            if not self._cancelled:
                self._ended(error)

    def cancel(self, stream: Stream) -> None:
        self._cancelled = True
        stream.cancel()
