"""The requests that a definition makes, worked out from the schema's comments
alone (proto/valetkey/catalog/v1/definition.proto): the emulator takes what
matches them to the letter and refuses all else.

Values are regular expressions, for some parts are fresh each time.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from catalog.definitions import Definition, get
from catalog.templates import Grant, Missing, expand, expand_url, values_for

__all__ = [
    "Expected",
    "discovery",
    "exchange",
    "hop",
    "probe",
    "refresh",
    "revocation",
    "verification",
]

JWT = r"eyJ[\w-]+\.[\w-]+\.[\w-]+"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Expected:
    """A request to the letter. `parameters` are those of the query or of the
    body, as `encoding` says."""

    leg: str
    method: str
    url: str  # without what `parameters` add to it
    encoding: str  # FORM, JSON, QUERY
    parameters: list[tuple[str, str]]
    headers: dict[str, str]  # lower-case names
    body: str | None = None  # of a verification
    jwt: Mapping[str, str] | None = None  # the claims of the JWT in it


def _set(parameters: list[tuple[str, str]], name: str, value: str) -> None:
    for i, (key, _) in enumerate(parameters):
        if key == name:
            parameters[i] = (name, value)
            return
    parameters.append((name, value))


def _own(
    listed: Sequence[Mapping[str, Any]],
    values: Mapping[str, str],
    parameters: list[tuple[str, str]],
) -> None:
    """Adds the definition's own parameters."""
    for entry in listed:
        try:
            value = expand(entry.get("value", ""), values)
        except Missing:
            if entry.get("optional"):
                continue
            raise
        if value or not entry.get("optional"):
            _set(parameters, entry["name"], value)


def _shape(
    parameters: list[tuple[str, str]],
    renames: Sequence[Mapping[str, str]],
    omitted: Sequence[str],
) -> list[tuple[str, str]]:
    names = {}
    for rename in renames:
        names.setdefault(rename["from"], rename["to"])
    return [
        (names.get(k, k), v)
        for k, v in parameters
        if names.get(k, k) not in omitted
    ]


def _authenticate(
    how: Mapping[str, Any], values: Mapping[str, str], expected: Expected
) -> None:
    method = how.get("method", "").removeprefix("CLIENT_AUTHENTICATION_METHOD_")
    who, secret = values["client_id"], values["client_secret"]
    if method == "BASIC":
        if how.get("basicEncoding") == "BASIC_ENCODING_RFC6749":
            who, secret = quote_plus(who), quote_plus(secret)
        pair = base64.b64encode(f"{who}:{secret}".encode()).decode()
        expected.headers["authorization"] = re.escape(f"Basic {pair}")
    elif method == "BASIC_SECRET_USER":
        pair = base64.b64encode(f"{secret}:".encode()).decode()
        expected.headers["authorization"] = re.escape(f"Basic {pair}")
    elif method == "HEADER":
        name = how.get("headerName", "Authorization").lower()
        expected.headers[name] = expand(how["headerValue"], values)
    elif method in ("POST", "NONE"):
        _set(expected.parameters, "client_id", re.escape(who))
        if method == "POST":
            _set(expected.parameters, "client_secret", re.escape(secret))
    elif "JWT" in method:
        jwt = how["jwt"]
        if method == "JWT_AS_SECRET":
            _set(expected.parameters, "client_id", re.escape(who))
            _set(expected.parameters, "client_secret", JWT)
        else:
            _set(expected.parameters, "client_id", re.escape(who))
            _set(
                expected.parameters,
                "client_assertion_type",
                re.escape(ASSERTION),
            )
            _set(expected.parameters, "client_assertion", JWT)
        url = {**values, "url": re.sub(r"\\(.)", r"\1", expected.url)}
        expected.jwt = {
            "alg": jwt["algorithm"].removeprefix("JWT_ALGORITHM_"),
            "iss": expand(jwt.get("issuer", "{client_id}"), url),
            "sub": expand(jwt.get("subject", "{client_id}"), url),
            "aud": expand(jwt.get("audience", "{url}"), url),
            "kid": expand(jwt["keyId"], url) if "keyId" in jwt else "",
            "lifetime": jwt.get("lifetime", "300s").removesuffix("s"),
        }


