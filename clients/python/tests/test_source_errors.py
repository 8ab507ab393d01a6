"""What a token source does when fetches fail, by hand."""

from __future__ import annotations

import grpc
import pytest

from tests.manual import Bench, failure
from valetkey import (
    Error,
    ReauthorizationRequired,
    Unavailable,
)

S = grpc.StatusCode
DEAD = failure(S.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED")
MISSING = failure(S.NOT_FOUND, "CONNECTION_NOT_FOUND")


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -------------------------------------------------------------------- errors


@pytest.mark.parametrize("error", [DEAD, MISSING])
def test_some_errors_are_remembered_for_a_second(
    bench: Bench, error: Error
) -> None:
    first = bench.read()
    bench.answer(error)
    assert first.error.reason == error.reason
    bench.runtime.advance(0.9)
    later = [bench.read() for _ in range(1000)]
    assert {r.error.reason for r in later} == {error.reason}
    assert bench.calls == 1
    bench.runtime.advance(0.2)
    assert bench.read().waits
    assert bench.calls == 2


def test_each_reader_has_an_error_of_its_own_to_raise(bench: Bench) -> None:
    readers = [bench.read(), bench.read()]
    bench.answer(DEAD)
    readers.append(bench.read())
    errors = [r.error for r in readers]
    assert len({id(e) for e in errors}) == 3
    assert all(type(e) is ReauthorizationRequired for e in errors)


def test_an_event_of_the_connection_ends_the_memory(bench: Bench) -> None:
    bench.read()
    bench.answer(DEAD)
    bench.stream.event("REAUTHORIZED", 2)
    assert bench.calls == 2
    reader = bench.read()
    bench.answer(bench.token(2))
    assert reader.token.generation == 2


def test_an_error_from_before_an_event_is_not_remembered(bench: Bench) -> None:
    bench.read()
    bench.stream.event("REAUTHORIZATION_REQUIRED", 1)
    bench.answer(DEAD)
    assert bench.read().waits


def test_an_error_that_an_event_has_overtaken_is_asked_about_again(
    bench: Bench,
) -> None:
    reader = bench.read()
    bench.stream.event("REAUTHORIZED", 2)
    bench.answer(DEAD)
    assert reader.waits
    bench.answer(bench.token(2))
    assert reader.token.generation == 2


@pytest.mark.parametrize(
    "error",
    [
        failure(S.PERMISSION_DENIED, "RIGHT_MISSING"),
        failure(S.UNAUTHENTICATED, "API_KEY_INVALID"),
        failure(S.INTERNAL, "INTERNAL_FAULT"),
    ],
)
def test_other_errors_are_not_remembered(bench: Bench, error: Error) -> None:
    reader = bench.read()
    bench.answer(error)
    assert reader.error.reason == error.reason
    assert bench.read().waits


def test_a_generation_that_the_server_does_not_know_is_given_up(
    bench: Bench,
) -> None:
    bench.hold(generation=1)
    bench.stream.event("REFRESHED", 3)
    bench.answer(failure(S.INVALID_ARGUMENT, "FIELD_INVALID"))
    bench.runtime.advance(10)
    assert bench.try_.request.min_generation == 0


# ---------------------------------------------------------------------- away


def test_a_held_token_is_served_while_valetkey_is_away(bench: Bench) -> None:
    bench.hold(lives=100, refresh_in=50)
    bench.runtime.advance(52.5)
    waits = []
    for _ in range(9):
        bench.answer(failure())
        assert not bench.read().waits
        waits += bench.runtime.pending()
        bench.runtime.advance(waits[-1])
    # 0.1 s doubling to 5 s, each times 1.0.
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5])


def test_background_fetches_wait_as_long_as_they_are_told(
    bench: Bench,
) -> None:
    bench.hold(lives=100, refresh_in=50)
    bench.runtime.advance(52.5)
    bench.answer(failure(reason="PROVIDER_THROTTLED", retry_delay=7))
    assert bench.runtime.pending() == [pytest.approx(7)]


