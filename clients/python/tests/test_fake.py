"""The fake, as a user's tests see it."""

from __future__ import annotations

import threading

import grpc
import pytest

import valetkey
from valetkey import v1
from valetkey._status import error_of
from valetkey.testing import Fake
from valetkey.v1.connection_service_pb2_grpc import ConnectionServiceStub
from valetkey.v1.event_service_pb2_grpc import EventServiceStub
from valetkey.v1.provider_service_pb2_grpc import ProviderServiceStub


def test_generations_count_up(fake: Fake) -> None:
    assert fake.set_token("c-7") == 1
    assert fake.set_token("c-7", "mine") == 2
    with fake.client() as client:
        token = client.get_token("c-7")
        assert (token.generation, token.access_token) == (2, "mine")


def test_what_was_asked(fake: Fake) -> None:
    fake.set_token("c-7")
    with fake.client() as client:
        client.get_token("c-7", min_generation=1)
        client.get_token("c-7")
    assert fake.calls("GetToken") == 2
    assert fake.calls("Revoke") == 0
    first = fake.requests("GetToken")[0]
    assert isinstance(first, v1.GetTokenRequest)
    assert first.min_generation == 1


def test_failures_are_used_up(fake: Fake) -> None:
    fake.set_token("c-7")
    fake.fail("GetToken", "RIGHT_MISSING", metadata={"right": "READ_TOKENS"})
    with fake.client() as client:
        with pytest.raises(valetkey.PermissionDenied) as raised:
            client.get_token("c-7")
        assert raised.value.metadata == {"right": "READ_TOKENS"}
        client.get_token("c-7")
    fake.fail("GetToken", code=grpc.StatusCode.ABORTED)
    with fake.client() as client, pytest.raises(valetkey.Error) as other:
        client.get_token("c-7")
    assert (other.value.code.name, other.value.reason) == ("ABORTED", "")


def test_an_emitted_event_is_told(fake: Fake) -> None:
    with fake.client() as client, client.watch() as watch:
        next(watch)
        fake.emit(
            v1.Event(
                type=v1.EventType.EVENT_TYPE_EXPIRING,
                connection="applications/shop/connections/c-7",
            )
        )
        event = next(watch).event
        assert event.type == v1.EventType.EVENT_TYPE_EXPIRING
        assert event.sequence == 1


def test_lagging_ends_a_stream_with_its_reason(fake: Fake) -> None:
    """As the contract has it, which a client's own watch hides."""
    with grpc.insecure_channel(fake.address) as channel:
        stub = EventServiceStub(channel)
        request = v1.WatchEventsRequest(parent="applications/shop")
        stream = stub.WatchEvents(request)
        next(stream)
        fake.lag()
        with pytest.raises(grpc.RpcError) as raised:
            next(stream)
    assert error_of(raised.value).reason == "WATCH_LAGGED"


def test_a_grant_that_ended_serves_its_token_to_the_end(fake: Fake) -> None:
    fake.set_token("c-7")
    fake.require_reauthorization("c-7")
    with fake.client() as client:
        assert client.get_token("c-7").generation == 1
        with pytest.raises(valetkey.ReauthorizationRequired):
            client.get_token("c-7", rejected_generation=1)
        found = client.get_connection("c-7")
        assert found.state == (
            v1.ConnectionState.CONNECTION_STATE_REAUTHORIZATION_REQUIRED
        )


def test_an_expired_token_is_renewed(fake: Fake) -> None:
    fake.set_token("c-7", "old", expires_in=-1)
    with fake.client() as client:
        assert client.get_token("c-7").access_token == "c-7-2"


def test_a_cursor_of_elsewhere_is_refused(fake: Fake) -> None:
    with (
        fake.client() as client,
        client.watch(cursor="99") as watch,
        pytest.raises(valetkey.InvalidArgument) as raised,
    ):
        next(watch)
    assert raised.value.reason == "CURSOR_INVALID"


def test_counting_and_looking_back(fake: Fake) -> None:
    for name in ("c-1", "c-2", "c-1"):
        fake.set_token(name)
    with grpc.insecure_channel(fake.address) as channel:
        counted = ConnectionServiceStub(channel).CountConnections(
            v1.CountConnectionsRequest(parent="applications/shop")
        )
        assert [count.count for count in counted.counts] == [2]
        listed = EventServiceStub(channel).ListEvents(
            v1.ListEventsRequest(
                parent="applications/shop",
                connection="applications/shop/connections/c-1",
            )
        )
        sequences = [event.sequence for event in listed.events]
        assert sequences == sorted(sequences, reverse=True)
        assert len(sequences) == 2
        with pytest.raises(grpc.RpcError) as raised:
            ProviderServiceStub(channel).CheckDefinition(
                v1.CheckDefinitionRequest(parent="applications/shop", text="x")
            )
    assert error_of(raised.value).code.name == "UNIMPLEMENTED"


def test_what_is_not_there(fake: Fake) -> None:
    with fake.client() as client:
        for missing in (
            lambda: client.get_provider("x"),
            lambda: client.delete_provider("x"),
            lambda: client.revoke_key("x"),
            lambda: client.revoke("x"),
            lambda: client.authorize("pinterest", connection="x"),
        ):
            with pytest.raises(valetkey.NotFound):
                missing()
        with pytest.raises(valetkey.InvalidArgument) as raised:
            client.authorize("pinterest")
        assert raised.value.field == "subject"
        client.create_application("depot")
        with pytest.raises(valetkey.Error) as taken:
            client.create_application("depot")
        assert taken.value.reason == "RESOURCE_EXISTS"


def test_waiting_for_calls(fake: Fake) -> None:
    with pytest.raises(TimeoutError):
        fake.wait_for_calls("GetToken", 1, timeout=0.01)
    with fake.client() as client:
        fake.set_token("c-7")
        asking = threading.Thread(target=lambda: client.get_token("c-7"))
        asking.start()
        fake.wait_for_calls("GetToken", 1)
        asking.join()


def test_it_comes_back_at_the_same_address(fake: Fake) -> None:
    address = fake.address
    fake.set_token("c-7")
    fake.stop()
    fake.stop()
    fake.start()
    fake.start()
    assert fake.address == address
    with fake.client() as client:
        assert client.get_token("c-7").generation == 1


def test_stopping_ends_what_is_held(fake: Fake) -> None:
    failed = []

    def ask() -> None:
        with fake.client() as client:
            try:
                client.get_token("c-7", timeout=0.5)
            except valetkey.Error as error:
                failed.append(error)

    with fake.hold("GetToken"):
        asking = threading.Thread(target=ask)
        asking.start()
        fake.wait_for_calls("GetToken", 1)
        fake.stop()
        asking.join()
    assert isinstance(failed[0], valetkey.Unavailable)
