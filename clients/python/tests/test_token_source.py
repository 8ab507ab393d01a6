"""Token sources in both worlds, against the fake."""

from __future__ import annotations

import asyncio
import threading
import time

import grpc
import pytest

import valetkey
from tests.worlds import LoopWorld, World, called, until
from valetkey.testing import Fake

S = grpc.StatusCode


async def test_it_is_read_from_memory(world: World) -> None:
    world.fake.set_token("c-7", "secret")
    source = world.client.token_source("c-7")
    assert source.name == "applications/shop/connections/c-7"
    assert source.at_hand() is None
    assert world.fake.calls("WatchEvents") == 0
    for _ in range(100):
        assert (await world.token(source)).access_token == "secret"
    assert source.at_hand() is await world.token(source)
    assert world.fake.calls("GetToken") == 1
    assert world.fake.calls("WatchEvents") == 1


async def test_a_hundred_first_readers_make_one_call(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    with world.fake.hold("GetToken"):
        readers = [
            asyncio.ensure_future(world.token(source)) for _ in range(100)
        ]
        await called(world.fake, "GetToken", 1)
        # All of them wait, in as many threads as the world has for them.
        await until(lambda: len(source._state._waiters) > 4)
    tokens = await asyncio.gather(*readers)
    assert {t.generation for t in tokens} == {1}
    assert world.fake.calls("GetToken") == 1


async def test_a_hundred_threads_make_one_call(fake: Fake) -> None:
    fake.set_token("c-7")
    got: list[valetkey.Token] = []
    with fake.client() as client:
        source = client.token_source("c-7")
        threads = [
            threading.Thread(target=lambda: got.append(source.token()))
            for _ in range(100)
        ]
        with fake.hold("GetToken"):
            for thread in threads:
                thread.start()
            await until(lambda: len(source._state._waiters) == 100)
        for thread in threads:
            thread.join()
    assert {t.generation for t in got} == {1}
    assert len(got) == 100
    assert fake.calls("GetToken") == 1


async def test_an_event_brings_the_new_token(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    await world.token(source)
    world.fake.set_token("c-7", "new")
    await until(
        lambda: source.at_hand() and source.at_hand().access_token == "new"
    )
    assert world.fake.calls("GetToken") == 2


async def test_a_token_that_lives_for_ages(world: World) -> None:
    world.fake.set_token("c-7", expires_in=2e11)
    source = world.client.token_source("c-7")
    expire_time = (await world.token(source)).expire_time
    assert expire_time is not None
    assert expire_time.year > 8000
    world.fake.set_token("c-7")
    await until(lambda: source.at_hand().generation == 2)


async def test_a_revoked_connection(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    await world.token(source)
    world.fake.revoke("c-7")
    await until(lambda: source.at_hand() is None)
    with pytest.raises(valetkey.ConnectionRevoked):
        await world.token(source)
    world.fake.set_token("c-7", "again")
    await until(lambda: source.at_hand())
    assert (await world.token(source)).access_token == "again"


async def test_a_deleted_connection(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    await world.token(source)
    world.fake.delete("c-7")
    await until(lambda: source.at_hand() is None)
    with pytest.raises(valetkey.NotFound):
        await world.token(source)


async def test_a_rejected_token(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    token = await world.token(source)
    source.invalidate(token.generation)
    assert source.at_hand() is None
    assert (await world.token(source)).generation == 2
    source.invalidate(token.generation)
    assert source.at_hand().generation == 2


async def test_errors_are_remembered(world: World) -> None:
    source = world.client.token_source("nothing")
    for _ in range(20):
        with pytest.raises(valetkey.NotFound):
            await world.token(source)
    assert world.fake.calls("GetToken") < 20


async def test_required_scopes(world: World) -> None:
    world.fake.set_token("c-7", scopes=["a"])
    source = world.client.token_source("c-7", required_scopes=["a", "b"])
    with pytest.raises(valetkey.ScopeNotGranted) as raised:
        await world.token(source)
    assert raised.value.missing_scopes == ("b",)


async def test_one_of_several_tokens(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7", token="user")
    with pytest.raises(valetkey.NotFound) as raised:
        await world.token(source)
    assert raised.value.reason == "TOKEN_NOT_FOUND"


async def test_a_key_without_the_right_to_watch(world: World) -> None:
    world.fake.set_token("c-7")
    world.fake.fail("WatchEvents", "RIGHT_MISSING", times=100)
    source = world.client.token_source("c-7")
    start = time.monotonic()
    assert (await world.token(source)).generation == 1
    assert time.monotonic() - start < 0.9
    assert world.fake.calls("WatchEvents") == 1


async def test_a_stream_that_does_not_come(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    with world.fake.hold("WatchEvents"):
        start = time.monotonic()
        assert (await world.token(source)).generation == 1
        assert 0.9 < time.monotonic() - start < 5
    # It may have missed something.
    await called(world.fake, "GetToken", 2)


async def test_valetkey_away_and_back(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    await world.token(source)
    world.fake.stop()
    assert (await world.token(source, 0.1)).generation == 1
    source.invalidate(1)
    start = time.monotonic()
    with pytest.raises(valetkey.Unavailable) as raised:
        await world.token(source, 0.3)
    assert raised.value.retry_delay is not None
    assert time.monotonic() - start < 2
    waiting = asyncio.ensure_future(world.token(source, 20))
    world.fake.start()
    assert (await waiting).generation == 2
    # The stream is back, too.
    await called(world.fake, "WatchEvents", 2)
    world.fake.set_token("c-7")
    await until(lambda: source.at_hand() and source.at_hand().generation == 3)


async def test_a_reader_does_not_wait_past_its_deadline(world: World) -> None:
    source = world.client.token_source("c-7")
    with world.fake.hold("GetToken"), pytest.raises(valetkey.Error) as raised:
        await world.token(source, 0.1)
    assert raised.value.code is S.DEADLINE_EXCEEDED


async def test_a_deadline_during_a_later_try_means_the_earlier_failure(
    world: World,
) -> None:
    world.fake.fail("GetToken", "STORE_UNAVAILABLE", retry_delay=0.01)
    source = world.client.token_source("c-7")
    reading = asyncio.ensure_future(world.token(source, 0.5))
    await called(world.fake, "GetToken", 1)
    with (
        world.fake.hold("GetToken"),
        pytest.raises(valetkey.Unavailable) as raised,
    ):
        await reading
    assert raised.value.reason == "STORE_UNAVAILABLE"
    assert not source._state._waiters


async def test_a_deadline_of_nothing(world: World) -> None:
    world.fake.set_token("c-7")
    source = world.client.token_source("c-7")
    with pytest.raises(valetkey.Error) as raised:
        await world.token(source, 0)
    assert raised.value.code is S.DEADLINE_EXCEEDED


async def test_a_reader_that_is_cancelled_does_not_cancel_the_fetch(
    fake: Fake,
) -> None:
    fake.set_token("c-7")
    async with fake.aio_client() as client:
        source = client.token_source("c-7")
        with fake.hold("GetToken"):
            hasty = asyncio.ensure_future(source.token())
            patient = asyncio.ensure_future(source.token())
            await called(fake, "GetToken", 1)
            hasty.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hasty
        assert (await patient).generation == 1
        assert fake.calls("GetToken") == 1


async def test_close_fails_readers(world: World) -> None:
    source = world.client.token_source("c-7")
    with world.fake.hold("GetToken"):
        waiting = asyncio.ensure_future(world.token(source))
        await called(world.fake, "GetToken", 1)
        await world.end(source)
        with pytest.raises(valetkey.Error) as raised:
            await waiting
    assert raised.value.code is S.CANCELLED
    await world.end(source)
    with pytest.raises(valetkey.Error) as raised:
        await world.token(source)
    assert raised.value.code is S.CANCELLED


async def test_closing_the_client_closes_its_sources(world: World) -> None:
    world.fake.set_token("c-7")
    other = world.another()
    source = other.client.token_source("c-7")
    await other.token(source)
    unread = other.client.token_source("c-7")
    await other.close()
    late = other.client.token_source("c-7")
    for closed in (source, unread, late):
        with pytest.raises(valetkey.Error) as raised:
            await other.token(closed)
        assert raised.value.code is S.CANCELLED


async def test_sources_are_contexts(fake: Fake) -> None:
    fake.set_token("c-7")
    with fake.client() as client, client.token_source("c-7") as source:
        source.token()
    async with (
        fake.aio_client() as loop_client,
        loop_client.token_source("c-7") as loop_source,
    ):
        await loop_source.token()


async def test_the_last_source_ends_the_stream(world: World) -> None:
    world.fake.set_token("c-7")
    first = world.client.token_source("c-7")
    second = world.client.token_source("c-7")
    await world.token(first)
    await world.token(second)
    assert world.fake.calls("WatchEvents") == 1
    await world.end(first)
    await world.end(second)
    third = world.client.token_source("c-7")
    await world.token(third)
    assert world.fake.calls("WatchEvents") == 2


async def test_a_fault_of_the_librarys_own_is_no_end(
    fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    fake.set_token("c-7")
    with fake.client() as client:
        client._runtime.call_later(0, broken)
        assert client.token_source("c-7").token().generation == 1
    assert "an action failed" in caplog.text


async def test_an_aio_client_may_be_made_outside_of_a_loop(fake: Fake) -> None:
    fake.set_token("c-7")
    client = await asyncio.to_thread(fake.aio_client)
    assert (await client.token_source("c-7").token()).generation == 1
    await client.close()


async def test_closing_within_a_callback_of_a_reader(fake: Fake) -> None:
    """A task that closes the client it reads from."""
    fake.set_token("c-7")
    world = LoopWorld(fake)
    source = world.client.token_source("c-7")

    async def read_and_close() -> None:
        await source.token()
        await world.close()

    await asyncio.wait_for(asyncio.create_task(read_and_close()), 10)
