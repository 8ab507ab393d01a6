"""The state of a token source, by hand: nothing here waits."""

from __future__ import annotations

import grpc
import pytest

from tests.manual import Bench, failure

S = grpc.StatusCode


@pytest.fixture
def bench() -> Bench:
    return Bench()


# ------------------------------------------------------------------- reading


def test_nothing_is_opened_before_the_first_read(bench: Bench) -> None:
    bench.runtime.advance(100)
    assert bench.calls == 0
    assert not bench.runtime.streams


def test_a_token_is_served_from_memory(bench: Bench) -> None:
    token = bench.hold()
    for _ in range(10):
        assert bench.read().token is token
    assert bench.calls == 1
    assert bench.source.ready is token


def test_a_hundred_first_readers_make_one_call(bench: Bench) -> None:
    readers = [bench.read() for _ in range(100)]
    assert bench.calls == 1
    bench.answer(bench.token(1))
    assert {r.token.generation for r in readers} == {1}
    assert bench.calls == 1


def test_a_token_that_lives_less_than_two_seconds_is_fetched_anew(
    bench: Bench,
) -> None:
    bench.hold(lives=100, refresh_in=1000)
    bench.runtime.advance(97.9)
    assert not bench.read().waits
    bench.runtime.advance(0.2)
    reader = bench.read()
    assert reader.waits
    bench.answer(bench.token(2))
    assert reader.token.generation == 2


def test_a_token_just_fetched_is_given_however_short_it_lives(
    bench: Bench,
) -> None:
    readers = [bench.read(), bench.read()]
    bench.answer(bench.token(1, lives=0.5))
    assert [r.token.generation for r in readers] == [1, 1]
    assert bench.read().waits


def test_while_valetkey_is_away_a_token_is_served_to_its_end(
    bench: Bench,
) -> None:
    bench.hold(lives=100, refresh_in=1000)
    bench.runtime.advance(98.5)
    reader = bench.read()
    assert reader.waits
    bench.answer(failure())
    assert reader.token.generation == 1
    bench.runtime.advance(1.6)
    assert bench.read().waits


def test_a_rejected_token_is_not_served_while_valetkey_is_away(
    bench: Bench,
) -> None:
    bench.hold(lives=100, refresh_in=1000)
    bench.source.invalidate(1)
    reader = bench.read()
    bench.answer(failure())
    assert reader.waits


def test_a_token_without_an_expiry_is_served_for_ever(bench: Bench) -> None:
    bench.hold(lives=None)
    assert bench.runtime.pending() == []
    bench.runtime.advance(1e9)
    assert not bench.read().waits
    assert bench.calls == 1


def test_a_reader_that_gives_up_does_not_cancel_the_fetch(
    bench: Bench,
) -> None:
    hasty, patient = bench.read(1), bench.read(30)
    bench.runtime.advance(1)
    bench.expire(hasty)
    assert hasty.error.code is S.DEADLINE_EXCEEDED
    bench.answer(bench.token(1))
    assert patient.token.generation == 1


def test_a_fetch_goes_on_without_readers(bench: Bench) -> None:
    reader = bench.read(1)
    bench.expire(reader)
    bench.answer(bench.token(1))
    assert bench.read().token.generation == 1
    assert bench.calls == 1


def test_a_fetch_may_take_as_long_as_its_most_patient_reader(
    bench: Bench,
) -> None:
    bench.read(300)
    assert bench.try_.timeout == 300


# --------------------------------------------------------------------- timer


def test_it_refreshes_at_the_tokens_refresh_time(bench: Bench) -> None:
    # 60 s, and half of a tenth of the 40 s that are then left.
    bench.hold(lives=100, refresh_in=60)
    bench.runtime.advance(61.9)
    assert bench.calls == 1
    bench.runtime.advance(0.2)
    assert bench.calls == 2
    assert bench.read().token.generation == 1
    bench.answer(bench.token(2))
    assert bench.read().token.generation == 2


