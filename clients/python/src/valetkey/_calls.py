"""The calls of the contract as values, which both worlds send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from valetkey import v1
from valetkey._names import Names
from valetkey._token import Token, token_of

T = TypeVar("T")

# GetToken, Exchange and the like change nothing by being repeated; nor do
# reads. Refresh is repeatable where it names the generation to replace.
_REPEATABLE = frozenset(
    {"Authorize", "Exchange", "GetToken", "Revoke", "RevokeKey"}
)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call: the service and method, the request, and what to make of the
    response.
    """

    service: str
    method: str
    request: Message
    convert: Callable[[Any], T]

    @property
    def repeatable(self) -> bool:
        """Whether it may be tried again after UNAVAILABLE."""
        if isinstance(self.request, v1.RefreshRequest):
            return self.request.generation != 0
        return self.method in _REPEATABLE or self.method.startswith(
            ("Get", "List")
        )


def same(response: T) -> T:
    """Makes nothing else of a response."""
    return response


def nothing(_: Message) -> None:
    """Of an empty response."""


def seconds(value: float) -> Duration:
    """A duration of so many seconds."""
    duration = Duration()
    duration.FromNanoseconds(round(value * 1e9))
    return duration


def authorize(
    names: Names,
    provider: str | v1.AuthorizeRequest,
    *,
    subject: str,
    scopes: Sequence[str],
    connection: str,
    return_uri: str,
    extra_parameters: Mapping[str, str] | None,
    labels: Mapping[str, str] | None,
    inputs: Mapping[str, str] | None,
) -> Call[v1.AuthorizeResponse]:
    """Begins consent; the arguments beside a request are added to it."""
    request = v1.AuthorizeRequest()
    if isinstance(provider, str):
        request.provider = provider
    else:
        request.CopyFrom(provider)
    request.MergeFrom(
        v1.AuthorizeRequest(
            subject=subject,
            scopes=scopes,
            connection=connection,
            return_uri=return_uri,
            extra_parameters=extra_parameters,
            labels=labels,
            inputs=inputs,
        )
    )
    request.provider = names.provider(request.provider)
    if request.connection:
        request.connection = names.connection(request.connection)
    return Call("TokenService", "Authorize", request, same)


def exchange(
    *,
    state: str,
    code: str,
    issuer: str,
    error: str,
    error_description: str,
    callback_parameters: Mapping[str, str] | None,
) -> Call[v1.ExchangeResponse]:
    """Finishes consent."""
    request = v1.ExchangeRequest(
        state=state,
        code=code,
        issuer=issuer,
        error=error,
        error_description=error_description,
        callback_parameters=callback_parameters,
    )
    return Call("TokenService", "Exchange", request, same)


def get_token(
    names: Names,
    name: str,
    *,
    required_scopes: Sequence[str],
    min_lifetime: float,
    min_generation: int,
    rejected_generation: int,
    token: str,
) -> Call[Token]:
    """Asks for a token."""
    request = v1.GetTokenRequest(
        name=names.connection(name),
        required_scopes=required_scopes,
        min_lifetime=seconds(min_lifetime) if min_lifetime else None,
        min_generation=min_generation,
        rejected_generation=rejected_generation,
        token=token,
    )
    return Call("TokenService", "GetToken", request, _token)


def refresh(
    names: Names, name: str, *, generation: int, token: str
) -> Call[Token]:
    """Asks for a new token."""
    request = v1.RefreshRequest(
        name=names.connection(name), generation=generation, token=token
    )
    return Call("TokenService", "Refresh", request, _token)


def revoke(names: Names, name: str) -> Call[v1.RevokeResponse]:
    """Ends a grant."""
    request = v1.RevokeRequest(name=names.connection(name))
    return Call("TokenService", "Revoke", request, same)


def watch_request(
    names: Names,
    application: str | None,
    *,
    cursor: str,
    snapshot: bool,
    connection: str,
    provider: str,
    subject: str,
    labels: Mapping[str, str] | None,
    types: Sequence[v1.EventType.ValueType],
) -> v1.WatchEventsRequest:
    """Asks for a stream of events."""
    return v1.WatchEventsRequest(
        parent=names.parent(application),
        cursor=cursor,
        snapshot=snapshot,
        connection=names.connection(connection) if connection else "",
        provider=names.provider(provider) if provider else "",
        subject=subject,
        labels=labels,
        types=types,
    )


def _token(response: v1.GetTokenResponse | v1.RefreshResponse) -> Token:
    return token_of(response.token)
