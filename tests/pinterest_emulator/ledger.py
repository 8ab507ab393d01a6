"""A record of every token, code and secret given out or shown to us.

Tests assert on it what no client can know: how many refreshes really happened,
whether a refresh token was ever presented again after it had been exchanged,
and whether a family was alive when its client gave it up. It therefore holds
the tokens themselves, which only a test double may do.

Entries are appended and never changed, and the summary is counted on the way,
so both cost the same at 100,000 entries as at ten.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import typing
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinterest_emulator.clock import Clock
from pinterest_emulator.state import Code, Grant, Token

CODE, SECRET = "authorization_code", "client_secret"

ACCEPTED, REJECTED, UNPROCESSED = "accepted", "rejected", "unprocessed"
"""Verdicts. `unprocessed`: a fault answered before anybody looked at it."""

_DEAD = frozenset({"expired", "killed", "revoked", "grant_dead"})


def digest(value: str) -> str:
    """The form in which a test may log or compare a token."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(slots=True)
class _GrantCounts:
    login: str
    client_id: str
    issued: int = 0
    refreshes: int = 0
    refresh_token_reuses: int = 0
    presented_after_death: int = 0


@dataclass(slots=True)
class _Counts:
    calls: Counter[str] = field(default_factory=Counter)
    token_posts: Counter[str] = field(default_factory=Counter)
    issued: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, Counter[str]] = field(default_factory=dict)
    rejections: Counter[str] = field(default_factory=Counter)
    after_death: Counter[str] = field(default_factory=Counter)
    refreshes: int = 0
    reuses: int = 0
    reused: set[str] = field(default_factory=set)
    grants: dict[str, _GrantCounts] = field(default_factory=dict)


class Ledger:
    """Used from one event loop only."""

    def __init__(self, clock: Clock, file: Path | None = None) -> None:
        """With `file`, each entry is also appended there as a line of JSON
        and flushed at once, for tests that outlive this process."""
        self._clock = clock
        self._entries: list[dict[str, Any]] = []
        self._next_seq = 1
        self._counts = _Counts()
        self._file: typing.TextIO | None = None
        if file is not None:
            self._file = file.open("a", buffering=1, encoding="utf-8")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def clear(self) -> None:
        """Forgets entries and counts. Sequence numbers go on, and a ledger
        file keeps what it has."""
        self._entries.clear()
        self._counts = _Counts()

    def called(self, endpoint: str, grant_type: str | None = None) -> None:
        """Counts a request to one of Pinterest's endpoints."""
        self._counts.calls[endpoint] += 1
        if endpoint == "token":
            self._counts.token_posts[grant_type or "none"] += 1

    def refreshed(self, grant: Grant) -> None:
        """Counts a refresh that made a new generation."""
        self._counts.refreshes += 1
        self._of(grant).refreshes += 1

    def issued_token(self, token: Token) -> None:
        grant = token.grant
        self._counts.issued[token.kind] += 1
        self._of(grant).issued += 1
        self._append(
            event="issued",
            kind=token.kind,
            value=token.value,
            login=grant.login,
            client_id=grant.client_id,
            grant=grant.id,
            generation=token.generation,
            sandbox=grant.sandbox,
            expires_at=token.expires_at,
        )

    def issued_code(self, code: Code) -> None:
        self._counts.issued[CODE] += 1
        self._append(
            event="issued",
            kind=CODE,
            value=code.value,
            login=code.login,
            client_id=code.client_id,
            expires_at=code.expires_at,
        )

    def presented(
        self,
        kind: str,
        value: str,
        endpoint: str,
        verdict: str,
        reason: str,
        *,
        client_id: str | None,
        login: str | None = None,
        token: Token | None = None,
    ) -> None:
        """Records that `value` was shown to `endpoint`.

        `token` is what the value turned out to be, `login` whose it is where
        that is known without one.
        """
        self._count_presented(kind, value, endpoint, verdict, reason, token)
        if token is None:
            self._append(
                event="presented",
                kind=kind,
                value=value,
                login=login,
                client_id=client_id,
                endpoint=endpoint,
                verdict=verdict,
                reason=reason,
            )
            return
        self._append(
            event="presented",
            kind=kind,
            value=value,
            login=token.grant.login,
            client_id=client_id or token.grant.client_id,
            grant=token.grant.id,
            generation=token.generation,
            sandbox=token.grant.sandbox,
            endpoint=endpoint,
            verdict=verdict,
            reason=reason,
        )

    def entries(
        self,
        since: int = 0,
        limit: int | None = None,
        **filters: str,
    ) -> list[dict[str, Any]]:
        """Entries with a sequence number above `since`, oldest first, whose
        fields equal all the filters."""
        skip = 0
        if self._entries:
            skip = max(0, since - self._entries[0]["seq"] + 1)
        found: Iterable[dict[str, Any]] = self._entries[skip:]
        if filters:
            wanted = filters.items()
            found = (e for e in found if all(e.get(k) == v for k, v in wanted))
        return list(itertools.islice(found, limit))

    def summary(self) -> dict[str, Any]:
        counts = self._counts
        return {
            "entries": len(self._entries),
            "calls": counts.calls,
            "token_posts": counts.token_posts.total(),
            "token_posts_by_grant_type": counts.token_posts,
            "revoke_calls": counts.calls["revoke"],
            "issued": counts.issued,
            "refreshes": counts.refreshes,
            "presented": counts.verdicts,
            "rejections": counts.rejections,
            "refresh_tokens_presented_twice": len(counts.reused),
            "refresh_token_reuses": counts.reuses,
            "presented_after_death": counts.after_death,
            "grants": {
                id: {name: getattr(of, name) for name in of.__slots__}
                for id, of in counts.grants.items()
            },
        }

    def _of(self, grant: Grant) -> _GrantCounts:
        counts = self._counts.grants.get(grant.id)
        if counts is None:
            counts = _GrantCounts(grant.login, grant.client_id)
            self._counts.grants[grant.id] = counts
        return counts

    def _count_presented(
        self,
        kind: str,
        value: str,
        endpoint: str,
        verdict: str,
        reason: str,
        token: Token | None,
    ) -> None:
        counts = self._counts
        counts.verdicts.setdefault(kind, Counter())[verdict] += 1
        if verdict == REJECTED:
            counts.rejections[reason] += 1
        if token is None or verdict == UNPROCESSED:
            return
        # A token that a fault turned away unseen is not spent, and presenting
        # it again is what a good client does; hence only `spent_at` counts.
        # Nor is it misuse to ask for an old one's revocation.
        if endpoint == "token" and token.spent_at is not None:
            counts.reuses += 1
            counts.reused.add(value)
            self._of(token.grant).refresh_token_reuses += 1
        if reason in _DEAD:
            counts.after_death[kind] += 1
            self._of(token.grant).presented_after_death += 1

    def _append(self, **entry: Any) -> None:
        entry = {
            "seq": self._next_seq,
            "time": round(self._clock.now(), 6),
            **entry,
            "sha256": digest(entry["value"]),
        }
        self._next_seq += 1
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")