@pytest.mark.parametrize(
    ("roll", "due"), [(0.0, 80.0), (0.5, 81.0), (0.999, 81.998)]
)
def test_without_a_refresh_time_it_refreshes_at_four_fifths(
    bench: Bench, roll: float, due: float
) -> None:
    bench.runtime.roll = roll
    bench.hold(lives=100)
    assert bench.runtime.pending() == [pytest.approx(due)]


def test_the_same_generation_again_is_asked_for_after_a_tenth(
    bench: Bench,
) -> None:
    bench.hold(lives=100, refresh_in=50)
    bench.runtime.advance(52.5)
    bench.answer(bench.token(1, lives=47.5))
    assert bench.runtime.pending() == [pytest.approx(4.75)]
    bench.runtime.advance(4.75)
    bench.answer(bench.token(1, lives=42.75))
    assert bench.runtime.pending() == [pytest.approx(4.275)]


def test_but_not_sooner_than_after_a_second(bench: Bench) -> None:
    bench.hold(lives=100, refresh_in=95)
    bench.runtime.advance(96)
    bench.answer(bench.token(1, lives=4))
    assert bench.runtime.pending() == [pytest.approx(1.0)]


def test_an_error_of_the_background_is_tried_again_after_a_tenth(
    bench: Bench,
) -> None:
    bench.hold(lives=100, refresh_in=50)
    bench.runtime.advance(52.5)
    bench.answer(failure(S.INTERNAL, "INTERNAL_FAULT"))
    assert not bench.read().waits
    assert bench.runtime.pending() == [pytest.approx(4.75)]


def test_an_expired_token_has_no_timer(bench: Bench) -> None:
    bench.read()
    bench.answer(bench.token(1, lives=-1))
    assert bench.runtime.pending() == []


# ---------------------------------------------------------------- never back


def test_a_lower_generation_does_not_replace_a_higher(bench: Bench) -> None:
    bench.hold(generation=5, lives=100, refresh_in=50)
    bench.runtime.advance(52.5)
    bench.answer(bench.token(4))
    assert bench.read().token.generation == 5


def test_nor_is_it_served_when_the_higher_has_expired(bench: Bench) -> None:
    bench.hold(generation=5, lives=10, refresh_in=1000)
    bench.runtime.advance(11)
    reader = bench.read(30)
    bench.answer(bench.token(4))
    assert reader.waits
    bench.runtime.advance(0.1)
    bench.answer(bench.token(6))
    assert reader.token.generation == 6


def test_a_later_expiry_of_the_same_generation_is_taken(bench: Bench) -> None:
    bench.hold(lives=10, refresh_in=5)
    bench.runtime.advance(5.25)
    bench.answer(bench.token(1, lives=50))
    bench.runtime.advance(20)
    assert not bench.read().waits


def test_an_earlier_expiry_of_the_same_generation_is_not(bench: Bench) -> None:
    kept = bench.hold(lives=100, refresh_in=5)
    bench.runtime.advance(10)
    bench.answer(bench.token(1, lives=5))
    assert bench.read().token is kept


# --------------------------------------------------------------------- close


def test_close_fails_readers_and_leaves_nothing(bench: Bench) -> None:
    bench.hold(lives=10, refresh_in=5)
    bench.runtime.advance(9)
    bench.answer(failure())
    waiting = bench.read()
    bench.source.close()
    bench.source.close()
    assert waiting.error.code is S.CANCELLED
    assert bench.read().error.code is S.CANCELLED
    assert bench.stream.cancelled
    assert bench.runtime.tries[-1].cancelled
    assert bench.runtime.pending() == []
    assert bench.source.ready is None


def test_close_before_any_read(bench: Bench) -> None:
    bench.source.close()
    assert bench.read().error.code is S.CANCELLED
    assert bench.calls == 0
