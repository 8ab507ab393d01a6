"""Tokens for gRPC APIs.

    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(),
        grpc.metadata_call_credentials(TokenPlugin(source)),
    )
    channel = grpc.secure_channel("ads.example.com:443", credentials)

gRPC asks a plugin for metadata and does not show it the answer. Where a call
ends with UNAUTHENTICATED, reject the token and call again:

    source.invalidate(source.token().generation)
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import grpc

from valetkey import aio
from valetkey._sync.source import TokenSource
from valetkey._token import Token
from valetkey.errors import Error

__all__ = ["AsyncTokenPlugin", "TokenPlugin"]


class TokenPlugin(grpc.AuthMetadataPlugin):
    """Call credentials from a blocking source, for channels of either world.

    Thread-safe. A call for which there is no token fails with UNAVAILABLE.
    """

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __call__(
        self,
        context: grpc.AuthMetadataContext,
        callback: grpc.AuthMetadataPluginCallback,
    ) -> None:
        """Called by gRPC, whose thread must not be kept."""
        token = self._source.at_hand()
        if token is not None:
            callback(_metadata(token), None)
            return
        threading.Thread(
            target=self._fetch,
            args=(callback,),
            name="valetkey-plugin",
            daemon=True,
        ).start()

    def _fetch(self, callback: grpc.AuthMetadataPluginCallback) -> None:
        try:
            token = self._source.token()
        except Error as error:
            callback((), error)
        else:
            callback(_metadata(token), None)


class AsyncTokenPlugin(grpc.AuthMetadataPlugin):
    """Call credentials from an asyncio source; make it in the source's loop.

    A call for which there is no token fails with UNAVAILABLE.
    """

    def __init__(self, source: aio.TokenSource) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()

    def __call__(
        self,
        context: grpc.AuthMetadataContext,
        callback: grpc.AuthMetadataPluginCallback,
    ) -> None:
        """Called by gRPC, in whatever thread."""

        def done(token: Future[Token]) -> None:
            failure = token.exception()
            if isinstance(failure, Exception):
                callback((), failure)
            else:
                callback(_metadata(token.result()), None)

        asyncio.run_coroutine_threadsafe(
            self._source.token(), self._loop
        ).add_done_callback(done)


def _metadata(token: Token) -> tuple[tuple[str, str], ...]:
    return (("authorization", token.authorization),)
