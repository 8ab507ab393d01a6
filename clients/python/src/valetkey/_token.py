"""An access token as an application uses it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timezone

from valetkey.v1 import token_service_pb2 as pb

# A token that lives less is not given out of memory: it would expire on its
# way to the provider.
_MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. Immutable; its `repr` does not show the secret.

    Attributes:
        access_token: the secret. Do not log it.
        token_type: as the provider named it, usually "bearer".
        expire_time: when it ceases to be valid; None if it does not expire, as
            far as anyone knows. In UTC.
        scopes: the scopes granted.
        generation: one more at every change of the connection's tokens.
        refresh_time: when ValetKey means to renew it; None for never. In UTC.
    """

    access_token: str = field(repr=False)
    token_type: str = "bearer"
    expire_time: datetime | None = None
    scopes: tuple[str, ...] = ()
    generation: int = 0
    refresh_time: datetime | None = None
    # As time.time() has it, up to when a source gives it out from memory.
    _good_until: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        until = math.inf
        if self.expire_time is not None:
            until = self.expire_time.timestamp() - _MARGIN
        object.__setattr__(self, "_good_until", until)

    @property
    def authorization(self) -> str:
        """The value of an `Authorization` header. As secret as the token."""
        scheme = self.token_type or "bearer"
        if scheme.lower() == "bearer":
            scheme = "Bearer"
        return f"{scheme} {self.access_token}"


def token_of(message: pb.Token) -> Token:
    """A token as the server sent it."""
    return Token(
        access_token=message.access_token,
        token_type=message.token_type,
        expire_time=_time(message, "expire_time"),
        scopes=tuple(message.scopes),
        generation=message.generation,
        refresh_time=_time(message, "refresh_time"),
    )


def _time(message: pb.Token, name: str) -> datetime | None:
    if not message.HasField(name):  # type: ignore[arg-type]
        return None
    value: datetime = getattr(message, name).ToDatetime(tzinfo=timezone.utc)
    return value
