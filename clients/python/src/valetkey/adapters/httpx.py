"""Tokens for httpx.

    with httpx.Client(auth=TokenAuth(source)) as http:
        http.get("https://api.pinterest.com/v5/user_account")

See `valetkey.adapters` for what they do on a 401.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from valetkey import aio
from valetkey._sync.source import TokenSource
from valetkey._token import Token
from valetkey.errors import Error

__all__ = ["AsyncTokenAuth", "TokenAuth"]

_HEADER = "Authorization"


class TokenAuth(httpx.Auth):
    """The auth of a `httpx.Client`. Thread-safe."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises `Error` where there is no token to send."""
        token = self._source.token()
        response = yield _with(request, token)
        if not _is_refused(response, token):
            return
        self._source.invalidate(token.generation)
        if _is_repeatable(request):
            try:
                token = self._source.token()
            except Error:
                return
            yield _with(request, token)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Raises RuntimeError: reading would block the event loop."""
        raise RuntimeError("use AsyncTokenAuth in a httpx.AsyncClient")
        yield request


class AsyncTokenAuth(httpx.Auth):
    """The auth of a `httpx.AsyncClient`, for the event loop of its source."""

    def __init__(self, source: aio.TokenSource) -> None:
        self._source = source

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises RuntimeError: the source belongs to an event loop."""
        raise RuntimeError("use TokenAuth in a httpx.Client")
        yield request

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Raises `Error` where there is no token to send."""
        token = await self._source.token()
        response = yield _with(request, token)
        if not _is_refused(response, token):
            return
        self._source.invalidate(token.generation)
        if _is_repeatable(request):
            try:
                token = await self._source.token()
            except Error:
                return
            yield _with(request, token)


def _with(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers[_HEADER] = token.authorization
    return request


def _is_refused(response: httpx.Response, token: Token) -> bool:
    # After a redirect to another host the answer is to a request that had no
    # token: httpx takes it off.
    sent = response.request.headers.get(_HEADER)
    return (
        response.status_code == httpx.codes.UNAUTHORIZED
        and sent == token.authorization
    )


def _is_repeatable(request: httpx.Request) -> bool:
    # Anything else may be a stream that is used up.
    return isinstance(request.stream, httpx.ByteStream)
