"""Lists and the operators' calls, in both worlds, against the fake."""

from __future__ import annotations

from datetime import datetime, timezone

import grpc
import pytest

import valetkey
from tests.worlds import World
from valetkey import v1

S = grpc.StatusCode


# --------------------------------------------------------------------- lists


async def test_a_list_is_one_sequence(world: World) -> None:
    for number in range(7):
        world.fake.set_token(f"c-{number}", subject=f"s-{number % 2}")
    found = await world.list("list_connections", page_size=3)
    assert [c.name.rsplit("-", 1)[1] for c in found] == list("0123456")
    assert world.fake.calls("ListConnections") == 3
    odd = await world.list("list_connections", subject="s-1")
    assert len(odd) == 3
    assert await world.list("list_connections", "other") == []


async def test_a_list_has_a_cursor_to_watch_from(world: World) -> None:
    for number in range(3):
        world.fake.set_token(f"c-{number}")
    listing = world.client.list_connections(page_size=1)
    if isinstance(world.client, valetkey.Client):
        cursor = listing.cursor
        assert len(list(listing)) == 3
        assert listing.cursor == cursor
    else:
        cursor = await listing.cursor()
        assert len([c async for c in listing]) == 3
        assert await listing.cursor() == cursor
    assert cursor == "3"
    assert world.fake.calls("ListConnections") == 3


async def test_the_filters_of_a_list(world: World) -> None:
    world.fake.set_token("c-1", labels={"a": "1"}, provider="slack")
    world.fake.set_token("c-2", labels={"a": "2"})
    world.fake.revoke("c-2")
    revoked = v1.ConnectionState.CONNECTION_STATE_REVOKED
    for filters, name in (
        ({"labels": {"a": "1"}}, "c-1"),
        ({"provider": "slack"}, "c-1"),
        ({"state": revoked}, "c-2"),
    ):
        found = await world.list("list_connections", **filters)
        assert [c.name.rsplit("/", 1)[1] for c in found] == [name]


# ----------------------------------------------------------------- operators


async def test_connections(world: World) -> None:
    world.fake.set_token("c-7", labels={"old": "x"})
    before = await world.do("get_connection", "c-7")
    after = await world.do(
        "update_connection", "c-7", labels={"new": "y"}, etag=before.etag
    )
    assert after.labels == {"new": "y"}
    with pytest.raises(valetkey.Error) as raised:
        await world.do("delete_connection", "c-7", etag=before.etag)
    assert raised.value.reason == "ETAG_MISMATCH"
    assert raised.value.code is S.ABORTED
    await world.do("delete_connection", "c-7", etag=after.etag)
    with pytest.raises(valetkey.NotFound):
        await world.do("get_connection", "c-7")


async def test_providers(world: World) -> None:
    made = await world.do(
        "create_provider",
        "pinterest",
        v1.Provider(
            catalog_entry="catalog/pinterest",
            client_id="id",
            client_secret="canary",
        ),
    )
    assert made.name == "applications/shop/providers/pinterest"
    assert made.client_secret_set
    assert "canary" not in repr(made)
    found = await world.do("get_provider", "pinterest")
    assert found == made
    assert await world.list("list_providers") == [made]
    changed = await world.do(
        "update_provider",
        v1.Provider(name="pinterest", display_name="P", client_id="no"),
        ["display_name"],
    )
    assert (changed.display_name, changed.client_id) == ("P", "id")
    await world.do("delete_provider", "pinterest")
    assert await world.list("list_providers") == []


async def test_the_catalog(world: World) -> None:
    entries = await world.list("list_catalog_entries")
    assert [e.name for e in entries] == ["catalog/pinterest"]
    assert await world.do("get_catalog_entry", "pinterest") == entries[0]
    with pytest.raises(valetkey.NotFound):
        await world.do("get_catalog_entry", "nothing")


async def test_applications(world: World) -> None:
    made = await world.do(
        "create_application", "depot", v1.Application(display_name="Depot")
    )
    assert made.name == "applications/depot"
    assert await world.do("get_application", "depot") == made
    names = [a.name for a in await world.list("list_applications")]
    assert names == ["applications/depot", "applications/shop"]
    changed = await world.do(
        "update_application",
        v1.Application(name="depot", return_uris=["https://a.test/"]),
        ["return_uris"],
    )
    assert changed.return_uris == ["https://a.test/"]
    assert changed.display_name == "Depot"
    await world.do("delete_application", "depot")
    with pytest.raises(valetkey.NotFound):
        await world.do("get_application", "depot")


async def test_keys(world: World) -> None:
    right = v1.Right.RIGHT_READ_TOKENS
    made = await world.do(
        "create_key",
        [right],
        display_name="worker",
        expire_time=datetime(2040, 1, 1, tzinfo=timezone.utc),
    )
    assert made.secret.startswith("vk_")
    assert made.secret not in repr(made)
    assert made.key.rights == [right]
    assert made.key.expire_time.ToDatetime().year == 2040
    assert await world.list("list_keys") == [made.key]
    revoked = await world.do("revoke_key", made.key.name.rsplit("/", 1)[1])
    assert revoked.HasField("revoke_time")
