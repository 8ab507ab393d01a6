"""The watch of one application, for all sources of it."""

from __future__ import annotations

from valetkey import v1
from valetkey._core.runtime import Cancel, Runtime
from valetkey._core.source import SourceState
from valetkey._names import parent_of
from valetkey._retry import Backoff
from valetkey.errors import Error

# How long a first fetch waits for the first message.
_PATIENCE = 1.0
# How long a key without the right to read events is left in peace.
_REFUSED = 300.0

_TYPES = (
    v1.EventType.EVENT_TYPE_REAUTHORIZED,
    v1.EventType.EVENT_TYPE_REFRESHED,
    v1.EventType.EVENT_TYPE_REAUTHORIZATION_REQUIRED,
    v1.EventType.EVENT_TYPE_REVOKED,
    v1.EventType.EVENT_TYPE_DELETED,
)


class Hub:
    """One WatchEvents stream, open while a source is attached.

    It is resumed from its last cursor for as long as there are sources. A
    source that attaches may fetch once the stream's first message has come or
    will not come.
    """

    def __init__(self, runtime: Runtime, parent: str) -> None:
        self._runtime = runtime
        self._parent = parent
        self._sources: dict[str, dict[SourceState, None]] = {}
        self._backoff = Backoff(runtime.random)
        self._cursor = ""
        self._fresh = False
        self._settled = False
        self._stream: Cancel = _nothing
        self._reopening: Cancel = _nothing
        self._patience: Cancel = _nothing

    def attach(self, source: SourceState) -> bool:
        """Tells the source of events; returns whether it may fetch."""
        first = not self._sources
        self._sources.setdefault(source.name, {})[source] = None
        if first:
            self._patience = self._runtime.call_later(_PATIENCE, self._settle)
            self._open()
        return self._settled

    def detach(self, source: SourceState) -> bool:
        """Tells it no more; returns whether there are others.

        With the last source the stream ends, and with it this hub.
        """
        named = self._sources.get(source.name, {})
        named.pop(source, None)
        if not named:
            self._sources.pop(source.name, None)
        if not self._sources:
            self._stream()
            self._reopening()
            self._patience()
            # What was cancelled refers to this hub: let go of it.
            self._stream = self._reopening = self._patience = _nothing
        return bool(self._sources)

    def _open(self) -> None:
        self._fresh = True
        request = v1.WatchEventsRequest(
            parent=self._parent, cursor=self._cursor, types=_TYPES
        )
        self._stream = self._runtime.watch(request, self._received, self._ended)

    def _received(self, message: v1.WatchEventsResponse) -> None:
        if self._fresh:
            self._fresh = False
            self._backoff.reset()
            if not self._cursor:
                for source in self._all():
                    source.resync()
            self._settle()
        if message.HasField("event"):
            event = message.event
            for source in list(self._sources.get(event.connection, ())):
                source.event(event.type, event.generation)
        if message.cursor:
            self._cursor = message.cursor

    def _ended(self, error: Error) -> None:
        self._stream = _nothing
        if error.reason in ("CURSOR_EXPIRED", "CURSOR_INVALID"):
            self._cursor = ""
        if error.reason == "RIGHT_MISSING":
            wait = _REFUSED
        else:
            wait = self._backoff.wait_after(error)
        self._reopening = self._runtime.call_later(wait, self._open)
        self._settle()

    def _settle(self) -> None:
        self._patience()
        if not self._settled:
            self._settled = True
            for source in self._all():
                source.settled()

    def _all(self) -> list[SourceState]:
        return [s for named in self._sources.values() for s in named]


class Hubs:
    """The hubs of a client: one for each application that has a source."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._hubs: dict[str, Hub] = {}

    def attach(self, source: SourceState) -> bool:
        """Tells the source of events; returns whether it may fetch."""
        parent = parent_of(source.name)
        if parent not in self._hubs:
            self._hubs[parent] = Hub(self._runtime, parent)
        return self._hubs[parent].attach(source)

    def detach(self, source: SourceState) -> None:
        """Tells it no more."""
        parent = parent_of(source.name)
        if not self._hubs[parent].detach(source):
            del self._hubs[parent]


def _nothing() -> None:
    """Cancels nothing."""
