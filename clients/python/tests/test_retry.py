"""Every row of the table of retries."""

from __future__ import annotations

import grpc
import pytest

from tests.manual import failure
from valetkey import Error, Unavailable, v1
from valetkey._calls import Call, same
from valetkey._core.resume import Resume
from valetkey._retry import Attempts, Backoff

S = grpc.StatusCode


def attempts(deadline: float = 30.0, *, repeatable: bool = True) -> Attempts:
    return Attempts(deadline, lambda: 0.5, repeatable=repeatable)


def test_unavailable_with_retry_info_waits_that_long() -> None:
    tries = attempts()
    assert tries.failed(failure(retry_delay=7), 0) == 7
    assert tries.failed(failure(), 7) == pytest.approx(0.1)


def test_unavailable_without_waits_by_the_table() -> None:
    tries, waits, now = attempts(), [], 0.0
    for _ in range(8):
        waits.append(tries.failed(failure(), now))
        now += waits[-1]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])


@pytest.mark.parametrize(("roll", "wait"), [(0.0, 0.05), (0.999, 0.1499)])
def test_each_wait_is_times_a_random_number(roll: float, wait: float) -> None:
    assert Backoff(lambda: roll).wait_after(failure()) == pytest.approx(wait)


def test_a_wait_beyond_the_deadline_fails_at_once() -> None:
    with pytest.raises(Unavailable) as raised:
        attempts(deadline=5).failed(failure(retry_delay=5.1), 0)
    assert raised.value.retry_delay == 5.1
    with pytest.raises(Unavailable) as raised:
        attempts(deadline=5).failed(failure(), 4.95)
    assert raised.value.retry_delay == pytest.approx(0.1)


def test_a_wait_up_to_the_deadline_does_not() -> None:
    assert attempts(deadline=5).failed(failure(retry_delay=4.9), 0) == 4.9


@pytest.mark.parametrize(
    "code", [c for c in S if c not in (S.OK, S.UNAVAILABLE)]
)
def test_any_other_code_fails_at_once(code: grpc.StatusCode) -> None:
    with pytest.raises(Error) as raised:
        attempts().failed(failure(code), 0)
    assert raised.value.code is code
    assert raised.value.retry_delay is None


def test_a_call_that_is_not_repeatable_fails_at_once() -> None:
    with pytest.raises(Unavailable) as raised:
        attempts(repeatable=False).failed(failure(), 0)
    assert raised.value.retry_delay == pytest.approx(0.1)


def test_a_deadline_during_a_later_try_means_the_earlier_failure() -> None:
    tries = attempts()
    tries.failed(failure(reason="STORE_UNAVAILABLE"), 0)
    with pytest.raises(Unavailable) as raised:
        tries.failed(failure(S.DEADLINE_EXCEEDED), 30)
    assert raised.value.reason == "STORE_UNAVAILABLE"
    with pytest.raises(Unavailable):
        tries.timeout(30)


def test_a_deadline_during_the_first_try_is_just_that() -> None:
    with pytest.raises(Error) as raised:
        attempts().timeout(30)
    assert raised.value.code is S.DEADLINE_EXCEEDED


def test_each_try_has_what_is_left() -> None:
    tries = attempts(deadline=10)
    assert tries.timeout(0) == 10
    assert tries.timeout(4) == 6


@pytest.mark.parametrize(
    ("method", "repeatable"),
    [
        ("GetToken", True),
        ("Exchange", True),
        ("Revoke", True),
        ("RevokeKey", True),
        ("Authorize", True),
        ("GetConnection", True),
        ("ListConnections", True),
        ("ListCatalogEntries", True),
        ("CreateKey", False),
        ("CreateProvider", False),
        ("UpdateConnection", False),
        ("DeleteConnection", False),
    ],
)
def test_which_calls_are_repeatable(method: str, *, repeatable: bool) -> None:
    call = Call("Service", method, v1.GetTokenRequest(), same)
    assert call.repeatable is repeatable


@pytest.mark.parametrize(("generation", "repeatable"), [(0, False), (1, True)])
def test_refresh_is_repeatable_with_a_generation(
    generation: int, *, repeatable: bool
) -> None:
    request = v1.RefreshRequest(generation=generation)
    call = Call("TokenService", "Refresh", request, same)
    assert call.repeatable is repeatable


# ------------------------------------------------------------------- watches


def message(cursor: str) -> v1.WatchEventsResponse:
    return v1.WatchEventsResponse(cursor=cursor)


def resume(**fields: object) -> Resume:
    request = v1.WatchEventsRequest(parent="applications/shop", **fields)  # type: ignore[arg-type]
    return Resume(request, lambda: 0.5)


@pytest.mark.parametrize(
    "error", [failure(), failure(S.ABORTED, "WATCH_LAGGED"), None]
)
def test_a_watch_resumes_after_what_it_yielded(error: Error | None) -> None:
    watch = resume()
    watch.yielded(message("1"))
    watch.yielded(message("2"))
    assert watch.ended(error) == pytest.approx(0.1)
    assert watch.ended(error) == pytest.approx(0.2)
    assert watch.request().cursor == "2"
    watch.yielded(message("3"))
    assert watch.ended(error) == pytest.approx(0.1)


def test_a_break_within_a_snapshot_begins_it_anew() -> None:
    watch = resume(snapshot=True)
    watch.yielded(message(""))
    watch.ended(failure())
    assert watch.request().snapshot
    assert watch.request().cursor == ""
    watch.yielded(message("9"))
    watch.ended(failure())
    assert not watch.request().snapshot
    assert watch.request().cursor == "9"


@pytest.mark.parametrize(
    "error",
    [
        failure(S.OUT_OF_RANGE, "CURSOR_EXPIRED"),
        failure(S.INVALID_ARGUMENT, "CURSOR_INVALID"),
        failure(S.ABORTED, "ETAG_MISMATCH"),
        failure(S.PERMISSION_DENIED, "RIGHT_MISSING"),
        failure(S.CANCELLED),
    ],
)
def test_any_other_error_ends_a_watch(error: Error) -> None:
    with pytest.raises(Error) as raised:
        resume().ended(error)
    assert raised.value is error
