"""One emulated provider, made of a definition: what it gave out, what it takes.

Every request must be to the letter what the definition says; whatever is not
is kept in `faults` and refused. All state is behind one lock.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog import requests
from catalog.answers import Answer, failure, put, token_answer, typed
from catalog.definitions import Definition, get, names_of
from catalog.matching import Received, differences
from catalog.requests import Expected
from catalog.templates import Grant

__all__ = ["Consent", "Provider"]

_VERIFIER = r"[\w.~-]{43,128}"  # RFC 7636 section 4.1


@dataclass
class Consent:
    """A person's consent, and the tokens that came of it."""

    code: str
    state: str
    challenge: str
    scopes: dict[str, list[str]]  # by token name, as the provider names them
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    exchanged: bool = False
    hops: int = 0
    pending: list[int] = field(default_factory=list)  # calls to come
    revoked: set[tuple[str, int]] = field(default_factory=set)


class Provider:
    def __init__(self, key: str, definition: Definition, grant: Grant) -> None:
        self.key = key
        self.definition = definition
        self.grant = grant
        self.faults: list[str] = []
        self.legs: list[str] = []  # what was taken, in order
        self.next: dict[str, Answer] = {}  # by leg, once
        self.told = True  # whether answers tell lifetimes
        self.consents: list[Consent] = []
        self._lock = threading.Lock()
        self._count = 0

    # --- what a consent gives ---

    def captured(self, listed: str) -> dict[str, str]:
        return {
            name: f"{name}-of-{self.key}"
            for name in names_of(get(self.definition, listed))
        }

    def account_id(self) -> Any:
        """Some providers have numbers."""
        number = sum(map(ord, self.key))
        return number if number % 2 else f"account-{number}"

    def consent(
        self, state: str, challenge: str, scopes: dict[str, list[str]]
    ) -> Consent:
        with self._lock:
            self._count += 1
            made = Consent(
                f"code.{self.key}.{self._count}", state, challenge, scopes
            )
            self.consents.append(made)
            return made

    def _mint(self, consent: Consent, name: str, refreshable: bool) -> None:
        self._count += 1
        mark = f"{self.key}.{name or 'main'}{self._count}"
        refresh = f"rt.{mark}" if refreshable else ""
        consent.tokens[name] = (f"at.{mark}", refresh)

    def kind(self) -> str:
        kind = get(self.definition, "refresh.kind", "")
        return kind.removeprefix("REFRESH_KIND_") or "REFRESH_TOKEN"

    # --- requests ---

    def handle(self, received: Received) -> Answer:
        with self._lock:
            nearest: list[str] | None = None
            for expected, answer in self._expectations(received):
                faults = differences(received, expected)
                if not faults:
                    self.legs.append(expected.leg)
                    leg = expected.leg.split()[0]
                    if leg in self.next:
                        return self.next.pop(leg)
                    return answer()
                told = [f"{expected.leg}: {fault}" for fault in faults]
                if nearest is None or len(told) < len(nearest):
                    nearest = told
            self.faults += nearest or ["nothing is expected"]
            return failure(self.definition, 400, "refused")

    def _expectations(
        self, received: Received
    ) -> Iterator[tuple[Expected, Any]]:
        """All that may come now, and what to do then."""
        d = self.definition
        for consent in self.consents:
            if not consent.exchanged:
                yield (
                    requests.exchange(
                        d,
                        self.grant,
                        _VERIFIER if consent.challenge else "",
                        code=consent.code,
                        state=consent.state,
                    ),
                    lambda c=consent: self._exchange(c, received),
                )
                continue
            yield from self._of_consent(consent)
        if "clientProbe" in d:
            yield (
                requests.probe(d, self.grant),
                lambda: Answer(200, {"access_token": "probe"}),
            )

    def _of_consent(self, consent: Consent) -> Iterator[tuple[Expected, Any]]:
        d = self.definition
        access = consent.tokens.get("", ("", ""))[0]
        if consent.pending:
            yield (
                requests.hop(d, self.grant, consent.pending[0], access),
                lambda c=consent: self._hop(c),
            )
        if "verification" in d:
            yield (
                requests.verification(d, self.grant, access),
                self._verification,
            )
        if "discovery" in d:
            yield requests.discovery(d, self.grant, access), self._discovery
        for name, (at, rt) in list(consent.tokens.items()):
            if self.kind() != "NONE" and (
                rt or self.kind() == "ACCESS_TOKEN"
            ):
                yield (
                    requests.refresh(
                        d, self.grant, self._joined(consent, name), at, rt
                    ),
                    lambda c=consent, n=name: self._refresh(c, n),
                )
            for index in range(len(get(d, "revocation.steps", ()))):
                step = requests.revocation(d, self.grant, index, at, rt)
                if step and (name, index) not in consent.revoked:
                    yield (
                        step,
                        lambda c=consent, n=name, i=index: self._revoke(
                            c, n, i
                        ),
                    )

    def _joined(self, consent: Consent, name: str) -> str:
        separator = get(self.definition, "authorization.scope_separator", " ")
        return separator.join(consent.scopes.get(name, ()))

    def _answer(
        self,
        rules: Mapping[str, Any],
        tokens: Mapping[str, tuple[str, str]],
        scopes: Mapping[str, list[str]],
    ) -> Answer:
        captures = {
            name: self.grant.metadata.get(name, f"{name}-of-{self.key}")
            for name in names_of(rules.get("captures"))
        }
        self.grant.metadata |= captures
        return token_answer(
            self.definition,
            rules,
            time.time(),
            tokens,
            scopes,
            captures,
            self.told,
        )

    def _exchange(self, consent: Consent, received: Received) -> Answer:
        if consent.challenge:
            found = re.search(
                r"""code_verifier["=: ]+([\w.~-]+)""",
                received.query + received.body.decode(),
            )
            if not found or not matches_challenge(
                found[1], consent.challenge
            ):
                self.faults.append("exchange: the verifier is not the challenge's")
                return failure(self.definition, 400, "invalid_grant")
        consent.exchanged = True
        calls = self.definition.get("postExchange", ())
        consent.pending = list(range(len(calls)))
        rules = self.definition.get("response", {})
        refreshable = self.kind() in ("REFRESH_TOKEN", "EXTEND")
        for name in ["", *names_of(rules.get("extraTokens"))]:
            self._mint(consent, name, refreshable)
        return self._answer(rules, consent.tokens, consent.scopes)

    def _hop(self, consent: Consent) -> Answer:
        rules = self.definition["postExchange"][consent.pending.pop(0)]
        consent.hops += 1
        kept = consent.tokens[""][1]
        self._mint(consent, "", False)
        access, _ = consent.tokens[""]
        consent.tokens[""] = (access, kept)
        return self._answer(rules.get("response", {}), {"": (access, "")}, {})

    def _refresh(self, consent: Consent, name: str) -> Answer:
        rules = dict(self.definition.get("response", {}))
        rules.pop("captures", None)  # they come with the first answer only
        if self.kind() == "EXTEND":
            predicate = get(rules, "success.predicate")
            return Answer(
                200,
                put({}, predicate["pointer"], typed(predicate["equals"])),
            )
        old = consent.tokens[name][1]
        fixed = get(self.definition, "refresh.rotation") == "ROTATION_NEVER"
        self._mint(consent, name, bool(old) and not fixed)
        access, new = consent.tokens[name]
        consent.tokens[name] = (access, new or old)
        if not name:
            consent.pending = [
                index
                for index, hop in enumerate(
                    self.definition.get("postExchange", ())
                )
                if hop.get("timing") == "POST_EXCHANGE_TIMING_ALWAYS"
            ]
        extra = next(
            (e for e in rules.get("extraTokens", ()) if e["name"] == name), None
        )
        answer = self._answer(
            {**rules, "extraTokens": []},
            {"": (access, new)},
            {"": consent.scopes.get(name, [])},
        )
        if extra and "atRootWhen" in extra:
            return self._at_root(answer, extra["atRootWhen"])
        return answer

    @staticmethod
    def _at_root(answer: Answer, predicate: Mapping[str, str]) -> Answer:
        root = json.loads(answer.body)
        put(root, predicate["pointer"], typed(predicate["equals"]))
        return Answer(answer.status, root)

    def _verification(self) -> Answer:
        rules = self.definition["verification"]
        root = put(None, rules["idPointer"], self.account_id())
        for pointer in rules.get("displayNamePointers", ())[:1]:
            if pointer != rules["idPointer"]:
                root = put(root, pointer, f"name-of-{self.key}")
        for capture in rules.get("captures", ()):
            value = f"{capture['name']}-of-{self.key}"
            root = put(root, capture["pointer"], value)
        predicate = get(rules, "success.predicate")
        if predicate:
            root = put(root, predicate["pointer"], typed(predicate["equals"]))
        return Answer(get(rules, "success.statuses", [200])[0], root)

    def tenants(self) -> list[tuple[str, str]]:
        """Ids and names. The last one is to be taken: the only one, or the one
        that the run's input names."""
        mine = f"tenant-of-{self.key}"
        named = get(self.definition, "discovery.tenant_input")
        if not named:
            return [(mine, f"tenant-name-of-{self.key}")]
        entry = next(
            e for e in self.definition["inputs"] if e["name"] == named
        )
        before = entry.get("stripPrefixes", [""])[0]
        after = entry.get("stripSuffixes", [""])[0]
        name = before + self.grant.inputs[named] + after
        return [(f"other-{mine}", "another"), (mine, name)]

    def _discovery(self) -> Answer:
        rules = self.definition["discovery"]
        listed = [
            put(
                put(None, rules["idPointer"], tenant),
                rules["displayNamePointer"],
                name,
            )
            for tenant, name in self.tenants()
        ]
        return Answer(200, put(None, rules.get("listPointer", ""), listed))

    def _revoke(self, consent: Consent, name: str, index: int) -> Answer:
        consent.revoked.add((name, index))
        success = get(self.definition, "revocation.success", {})
        status = success.get("statuses", [200])[0]
        if "predicate" not in success:
            return Answer(status)
        predicate = success["predicate"]
        return Answer(
            status, put({}, predicate["pointer"], typed(predicate["equals"]))
        )


def matches_challenge(verifier: str, challenge: str) -> bool:
    """RFC 7636 section 4.6, S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return made == challenge
