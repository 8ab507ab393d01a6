"""The life of grants at one provider, through a real valetkeyd: consent,
callback, exchange, look-ups, tokens, refreshes, errors of every class, revoke.

Each step says what is wrong in `faults` of the provider; nothing is raised but
for what no definition can cause.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from catalog.answers import access_life, failure, refresh_life
from catalog.cases import cases, revocation_cases
from catalog.consent import consent, scopes_to_ask
from catalog.definitions import Run, get
from catalog.provider import Consent, Provider
from catalog.world import CallError, World
from e2e.stack import StackError, wait_for

__all__ = ["run_definition"]

_SLACK = 90  # s, between clocks and for slow machines


def run_definition(
    world: World, run: Run, catalog_entry: str = "", lookup_wait: float = 10
) -> list[str]:
    """What went wrong; empty for a good definition. `catalog_entry` names
    another entry of the server's to use against this definition's emulator."""
    provider = world.emulator.providers[run.key]
    flow = _Flow(world, run, provider, lookup_wait)
    try:
        flow.name = world.add(run, catalog_entry)
        flow.check_shown()
        flow.life()
        flow.errors()
        flow.other_revocations()
        flow.death()
    except (CallError, StackError, StopIteration) as error:
        provider.faults.append(f"{type(error).__name__}: {error}")
    return list(provider.faults)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class _Flow:
    def __init__(
        self, world: World, run: Run, provider: Provider, lookup_wait: float
    ) -> None:
        self.world = world
        self.run = run
        self.d = run.definition
        self.provider = provider
        self.name = ""
        self.asked = scopes_to_ask(self.d)
        self._people = 0
        self._lookup_wait = lookup_wait

    def fault(self, text: str) -> None:
        self.provider.faults.append(text)

    def same(self, what: str, got: Any, wanted: Any) -> None:
        if got != wanted:
            self.fault(f"{what} is {got!r} in place of {wanted!r}")

    def near(self, what: str, got: str | None, life: int | None) -> None:
        if (got is None) != (life is None):
            self.fault(f"{what} is {got} in place of {life} s from now")
        elif got is not None and life is not None:
            off = _moment(got) - time.time() - life
            if abs(off) > _SLACK:
                self.fault(f"{what} is {off:.0f} s off")

    # --- steps ---

    def begin(self) -> tuple[dict[str, Any], Consent, str, str]:
        self._people += 1
        allowed = get(self.d, "authorization.allowed_extra_parameters", ())
        extra = {allowed[0]: "given"} if allowed and self._people == 1 else {}
        begun = self.world.call(
            "TokenService/Authorize",
            {
                "provider": self.name,
                "subject": f"person-{self._people}",
                # What has no scopes gets none, even if one is asked for.
                "scopes": self.asked or ["alpha"],
                "extraParameters": extra,
                "inputs": self.world.given(self.provider, "USER"),
            },
        )
        # Captures of the callback are known from then on.
        made, method, query = consent(
            self.provider,
            self.world.emulator.origin,
            begun["authorizationUri"],
            self.asked,
            extra,
        )
        self.provider.grant.callback = dict(self.provider.grant.metadata)
        return begun, made, method, query

    def connect(self) -> tuple[str, Consent]:
        begun, made, method, query = self.begin()
        status = self.world.come_back(method, query)
        if status not in (200, 303):
            raise StackError(f"the callback was answered with {status}")
        if not made.tokens:
            raise StackError("the code was not traded")
        self.same(
            "calls after the exchange",
            made.hops,
            len(self.d.get("postExchange", ())),
        )
        return begun["connection"], made

    def connection(self, name: str) -> dict[str, Any]:
        return self.world.call(
            "ConnectionService/GetConnection", {"name": name}
        )["connection"]

    def token(self, name: str, token: str = "") -> dict[str, Any]:
        return self.world.call(
            "TokenService/GetToken", {"name": name, "token": token}
        )["token"]

    def refresh(self, name: str, token: str = "") -> dict[str, Any]:
        return self.world.call(
            "TokenService/Refresh", {"name": name, "token": token}
        )["token"]

    # --- the life of a grant ---

    def check_shown(self) -> None:
        """What was entered for the provider is shown, but for secrets."""
        entries = self.d.get("inputs", ())
        secret = {e["name"] for e in entries if e.get("secret")}
        given = self.world.given(self.provider, "OPERATOR")
        found = self.world.call(
            "ProviderService/GetProvider", {"name": self.name}
        )["provider"]
        self.same(
            "shown inputs",
            found.get("inputs", {}),
            {k: v for k, v in given.items() if k not in secret},
        )

    def life(self) -> None:
        name, made = self.connect()
        self.check_tokens(name, made, told=True, first=True)
        self.check_lookups(name)
        kind = self.provider.kind()
        if kind == "NONE":
            self.refused("REFRESH_UNSUPPORTED", name)
        else:
            for told in (True, False):
                self.provider.told = told
                for token in list(made.tokens):
                    self.refresh(name, token)
                    self.same("calls still to come", made.pending, [])
                told = told and kind != "EXTEND"
                self.check_tokens(name, made, told=told, first=False)
            self.provider.told = True
        self.check_revocation(name, made)

    def check_tokens(
        self, name: str, made: Consent, told: bool, first: bool
    ) -> None:
        for token, (access, _) in made.tokens.items():
            got = self.token(name, token)
            self.same(f"access token {token!r}", got["accessToken"], access)
            life = access_life(self.d, told)
            self.near(f"end of token {token!r}", got.get("expireTime"), life)
        refreshable = made.tokens[""][1] != ""
        life = refresh_life(self.d, told, first) if refreshable else None
        fixed = get(self.d, "refresh.rotation") == "ROTATION_NEVER"
        if first or not fixed:
            end = self.connection(name).get("refreshExpireTime")
            if first or get(self.d, "lifetimes.refresh_idle"):
                self.near("end of the refresh token", end, life)

    def check_lookups(self, name: str) -> None:
        """The account, the tenant and what was captured."""
        wanted: dict[str, str] = {}
        rules = self.d.get("verification", {})
        wanted |= {
            c["name"]: f"{c['name']}-of-{self.run.key}"
            for c in rules.get("captures", ())
        }
        if "discovery" in self.d:
            tenants = self.provider.tenants()
            wanted["tenant_id"], wanted["tenant_name"] = tenants[-1]
            if len(tenants) > 1:
                listed = [{"id": t, "name": name} for t, name in tenants]
                wanted["tenants"] = json.dumps(listed, separators=(",", ":"))
        lookups = ("verification" in self.d) + ("discovery" in self.d)

        def learned() -> dict[str, Any] | None:
            found = self.connection(name)
            at = found.get("metadata", {})
            ready = all(key in at for key in wanted)
            if rules and "account" not in found:
                ready = False
            return found if ready else None

        try:
            found = (
                wait_for("look-ups", learned, self._lookup_wait)
                if lookups
                else self.connection(name)
            )
        except StackError:
            self.fault("the account or the tenant was not learned")
            found = self.connection(name)
        if rules:
            account = found.get("account", {})
            self.same(
                "account", account.get("id"), str(self.provider.account_id())
            )
            pointers = rules.get("displayNamePointers", [])[:1]
            if pointers and pointers[0] != rules["idPointer"]:
                self.same(
                    "account's name",
                    account.get("displayName"),
                    f"name-of-{self.run.key}",
                )
        wanted |= self.provider.grant.metadata
        metadata = found.get("metadata", {})
        if "scope_and_tenant" in wanted:  # the scope itself, in its own form
            wanted.pop("scope_and_tenant")
            metadata.pop("scope_and_tenant", None)
        self.same("metadata", metadata, wanted)
        granted = set(found.get("scopes", ()))
        if get(self.d, "response.scope_format") == "SCOPE_FORMAT_IGNORED":
            self.same("scopes", granted, set(self.asked or ["alpha"]))
        elif self.asked:
            missing = set(found.get("missingScopes", ()))
            self.same("missing scopes", missing, set())
            self.same("lacking scopes", set(self.asked) - granted, set())

    def check_revocation(self, name: str, made: Consent) -> None:
        before = set(made.revoked)
        wanted = self._steps(made)
        result = self.world.call("TokenService/Revoke", {"name": name})
        items = result.get("tokens", [])
        if not get(self.d, "revocation.steps"):
            for item in items:
                self.same(
                    "result",
                    item["result"],
                    "REVOCATION_RESULT_UNSUPPORTED_BY_PROVIDER",
                )
                text = get(self.d, "revocation.unsupported", "")
                self.same("detail", item.get("detail"), text)
            return
        for item in items:
            self.same("result", item["result"], "REVOCATION_RESULT_REVOKED")
        self.same("revocation calls", made.revoked - before, wanted)
        self.same("number of results", len(items), len(wanted))

    def _steps(self, made: Consent) -> set[tuple[str, int]]:
        wanted = set()
        for token, (_, refresh) in made.tokens.items():
            for index, step in enumerate(get(self.d, "revocation.steps", ())):
                if step["token"] != "REVOKED_TOKEN_REFRESH" or refresh:
                    wanted.add((token, index))
        return wanted

    # --- what goes wrong ---

    def refused(self, reason: str, name: str) -> None:
        try:
            self.refresh(name)
        except CallError as error:
            self.same("reason", error.reason, reason)
        else:
            self.fault(f"a refresh that should be {reason} was none")

    def errors(self) -> None:
        """Failed answers to the exchange of a code."""
        for case in cases(self.d, "EXCHANGE"):
            begun, made, _, _ = self.begin()
            self.provider.next["exchange"] = case.answer(self.d)
            captures = get(self.d, "callback.captures", ())
            metadata = self.provider.grant.metadata
            request = {
                "state": begun["state"],
                "code": made.code,
                "issuer": get(self.d, "callback.issuer", ""),
                "callbackParameters": {
                    p["parameter"]: metadata[p["name"]] for p in captures
                },
            }
            try:
                self.world.call("TokenService/Exchange", request)
                self.fault(f"{case}: taken for success")
            except CallError as error:
                self.same(f"{case}: reason", error.reason, case.exchange())
                if case.tells() and "as told" not in error.message:
                    self.fault(f"{case}: the message is not told")
            self.provider.consents.remove(made)
            self.provider.next.pop("exchange", None)

    def other_revocations(self) -> None:
        """Tokens that were dead before, and such as are not revoked at all."""
        for status, code, result in revocation_cases(self.d):
            name, _ = self.connect()
            self.provider.next["revocation"] = failure(self.d, status, code)
            found = self.world.call("TokenService/Revoke", {"name": name})
            item = found["tokens"][0]
            self.same(
                f"result of {status} {code}",
                item["result"],
                f"REVOCATION_RESULT_{result}",
            )
            text = get(self.d, "revocation.unsupported")
            if text and result == "UNSUPPORTED_BY_PROVIDER":
                self.same("detail", item.get("detail"), text)

    def death(self) -> None:
        """Refreshes that are refused: what touches the connection, and what
        does not. Each has a connection of its own, for a refused one rests."""
        if self.provider.kind() == "NONE":
            return
        for case in cases(self.d, "REFRESH"):
            name, _ = self.connect()
            self.provider.next["refresh"] = case.answer(self.d)
            try:
                self.refresh(name)
                self.fault(f"refresh, {case}: taken for success")
            except CallError as error:
                if error.reason not in case.refresh():
                    self.fault(f"refresh, {case}: {error.reason}")
            state = self.connection(name)["state"]
            dead = state == "CONNECTION_STATE_REAUTHORIZATION_REQUIRED"
            if case.kind != "AMBIGUOUS":
                self.same(f"{case}: death", dead, case.kind == "GRANT_DEAD")
