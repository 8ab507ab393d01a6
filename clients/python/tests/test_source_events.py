"""What a token source does with events and rejections, by hand."""

from __future__ import annotations

import grpc
import pytest

from tests.manual import Bench, failure
from valetkey import ConnectionRevoked, NotFound, Unavailable

S = grpc.StatusCode
REVOKED = failure(S.FAILED_PRECONDITION, "CONNECTION_REVOKED")
MISSING = failure(S.NOT_FOUND, "CONNECTION_NOT_FOUND")


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -------------------------------------------------------------------- events


@pytest.mark.parametrize("kind", ["REFRESHED", "REAUTHORIZED"])
def test_an_event_of_a_higher_generation_fetches_it(
    bench: Bench, kind: str
) -> None:
    bench.hold(generation=1)
    bench.stream.event(kind, 3)
    assert bench.try_.request.min_generation == 3
    assert bench.read().token.generation == 1
    bench.answer(bench.token(3))
    assert bench.read().token.generation == 3


def test_an_event_of_the_generation_held_does_nothing(bench: Bench) -> None:
    bench.hold(generation=3)
    bench.stream.event("REFRESHED", 3)
    bench.stream.event("REFRESHED", 2)
    assert bench.calls == 1


def test_an_event_during_a_fetch_is_not_lost(bench: Bench) -> None:
    reader = bench.read()
    bench.stream.event("REFRESHED", 3)
    bench.answer(bench.token(2))
    assert reader.token.generation == 2
    assert bench.try_.request.min_generation == 3


def test_a_fetch_that_brought_what_an_event_told_is_enough(
    bench: Bench,
) -> None:
    bench.read()
    bench.stream.event("REFRESHED", 3)
    bench.answer(bench.token(3))
    assert bench.calls == 1


def test_an_answer_below_min_generation_is_not_asked_for_at_once_again(
    bench: Bench,
) -> None:
    bench.hold(generation=1)
    bench.stream.event("REFRESHED", 3)
    bench.answer(bench.token(2))
    assert bench.calls == 2


def test_reauthorization_required_changes_nothing(bench: Bench) -> None:
    bench.hold()
    bench.stream.event("REAUTHORIZATION_REQUIRED", 1)
    assert not bench.read().waits
    assert bench.calls == 1


def test_revoked_drops_the_token_at_once(bench: Bench) -> None:
    bench.hold(generation=1)
    bench.stream.event("REVOKED", 2)
    assert bench.source.ready is None
    reader = bench.read()
    bench.answer(REVOKED)
    with pytest.raises(ConnectionRevoked):
        _ = reader.token
    assert bench.runtime.pending() == []


def test_deleted_drops_the_token_at_once(bench: Bench) -> None:
    bench.hold(generation=1)
    bench.stream.event("DELETED", 0)
    assert bench.source.ready is None
    reader = bench.read()
    bench.answer(MISSING)
    with pytest.raises(NotFound):
        _ = reader.token


def test_a_token_on_its_way_when_it_is_revoked_is_not_given_out(
    bench: Bench,
) -> None:
    reader = bench.read()
    old = bench.try_
    bench.stream.event("REVOKED", 2)
    assert old.cancelled
    assert bench.calls == 2
    bench.answer(REVOKED)
    assert isinstance(reader.error, ConnectionRevoked)


def test_an_old_replica_does_not_revive_a_revoked_token(bench: Bench) -> None:
    bench.hold(generation=1)
    bench.stream.event("REVOKED", 2)
    reader = bench.read(0.05)
    bench.answer(bench.token(1))
    assert isinstance(reader.error, Unavailable)
    assert bench.source.ready is None


def test_a_revocation_told_again_after_a_new_consent_is_past(
    bench: Bench,
) -> None:
    bench.hold(generation=1)
    bench.stream.event("REVOKED", 2)
    bench.stream.event("REAUTHORIZED", 3)
    bench.answer(bench.token(3))
    bench.stream.event("REVOKED", 2)
    assert bench.read().token.generation == 3


def test_an_answer_of_revoked_drops_the_token_as_the_event_does(
    bench: Bench,
) -> None:
    bench.hold(lives=100, refresh_in=50)
    bench.runtime.advance(52.5)
    bench.answer(REVOKED)
    assert bench.source.ready is None
    assert isinstance(bench.read().error, ConnectionRevoked)


# ---------------------------------------------------------------- invalidate


def test_a_rejected_token_is_not_given_out_and_the_fetch_says_so(
    bench: Bench,
) -> None:
    bench.hold(generation=3)
    bench.source.invalidate(3)
    readers = [bench.read() for _ in range(100)]
    assert bench.calls == 2
    assert bench.try_.request.rejected_generation == 3
    bench.answer(bench.token(4))
    assert {r.token.generation for r in readers} == {4}
    bench.runtime.advance(81)
    assert bench.try_.request.rejected_generation == 0


def test_rejecting_another_generation_does_nothing(bench: Bench) -> None:
    bench.hold(generation=3)
    bench.source.invalidate(2)
    bench.source.invalidate(4)
    assert bench.read().token.generation == 3


def test_rejecting_before_any_token_is_held_does_nothing(bench: Bench) -> None:
    bench.source.invalidate(1)
    reader = bench.read()
    assert bench.try_.request.rejected_generation == 0
    bench.answer(bench.token(1))
    assert reader.token.generation == 1


def test_a_fetch_begun_before_the_rejection_does_not_bring_the_token_back(
    bench: Bench,
) -> None:
    bench.hold(generation=3, lives=100, refresh_in=50)
    bench.runtime.advance(52.5)
    bench.source.invalidate(3)
    reader = bench.read()
    bench.answer(bench.token(3))
    assert reader.waits
    assert bench.try_.request.rejected_generation == 3
    bench.answer(bench.token(4))
    assert reader.token.generation == 4
