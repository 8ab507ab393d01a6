"""Answers in Pinterest's shapes.

API errors are `{code, message}` (API description, schema `Error`), and the
live service adds `status: "failure"`. They are not RFC 6749 section 5.2.
"""

from __future__ import annotations

import json
from typing import Any

from pinterest_emulator.http1 import Response

NO_STORE = ("cache-control", "no-store")  # RFC 6749 section 5.1


def ok(body: dict[str, Any]) -> Response:
    return Response(200, json.dumps(body).encode(), headers=[NO_STORE])


def failure(status: int, code: int, message: str) -> Response:
    body = {"code": code, "message": message, "status": "failure"}
    return Response(status, json.dumps(body).encode(), headers=[NO_STORE])


def authentication_failed() -> Response:
    """One answer for a bad client, code, refresh token or access token: a
    caller cannot tell which, and neither can Pinterest's."""
    return failure(401, 2, "Authentication failed.")


def invalid_parameters(message: str) -> Response:
    return failure(400, 1, message)


def not_permitted() -> Response:
    return failure(403, 29, "You are not permitted to access that resource.")


def not_found() -> Response:
    return failure(404, 404, "Resource not found.")


def method_not_allowed(allowed: str) -> Response:
    response = failure(405, 405, "Method not allowed.")
    response.headers.append(("allow", allowed))
    return response


def throttled(retry_after: int | str | None) -> Response:
    response = failure(429, 8, "You have exceeded your rate limit.")
    if retry_after is not None:
        response.headers.append(("retry-after", str(retry_after)))
    return response


def authorize_failure(code: int, message: str) -> Response:
    """What the authorization page shows instead of redirecting.

    Seen as 283 for a bad app id, 7 for an unregistered redirect URI and 1 for
    a missing parameter.
    """
    body = {
        "status": "failure",
        "code": code,
        "data": None,
        "message": message,
        "endpoint_name": "oauth_connect",
    }
    return Response(400, json.dumps(body).encode(), headers=[NO_STORE])
