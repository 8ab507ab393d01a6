"""The fake's ConnectionService."""

from __future__ import annotations

from collections import Counter

import grpc

from valetkey import v1
from valetkey.testing._state import State, check_etag, matches, page_of
from valetkey.v1 import connection_service_pb2_grpc


class ConnectionService(connection_service_pb2_grpc.ConnectionServiceServicer):
    """Tells of the state's connections."""

    def __init__(self, state: State) -> None:
        self._state = state

    def GetConnection(
        self, request: v1.GetConnectionRequest, context: grpc.ServicerContext
    ) -> v1.GetConnectionResponse:
        """One of them."""
        with self._state.changed:
            record = self._state.find(request.name)
            return v1.GetConnectionResponse(connection=record.connection)

    def ListConnections(
        self, request: v1.ListConnectionsRequest, context: grpc.ServicerContext
    ) -> v1.ListConnectionsResponse:
        """Those that match, by name."""
        with self._state.changed:
            found = [
                record.connection
                for name, record in sorted(self._state.connections.items())
                if request.state in (0, record.connection.state)
                and matches(record.connection, name, request)
            ]
            page, following = page_of(
                found, request.page_size, request.page_token
            )
            return v1.ListConnectionsResponse(
                connections=page,  # type: ignore[arg-type]
                next_page_token=following,
                cursor=str(len(self._state.events)),
            )

    def CountConnections(
        self, request: v1.CountConnectionsRequest, context: grpc.ServicerContext
    ) -> v1.CountConnectionsResponse:
        """By provider and state; none of them needs attention."""
        with self._state.changed:
            counts = Counter(
                (record.connection.provider, record.connection.state)
                for name, record in self._state.connections.items()
                if name.startswith(f"{request.parent}/")
                and request.provider in ("", record.connection.provider)
            )
        return v1.CountConnectionsResponse(
            counts=[
                v1.ConnectionCount(provider=provider, state=state, count=count)
                for (provider, state), count in sorted(counts.items())
            ]
        )

    def UpdateConnection(
        self, request: v1.UpdateConnectionRequest, context: grpc.ServicerContext
    ) -> v1.UpdateConnectionResponse:
        """Changes the labels."""
        wanted = request.connection
        with self._state.changed:
            record = self._state.find(wanted.name)
            check_etag(wanted.etag, record.connection)
            self._state.set_labels(wanted.name, wanted.labels)
            return v1.UpdateConnectionResponse(connection=record.connection)

    def DeleteConnection(
        self, request: v1.DeleteConnectionRequest, context: grpc.ServicerContext
    ) -> v1.DeleteConnectionResponse:
        """Destroys one."""
        with self._state.changed:
            record = self._state.find(request.name)
            check_etag(request.etag, record.connection)
            self._state.delete(request.name)
            return v1.DeleteConnectionResponse()
