"""Tokens as gRPC call credentials, against an API on a loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

import valetkey
from valetkey.adapters.grpc import AsyncTokenPlugin, TokenPlugin
from valetkey.testing import Fake

METHOD = "/provider.Api/WhoAmI"


@pytest.fixture
def api() -> Iterator[str]:
    """Answers with the authorization that it was sent."""

    def serve(_: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata())
        return str(metadata.get("authorization", "")).encode()

    handler: grpc.RpcMethodHandler[bytes, bytes] = (
        grpc.unary_unary_rpc_method_handler(serve)
    )
    handlers = grpc.method_handlers_generic_handler(
        "provider.Api", {"WhoAmI": handler}
    )
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((handlers,))
        port = server.add_secure_port(
            "127.0.0.1:0", grpc.local_server_credentials()
        )
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


def who_am_i(channel: Any) -> Any:
    return channel.unary_unary(METHOD)(b"", timeout=10)


def credentials(plugin: grpc.AuthMetadataPlugin) -> grpc.ChannelCredentials:
    return grpc.composite_channel_credentials(
        grpc.local_channel_credentials(),
        grpc.metadata_call_credentials(plugin),
    )


def test_the_token_goes_along(fake: Fake, api: str) -> None:
    fake.set_token("c-7", "one", scopes=["a"])
    with fake.client() as client:
        source = client.token_source("c-7")
        with grpc.secure_channel(api, credentials(TokenPlugin(source))) as ch:
            assert who_am_i(ch) == b"Bearer one"
            assert who_am_i(ch) == b"Bearer one"
            source.invalidate(source.token().generation)
            assert who_am_i(ch) == b"Bearer c-7-2"


def test_without_a_token_the_call_fails(fake: Fake, api: str) -> None:
    with fake.client() as client:
        plugin = TokenPlugin(client.token_source("nothing"))
        with grpc.secure_channel(api, credentials(plugin)) as channel:
            with pytest.raises(grpc.RpcError) as raised:
                who_am_i(channel)
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_in_a_loop(fake: Fake, api: str) -> None:
    fake.set_token("c-7", "one")
    async with fake.aio_client() as client:
        for source, expected in (
            (client.token_source("c-7"), b"Bearer one"),
            (client.token_source("nothing"), None),
        ):
            plugin = AsyncTokenPlugin(source)
            async with grpc.aio.secure_channel(
                api, credentials(plugin)
            ) as channel:
                call = who_am_i(channel)
                if expected is None:
                    with pytest.raises(grpc.aio.AioRpcError):
                        await call
                else:
                    assert await asyncio.wait_for(call, 10) == expected


def test_it_is_no_use_after_close(fake: Fake, api: str) -> None:
    fake.set_token("c-7")
    with fake.client() as client:
        source = client.token_source("c-7")
    with (
        grpc.secure_channel(api, credentials(TokenPlugin(source))) as channel,
        pytest.raises(grpc.RpcError),
    ):
        who_am_i(channel)
    with pytest.raises(valetkey.Error):
        source.token()