def _method(name: str | None, fallback: str) -> str:
    return (name or fallback).removeprefix("HTTP_METHOD_")


def _finish(expected: Expected) -> Expected:
    headers = expected.headers
    headers.setdefault("accept", "application/json")
    if expected.encoding == "FORM":
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
    elif expected.encoding == "JSON":
        headers.setdefault("content-type", "application/json")
    return expected


def _encoding(name: str | None, method: str) -> str:
    if name and name != "ENCODING_UNSPECIFIED":
        return name.removeprefix("ENCODING_")
    return "QUERY" if method == "GET" else "FORM"


def _headers(
    expected: Expected,
    listed: Sequence[Mapping[str, str]],
    values: Mapping[str, str],
) -> None:
    for header in listed:
        expected.headers[header["name"].lower()] = expand(
            header["value"], values
        )


def exchange(d: Definition, grant: Grant, verifier: str, **more: str) -> Expected:
    """`verifier` is a regular expression; "" without PKCE."""
    values = values_for(grant, redirect_uri=grant.redirect_uri, **more)
    token = d["token"]
    method = _method(token.get("method"), "POST")
    expected = Expected(
        leg="exchange",
        method=method,
        url=expand_url(token["url"], values),
        encoding=_encoding(token.get("encoding"), method),
        parameters=[
            ("grant_type", "authorization_code"),
            ("code", re.escape(more["code"])),
            ("redirect_uri", re.escape(grant.redirect_uri)),
        ],
        headers={},
    )
    if verifier:
        expected.parameters.append(("code_verifier", verifier))
    _authenticate(d["clientAuthentication"], values, expected)
    expected.parameters = _shape(
        expected.parameters,
        token.get("renames", ()),
        token.get("omittedParameters", ()),
    )
    _own(token.get("parameters", ()), values, expected.parameters)
    _headers(expected, token.get("headers", ()), values)
    return _finish(expected)


def refresh(
    d: Definition, grant: Grant, scopes: str, access: str, token: str
) -> Expected:
    values = values_for(
        grant,
        redirect_uri=grant.redirect_uri,
        access_token=access,
        refresh_token=token,
    )
    rules, endpoint = d.get("refresh", {}), d["token"]
    method = _method(rules.get("method") or endpoint.get("method"), "POST")
    encoding = rules.get("encoding")
    if not encoding and method != "GET":
        encoding = endpoint.get("encoding")
    expected = Expected(
        leg="refresh",
        method=method,
        url=expand_url(rules.get("url") or endpoint["url"], values),
        encoding=_encoding(encoding, method),
        parameters=[],
        headers={},
    )
    if rules.get("kind") != "REFRESH_KIND_ACCESS_TOKEN":
        expected.parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", re.escape(token)),
        ]
    if rules.get("sendRedirectUri"):
        expected.parameters.append(
            ("redirect_uri", re.escape(grant.redirect_uri))
        )
    if rules.get("sendScope") and scopes:
        expected.parameters.append(("scope", re.escape(scopes)))
    _authenticate(d["clientAuthentication"], values, expected)
    expected.parameters = _shape(
        expected.parameters,
        [*rules.get("renames", ()), *endpoint.get("renames", ())],
        [
            *rules.get("omittedParameters", ()),
            *endpoint.get("omittedParameters", ()),
        ],
    )
    _own(rules.get("parameters", ()), values, expected.parameters)
    _headers(expected, endpoint.get("headers", ()), values)
    _headers(expected, rules.get("headers", ()), values)
    return _finish(expected)


