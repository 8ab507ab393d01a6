"""Pinterest's hosts: which endpoint a request is for, and its faults."""

from __future__ import annotations

import asyncio
import random

from pinterest_emulator import answers, pages
from pinterest_emulator.authorize import authorize
from pinterest_emulator.calls import (
    Call,
    bearer_call,
    client_call,
    consent_call,
)
from pinterest_emulator.faults import BEFORE, Faults
from pinterest_emulator.http1 import HTML, Handler, Request, Response
from pinterest_emulator.ledger import CODE, SECRET, UNPROCESSED, Ledger
from pinterest_emulator.resources import revoke, user_account
from pinterest_emulator.state import ACCESS, REFRESH, State
from pinterest_emulator.token_endpoint import TokenEndpoint


class Pinterest:
    """The handlers of www.pinterest.com, api. and api-sandbox."""

    def __init__(self, state: State, ledger: Ledger, faults: Faults) -> None:
        self._state = state
        self._ledger = ledger
        self._faults = faults
        self._token = TokenEndpoint(state, ledger)
        # Shown to people on the front page, once they are known.
        self.origins: dict[str, str] = {}

    async def www(self, request: Request) -> Response:
        # Clients are about evenly split on the slash; Pinterest takes both.
        if request.path in ("/oauth/", "/oauth"):
            if request.method not in ("GET", "POST"):
                return _identified(answers.method_not_allowed("GET, POST"))
            return await self._serve(consent_call(request))
        if request.path == "/" and request.method == "GET":
            page = pages.index(self.origins).encode()
            return _identified(Response(200, page, HTML, [pages.POLICY]))
        return _identified(answers.not_found())

    def api(self, sandbox: bool) -> Handler:
        """The handler of one of the two API hosts."""

        async def handle(request: Request) -> Response:
            return await self._api(request, sandbox)

        return handle

    async def _api(self, request: Request, sandbox: bool) -> Response:
        # Paths are exact: with a trailing slash Pinterest does not know them.
        endpoint = _ENDPOINTS.get(request.path)
        if endpoint is None:
            return _identified(answers.not_found())
        name, method = endpoint
        if request.method != method:
            return _identified(answers.method_not_allowed(method))
        if name == "user_account":
            return await self._serve(bearer_call(name, request, sandbox))
        return await self._serve(client_call(name, request, sandbox))

    async def _serve(self, call: Call) -> Response:
        self._ledger.called(call.endpoint, call.grant_type)
        fault = None
        if self._faults:
            fault = self._faults.strike(
                call.endpoint,
                call.grant_type,
                call.client_id,
                self._login(call),
            )
        if fault is None:
            return _identified(self._answer(call))
        before = fault.phase == BEFORE
        response = None if before else self._answer(call)
        if fault.seconds and fault.kind != "hang":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "slow":
            return _identified(response or self._answer(call))
        if before:
            self._record_unprocessed(call, f"fault:{fault.kind}")
        return _identified(fault.response(response))

    def _answer(self, call: Call) -> Response:
        if call.endpoint == "token":
            return self._token.answer(call)
        if call.endpoint == "revoke":
            return revoke(call, self._state, self._ledger)
        if call.endpoint == "user_account":
            return user_account(call, self._state, self._ledger)
        return authorize(call, self._state, self._ledger)

    def _login(self, call: Call) -> str | None:
        """Whom a request is about, as far as can be told beforehand."""
        if call.endpoint == "authorize":
            return call.parameters.get("login", self._state.config.login)
        if call.grant_type == "client_credentials":
            app = self._state.apps.get(call.client_id or "")
            return app.owner if app is not None else None
        for kind, value in _shown(call):
            if kind == CODE and value in self._state.codes:
                return self._state.codes[value].login
            if value in self._state.tokens:
                return self._state.tokens[value].grant.login
        return None

    def _record_unprocessed(self, call: Call, reason: str) -> None:
        for kind, value in _shown(call):
            code = self._state.codes.get(value) if kind == CODE else None
            self._ledger.presented(
                kind,
                value,
                call.endpoint,
                UNPROCESSED,
                reason,
                client_id=call.client_id,
                login=code.login if code is not None else None,
                token=self._state.tokens.get(value),
            )


_ENDPOINTS = {
    "/v5/oauth/token": ("token", "POST"),
    "/v5/oauth/token/revoke": ("revoke", "POST"),
    "/v5/user_account": ("user_account", "GET"),
}


def _shown(call: Call) -> list[tuple[str, str]]:
    """The secrets in a request, by kind."""
    shown = []
    if call.secret is not None:
        shown.append((SECRET, call.secret))
    if call.bearer is not None:
        shown.append((ACCESS, call.bearer))
    for name, kind in (
        ("code", CODE),
        ("refresh_token", REFRESH),
        ("token", ACCESS),
    ):
        if value := call.parameter(name):
            shown.append((kind, value))
    return shown


def _identified(response: Response) -> Response:
    """Each of Pinterest's answers carries the request's id."""
    rid = str(random.getrandbits(53))
    response.headers.append(("x-pinterest-rid", rid))
    return response
