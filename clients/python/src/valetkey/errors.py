"""Why a call failed.

Every failed call raises `Error` or one of its subtypes. Branch on the type or
on `reason`, never on the message. `ConfigError` is apart: it is raised before
anything is sent, for what only a change of the program or its settings mends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import grpc

from valetkey.v1.token_service_pb2 import AuthorizeRequest

__all__ = [
    "ConfigError",
    "ConnectionRevoked",
    "ConsentDenied",
    "CursorExpired",
    "Error",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "ReauthorizationRequired",
    "ScopeNotGranted",
    "Unauthenticated",
    "Unavailable",
]


class ConfigError(ValueError):
    """What the library refuses before it sends anything."""


class Error(Exception):
    """A failed call.

    Attributes:
        code: gRPC's.
        reason: an `ErrorReason` by name; one that this version does not know
            is kept as it came. Empty where there is none, such as when the
            server was not reached.
        metadata: what the reason comes with, as `errors.proto` lists it.
        retry_delay: seconds after which a retry may help; None where it is no
            help.
        message: for people.
    """

    code: grpc.StatusCode
    reason: str
    metadata: Mapping[str, str]
    retry_delay: float | None
    message: str

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_delay: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.retry_delay = retry_delay

    def __str__(self) -> str:
        kind = (
            f"{self.code.name}, {self.reason}"
            if self.reason
            else self.code.name
        )
        return f"{self.message} ({kind})"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (
            type(self),
            self.message,
            self.code,
            self.reason,
            dict(self.metadata),
            self.retry_delay,
        )


class ReauthorizationRequired(Error):
    """The grant is dead at the provider: the person must consent again."""

    @property
    def connection(self) -> str:
        """`applications/{a}/connections/{c}`."""
        return self.metadata.get("connection", "")

    @property
    def provider(self) -> str:
        """`applications/{a}/providers/{p}`."""
        return self.metadata.get("provider", "")

    @property
    def subject(self) -> str:
        """The application's own id of its user; empty if it was not told."""
        return self.metadata.get("subject", "")

    def authorize_request(self) -> AuthorizeRequest:
        """What to call `Client.authorize` with; set a `return_uri` if need be.

        A new message with each call.
        """
        return AuthorizeRequest(
            provider=self.provider,
            connection=self.connection,
            subject=self.subject,
        )


class ConnectionRevoked(Error):
    """The connection was revoked here."""


class ScopeNotGranted(Error):
    """A required scope was not granted: ask for it by Authorize."""

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """The scopes that were required and not granted."""
        return tuple(self.metadata.get("missing_scopes", "").split())


class ConsentDenied(Error):
    """The person declined, or the provider returned another error."""


class NotFound(Error):
    """Nothing of that name, or not the caller's."""


class InvalidArgument(Error):
    """The request must be mended."""

    @property
    def field(self) -> str:
        """The field that is missing or malformed; empty if it was not told."""
        return self.metadata.get("field", "")


class Unauthenticated(Error):
    """The API key is missing or no good. Never about a user's grant."""


class PermissionDenied(Error):
    """The API key lacks a right. Never about a user's grant."""


class CursorExpired(Error):
    """Events after the cursor are gone: list, or begin with a snapshot."""


class Unavailable(Error):
    """ValetKey or the provider cannot be reached now: try again later."""


class _Subtypes:
    """Which subtype an error is: by its reason, or else by its code."""

    by_reason: ClassVar[Mapping[str, type[Error]]] = {
        "REAUTHORIZATION_REQUIRED": ReauthorizationRequired,
        "CONNECTION_REVOKED": ConnectionRevoked,
        "SCOPE_NOT_GRANTED": ScopeNotGranted,
        "CONSENT_DENIED": ConsentDenied,
        "CURSOR_EXPIRED": CursorExpired,
    }
    by_code: ClassVar[Mapping[grpc.StatusCode, type[Error]]] = {
        grpc.StatusCode.NOT_FOUND: NotFound,
        grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
        grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
        grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
        grpc.StatusCode.UNAVAILABLE: Unavailable,
    }


def make_error(
    message: str,
    *,
    code: grpc.StatusCode,
    reason: str = "",
    metadata: Mapping[str, str] | None = None,
    retry_delay: float | None = None,
) -> Error:
    """An error of the subtype that its reason or code asks for."""
    subtype = _Subtypes.by_reason.get(reason) or _Subtypes.by_code.get(
        code, Error
    )
    return subtype(
        message,
        code=code,
        reason=reason,
        metadata=metadata,
        retry_delay=retry_delay,
    )


def _rebuild(
    subtype: type[Error],
    message: str,
    code: grpc.StatusCode,
    reason: str,
    metadata: Mapping[str, str],
    retry_delay: float | None,
) -> Error:
    return subtype(
        message,
        code=code,
        reason=reason,
        metadata=metadata,
        retry_delay=retry_delay,
    )