def probe(d: Definition, grant: Grant) -> Expected:
    values = values_for(grant)
    token = d["token"]
    method = _method(token.get("method"), "POST")
    expected = Expected(
        leg="probe",
        method=method,
        url=expand_url(token["url"], values),
        encoding=_encoding(token.get("encoding"), method),
        parameters=[("grant_type", "client_credentials")],
        headers={},
    )
    _authenticate(d["clientAuthentication"], values, expected)
    expected.parameters = _shape(
        expected.parameters,
        token.get("renames", ()),
        token.get("omittedParameters", ()),
    )
    _own(get(d, "client_probe.parameters", ()), values, expected.parameters)
    _headers(expected, token.get("headers", ()), values)
    return _finish(expected)


def hop(d: Definition, grant: Grant, index: int, access: str) -> Expected:
    """A call after the exchange."""
    values = values_for(grant, access_token=access)
    values |= {f"token.{k}": v for k, v in grant.metadata.items()}
    rules = d["postExchange"][index]
    method = _method(rules.get("method"), "GET")
    expected = Expected(
        leg=f"hop {index}",
        method=method,
        url=expand_url(rules["url"], values),
        encoding=_encoding(rules.get("encoding"), method),
        parameters=[],
        headers={},
    )
    _own(rules.get("parameters", ()), values, expected.parameters)
    _headers(expected, rules.get("headers", ()), values)
    return _finish(expected)


def verification(d: Definition, grant: Grant, access: str) -> Expected:
    values = values_for(grant, access_token=access)
    rules = d["verification"]
    expected = Expected(
        leg="verification",
        method=_method(rules.get("method"), "GET"),
        url=expand_url(rules["url"], values),
        encoding="QUERY",
        parameters=[],
        headers={},
        body="",
    )
    if not rules.get("omitAuthorization"):
        how = rules.get("authorization", "Bearer {access_token}")
        expected.headers["authorization"] = expand(how, values)
    if "contentType" in rules:
        expected.headers["content-type"] = re.escape(rules["contentType"])
    if "body" in rules:
        is_json = "json" in rules["contentType"]
        expected.body = expand(
            rules["body"],
            values,
            (lambda v: json.dumps(v)[1:-1]) if is_json else (lambda v: v),
        )
    _headers(expected, rules.get("headers", ()), values)
    return _finish(expected)


def discovery(d: Definition, grant: Grant, access: str) -> Expected:
    return _finish(
        Expected(
            leg="discovery",
            method="GET",
            url=expand_url(d["discovery"]["url"], values_for(grant)),
            encoding="QUERY",
            parameters=[],
            headers={"authorization": re.escape(f"Bearer {access}")},
            body="",
        )
    )


def revocation(
    d: Definition, grant: Grant, index: int, access: str, token: str
) -> Expected | None:
    """A step for one pair of tokens; None if it has none of its kind."""
    step = d["revocation"]["steps"][index]
    wanted = step["token"].removeprefix("REVOKED_TOKEN_")
    kind = "refresh_token" if token and wanted != "ACCESS" else "access_token"
    if wanted == "REFRESH" and not token:
        return None
    value = token if kind == "refresh_token" else access
    values = values_for(
        grant, access_token=access, refresh_token=token, token=value
    )
    method = _method(step.get("method"), "POST")
    expected = Expected(
        leg=f"revocation {index}",
        method=method,
        url=expand_url(step["url"], values),
        encoding=_encoding(step.get("encoding"), method),
        parameters=[],
        headers={},
    )
    if not step.get("omitTokenParameter"):
        name = step.get("tokenParameter", "token")
        expected.parameters.append((name, re.escape(value)))
    if step.get("sendTokenTypeHint"):
        expected.parameters.append(("token_type_hint", kind))
    how = step.get("clientAuthentication") or d["clientAuthentication"]
    _authenticate(how, values, expected)
    _own(step.get("parameters", ()), values, expected.parameters)
    _headers(expected, step.get("headers", ()), values)
    return _finish(expected)
