"""What the emulated Pinterest remembers: apps, people, codes and tokens.

A *grant* is one consent and all that came of it, the token family. Its
*generation* counts the pairs issued in it, from 1. Nothing is ever forgotten,
so that a token that died long ago is still told from one never issued.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from pinterest_emulator.clock import Clock
from pinterest_emulator.config import Config
from pinterest_emulator.people import Person

ACCESS, REFRESH = "access_token", "refresh_token"


@dataclass(slots=True)
class App:
    """A registered client."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    name: str
    # For whom client_credentials acts.
    owner: str


@dataclass(slots=True)
class Code:
    """An authorization code."""

    value: str
    client_id: str
    login: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None
    expires_at: float
    spent: bool = False


@dataclass(slots=True, eq=False)
class Grant:
    """A token family."""

    id: str
    client_id: str
    login: str
    sandbox: bool
    grant_type: str
    scopes: tuple[str, ...]
    created_at: float
    # How the code was exchanged, for tests of what a client sends.
    continuous_refresh: bool = False
    pkce_verified: bool = False
    generation: int = 0
    access: Token | None = None
    refresh: Token | None = None
    death_reason: str | None = None
    died_at: float | None = None

    def kill(self, reason: str, now: float) -> None:
        if self.death_reason is None:
            self.death_reason, self.died_at = reason, now

    def why_dead(self, now: float) -> str | None:
        """None while the family can still yield a valid access token."""
        if self.death_reason is not None:
            return self.death_reason
        last = self.refresh or self.access
        return last.why_dead(now) if last is not None else None


@dataclass(slots=True, eq=False)
class Token:
    """An access or refresh token."""

    value: str
    kind: str
    grant: Grant
    generation: int
    scopes: tuple[str, ...]
    expires_at: float
    death_reason: str | None = None
    # Of a refresh token: when it was exchanged, and what for.
    spent_at: float | None = None
    successor: Pair | None = None

    def kill(self, reason: str) -> None:
        if self.death_reason is None:
            self.death_reason = reason

    def why_dead(self, now: float) -> str | None:
        """None while alive, which a spent refresh token still counts as."""
        if self.grant.death_reason is not None:
            return "grant_dead"
        if self.death_reason is not None:
            return self.death_reason
        return "expired" if now >= self.expires_at else None


@dataclass(frozen=True, slots=True)
class Pair:
    """What one token answer hands out."""

    access: Token
    refresh: Token | None


class State:
    """The whole memory. Used from one event loop only."""

    def __init__(self, clock: Clock, config: Config) -> None:
        self.clock = clock
        self.config = config
        self.apps: dict[str, App] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.grants: dict[str, Grant] = {}
        self._people: dict[str, Person] = {}
        self._approved: dict[tuple[str, str], tuple[str, ...]] = {}

    def forget_grants(self) -> None:
        """Back to the state in which nobody has consented to anything."""
        self.codes.clear()
        self.tokens.clear()
        self.grants.clear()
        self._people.clear()
        self._approved.clear()

    def person(self, login: str) -> Person:
        """The account of `login`; every login has one."""
        person = self._people.get(login)
        if person is None:
            person = self._people[login] = Person.made_for(login)
        return person

    def people(self) -> Iterable[Person]:
        """Those who were asked for so far."""
        return self._people.values()

    def put_person(self, person: Person) -> None:
        self._people[person.login] = person

    def new_code(
        self,
        app: App,
        login: str,
        redirect_uri: str,
        scopes: tuple[str, ...],
        challenge: str | None,
    ) -> Code:
        """The code of an approved consent."""
        if self.config.accumulate_scopes:
            before = self._approved.get((app.client_id, login), ())
            scopes = tuple(dict.fromkeys(scopes + before))
            self._approved[app.client_id, login] = scopes
        code = Code(
            value=secrets.token_hex(20),
            client_id=app.client_id,
            login=login,
            redirect_uri=redirect_uri,
            scopes=scopes,
            challenge=challenge,
            expires_at=self.clock.now() + self.config.code_ttl,
        )
        self.codes[code.value] = code
        return code

    def new_grant(
        self,
        client_id: str,
        login: str,
        sandbox: bool,
        grant_type: str,
        scopes: tuple[str, ...],
    ) -> Grant:
        """An empty family; `issue` gives it its first pair."""
        grant = Grant(
            id=f"g{len(self.grants) + 1}",
            client_id=client_id,
            login=login,
            sandbox=sandbox,
            grant_type=grant_type,
            scopes=scopes,
            created_at=self.clock.now(),
        )
        self.grants[grant.id] = grant
        return grant

    def issue(
        self, grant: Grant, scopes: tuple[str, ...], with_refresh: bool
    ) -> Pair:
        """The next generation. Without a new refresh token the old one stays.

        Earlier access tokens live until they expire: Pinterest's documentation
        mentions no other end for them on a refresh.
        """
        now = self.clock.now()
        grant.generation += 1
        app_only = grant.grant_type == "client_credentials"
        grant.access = self._new_token(
            "pinc_" if app_only else "pina_",
            ACCESS,
            grant,
            scopes,
            now + self.config.access_ttl,
        )
        refresh = None
        if with_refresh:
            # RFC 6749 section 6: narrowing the access token's scope leaves the
            # new refresh token with the whole of the old one's.
            refresh = grant.refresh = self._new_token(
                "pinr_",
                REFRESH,
                grant,
                grant.scopes,
                now + self.config.refresh_ttl,
            )
        return Pair(grant.access, refresh)

    def _new_token(
        self,
        prefix: str,
        kind: str,
        grant: Grant,
        scopes: tuple[str, ...],
        expires_at: float,
    ) -> Token:
        length = self.config.token_length
        body = secrets.token_urlsafe(length)[:length]
        value = prefix + body
        token = Token(value, kind, grant, grant.generation, scopes, expires_at)
        self.tokens[value] = token
        return token
