"""The authorization endpoint: GET and POST https://www.pinterest.com/oauth/.

Production and sandbox share it; which of them a code is for is decided by the
host it is exchanged at. RFC 6749 section 4.1.1 and 4.1.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from pinterest_emulator import answers, pages, scopes
from pinterest_emulator.calls import Call
from pinterest_emulator.config import LOGIN_PATTERN
from pinterest_emulator.http1 import HTML, Response
from pinterest_emulator.ledger import Ledger
from pinterest_emulator.state import App, State

PASSED_ON = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)
"""The parameters that the page's form sends back to us."""


@dataclass(frozen=True, slots=True)
class _Authorization:
    app: App
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None


def authorize(call: Call, state: State, ledger: Ledger) -> Response:
    """Shows the consent page, or acts on what was chosen there."""
    checked = _check(call, state)
    if isinstance(checked, Response):
        return checked
    if call.request.method == "POST":
        decision = call.parameter("decision")
        login = call.parameter("login")
        if not re.fullmatch(LOGIN_PATTERN, login):
            return answers.authorize_failure(1, "Invalid parameter: login")
        if decision == "approve":
            return _approve(checked, login, state, ledger)
        if decision == "cancel":
            return _cancel(checked)
        return answers.authorize_failure(1, "Invalid parameter: decision")
    if state.config.auto_approve:
        return _approve(checked, state.config.login, state, ledger)
    passed_on = {
        name: call.parameters[name]
        for name in PASSED_ON
        if name in call.parameters
    }
    page = pages.consent(
        checked.app,
        checked.redirect_uri,
        checked.scopes,
        state.config.login,
        passed_on,
    )
    return Response(200, page.encode(), HTML, [answers.NO_STORE, pages.POLICY])


def _check(call: Call, state: State) -> _Authorization | Response:
    """Pinterest never redirects with an error of the request itself."""
    if call.repeated is not None:
        # RFC 6749 section 3.1.
        return answers.authorize_failure(
            1, f"Repeated parameter: {call.repeated}"
        )
    app = state.apps.get(call.parameter("client_id"))
    if app is None:
        return answers.authorize_failure(283, "Invalid app id.")
    redirect_uri = call.parameter("redirect_uri")
    if redirect_uri not in app.redirect_uris:
        return answers.authorize_failure(
            7, "The redirect_uri is not registered for this app."
        )
    if call.parameter("response_type") != "code":
        return answers.authorize_failure(1, "Invalid parameter: response_type")
    requested = scopes.split(call.parameter("scope"))
    if not requested:
        return answers.authorize_failure(1, "Missing parameter: scope")
    for scope in requested:
        if scope not in scopes.SCOPES:
            return answers.authorize_failure(1, f"Invalid scope: {scope}")
    challenge = call.parameter("code_challenge") or None
    # RFC 7636 section 4.3: "plain" when no method is named. We only know S256.
    s256 = call.parameter("code_challenge_method") == "S256"
    if state.config.pkce == "enforce" and not (challenge and s256):
        return answers.authorize_failure(1, "Missing parameter: code_challenge")
    return _Authorization(
        app,
        redirect_uri,
        requested,
        call.parameters.get("state"),
        challenge if s256 else None,
    )


def _approve(
    request: _Authorization, login: str, state: State, ledger: Ledger
) -> Response:
    code = state.new_code(
        request.app,
        login,
        request.redirect_uri,
        request.scopes,
        request.challenge,
    )
    ledger.issued_code(code)
    return _redirect(request, {"code": code.value})


def _cancel(request: _Authorization) -> Response:
    """Pinterest documents no answer for this; RFC 6749 section 4.1.2.1."""
    return _redirect(
        request,
        {
            "error": "access_denied",
            "error_description": "The user denied access to the app.",
        },
    )


def _redirect(request: _Authorization, query: dict[str, str]) -> Response:
    if request.state is not None:
        query["state"] = request.state
    separator = "&" if "?" in request.redirect_uri else "?"
    location = request.redirect_uri + separator + urlencode(query)
    headers = [("location", location), answers.NO_STORE]
    return Response(302, content_type=None, headers=headers)
