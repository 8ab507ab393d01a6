"""Watches in both worlds, against the fake."""

from __future__ import annotations

import asyncio

import grpc
import pytest

import valetkey
from tests.worlds import World, called
from valetkey import v1
from valetkey.testing import Fake

S = grpc.StatusCode
CHECKPOINT = "checkpoint"


async def events(world: World, watch: object, count: int) -> list[v1.Event]:
    """The next events, past checkpoints."""
    found: list[v1.Event] = []
    while len(found) < count:
        message = await world.next(watch)
        if message.HasField("event"):
            found.append(message.event)
    return found


def kinds(found: list[v1.Event]) -> list[str]:
    return [
        v1.EventType.Name(e.type).removeprefix("EVENT_TYPE_") for e in found
    ]


async def test_events_come_with_their_cursors(world: World) -> None:
    watch = world.client.watch()
    assert (await world.next(watch)).WhichOneof("message") == CHECKPOINT
    world.fake.set_token("c-7")
    world.fake.set_token("c-7")
    world.fake.revoke("c-7")
    found = await events(world, watch, 3)
    assert kinds(found) == ["CONNECTED", "REFRESHED", "REVOKED"]
    assert [e.generation for e in found] == [1, 2, 3]
    await world.end(watch)


async def test_the_filters(world: World) -> None:
    watch = world.client.watch(
        connection="c-2",
        provider="slack",
        subject="ann",
        labels={"a": "1"},
        types=[v1.EventType.EVENT_TYPE_REFRESHED],
    )
    await world.next(watch)
    for name in ("c-1", "c-2"):
        for _ in range(2):
            world.fake.set_token(
                name, provider="slack", subject="ann", labels={"a": "1"}
            )
    found = await events(world, watch, 1)
    assert kinds(found) == ["REFRESHED"]
    assert found[0].connection.endswith("/c-2")
    await world.end(watch)


async def test_from_a_cursor(world: World) -> None:
    world.fake.set_token("c-1")
    cursor = "1"
    world.fake.set_token("c-2")
    watch = world.client.watch(cursor=cursor)
    found = await events(world, watch, 1)
    assert found[0].connection.endswith("/c-2")
    await world.end(watch)


async def test_a_snapshot(world: World) -> None:
    world.fake.set_token("c-1")
    world.fake.set_token("c-2")
    watch = world.client.watch(snapshot=True)
    messages = [await world.next(watch) for _ in range(3)]
    assert [m.WhichOneof("message") for m in messages] == [
        "connection",
        "connection",
        CHECKPOINT,
    ]
    assert [m.cursor for m in messages] == ["", "", "2"]
    await world.end(watch)


async def test_a_stream_that_breaks_is_resumed_without_a_gap(
    world: World,
) -> None:
    watch = world.client.watch()
    await world.next(watch)
    world.fake.set_token("c-1")
    assert len(await events(world, watch, 1)) == 1
    world.fake.stop()
    reading = asyncio.ensure_future(events(world, watch, 2))
    world.fake.start()
    world.fake.set_token("c-2")
    world.fake.set_token("c-3")
    names = [e.connection.rsplit("/", 1)[1] for e in await reading]
    assert names == ["c-2", "c-3"]
    await world.end(watch)


async def test_a_stream_that_lags_is_resumed(world: World) -> None:
    watch = world.client.watch()
    await world.next(watch)
    world.fake.lag()
    world.fake.set_token("c-1")
    assert kinds(await events(world, watch, 1)) == ["CONNECTED"]
    assert world.fake.calls("WatchEvents") == 2
    request = world.fake.requests("WatchEvents")[1]
    assert isinstance(request, v1.WatchEventsRequest)
    assert request.cursor == "0"
    await world.end(watch)


async def test_an_expired_cursor_ends_it(world: World) -> None:
    world.fake.fail("WatchEvents", "CURSOR_EXPIRED")
    watch = world.client.watch(cursor="1")
    with pytest.raises(valetkey.CursorExpired):
        await world.next(watch)
    with pytest.raises(StopAsyncIteration):
        await world.next(watch)
    await world.end(watch)


async def test_a_missing_right_ends_it(world: World) -> None:
    world.fake.fail("WatchEvents", "RIGHT_MISSING")
    watch = world.client.watch()
    with pytest.raises(valetkey.PermissionDenied):
        await world.next(watch)
    await world.end(watch)


async def test_close_ends_a_reader_that_waits(world: World) -> None:
    watch = world.client.watch()
    await world.next(watch)
    reading = asyncio.ensure_future(world.next(watch))
    await asyncio.sleep(0)
    await world.end(watch)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(reading, 10)
    await world.end(watch)


async def test_close_ends_a_wait_between_tries(world: World) -> None:
    world.fake.fail("WatchEvents", times=9, retry_delay=60)
    watch = world.client.watch()
    reading = asyncio.ensure_future(world.next(watch))
    await called(world.fake, "WatchEvents", 1)
    await world.end(watch)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(reading, 10)


async def test_closing_the_client_cancels_a_reader(world: World) -> None:
    other = world.another()
    watch = other.client.watch()
    await other.next(watch)
    reading = asyncio.ensure_future(other.next(watch))
    await asyncio.sleep(0)
    await other.close()
    with pytest.raises(valetkey.Error) as raised:
        await reading
    assert raised.value.code is S.CANCELLED


async def test_a_reader_that_is_cancelled_may_read_on(fake: Fake) -> None:
    async with fake.aio_client() as client, client.watch() as watch:
        await anext(watch)
        for number in range(2):
            reading = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            fake.set_token(f"c-{number}")
            message = await anext(watch)
            assert message.event.connection.endswith(f"/c-{number}")


async def test_watches_are_iterators_and_contexts(fake: Fake) -> None:
    fake.set_token("c-1")
    with fake.client() as client, client.watch(snapshot=True) as watch:
        for message in watch:
            assert message.connection.name.endswith("/c-1")
            break
    async with (
        fake.aio_client() as loop_client,
        loop_client.watch(snapshot=True) as loop_watch,
    ):
        async for message in loop_watch:
            assert message.connection.name.endswith("/c-1")
            break
