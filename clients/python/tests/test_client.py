"""The calls, in both worlds, against the fake."""

from __future__ import annotations

import asyncio
import time
from datetime import timezone

import grpc
import pytest

import valetkey
from tests.worlds import World, called
from valetkey import v1

S = grpc.StatusCode


# -------------------------------------------------------------------- tokens


async def test_a_token(world: World) -> None:
    world.fake.set_token("c-7", "secret", 60, ["a", "b"], refresh_in=50)
    token = await world.do("get_token", "c-7")
    assert token.access_token == "secret"
    assert token.token_type == "bearer"
    assert token.scopes == ("a", "b")
    assert token.generation == 1
    assert 55 < token.expire_time.timestamp() - time.time() < 61
    assert 45 < token.refresh_time.timestamp() - time.time() < 51
    assert token.expire_time.tzinfo is timezone.utc
    assert token.authorization == "Bearer secret"


async def test_a_token_without_an_expiry_of_another_type(world: World) -> None:
    world.fake.set_token("c-7", "secret", None, token_type="DPoP")
    token = await world.do("get_token", "c-7")
    assert token.expire_time is None
    assert token.refresh_time is None
    assert token.authorization == "DPoP secret"


async def test_the_fields_of_get_token(world: World) -> None:
    world.fake.set_token("c-7", scopes=["a"])
    with pytest.raises(valetkey.ScopeNotGranted) as raised:
        await world.do("get_token", "c-7", required_scopes=["b", "c"])
    assert raised.value.missing_scopes == ("b", "c")
    renewed = await world.do("get_token", "c-7", rejected_generation=1)
    assert renewed.generation == 2
    with pytest.raises(valetkey.InvalidArgument) as invalid:
        await world.do("get_token", "c-7", min_generation=9)
    assert invalid.value.field == "min_generation"
    with pytest.raises(valetkey.Error) as lifetime:
        await world.do("get_token", "c-7", min_lifetime=7200.5)
    assert lifetime.value.reason == "MIN_LIFETIME_UNAVAILABLE"
    with pytest.raises(valetkey.NotFound) as missing:
        await world.do("get_token", "c-7", token="user")
    assert missing.value.reason == "TOKEN_NOT_FOUND"
    sent = world.fake.requests("GetToken")[3]
    assert isinstance(sent, v1.GetTokenRequest)
    assert sent.min_lifetime.ToNanoseconds() == 7_200_500_000_000


async def test_refresh(world: World) -> None:
    world.fake.set_token("c-7")
    assert (await world.do("refresh", "c-7")).generation == 2
    assert (await world.do("refresh", "c-7", generation=1)).generation == 2
    assert (await world.do("refresh", "c-7", generation=2)).generation == 3


async def test_consent(world: World) -> None:
    begun = await world.do(
        "authorize",
        "pinterest",
        subject="ann",
        scopes=["a"],
        labels={"k": "v"},
        return_uri="https://shop.test/back",
        extra_parameters={"login_hint": "ann"},
        inputs={"subdomain": "acme"},
    )
    assert begun.state in begun.authorization_uri
    sent = world.fake.requests("Authorize")[0]
    assert isinstance(sent, v1.AuthorizeRequest)
    assert sent.provider == "applications/shop/providers/pinterest"
    assert sent.return_uri == "https://shop.test/back"
    assert sent.extra_parameters == {"login_hint": "ann"}
    assert sent.inputs == {"subdomain": "acme"}
    done = await world.do("exchange", begun.state, "any-code", issuer="iss")
    assert done.connection == begun.connection
    assert done.generation == 1
    again = await world.do("exchange", begun.state, "any-code")
    assert again.generation == 1
    found = await world.do("get_connection", begun.connection)
    assert found.subject == "ann"
    assert found.labels == {"k": "v"}
    assert found.scopes == ["a"]


async def test_consent_denied(world: World) -> None:
    begun = await world.do("authorize", "pinterest", subject="ann")
    with pytest.raises(valetkey.ConsentDenied) as raised:
        await world.do("exchange", begun.state, error="access_denied")
    assert raised.value.metadata == {"provider_error": "access_denied"}
    with pytest.raises(valetkey.InvalidArgument):
        await world.do("exchange", "no-such-state", "code")


async def test_reauthorization(world: World) -> None:
    world.fake.set_token("c-7", expires_in=-1, subject="ann")
    world.fake.require_reauthorization("c-7")
    with pytest.raises(valetkey.ReauthorizationRequired) as raised:
        await world.do("get_token", "c-7")
    assert raised.value.subject == "ann"
    request = raised.value.authorize_request()
    begun = await world.do("authorize", request, return_uri="https://x.test/")
    assert begun.connection == raised.value.connection
    sent = world.fake.requests("Authorize")[0]
    assert isinstance(sent, v1.AuthorizeRequest)
    assert sent.return_uri == "https://x.test/"
    await world.do("exchange", begun.state, "code")
    assert (await world.do("get_token", "c-7")).generation == 2


async def test_revoke(world: World) -> None:
    world.fake.set_token("c-7")
    revoked = await world.do("revoke", "c-7")
    assert revoked.copy_destroyed
    assert len(revoked.tokens) == 1
    with pytest.raises(valetkey.ConnectionRevoked):
        await world.do("get_token", "c-7")
    await world.do("revoke", "c-7")


# ---------------------------------------------------- deadlines and retries


