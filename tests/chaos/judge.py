"""What must hold after any weather, read from the emulator's ledger, the
events delivered and the callers' notes.

Times of the ledger, of events (the store's) and of intervals are the same
machine's wall clock: only replicas' clocks are shifted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chaos.load import Notes
from chaos.plan import ROTATED, Interval

# A request may reach the emulator this long after what ended its sender, and
# a fault that was switched on may be noted this much later than it struck.
_LAG = 0.3
# In this time an honest answer is in the store, were all well; beyond
# --http_timeout nobody waits for it.
_ANSWERED = 4.0
# A replica finds its way back to the store in this time.
_RECONNECT = 3.0

Entry = dict[str, Any]


def grants_of(ledger: Sequence[Entry]) -> dict[str, tuple[str, int]]:
    """Of each access token: its grant and generation there."""
    return {
        e["value"]: (e["grant"], e["generation"])
        for e in ledger
        if e["event"] == "issued"
        and e["kind"] == "access_token"
        and "grant" in e
    }


def presented(ledger: Sequence[Entry]) -> dict[tuple[str, int], list[Entry]]:
    """Of each refresh token, by grant and generation: when it was looked at."""
    found: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for e in ledger:
        if (
            e["event"] == "presented"
            and e["kind"] == "refresh_token"
            and e["endpoint"] == "token"
            and e["verdict"] != "unprocessed"
        ):
            found[e["grant"], e["generation"]].append(e)
    return found


def excuse(moment: float, intervals: Iterable[Interval]) -> Interval | None:
    """What kept the answer to a refresh of this moment from being stored.

    The answer was lost on its way, or came too late; the process that asked
    was killed or stood still; or the store was away. Redis is no excuse, nor
    a fault that strikes before the provider looks at the token.
    """
    for one in intervals:
        end = one.end
        if one.target == "redis":
            continue
        if one.target == "provider" and one.kind not in ROTATED:
            continue
        if one.target == "store":
            end += _RECONNECT
        if one.start <= moment + _ANSWERED and end >= moment - _LAG:
            return one
    return None


def unexcused_repeats(
    ledger: Sequence[Entry], intervals: Sequence[Interval]
) -> list[str]:
    """Refresh tokens that came twice although nothing had kept the answer to
    the first from being stored."""
    wrong = []
    for (grant, generation), entries in presented(ledger).items():
        for first, second in zip(entries, entries[1:]):
            if excuse(first["time"], intervals) is None:
                wrong.append(
                    f"{grant} ({first['login']}) generation {generation} at "
                    f"{first['time']:.3f} {first['reason']} and again at "
                    f"{second['time']:.3f} {second['reason']}"
                )
    return wrong


def repeats_after_storing(
    ledger: Sequence[Entry], events: Sequence[Entry]
) -> list[str]:
    """Refresh tokens presented after the store had what they were exchanged
    for, by the time of the event. For this there is no excuse.

    REQUIRES: one grant for each login and connection.
    """
    stored = {
        (e["subject"], int(e["generation"])): seconds_of(e["time"])
        for e in events
        if e["type"] == "EVENT_TYPE_REFRESHED"
    }
    wrong = []
    for (grant, generation), entries in presented(ledger).items():
        login = entries[0]["login"]
        end = stored.get((login, generation + 1), float("inf"))
        late = [e["time"] for e in entries if e["time"] > end]
        if late:
            wrong.append(
                f"{grant} ({login}) generation {generation} was stored at "
                f"{end:.3f} and presented at {late}"
            )
    return wrong


def repeats(ledger: Sequence[Entry]) -> int:
    return sum(len(e) - 1 for e in presented(ledger).values())


def seconds_of(time: str) -> float:
    """Of a timestamp as JSON has it: 2026-01-02T03:04:05.678Z."""
    from datetime import datetime

    whole, _, fraction = time.rstrip("Z").partition(".")
    start = datetime.fromisoformat(whole + "+00:00").timestamp()
    return start + float(f"0.{fraction or '0'}")


def foreign_tokens(
    ledger: Sequence[Entry], notes: Notes, logins: Mapping[str, str]
) -> list[str]:
    """Tokens given to a caller that the provider issued to somebody else, or
    never, or for another generation."""
    known = grants_of(ledger)
    owner = {e["grant"]: e["login"] for e in ledger if "grant" in e}
    wrong = []
    for given in notes.given:
        grant, generation = known.get(given.token, ("", 0))
        if owner.get(grant) != logins[given.name]:
            wrong.append(f"{given.name} got a token of {owner.get(grant)}")
        elif generation != given.generation:
            wrong.append(
                f"{given.name} generation {given.generation} is the "
                f"provider's {generation}"
            )
    return wrong


def given_after_revocation(notes: Notes, bound: float) -> list[str]:
    """Who asks later than the bound after Revoke has returned, and is given
    a token, was given it too late. No slack is needed for a caller that is
    slow itself: it is slow before it asks or after it was answered, and
    neither makes an answer look late that was not."""
    wrong = []
    for given in notes.given:
        end = notes.revoked.get(given.name, float("inf")) + bound
        if given.asked > end:
            wrong.append(
                f"{given.name} generation {given.generation}: asked for "
                f"{given.asked - end:.3f} s after the bound"
            )
    return wrong


def badly_delivered(events: Sequence[Entry], stored: Sequence[int]) -> list[str]:
    """Events that a watcher did not get, or not in order. What it gets again
    after it resumed does not count."""
    wrong = []
    seen: set[int] = set()
    last: dict[str, tuple[int, int]] = {}
    for event in events:
        sequence = int(event["sequence"])
        if sequence in seen:
            continue
        seen.add(sequence)
        name, generation = event["connection"], int(event["generation"])
        before = last.get(name, (0, 0))
        if sequence < before[0] or generation < before[1]:
            wrong.append(f"{name}: {before} and then {sequence, generation}")
        last[name] = (sequence, generation)
    lost = [s for s in stored if s not in seen]
    if lost:
        wrong.append(f"not delivered: {lost[:20]} of {len(lost)}")
    return wrong


def missing_generations(
    events: Sequence[Entry], newest: Mapping[str, int]
) -> list[str]:
    """Generations of connections that no event told of, from the second on:
    the first is from before the watcher."""
    told: dict[str, set[int]] = defaultdict(set)
    for event in events:
        told[event["connection"]].add(int(event["generation"]))
    wrong = []
    for name, newest_one in newest.items():
        lost = set(range(2, newest_one + 1)) - told[name]
        if lost:
            wrong.append(f"{name}: {sorted(lost)} of {newest_one}")
    return wrong
