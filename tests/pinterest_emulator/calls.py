"""Requests as Pinterest's endpoints see them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from pinterest_emulator.http1 import Request

FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Call:
    """One request to one endpoint, taken apart but not judged.

    Faults are chosen by what is here, before any endpoint has run.
    """

    endpoint: str
    request: Request
    sandbox: bool = False
    # Of the query or the form; a repeated parameter has its first value here
    # and its name in `repeated`.
    parameters: dict[str, str] = field(default_factory=dict)
    repeated: str | None = None
    is_form: bool = False
    client_id: str | None = None
    secret: str | None = None
    bearer: str | None = None

    @property
    def grant_type(self) -> str | None:
        return self.parameters.get("grant_type")

    def parameter(self, name: str) -> str:
        """The parameter's value; "" if missing, as RFC 6749 section 3.1 has
        parameters without a value be treated as omitted."""
        return self.parameters.get(name, "")


def consent_call(request: Request) -> Call:
    """A request for the authorization page, or the form sent from it."""
    call = Call("authorize", request)
    if request.method == "POST":
        _read_form(call)
    else:
        _read_parameters(call, request.query)
    call.client_id = call.parameters.get("client_id")
    return call


def client_call(endpoint: str, request: Request, sandbox: bool) -> Call:
    """A form sent by a client that authenticates with Basic."""
    call = Call(endpoint, request, sandbox)
    _read_form(call)
    _read_basic(call)
    return call


def bearer_call(endpoint: str, request: Request, sandbox: bool) -> Call:
    """A request that carries an access token (RFC 6750 section 2.1)."""
    call = Call(endpoint, request, sandbox)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        call.bearer = token
    return call


def _read_form(call: Call) -> None:
    kind = call.request.headers.get("content-type", "").partition(";")[0]
    # Pinterest fails on multipart and JSON bodies.
    call.is_form = kind.strip().lower() == FORM
    if call.is_form:
        _read_parameters(call, call.request.body.decode("utf-8", "replace"))


def _read_parameters(call: Call, encoded: str) -> None:
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        if name in call.parameters:
            call.repeated = name
        else:
            call.parameters[name] = value


def _read_basic(call: Call) -> None:
    """RFC 7617. The pair is not form-decoded as RFC 6749 section 2.3.1 would
    have it: every official sample of Pinterest's sends it raw."""
    scheme, _, encoded = call.request.headers.get(
        "authorization", ""
    ).partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    client_id, colon, secret = pair.partition(":")
    if colon:
        call.client_id, call.secret = client_id, secret
