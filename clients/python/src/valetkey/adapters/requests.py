"""Tokens for requests.

    requests.get(
        "https://api.pinterest.com/v5/user_account", auth=TokenAuth(source)
    )

See `valetkey.adapters` for what it does on a 401.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from requests.auth import AuthBase

from valetkey._sync.source import TokenSource
from valetkey._token import Token
from valetkey.errors import Error

__all__ = ["TokenAuth"]

_HEADER = "Authorization"


class TokenAuth(AuthBase):
    """The auth of a request or a session. Thread-safe."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __call__(
        self, request: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        """Raises `Error` where there is no token to send."""
        token = self._source.token()
        request.headers[_HEADER] = token.authorization
        hook = partial(self._answered, token, _Body(request.body))
        request.register_hook("response", hook)  # type: ignore[no-untyped-call]
        return request

    def _answered(
        self,
        token: Token,
        body: _Body,
        response: requests.Response,
        **options: Any,
    ) -> requests.Response:
        # The hook stays with the request along redirects; to another host it
        # goes without the token.
        sent = response.request.headers.get(_HEADER)
        if (
            response.status_code != requests.codes.unauthorized
            or sent != token.authorization
        ):
            return response
        self._source.invalidate(token.generation)
        if not body.rewind():
            return response
        try:
            renewed = self._source.token()
        except Error:
            return response
        # Read, so that its connection can be used again.
        _ = response.content
        response.close()
        again = response.request.copy()
        again.headers[_HEADER] = renewed.authorization
        repeated: requests.Response = response.connection.send(again, **options)
        repeated.history.append(response)
        repeated.request = again
        return repeated


class _Body:
    """A request's body, which may be one to send again."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._start: int | None = None
        if not isinstance(body, (str, bytes, type(None))):
            try:
                self._start = body.tell()
            except (AttributeError, OSError):
                self._start = None

    def rewind(self) -> bool:
        """Whether it can be sent again; goes back to its beginning."""
        if isinstance(self._body, (str, bytes, type(None))):
            return True
        if self._start is None:
            return False
        try:
            self._body.seek(self._start)
        except (AttributeError, OSError):
            return False
        return True
