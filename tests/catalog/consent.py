"""The consent page: reads an authorization URI as strictly as its definition
says, and gives the redirect that a consenting person would come back with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, quote_plus, urlencode

from catalog import templates
from catalog.definitions import Definition, get, host_variables
from catalog.provider import Consent, Provider

__all__ = ["callback_inputs", "consent", "scope_lists", "scopes_to_ask"]


def scopes_to_ask(d: Definition) -> list[str]:
    """Enough of them to see the separator."""
    if get(d, "authorization.scope_mode") == "SCOPE_MODE_NONE":
        return []
    asked = get(d, "verification.any_scopes", [])[:1]
    asked += get(d, "authorization.default_scopes", ())
    asked = list(dict.fromkeys(asked))
    # Those that are always added are not asked for.
    known = [*asked, *get(d, "authorization.required_scopes", ())]
    asked += [s["name"] for s in d.get("scopes", ()) if s["name"] not in known]
    extra = get(d, "authorization.extra_scope_parameters", ())
    asked = asked[:3] + [
        next(name for name in asked if name.startswith(e["prefix"]))
        for e in extra
    ]
    return list(dict.fromkeys(asked)) or ["alpha", "beta"]


def scope_lists(d: Definition, asked: Sequence[str]) -> dict[str, list[str]]:
    """Parameter to scopes, as the provider names them."""
    endpoint = d["authorization"]
    names = {s["name"]: s["value"] for s in d.get("scopes", ()) if "value" in s}
    lists: dict[str, list[str]] = {"scope": []}
    extras = endpoint.get("extraScopeParameters", ())
    lists |= {e["parameter"]: [] for e in extras}
    for name in [*asked, *endpoint.get("requiredScopes", ())]:
        value = names.get(name, name)
        into, prefix = "scope", ""
        for extra in extras:
            if value.startswith(extra["prefix"]):
                into, prefix = extra["parameter"], extra["prefix"]
        short = value.removeprefix(prefix)
        if short not in lists[into]:
            lists[into].append(short)
    return {name: scopes for name, scopes in lists.items() if scopes}


def _wanted(
    d: Definition, provider: Provider, pkce: bool, extra: Mapping[str, str]
) -> dict[str, str]:
    endpoint = d["authorization"]
    grant = provider.grant
    wanted = [
        ("client_id", re.escape(grant.client_id)),
        ("redirect_uri", re.escape(grant.redirect_uri)),
        ("response_type", "code"),
        ("state", r"[\w-]{20,}"),
    ]
    mode = endpoint.get("responseMode", "").removeprefix("RESPONSE_MODE_")
    if mode in ("QUERY", "FORM_POST"):
        wanted.append(("response_mode", mode.lower()))
    if pkce:
        wanted.append(("code_challenge", r"[\w-]{43}"))
        wanted.append(
            ("code_challenge_method", get(d, "pkce.method_name", "S256"))
        )
    names = {r["from"]: r["to"] for r in endpoint.get("renames", ())}
    omitted = endpoint.get("omittedParameters", ())
    out = {names.get(k, k): v for k, v in wanted}
    out = {k: v for k, v in out.items() if k not in omitted}
    values = templates.values_for(grant, redirect_uri=grant.redirect_uri)
    values.pop("client_secret")
    for entry in endpoint.get("parameters", ()):
        out[entry["name"]] = templates.expand(entry["value"], values)
    return out | {k: re.escape(v) for k, v in extra.items()}


def consent(
    provider: Provider,
    origin: str,
    uri: str,
    asked: Sequence[str],
    extra: Mapping[str, str],
) -> tuple[Consent, str, str]:
    """The consent, and the redirect as method and query; faults are kept."""
    d = provider.definition
    endpoint = d["authorization"]
    values = templates.values_for(provider.grant)
    base = templates.expand_url(endpoint["url"], values)
    # The server has put the emulator in front of this host too.
    if uri.startswith(origin + "/"):
        uri = "https:/" + uri.removeprefix(origin)
    url, _, query = uri.partition("?")
    if not re.fullmatch(base, url):
        provider.faults.append(f"authorize: another URL: {url}")
    sent = parse_qsl(query, keep_blank_values=True)
    found = dict(sent)
    if len(found) != len(sent):
        provider.faults.append("authorize: a parameter comes twice")
    support = get(d, "pkce.support", "").removeprefix("PKCE_SUPPORT_")
    pkce = support in ("REQUIRED", "SUPPORTED")
    wanted = _wanted(d, provider, pkce, extra)
    lists = scope_lists(d, asked)
    separator = endpoint.get("scopeSeparator", " ")
    raw = endpoint.get("scopeEncoding") == "SCOPE_ENCODING_RAW"
    names = {r["from"]: r["to"] for r in endpoint.get("renames", ())}
    if endpoint.get("scopeMode") != "SCOPE_MODE_NONE":
        written = dict(pair.partition("=")[::2] for pair in query.split("&"))
        joint = separator if raw else quote_plus(separator)
        for name, scopes in lists.items():
            name = names.get(name, name)
            found.pop(name, None)
            if written.get(name) != joint.join(map(quote_plus, scopes)):
                provider.faults.append(
                    f"authorize: {name} is {written.get(name)}"
                )
    for name, pattern in wanted.items():
        if name not in found:
            provider.faults.append(f"authorize: lacks {name}")
        elif not re.fullmatch(pattern, found.pop(name)):
            provider.faults.append(f"authorize: {name} has another value")
    if found:
        provider.faults.append(f"authorize: has {', '.join(sorted(found))}")
    sent_all = dict(sent)
    state = sent_all.get("state", "")
    by_token = {"": lists.get("scope", [])}
    parameters = endpoint.get("extraScopeParameters", ())
    for token, parameter in zip(
        get(d, "response.extra_tokens", ()), parameters, strict=False
    ):
        by_token[token["name"]] = lists.get(parameter["parameter"], [])
    made = provider.consent(state, sent_all.get("code_challenge", ""), by_token)
    return made, *_redirect(provider, made)


def callback_inputs(d: Definition) -> dict[str, str]:
    """Values of inputs that the callback gives; of a host that is allowed,
    another than the default."""
    values = {}
    templates = [d["token"]["url"], get(d, "refresh.url", "")]
    for entry in d.get("inputs", ()):
        if entry.get("source") != "INPUT_SOURCE_CALLBACK":
            continue
        value = entry.get("example", "")
        whole = any(
            t.startswith("{") and f"input.{entry['name']}" in host_variables(t)
            for t in templates
        )
        if whole:
            hosts = [
                "https://" + host.replace("*", "na1")
                for host in d["allowedHosts"]
            ]
            value = next(h for h in hosts if h != entry.get("defaultValue"))
        values[entry["name"]] = value
    return values


def _redirect(provider: Provider, made: Consent) -> tuple[str, str]:
    d = provider.definition
    rules = d.get("callback", {})
    query = {rules.get("codeParameter", "code"): made.code, "state": made.state}
    given = callback_inputs(d)
    for capture in rules.get("captures", ()):
        value = given.get(
            capture["name"], f"{capture['name']}-of-{provider.key}"
        )
        query[capture["parameter"]] = value
        provider.grant.metadata[capture["name"]] = value
    if rules.get("issuer"):
        query["iss"] = rules["issuer"]
    mode = get(d, "authorization.response_mode")
    method = "POST" if mode == "RESPONSE_MODE_FORM_POST" else "GET"
    return method, urlencode(query)
