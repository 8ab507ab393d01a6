"""The fake's EventService."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc

from valetkey import v1
from valetkey.testing._gate import Failure, Gate
from valetkey.testing._state import State, matches, page_of, timestamp
from valetkey.v1 import event_service_pb2_grpc


class EventService(event_service_pb2_grpc.EventServiceServicer):
    """Streams the state's events. A cursor is a number of events."""

    def __init__(self, state: State, gate: Gate) -> None:
        self._state = state
        self._gate = gate

    def ListEvents(
        self, request: v1.ListEventsRequest, context: grpc.ServicerContext
    ) -> v1.ListEventsResponse:
        """Those that match, the newest first."""
        with self._state.changed:
            found = [
                event
                for event in reversed(self._state.events)
                if event.connection.startswith(f"{request.parent}/")
                and request.connection in ("", event.connection)
                and request.provider in ("", event.provider)
                and (not request.types or event.type in request.types)
            ]
        page, following = page_of(found, request.page_size, request.page_token)
        return v1.ListEventsResponse(
            events=page,  # type: ignore[arg-type]
            next_page_token=following,
        )

    def WatchEvents(
        self, request: v1.WatchEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[v1.WatchEventsResponse]:
        """Until the caller, lag() or the server's end ends it."""
        context.add_callback(self._wake)
        with self._state.changed:
            lags = self._state.lags
            seen = self._start(request)
            known = [
                v1.WatchEventsResponse(connection=record.connection)
                for name, record in sorted(self._state.connections.items())
                if request.snapshot
                and request.connection in ("", name)
                and matches(record.connection, name, request)
            ]
        yield from known
        first = True
        while True:
            with self._state.changed:
                while not (
                    first
                    or self._is_over(context, lags)
                    or len(self._state.events) > seen
                ):
                    self._state.changed.wait()
                if self._is_over(context, lags):
                    break
                events = self._state.events[seen:]
                seen += len(events)
            messages = [
                v1.WatchEventsResponse(event=event, cursor=str(event.sequence))
                for event in events
                if self._wants(request, event)
            ]
            yield from messages
            if first and not messages:
                yield v1.WatchEventsResponse(
                    checkpoint=v1.Checkpoint(time=timestamp(time.time())),
                    cursor=str(seen),
                )
            first = False
        if self._gate.stopping:
            raise Failure("SERVER_SHUTTING_DOWN")
        if self._state.lags > lags:
            raise Failure("WATCH_LAGGED")

    def _start(self, request: v1.WatchEventsRequest) -> int:
        if not request.cursor:
            return len(self._state.events)
        if not request.cursor.isdigit() or int(request.cursor) > len(
            self._state.events
        ):
            raise Failure("CURSOR_INVALID")
        return int(request.cursor)

    def _is_over(self, context: grpc.ServicerContext, lags: int) -> bool:
        return (
            not context.is_active()
            or self._gate.stopping
            or self._state.lags > lags
        )

    def _wants(self, request: v1.WatchEventsRequest, event: v1.Event) -> bool:
        return (
            request.connection in ("", event.connection)
            and (not request.types or event.type in request.types)
            and matches(event, event.connection, request)
        )

    def _wake(self) -> None:
        with self._state.changed:
            self._state.changed.notify_all()