async def test_unavailable_is_tried_again(world: World) -> None:
    world.fake.set_token("c-7")
    world.fake.fail("GetToken", "STORE_UNAVAILABLE", 2, retry_delay=0.01)
    assert (await world.do("get_token", "c-7")).generation == 1
    assert world.fake.calls("GetToken") == 3


async def test_unless_the_wait_is_too_long(world: World) -> None:
    world.fake.set_token("c-7")
    world.fake.fail("GetToken", "PROVIDER_THROTTLED", retry_delay=60)
    with pytest.raises(valetkey.Unavailable) as raised:
        await world.do("get_token", "c-7", timeout=5)
    assert raised.value.retry_delay == 60
    assert raised.value.reason == "PROVIDER_THROTTLED"
    assert world.fake.calls("GetToken") == 1


async def test_or_the_call_is_not_repeatable(world: World) -> None:
    world.fake.set_token("c-7")
    world.fake.fail("Refresh", times=2)
    with pytest.raises(valetkey.Unavailable):
        await world.do("refresh", "c-7")
    assert world.fake.calls("Refresh") == 1
    world.fake.fail("DeleteConnection")
    with pytest.raises(valetkey.Unavailable):
        await world.do("delete_connection", "c-7")
    assert world.fake.calls("DeleteConnection") == 1
    assert (await world.do("refresh", "c-7", generation=1)).generation == 2
    assert world.fake.calls("Refresh") == 3


async def test_any_other_code_fails_at_once(world: World) -> None:
    world.fake.fail("GetToken", code=S.INTERNAL, reason="INTERNAL_FAULT")
    with pytest.raises(valetkey.Error) as raised:
        await world.do("get_token", "c-7")
    assert raised.value.code is S.INTERNAL
    assert world.fake.calls("GetToken") == 1


async def test_a_call_does_not_hang_past_its_deadline(world: World) -> None:
    start = time.monotonic()
    with world.fake.hold("GetToken"), pytest.raises(valetkey.Error) as raised:
        await world.do("get_token", "c-7", timeout=0.2)
    assert raised.value.code is S.DEADLINE_EXCEEDED
    assert raised.value.retry_delay is None
    assert 0.15 < time.monotonic() - start < 5


async def test_a_deadline_during_a_later_try_means_the_earlier_failure(
    world: World,
) -> None:
    world.fake.fail("GetToken", "STORE_UNAVAILABLE", retry_delay=0.01)
    first = asyncio.ensure_future(world.do("get_token", "c-7", timeout=0.5))
    await called(world.fake, "GetToken", 1)
    with (
        world.fake.hold("GetToken"),
        pytest.raises(valetkey.Unavailable) as raised,
    ):
        await first
    assert raised.value.reason == "STORE_UNAVAILABLE"
    assert raised.value.retry_delay == 0.01


async def test_the_clients_own_timeout(world: World) -> None:
    hasty = world.another(timeout=0.1)
    with world.fake.hold("GetToken"), pytest.raises(valetkey.Error) as raised:
        await hasty.do("get_token", "c-7")
    assert raised.value.code is S.DEADLINE_EXCEEDED
    await hasty.close()


async def test_a_server_that_is_away(world: World) -> None:
    world.fake.set_token("c-7")
    world.fake.stop()
    with pytest.raises(valetkey.Unavailable) as raised:
        await world.do("get_token", "c-7", timeout=0.05)
    assert raised.value.reason == ""
    assert raised.value.retry_delay is not None
    waiting = asyncio.ensure_future(world.do("get_token", "c-7", timeout=20))
    world.fake.start()
    assert (await waiting).generation == 1


async def test_a_call_that_is_cancelled(world: World) -> None:
    with world.fake.hold("GetToken"):
        call = asyncio.ensure_future(world.do("get_token", "c-7", timeout=1))
        await called(world.fake, "GetToken", 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_the_api_key(world: World) -> None:
    with valetkey.testing.Fake(api_key="vk_right") as fake:
        for key, reason in (
            ("vk_wrong", "API_KEY_INVALID"),
            ("", "API_KEY_MISSING"),
        ):
            client = type(world)(fake, api_key=key)
            with pytest.raises(valetkey.Unauthenticated) as raised:
                await client.do("get_application")
            assert raised.value.reason == reason
            await client.close()
        client = type(world)(fake)
        found = await client.do("get_application")
        assert found.name == "applications/shop"
        await client.close()


# --------------------------------------------------------------------- close


async def test_a_closed_client_cancels(world: World) -> None:
    world.fake.set_token("c-7")
    other = world.another()
    await other.do("get_token", "c-7")
    with world.fake.hold("GetToken"):
        call = asyncio.ensure_future(other.do("get_token", "c-7"))
        await called(world.fake, "GetToken", 2)
        await other.close()
        with pytest.raises(valetkey.Error) as raised:
            await call
    assert raised.value.code is S.CANCELLED
    await other.close()
    with pytest.raises(valetkey.Error) as raised:
        await other.do("get_token", "c-7")
    assert raised.value.code is S.CANCELLED


async def test_close_ends_the_wait_between_tries(world: World) -> None:
    world.fake.fail("GetToken", times=5, retry_delay=20)
    other = world.another()
    call = asyncio.ensure_future(other.do("get_token", "c-7", timeout=60))
    await called(world.fake, "GetToken", 1)
    await other.close()
    with pytest.raises(valetkey.Error) as raised:
        await asyncio.wait_for(call, 10)
    assert raised.value.code is S.CANCELLED
