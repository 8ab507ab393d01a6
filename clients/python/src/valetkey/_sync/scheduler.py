"""Timers on one thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from valetkey._core.runtime import Cancel, Clock

_log = logging.getLogger("valetkey")
_LONGEST = 3600.0


class _Entry:
    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Scheduler:
    """Calls actions at their time, holding the lock that it was made with.

    The thread is started by the first action and ends with `stop`.
    """

    def __init__(self, lock: threading.RLock, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition(lock)
        self._entries: list[tuple[float, int, _Entry]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def call_later(self, delay: float, action: Callable[[], None]) -> Cancel:
        """Calls the action after so many seconds."""
        entry = _Entry(action)
        with self._changed:
            if self._stopped:
                return entry.cancel
            when = self._clock.monotonic() + delay
            heapq.heappush(self._entries, (when, next(self._numbers), entry))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="valetkey-scheduler", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        return entry.cancel

    def stop(self) -> None:
        """Drops what is left, and waits for the thread."""
        with self._changed:
            self._stopped = True
            self._entries.clear()
            self._changed.notify()
        if self._thread not in (None, threading.current_thread()):
            self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._stopped:
                if not self._entries:
                    self._changed.wait()
                    continue
                when, _, entry = self._entries[0]
                left = when - self._clock.monotonic()
                if entry.action is not None and left > 0:
                    # A wait of centuries is more than a condition takes.
                    self._changed.wait(min(left, _LONGEST))
                    continue
                heapq.heappop(self._entries)
                if entry.action is not None:
                    _call(entry.action)


def _call(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        # A fault of the library's own must not end all other timers.
        _log.exception("an action failed")
