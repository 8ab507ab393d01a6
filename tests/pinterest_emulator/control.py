"""The control interface under /_emulator/, on a port of its own.

JSON in and out; the README lists every object. A bad field is answered 400
with its name, an unknown path 404.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from urllib.parse import parse_qsl

from pinterest_emulator import ledger as ledgers
from pinterest_emulator.config import LOGIN_PATTERN
from pinterest_emulator.faults import Faults
from pinterest_emulator.fields import REQUIRED, FieldError, Fields
from pinterest_emulator.http1 import Request, Response
from pinterest_emulator.ledger import Ledger
from pinterest_emulator.state import App, Grant, State, Token

PREFIX = "/_emulator"

_LEDGER_FILTERS = (
    "event",
    "kind",
    "login",
    "client_id",
    "grant",
    "endpoint",
    "verdict",
    "reason",
    "value",
    "sha256",
)


class Control:
    def __init__(self, state: State, ledger: Ledger, faults: Faults) -> None:
        self._state = state
        self._ledger = ledger
        self._faults = faults
        self._initial_config = state.config
        self._routes = {
            ("GET", "/config"): self._get_config,
            ("POST", "/config"): self._post_config,
            ("GET", "/apps"): self._get_apps,
            ("POST", "/apps"): self._post_app,
            ("GET", "/logins"): self._get_logins,
            ("POST", "/logins"): self._post_login,
            ("GET", "/faults"): self._get_faults,
            ("POST", "/faults"): self._post_fault,
            ("DELETE", "/faults"): self._delete_faults,
            ("POST", "/kill"): self._post_kill,
            ("POST", "/clock"): self._post_clock,
            ("GET", "/grants"): self._get_grants,
            ("GET", "/ledger"): self._get_ledger,
            ("GET", "/ledger/summary"): self._get_summary,
            ("DELETE", "/ledger"): self._delete_ledger,
            ("POST", "/reset"): self._post_reset,
        }

    async def handle(self, request: Request) -> Response:
        path = request.path.removeprefix(PREFIX)
        if path == request.path:
            return _error(404, None, "not found")
        action = self._routes.get((request.method, path))
        if action is None:
            if any(known == path for _, known in self._routes):
                return _error(405, None, "method not allowed")
            return _error(404, None, "not found")
        try:
            return _json(action(_fields(request)))
        except FieldError as problem:
            return _error(400, problem.field, str(problem))

    # Each action below takes the body's fields, or the query's for GET and
    # DELETE, and returns what to answer.

    def _get_config(self, fields: Fields) -> object:
        fields.finish()
        return dataclasses.asdict(self._state.config)

    def _post_config(self, fields: Fields) -> object:
        self._state.config = self._state.config.updated(fields)
        return dataclasses.asdict(self._state.config)

    def _get_apps(self, fields: Fields) -> object:
        fields.finish()
        apps = self._state.apps.values()
        return {"apps": [dataclasses.asdict(app) for app in apps]}

    def _post_app(self, fields: Fields) -> object:
        """Adds an app or changes one. As at Pinterest, the tokens of an app
        survive a reset of its secret."""
        client_id = fields.text("client_id", pattern=r"[!-9;-~]{1,128}")
        old = self._state.apps.get(client_id)
        app = App(
            client_id=client_id,
            secret=fields.text("secret", old.secret if old else REQUIRED),
            redirect_uris=fields.texts(
                "redirect_uris", old.redirect_uris if old else REQUIRED
            ),
            name=fields.text("name", old.name if old else client_id),
            owner=fields.text(
                "owner", old.owner if old else "owner", pattern=LOGIN_PATTERN
            ),
        )
        fields.finish()
        self._state.apps[client_id] = app
        return dataclasses.asdict(app)

    def _get_logins(self, fields: Fields) -> object:
        fields.finish()
        people = self._state.people()
        return {"logins": [dataclasses.asdict(person) for person in people]}

    def _post_login(self, fields: Fields) -> object:
        login = fields.text("login", pattern=LOGIN_PATTERN)
        person = self._state.person(login).updated(fields)
        self._state.put_person(person)
        return dataclasses.asdict(person)

    def _get_faults(self, fields: Fields) -> object:
        fields.finish()
        return {"faults": self._faults.described()}

    def _post_fault(self, fields: Fields) -> object:
        return self._faults.add(fields).described()

    def _delete_faults(self, fields: Fields) -> object:
        id = fields.text("id", None)
        fields.finish()
        if id is None:
            self._faults.clear()
        elif not self._faults.remove(id):
            raise FieldError("id", "no such fault")
        return {}

    def _post_kill(self, fields: Fields) -> object:
        """As when the person takes access away at Pinterest, changes the
        password, or the token is found published."""
        given = [n for n in ("grant", "token", "login") if fields.has(n)]
        if len(given) != 1:
            raise FieldError("grant", "give one of grant, token and login")
        value = fields.text(given[0])
        fields.finish()
        now = self._state.clock.now()
        if given[0] == "token":
            token = self._state.tokens.get(value)
            if token is None:
                raise FieldError("token", "no such token")
            token.kill("killed")
            return {"grants": [token.grant.id]}
        if given[0] == "grant":
            if value not in self._state.grants:
                raise FieldError("grant", "no such grant")
            doomed = [self._state.grants[value]]
        else:
            grants = self._state.grants.values()
            doomed = [
                g for g in grants if g.login == value and g.death_reason is None
            ]
        for grant in doomed:
            grant.kill("revoked_by_user", now)
        return {"grants": [grant.id for grant in doomed]}

    def _post_clock(self, fields: Fields) -> object:
        seconds = fields.number("advance", 0.0)
        fields.finish()
        self._state.clock.advance(seconds)
        return {"now": self._state.clock.now()}

    def _get_grants(self, fields: Fields) -> object:
        login = fields.text("login", None)
        client_id = fields.text("client_id", None)
        alive = fields.text("alive", None, choices=("true", "false"))
        fields.finish()
        now = self._state.clock.now()
        described = (
            _described(grant, now)
            for grant in self._state.grants.values()
            if login in (None, grant.login)
            and client_id in (None, grant.client_id)
        )
        wanted = None if alive is None else alive == "true"
        return {
            "grants": [
                d for d in described if wanted is None or d["alive"] is wanted
            ]
        }

    def _get_ledger(self, fields: Fields) -> object:
        since = int(fields.text("since", "0", pattern=r"\d{1,15}"))
        limit = fields.text("limit", None, pattern=r"\d{1,15}")
        filters = {
            name: fields.text(name)
            for name in _LEDGER_FILTERS
            if fields.has(name)
        }
        fields.finish()
        count = int(limit) if limit is not None else None
        return {"entries": self._ledger.entries(since, count, **filters)}

    def _get_summary(self, fields: Fields) -> object:
        fields.finish()
        return self._ledger.summary()

    def _delete_ledger(self, fields: Fields) -> object:
        fields.finish()
        self._ledger.clear()
        return {}

    def _post_reset(self, fields: Fields) -> object:
        """As after a start, but the apps stay: they are the test's set-up."""
        fields.finish()
        self._state.config = self._initial_config
        self._state.forget_grants()
        self._faults.clear()
        self._ledger.clear()
        return {}


