"""What is done with a token: asking whose it is, and revoking it."""

from __future__ import annotations

from pinterest_emulator import answers
from pinterest_emulator.calls import Call
from pinterest_emulator.clients import authenticate
from pinterest_emulator.http1 import Response
from pinterest_emulator.ledger import ACCEPTED, REJECTED, Ledger
from pinterest_emulator.state import ACCESS, REFRESH, App, State, Token


def user_account(call: Call, state: State, ledger: Ledger) -> Response:
    """GET /v5/user_account, which needs the scope user_accounts:read."""
    if call.bearer is None:
        return answers.authentication_failed()
    token = state.tokens.get(call.bearer)
    reason = _why_not_served(call, token, state.clock.now())
    ledger.presented(
        ACCESS,
        call.bearer,
        call.endpoint,
        REJECTED if reason else ACCEPTED,
        reason or "ok",
        client_id=None,
        token=token,
    )
    if token is None or reason is not None:
        if reason == "scope":
            return answers.not_permitted()
        return answers.authentication_failed()
    return answers.ok(state.person(token.grant.login).user_account())


def _why_not_served(call: Call, token: Token | None, now: float) -> str | None:
    if token is None:
        return "unknown"
    if token.kind != ACCESS:
        return "wrong_kind"
    if token.grant.sandbox != call.sandbox:
        return "wrong_environment"
    dead = token.why_dead(now)
    if dead is None and "user_accounts:read" not in token.scopes:
        return "scope"
    return dead


def revoke(call: Call, state: State, ledger: Ledger) -> Response:
    """POST /v5/oauth/token/revoke: RFC 7009, but for system users only.

    For them it behaves as the RFC says: a dead token is no error (section
    2.2), and with a refresh token goes the whole grant (section 2.1).
    """
    if not call.is_form:
        return answers.invalid_parameters(
            "The body must be application/x-www-form-urlencoded."
        )
    app = authenticate(call, state, ledger)
    if app is None:
        return answers.authentication_failed()
    value = call.parameter("token")
    if not value:
        return answers.invalid_parameters("Missing parameter: token")
    token = state.tokens.get(value)
    reason = _why_not_revoked(call, app, token, state)
    ledger.presented(
        token.kind if token is not None else _guessed_kind(call),
        value,
        call.endpoint,
        REJECTED if reason else ACCEPTED,
        reason or "ok",
        client_id=app.client_id,
        token=token,
    )
    if token is None or reason is not None:
        return answers.not_permitted()
    if token.kind == REFRESH:
        token.grant.kill("revoked", state.clock.now())
    else:
        token.kill("revoked")
    return Response(200, content_type=None)


def _why_not_revoked(
    call: Call, app: App, token: Token | None, state: State
) -> str | None:
    if token is None:
        return "unknown"
    if token.grant.client_id != app.client_id:
        return "wrong_client"
    if token.grant.sandbox != call.sandbox:
        return "wrong_environment"
    if not state.person(token.grant.login).system_user:
        return "not_a_system_user"
    return None


def _guessed_kind(call: Call) -> str:
    hinted = call.parameter("token_type_hint") == REFRESH
    return REFRESH if hinted else ACCESS
