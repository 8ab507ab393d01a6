"""Client of ValetKey, the OAuth token broker.

    with valetkey.Client(application="shop") as client:
        source = client.token_source("c-7")
        token = source.token()

`Client` and what it makes block; `valetkey.aio` has the same for asyncio.
`valetkey.adapters` puts tokens into the requests of httpx, requests and gRPC;
`valetkey.testing` is a ValetKey for tests; `valetkey.v1` has the messages of
the contract.
"""

from valetkey import aio, v1
from valetkey._admin_calls import CreatedKey
from valetkey._sync.client import Client
from valetkey._sync.listing import Listing
from valetkey._sync.source import TokenSource
from valetkey._sync.watch import Watch
from valetkey._token import Token
from valetkey._version import __version__
from valetkey.errors import (
    ConfigError,
    ConnectionRevoked,
    ConsentDenied,
    CursorExpired,
    Error,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ReauthorizationRequired,
    ScopeNotGranted,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "Client",
    "ConfigError",
    "ConnectionRevoked",
    "ConsentDenied",
    "CreatedKey",
    "CursorExpired",
    "Error",
    "InvalidArgument",
    "Listing",
    "NotFound",
    "PermissionDenied",
    "ReauthorizationRequired",
    "ScopeNotGranted",
    "Token",
    "TokenSource",
    "Unauthenticated",
    "Unavailable",
    "Watch",
    "__version__",
    "aio",
    "v1",
]
