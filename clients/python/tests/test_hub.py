"""The watch that sources share, by hand."""

from __future__ import annotations

import grpc
import pytest

from tests.manual import NAME, Bench, Reader, failure
from valetkey import Error, v1
from valetkey._core.source import SourceState
from valetkey._core.waiter import Waiter

S = grpc.StatusCode


def read(bench: Bench, source: SourceState) -> Reader:
    waiter = Waiter(bench.runtime.clock.now + 30, lambda: None)
    source.join(waiter)
    return Reader(waiter)


@pytest.fixture
def bench() -> Bench:
    return Bench(settled=False)


def test_it_asks_for_what_concerns_tokens(bench: Bench) -> None:
    bench.read()
    request = bench.stream.request
    assert request.parent == "applications/shop"
    assert request.cursor == ""
    assert {v1.EventType.Name(t) for t in request.types} == {
        "EVENT_TYPE_REAUTHORIZED",
        "EVENT_TYPE_REFRESHED",
        "EVENT_TYPE_REAUTHORIZATION_REQUIRED",
        "EVENT_TYPE_REVOKED",
        "EVENT_TYPE_DELETED",
    }


def test_the_first_fetch_waits_for_the_first_message(bench: Bench) -> None:
    bench.read()
    assert bench.calls == 0
    bench.stream.checkpoint()
    assert bench.calls == 1


def test_but_for_a_second_at_most(bench: Bench) -> None:
    bench.read()
    bench.runtime.advance(0.99)
    assert bench.calls == 0
    bench.runtime.advance(0.02)
    assert bench.calls == 1


@pytest.mark.parametrize(
    "error",
    [failure(S.PERMISSION_DENIED, "RIGHT_MISSING"), failure()],
)
def test_and_not_at_all_if_the_stream_is_refused(
    bench: Bench, error: Error
) -> None:
    reader = bench.read()
    bench.stream.ended(error)
    bench.answer(bench.token(1))
    assert reader.token.generation == 1


def test_a_reader_whose_deadline_passes_before_has_none(bench: Bench) -> None:
    reader = bench.read(0.5)
    bench.runtime.advance(0.5)
    bench.expire(reader)
    assert reader.error.code is S.DEADLINE_EXCEEDED
    bench.runtime.advance(1)
    assert bench.calls == 0
    bench.read()
    assert bench.calls == 1


def test_an_event_before_the_first_fetch_is_heeded(bench: Bench) -> None:
    bench.read()
    bench.stream.event("REFRESHED", 4)
    assert bench.calls == 1
    bench.answer(bench.token(4))
    assert bench.calls == 1


def test_sources_of_an_application_share_a_stream(bench: Bench) -> None:
    other = bench.make("applications/shop/connections/c-8")
    foreign = bench.make("applications/other/connections/c-1")
    bench.read()
    bench.stream.checkpoint()
    read(bench, other)
    assert len(bench.runtime.streams) == 1
    assert bench.calls == 2
    read(bench, foreign)
    assert len(bench.runtime.streams) == 2
    assert bench.stream.request.parent == "applications/other"


def test_an_event_is_for_its_connection_alone(bench: Bench) -> None:
    other = bench.make("applications/shop/connections/c-8")
    twin = bench.make(NAME)
    bench.read()
    bench.stream.checkpoint()
    for source in (bench.source, other, twin):
        read(bench, source)
    for number in range(3):
        bench.runtime.tries[number].answer(bench.token(1))
    bench.stream.event("REFRESHED", 2)
    asked = [t.request.name for t in bench.runtime.tries[3:]]
    assert asked == [NAME, NAME]


def test_the_stream_ends_with_the_last_source_and_begins_anew(
    bench: Bench,
) -> None:
    other = bench.make("applications/shop/connections/c-8")
    bench.read()
    bench.stream.checkpoint("7")
    read(bench, other)
    bench.source.close()
    assert not bench.stream.cancelled
    other.close()
    assert bench.stream.cancelled
    third = bench.make("applications/shop/connections/c-9")
    read(bench, third)
    assert len(bench.runtime.streams) == 2
    assert bench.stream.request.cursor == ""


def test_it_resumes_from_the_last_cursor_with_growing_waits(
    bench: Bench,
) -> None:
    bench.read()
    bench.stream.checkpoint("7")
    bench.answer(bench.token(1, lives=None))
    bench.stream.event("REFRESHED", 1, cursor="8")
    waits = []
    for _ in range(7):
        bench.stream.ended(failure())
        waits += bench.runtime.pending()
        bench.runtime.advance(waits[-1])
        assert bench.stream.request.cursor == "8"
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0])
    bench.stream.checkpoint("9")
    bench.stream.ended(failure())
    assert bench.runtime.pending() == [pytest.approx(0.1)]
    # Nothing was missed, so nothing is fetched.
    assert bench.calls == 1


@pytest.mark.parametrize(
    "error",
    [
        failure(S.OUT_OF_RANGE, "CURSOR_EXPIRED"),
        failure(S.INVALID_ARGUMENT, "CURSOR_INVALID"),
    ],
)
def test_without_a_cursor_held_tokens_are_fetched_once(
    bench: Bench, error: Error
) -> None:
    bench.read()
    bench.stream.checkpoint("7")
    bench.answer(bench.token(1, lives=None))
    bench.stream.ended(failure())
    bench.runtime.advance(0.1)
    bench.stream.ended(error)
    bench.runtime.advance(0.2)
    assert bench.stream.request.cursor == ""
    assert bench.calls == 1
    bench.stream.checkpoint("50")
    assert bench.calls == 2
    assert not bench.read().waits
    bench.stream.checkpoint("51")
    assert bench.calls == 2


def test_a_stream_that_comes_late_may_have_missed_something(
    bench: Bench,
) -> None:
    bench.read()
    bench.runtime.advance(1)
    bench.answer(bench.token(1))
    bench.stream.checkpoint()
    assert bench.calls == 2


def test_a_fetch_under_way_when_it_comes_is_followed_by_another(
    bench: Bench,
) -> None:
    bench.read()
    bench.runtime.advance(1)
    bench.stream.checkpoint()
    bench.answer(bench.token(1))
    assert bench.calls == 2
    bench.answer(bench.token(1))
    assert bench.calls == 2


def test_a_key_without_the_right_is_left_in_peace_for_five_minutes(
    bench: Bench,
) -> None:
    bench.read()
    bench.stream.ended(failure(S.PERMISSION_DENIED, "RIGHT_MISSING"))
    bench.answer(bench.token(1, lives=None))
    bench.runtime.advance(299)
    assert len(bench.runtime.streams) == 1
    bench.runtime.advance(1)
    assert len(bench.runtime.streams) == 2


def test_lagging_resumes_from_the_cursor(bench: Bench) -> None:
    bench.read()
    bench.stream.checkpoint("7")
    bench.stream.ended(failure(S.ABORTED, "WATCH_LAGGED"))
    bench.runtime.advance(0.1)
    assert bench.stream.request.cursor == "7"


def test_a_closed_source_does_not_reopen_the_stream(bench: Bench) -> None:
    bench.read()
    bench.stream.ended(failure())
    bench.source.close()
    bench.runtime.advance(60)
    assert len(bench.runtime.streams) == 1
    assert bench.runtime.pending() == []
