"""The fake itself: a server on a loopback port, and what a test tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import Message

from valetkey import aio, v1
from valetkey._names import Names
from valetkey._sync.client import Client
from valetkey.testing._application_service import ApplicationService
from valetkey.testing._connection_service import ConnectionService
from valetkey.testing._event_service import EventService
from valetkey.testing._gate import Failure, Gate
from valetkey.testing._provider_service import ProviderService
from valetkey.testing._resources import Resources
from valetkey.testing._state import State
from valetkey.testing._token_service import TokenService
from valetkey.v1 import (
    application_service_pb2_grpc,
    connection_service_pb2_grpc,
    event_service_pb2_grpc,
    provider_service_pb2_grpc,
    token_service_pb2_grpc,
)

if TYPE_CHECKING:
    from typing_extensions import Self

# Each open stream and each held call keeps one.
_THREADS = 64


class Fake:
    """A ValetKey whose provider says yes to everything. Thread-safe.

    Names may be short, as in a client. Methods are named as in the contract:
    "GetToken", "WatchEvents".
    """

    def __init__(
        self,
        *,
        application: str = "shop",
        api_key: str = "",
        address: str = "127.0.0.1:0",
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        """Starts it.

        Args:
            application: the one of short names.
            api_key: asked for if it is not empty.
            address: where to listen; port 0 for a free one, or `unix:/path`.
            credentials: for TLS; None for plain text.
        """
        self._names = Names(application)
        self._api_key = api_key
        self._credentials = credentials
        self._address = address
        self._state = State()
        self._resources = Resources()
        self._resources.create(v1.Application(name=self._names.parent()))
        self._gate = Gate(self._state.changed, api_key)
        self._tokens = TokenService(self._state)
        self._applications = ApplicationService(self._resources)
        self._server: grpc.Server | None = None
        self.start()

    @property
    def address(self) -> str:
        """Where it listens; the same after a restart."""
        return self._address

    def options(self, **more: Any) -> dict[str, Any]:
        """What a `Client` of it is made with; `more` is added or wins."""
        return {
            "address": self._address,
            "api_key": self._api_key,
            "application": self._names.application,
            **more,
        }

    def client(self, **options: Any) -> Client:
        """A blocking client of it, to be closed by the caller."""
        return Client(**self.options(**options))

    def aio_client(self, **options: Any) -> aio.Client:
        """An asyncio client of it, to be closed by the caller."""
        return aio.Client(**self.options(**options))

    # ------------------------------------------------------- what there is

    def set_token(
        self,
        connection: str,
        access_token: str | None = None,
        expires_in: float | None = 3600.0,
        scopes: Sequence[str] = (),
        *,
        refresh_in: float | None = None,
        token_type: str = "bearer",
        provider: str = "pinterest",
        subject: str = "somebody",
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Gives a connection its next token; makes it if there is none.

        Emits CONNECTED, REFRESHED, or REAUTHORIZED where it gave none before.
        The fake renews a token that has expired or was rejected by itself, with
        the same lifetime and scopes.

        Args:
            connection: its name.
            access_token: None for one of the fake's making.
            expires_in: in seconds; None for never.
            scopes: those granted.
            refresh_in: seconds up to the token's `refresh_time`.
            token_type: as the provider would name it.
            provider: of a new connection.
            subject: of a new connection.
            labels: of a new connection.

        Returns:
            The generation.
        """
        return self._state.set_token(
            self._names.connection(connection),
            access_token,
            expires_in=expires_in,
            refresh_in=refresh_in,
            scopes=scopes,
            token_type=token_type,
            provider=self._names.provider(provider),
            subject=subject,
            labels=labels,
        )

    def revoke(self, connection: str) -> None:
        """As Revoke does. Emits REVOKED."""
        self._state.end(self._names.connection(connection), revoked=True)

    def require_reauthorization(self, connection: str) -> None:
        """The provider ends the grant. Emits REAUTHORIZATION_REQUIRED.

        The access token is given out to its end.
        """
        self._state.end(self._names.connection(connection), revoked=False)

    def delete(self, connection: str) -> None:
        """As DeleteConnection does. Emits DELETED."""
        self._state.delete(self._names.connection(connection))

    def emit(self, event: v1.Event) -> None:
        """Tells watchers of an event, which gets the next sequence number."""
        self._state.emit(event)

    def lag(self) -> None:
        """Ends the open streams with WATCH_LAGGED."""
        self._state.lag()

    # ------------------------------------------------------ what goes wrong

    def fail(
        self,
        method: str,
        reason: str = "",
        times: int = 1,
        retry_delay: float | None = None,
        *,
        code: grpc.StatusCode | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Fails the next calls of a method.

        Args:
            method: such as "GetToken".
            reason: an `ErrorReason` by name; empty for no ErrorInfo.
            times: how many calls.
            retry_delay: seconds, in RetryInfo.
            code: the reason's own by default, else UNAVAILABLE.
            metadata: of the reason.
        """
        failure = Failure(reason, code, metadata, retry_delay)
        self._gate.fail(method, failure, times)

    @contextmanager
    def hold(self, method: str) -> Iterator[None]:
        """Lets the calls of a method wait while the block runs."""
        self._gate.hold(method)
        try:
            yield
        finally:
            self._gate.release(method)

    # ------------------------------------------------------- what was asked

    def calls(self, method: str) -> int:
        """How often a method was called, failures included."""
        return len(self.requests(method))

    def requests(self, method: str) -> list[Message]:
        """What a method was called with."""
        with self._state.changed:
            return list(self._gate.requests[method])

    def wait_for_calls(
        self, method: str, count: int, timeout: float = 10.0
    ) -> None:
        """Waits until a method was called so often.

        Raises:
            TimeoutError: it was not.
        """
        requests = self._gate.requests
        with self._state.changed:
            if not self._state.changed.wait_for(
                lambda: len(requests[method]) >= count, timeout
            ):
                raise TimeoutError(f"{len(requests[method])} calls of {method}")

    # ---------------------------------------------------------- the server

    def start(self) -> None:
        """Serves again after `stop`, at the same address."""
        if self._server is not None:
            return
        self._gate.stopping = False
        self._pool = ThreadPoolExecutor(_THREADS, "valetkey-fake")
        server = grpc.server(
            self._pool,
            interceptors=[self._gate],
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ],
        )
        token_service_pb2_grpc.add_TokenServiceServicer_to_server(
            self._tokens, server
        )
        event_service_pb2_grpc.add_EventServiceServicer_to_server(
            EventService(self._state, self._gate), server
        )
        connection_service_pb2_grpc.add_ConnectionServiceServicer_to_server(
            ConnectionService(self._state), server
        )
        provider_service_pb2_grpc.add_ProviderServiceServicer_to_server(
            ProviderService(self._resources), server
        )
        application_service_pb2_grpc.add_ApplicationServiceServicer_to_server(
            self._applications, server
        )
        if self._credentials is None:
            port = server.add_insecure_port(self._address)
        else:
            port = server.add_secure_port(self._address, self._credentials)
        if self._address.endswith(":0"):
            self._address = f"{self._address.removesuffix('0')}{port}"
        server.start()
        self._server = server

    def stop(self) -> None:
        """Goes away: ends what is open, and refuses connections. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        with self._state.changed:
            self._gate.stopping = True
            self._state.changed.notify_all()
        server.stop(grace=1.0).wait()
        self._pool.shutdown()

    def close(self) -> None:
        """Stops it. Idempotent."""
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