def test_then_readers_fail_with_a_retry_delay_within_their_deadline(
    bench: Bench,
) -> None:
    bench.hold(lives=10, refresh_in=1000)
    bench.runtime.advance(11)
    reader = bench.read(0.5)
    for wait in (0.1, 0.2):
        bench.answer(failure())
        assert reader.waits
        bench.runtime.advance(wait)
    bench.answer(failure())
    error = reader.error
    assert isinstance(error, Unavailable)
    assert error.retry_delay == pytest.approx(0.4)
    assert bench.runtime.clock.now == pytest.approx(11.3)


def test_readers_share_a_series_and_leave_it_at_their_own_deadlines(
    bench: Bench,
) -> None:
    hasty, patient = bench.read(0.05), bench.read(30)
    bench.answer(failure())
    assert isinstance(hasty.error, Unavailable)
    assert patient.waits
    bench.runtime.advance(0.1)
    bench.answer(bench.token(1))
    assert patient.token.generation == 1


def test_a_deadline_during_a_later_try_means_the_earlier_failure(
    bench: Bench,
) -> None:
    reader = bench.read(1)
    bench.answer(failure(reason="STORE_UNAVAILABLE"))
    bench.runtime.advance(0.1)
    bench.runtime.advance(0.9)
    bench.expire(reader)
    assert reader.error.code is S.UNAVAILABLE
    assert reader.error.reason == "STORE_UNAVAILABLE"
    assert reader.error.retry_delay == pytest.approx(0.1)


def test_a_deadline_during_the_first_try_is_just_that(bench: Bench) -> None:
    reader = bench.read(1)
    bench.runtime.advance(1)
    bench.expire(reader)
    assert reader.error.code is S.DEADLINE_EXCEEDED


def test_an_unavailable_is_not_remembered(bench: Bench) -> None:
    reader = bench.read(0.05)
    bench.answer(failure(retry_delay=60))
    assert reader.error.retry_delay == 60
    again = bench.read(0.05)
    assert again.waits
    assert bench.calls == 2


def test_a_readers_waits_begin_anew_whatever_the_background_has_waited(
    bench: Bench,
) -> None:
    bench.hold(lives=10, refresh_in=5)
    bench.runtime.advance(5.25)
    for _ in range(8):
        bench.answer(failure())
        bench.runtime.advance(bench.runtime.pending()[0])
    bench.answer(failure())
    assert bench.runtime.pending() == [pytest.approx(5)]
    reader = bench.read(2)
    bench.answer(failure())
    assert reader.waits
    assert bench.runtime.pending() == [pytest.approx(0.1)]


def test_without_readers_or_a_token_nothing_is_repeated(bench: Bench) -> None:
    bench.read(0.05)
    bench.answer(failure())
    assert bench.runtime.pending() == []


def test_the_token_is_back_after_valetkey_is(bench: Bench) -> None:
    bench.hold(lives=10, refresh_in=5)
    bench.runtime.advance(5.25)
    for _ in range(8):
        bench.answer(failure())
        bench.runtime.advance(bench.runtime.pending()[0])
    assert bench.runtime.clock.now > 10
    bench.answer(bench.token(2))
    assert bench.read().token.generation == 2


def test_a_fetch_that_hangs_fails_those_whose_deadline_it_had(
    bench: Bench,
) -> None:
    first = bench.read(30)
    bench.runtime.advance(20)
    second = bench.read(30)
    bench.runtime.advance(10)
    bench.answer(failure(S.DEADLINE_EXCEEDED))
    assert first.error.code is S.DEADLINE_EXCEEDED
    assert second.waits
    bench.answer(bench.token(1))
    assert second.token.generation == 1


def test_a_deadline_of_the_servers_own_fails_all(bench: Bench) -> None:
    first = bench.read(30)
    bench.runtime.advance(1)
    second = bench.read(30)
    bench.answer(failure(S.DEADLINE_EXCEEDED))
    assert first.error.code is S.DEADLINE_EXCEEDED
    assert second.error.code is S.DEADLINE_EXCEEDED
    assert bench.calls == 1
