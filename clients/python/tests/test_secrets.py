"""No secret is shown, logged or told in an error."""

from __future__ import annotations

import logging
import traceback

import pytest

import valetkey
from tests.worlds import World
from valetkey._config import make_config
from valetkey.testing import Fake

KEY = "vk_canary-key"
TOKEN = "canary-token"


def test_none_is_in_a_repr(fake: Fake) -> None:
    fake.set_token("c-7", TOKEN)
    with fake.client(api_key=KEY) as client:
        source = client.token_source("c-7")
        token = source.token()
        made = client.create_key([valetkey.v1.Right.RIGHT_CONNECT])
        config = make_config("127.0.0.1:1", api_key=KEY)
        for thing in (client, source, token, config, made):
            shown = f"{thing!r} {thing}"
            assert "canary" not in shown
            assert made.secret not in shown
    assert "127.0.0.1" in repr(client)
    assert "c-7" in repr(source)
    aio = fake.aio_client(api_key=KEY)
    assert "canary" not in repr(aio)
    assert "c-7" in repr(aio.token_source("c-7"))


async def test_none_is_in_a_log_or_an_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake = world.fake
    fake.set_token("c-7", TOKEN)
    client = world.another(api_key=KEY)
    source = client.client.token_source("c-7")
    await client.token(source)
    told = ""
    for reason in ("PROVIDER_UNAVAILABLE", "API_KEY_INVALID", "INTERNAL_FAULT"):
        source.invalidate(1)
        fake.fail("GetToken", reason)
        try:
            await client.token(source, 0.05)
        except valetkey.Error as error:
            told += "".join(traceback.format_exception(error)) + repr(error)
    fake.stop()
    with pytest.raises(valetkey.Error) as raised:
        await client.do("get_token", "c-7", timeout=0.05)
    told += "".join(traceback.format_exception(raised.value))
    await client.close()
    assert told
    assert "canary" not in told
    assert "canary" not in caplog.text
