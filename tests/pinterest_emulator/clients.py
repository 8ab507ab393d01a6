"""Client authentication, shared by the token and revocation endpoints."""

from __future__ import annotations

from pinterest_emulator.calls import Call
from pinterest_emulator.ledger import ACCEPTED, REJECTED, SECRET, Ledger
from pinterest_emulator.state import App, State


def authenticate(call: Call, state: State, ledger: Ledger) -> App | None:
    """The app that sent `call`, or None if Basic does not prove one.

    Credentials in the body are not looked at: Pinterest documents Basic only.
    """
    if call.client_id is None or call.secret is None:
        return None
    app = state.apps.get(call.client_id)
    if app is None:
        reason = "unknown_client"
    elif app.secret != call.secret:
        app, reason = None, "wrong_secret"
    else:
        reason = "ok"
    ledger.presented(
        SECRET,
        call.secret,
        call.endpoint,
        ACCEPTED if app is not None else REJECTED,
        reason,
        client_id=call.client_id,
    )
    return app
