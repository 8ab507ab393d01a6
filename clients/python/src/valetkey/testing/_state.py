"""The connections of the fake, and what happened to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from valetkey import v1
from valetkey._names import parent_of
from valetkey.testing._gate import Failure

_ACTIVE = v1.ConnectionState.CONNECTION_STATE_ACTIVE
_DEAD = v1.ConnectionState.CONNECTION_STATE_REAUTHORIZATION_REQUIRED
_REVOKED = v1.ConnectionState.CONNECTION_STATE_REVOKED


def timestamp(seconds: float) -> Timestamp:
    """Of seconds since 1970."""
    stamp = Timestamp()
    stamp.FromNanoseconds(round(seconds * 1e9))
    return stamp


class Record:
    """A connection and its token."""

    def __init__(self, connection: v1.Connection) -> None:
        self.connection = connection
        self.token = v1.Token()
        self.lifetime: float | None = None
        self.refresh_in: float | None = None

    def lives(self, seconds: float) -> bool:
        """Whether the token lives so long."""
        if not self.token.HasField("expire_time"):
            return True
        until = self.token.expire_time.ToNanoseconds() / 1e9
        return until - time.time() > seconds


class State:
    """All that the fake knows. Its methods hold the lock of `changed`."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.connections: dict[str, Record] = {}
        self.events: list[v1.Event] = []
        self.pending: dict[str, v1.AuthorizeRequest] = {}
        self.lags = 0
        # Applications, providers and keys, by name.
        self.resources: dict[str, Message] = {}

    def find(self, name: str) -> Record:
        """Raises Failure where there is none."""
        with self.changed:
            if name not in self.connections:
                raise Failure(
                    "CONNECTION_NOT_FOUND", metadata={"connection": name}
                )
            return self.connections[name]

    def usable(self, name: str) -> Record:
        """Raises Failure for one that was revoked, too."""
        record = self.find(name)
        if record.connection.state == _REVOKED:
            raise Failure("CONNECTION_REVOKED", metadata={"connection": name})
        return record

    def set_token(
        self,
        name: str,
        access_token: str | None,
        *,
        expires_in: float | None,
        refresh_in: float | None,
        scopes: Iterable[str],
        token_type: str,
        provider: str,
        subject: str,
        labels: Mapping[str, str] | None,
    ) -> int:
        """The next generation; makes the connection if there is none."""
        with self.changed:
            record = self.connections.get(name)
            if record is None:
                kind = v1.EventType.EVENT_TYPE_CONNECTED
                record = Record(
                    v1.Connection(
                        name=name,
                        provider=provider,
                        subject=subject,
                        labels=labels,
                        create_time=timestamp(time.time()),
                    )
                )
                self.connections[name] = record
            elif record.connection.state == _ACTIVE:
                kind = v1.EventType.EVENT_TYPE_REFRESHED
            else:
                kind = v1.EventType.EVENT_TYPE_REAUTHORIZED
            record.lifetime = expires_in
            record.refresh_in = refresh_in
            record.token = v1.Token(token_type=token_type, scopes=scopes)
            self._renew(record, access_token)
            self._emit(kind, record)
            return record.connection.generation

    def renew(self, name: str) -> None:
        """What a refresh at the provider does."""
        with self.changed:
            record = self.usable(name)
            if record.connection.state == _DEAD:
                raise Failure(
                    "REAUTHORIZATION_REQUIRED",
                    metadata={
                        "connection": name,
                        "provider": record.connection.provider,
                        "subject": record.connection.subject,
                    },
                )
            self._renew(record, None)
            self._emit(v1.EventType.EVENT_TYPE_REFRESHED, record)

    def _renew(self, record: Record, access_token: str | None) -> None:
        connection, now = record.connection, time.time()
        connection.generation += 1
        connection.state = _ACTIVE
        connection.scopes[:] = record.token.scopes
        self._touch(connection)
        # A new message: who has read the old one may still be sending it.
        token = v1.Token(
            access_token=access_token
            or f"{connection.name.rsplit('/', 1)[1]}-{connection.generation}",
            token_type=record.token.token_type,
            scopes=record.token.scopes,
            generation=connection.generation,
        )
        if record.lifetime is not None:
            token.expire_time.CopyFrom(timestamp(now + record.lifetime))
        if record.refresh_in is not None:
            token.refresh_time.CopyFrom(timestamp(now + record.refresh_in))
        record.token = token

    def end(self, name: str, *, revoked: bool) -> None:
        """Revokes the connection, or has the provider end the grant."""
        with self.changed:
            record = self.find(name)
            if revoked:
                if record.connection.state == _REVOKED:
                    return
                record.connection.state = _REVOKED
                record.connection.generation += 1
                kind = v1.EventType.EVENT_TYPE_REVOKED
            else:
                record.connection.state = _DEAD
                kind = v1.EventType.EVENT_TYPE_REAUTHORIZATION_REQUIRED
            self._touch(record.connection)
            self._emit(kind, record)

    def delete(self, name: str) -> None:
        """Destroys the record of a connection."""
        with self.changed:
            record = self.find(name)
            del self.connections[name]
            record.connection.generation += 1
            self._emit(v1.EventType.EVENT_TYPE_DELETED, record)

    def set_labels(self, name: str, labels: Mapping[str, str]) -> None:
        """Changes a connection's labels."""
        with self.changed:
            record = self.find(name)
            record.connection.labels.clear()
            record.connection.labels.update(labels)
            self._touch(record.connection)
            self._emit(v1.EventType.EVENT_TYPE_UPDATED, record)

    def emit(self, event: v1.Event) -> None:
        """Tells the watchers; numbers the event."""
        with self.changed:
            told = v1.Event()
            told.CopyFrom(event)
            told.sequence = len(self.events) + 1
            told.time.CopyFrom(timestamp(time.time()))
            self.events.append(told)
            self.changed.notify_all()

    def lag(self) -> None:
        """Ends the streams with WATCH_LAGGED."""
        with self.changed:
            self.lags += 1
            self.changed.notify_all()

    def _touch(self, connection: v1.Connection) -> None:
        connection.update_time.CopyFrom(timestamp(time.time()))
        connection.etag = str(int(connection.etag or 0) + 1)

    def _emit(self, kind: v1.EventType.ValueType, record: Record) -> None:
        connection = record.connection
        self.emit(
            v1.Event(
                type=kind,
                connection=connection.name,
                provider=connection.provider,
                subject=connection.subject,
                labels=connection.labels,
                generation=connection.generation,
                state=connection.state,
            )
        )


def matches(
    what: v1.Connection | v1.Event,
    name: str,
    request: v1.WatchEventsRequest | v1.ListConnectionsRequest,
) -> bool:
    """Whether a connection, or an event of it, passes a request's filters."""
    return (
        parent_of(name) == request.parent
        and request.provider in ("", what.provider)
        and request.subject in ("", what.subject)
        and all(what.labels.get(k) == v for k, v in request.labels.items())
    )


def check_etag(wanted: str, resource: Message) -> None:
    """Raises Failure if the resource has changed."""
    if wanted and wanted != getattr(resource, "etag", ""):
        raise Failure("ETAG_MISMATCH")


def page_of(
    items: Sequence[Message], page_size: int, page_token: str
) -> tuple[Sequence[Message], str]:
    """A page, and the token of the next."""
    start = int(page_token or 0)
    end = start + (page_size or 100)
    return items[start:end], str(end) if end < len(items) else ""