def _fields(request: Request) -> Fields:
    if request.method != "POST":
        return Fields(dict(parse_qsl(request.query, keep_blank_values=True)))
    try:
        return Fields(json.loads(request.body or b"{}"))
    except ValueError:
        raise FieldError("body", "must be a JSON object") from None


def _described(grant: Grant, now: float) -> dict[str, Any]:
    why_dead = grant.why_dead(now)
    return {
        "id": grant.id,
        "login": grant.login,
        "client_id": grant.client_id,
        "grant_type": grant.grant_type,
        "sandbox": grant.sandbox,
        "scopes": grant.scopes,
        "continuous_refresh": grant.continuous_refresh,
        "pkce_verified": grant.pkce_verified,
        "generation": grant.generation,
        "created_at": grant.created_at,
        "alive": why_dead is None,
        "death_reason": why_dead,
        "died_at": grant.died_at,
        "access_token": _described_token(grant.access, now),
        "refresh_token": _described_token(grant.refresh, now),
    }


def _described_token(token: Token | None, now: float) -> dict[str, Any] | None:
    if token is None:
        return None
    return {
        "value": token.value,
        "sha256": ledgers.digest(token.value),
        "generation": token.generation,
        "expires_at": token.expires_at,
        "alive": token.why_dead(now) is None,
    }


def _json(body: object) -> Response:
    return Response(200, json.dumps(body).encode())


def _error(status: int, field: str | None, message: str) -> Response:
    body = {"error": message}
    if field is not None:
        body["field"] = field
    return Response(status, json.dumps(body).encode())
