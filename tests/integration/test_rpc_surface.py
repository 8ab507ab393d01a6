"""Every service as JSON over HTTP: who may call what, what comes back, and
what streams do."""

from __future__ import annotations

import time
import unittest
from typing import Any
from urllib.parse import parse_qs, urlsplit

from e2e.stack import CLIENT_ID, CLIENT_SECRET
from integration.harness import (
    APPLICATION,
    PROVIDER,
    IntegrationStack,
    Reply,
    Stream,
    consent,
    missing,
    request,
    wait_for,
)


class SurfaceCase(unittest.TestCase):
    stack: IntegrationStack

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = cls.enterClassContext(IntegrationStack(access_ttl=3600))
        cls.stack.set_up()

    def call(
        self, method: str, body: Any = None, key: str | None = None
    ) -> Reply:
        with self.stack.caller(key) as caller:
            return caller.call(method, body)

    def good(
        self, method: str, body: Any = None, key: str | None = None
    ) -> Any:
        reply = self.call(method, body, key)
        self.assertTrue(reply.ok, reply.body)
        return reply.json()

    def assert_refused(self, reply: Reply, status: int, reason: str) -> None:
        self.assertEqual(
            (reply.status, reply.reason), (status, reason), reply.body
        )
        self.assertEqual(reply.info()["domain"], "valetkey")


@unittest.skipIf(missing(), missing())
class Callers(SurfaceCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        stack = cls.stack
        cls.name = stack.connect_fast("ann")
        stack.checked("applications", "create", "other", key=stack.admin_key)
        cls.other_key = stack.checked(
            *("--application", "other", "keys", "create", "--all-rights"),
            key=stack.admin_key,
        ).out.strip()

    name: str
    other_key: str

    def calls(self) -> list[tuple[str, Any, str, str]]:
        """Method, body, right, and the reason another application gets."""
        name = {"name": self.name}
        parent = {"parent": APPLICATION}
        provider = {"name": PROVIDER}
        lost, none = "CONNECTION_NOT_FOUND", "APPLICATION_NOT_FOUND"
        return [
            ("TokenService/GetToken", name, "read-tokens", lost),
            ("TokenService/Refresh", name, "read-tokens", lost),
            (
                "TokenService/Authorize",
                {"provider": PROVIDER, "subject": "x"},
                "connect",
                "PROVIDER_NOT_FOUND",
            ),
            ("ConnectionService/GetConnection", name, "read-metadata", lost),
            ("ConnectionService/ListConnections", parent, "read-metadata", none),
            (
                "ConnectionService/UpdateConnection",
                {"connection": name, "updateMask": "labels"},
                "connect",
                lost,
            ),
            (
                "ProviderService/GetProvider",
                provider,
                "read-metadata",
                "PROVIDER_NOT_FOUND",
            ),
            ("ProviderService/ListProviders", parent, "read-metadata", none),
            (
                "ProviderService/UpdateProvider",
                {
                    "provider": {**provider, "displayName": "P"},
                    "updateMask": "displayName",
                },
                "administer",
                "PROVIDER_NOT_FOUND",
            ),
            (
                "ApplicationService/GetApplication",
                {"name": APPLICATION},
                "read-metadata",
                none,
            ),
            ("ApplicationService/ListKeys", parent, "administer", none),
            (
                "ApplicationService/CreateKey",
                {**parent, "rights": ["RIGHT_CONNECT"]},
                "administer",
                none,
            ),
        ]

    def test_no_key_and_wrong_keys(self) -> None:
        more = [
            ("TokenService/Exchange", {"state": "x"}, "", ""),
            ("TokenService/Revoke", {"name": self.name}, "", ""),
            ("ConnectionService/DeleteConnection", {"name": self.name}, "", ""),
            ("ProviderService/ListCatalogEntries", {}, "", ""),
            ("ApplicationService/ListApplications", {}, "", ""),
        ]
        for method, body, _, _ in self.calls() + more:
            with self.subTest(method=method):
                with self.stack.caller() as caller:
                    bare = caller.call(method, body, {"authorization": ""})
                self.assert_refused(bare, 401, "API_KEY_MISSING")
                for key in ("vk_" + "x" * 43, "x", self.stack.api_key + "x"):
                    self.assert_refused(
                        self.call(method, body, key), 401, "API_KEY_INVALID"
                    )

    def test_another_applications_resources(self) -> None:
        for method, body, _, reason in self.calls():
            with self.subTest(method=method):
                self.assert_refused(
                    self.call(method, body, self.other_key), 404, reason
                )
        for method in (
            "TokenService/Revoke",
            "ConnectionService/DeleteConnection",
        ):
            self.assert_refused(
                self.call(method, {"name": self.name}, self.other_key),
                404,
                "CONNECTION_NOT_FOUND",
            )
        self.good("TokenService/GetToken", {"name": self.name})

    def test_each_right_alone(self) -> None:
        keys = {
            right: self.stack.checked("keys", "create", "--right", right).out.strip()
            for right in (
                "read-metadata read-tokens connect revoke administer".split()
            )
        }
        for method, body, right, _ in self.calls():
            for held, key in keys.items():
                with self.subTest(method=method, held=held):
                    reply = self.call(method, body, key)
                    if held == right:
                        self.assertTrue(reply.ok, reply.body)
                    else:
                        self.assert_refused(reply, 403, "RIGHT_MISSING")
                        self.assertEqual(
                            reply.info()["metadata"]["right"],
                            right.upper().replace("-", "_"),
                        )
        for method in (
            "TokenService/Revoke",
            "ConnectionService/DeleteConnection",
        ):
            for held in set(keys) - {"revoke"}:
                self.assert_refused(
                    self.call(method, {"name": self.name}, keys[held]),
                    403,
                    "RIGHT_MISSING",
                )

    def test_a_revoked_and_an_expired_key(self) -> None:
        made = self.good(
            "ApplicationService/CreateKey",
            {"parent": APPLICATION, "rights": ["RIGHT_READ_TOKENS"]},
        )
        body = {"name": self.name}
        self.good("TokenService/GetToken", body, made["secret"])
        self.good("ApplicationService/RevokeKey", {"name": made["key"]["name"]})
        self.assert_refused(
            self.call("TokenService/GetToken", body, made["secret"]),
            401,
            "API_KEY_INVALID",
        )
        soon = time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2)
        )
        made = self.good(
            "ApplicationService/CreateKey",
            {
                "parent": APPLICATION,
                "rights": ["RIGHT_READ_TOKENS"],
                "expireTime": soon,
            },
        )
        self.good("TokenService/GetToken", body, made["secret"])
        wait_for(
            "the key's end",
            lambda: self.call("TokenService/GetToken", body, made["secret"]).status
            == 401,
            timeout=10,
        )

    def test_pages_without_a_key(self) -> None:
        for path, text in (
            ("/", "ValetKey"),
            ("/healthz", "ok"),
            ("/readyz", "ok"),
            ("/metrics", "valetkey_rpc_calls_total"),
        ):
            answer = request("GET", self.stack.http + path)
            self.assertEqual(answer.status, 200, path)
            self.assertIn(text, answer.body.decode())
            self.assertEqual(request("POST", self.stack.http + path).status, 405)
        self.assertEqual(request("GET", self.stack.http + "/no.txt").status, 404)

    def test_the_protocol(self) -> None:
        body = {"name": self.name}
        with self.stack.caller() as caller:
            reply = caller.call("TokenService/NoSuch", body)
            self.assertEqual((reply.status, reply.code), (404, "unimplemented"))
            method = "TokenService/GetToken"
            for headers in (
                {"content-type": "text/plain"},
                {"content-type": "application/connect+json"},
            ):
                self.assertEqual(caller.call(method, body, headers).status, 415)
            for bad in (b"{", b"", b"[]", b'"x"', b"\xff\xfe", b"[" * 9999):
                reply = caller.call(method, bad)
                self.assertEqual(
                    (reply.status, reply.code), (400, "invalid_argument"), bad
                )
            reply = caller.call(
                method, body, {"connect-protocol-version": "2"}
            )
            self.assertEqual(reply.reason, "FIELD_INVALID")
            reply = caller.call(method, body, {"content-encoding": "gzip"})
            self.assertEqual(reply.code, "unimplemented")
            reply = caller.call(method, body, {"x-request-id": "my-request-1"})
            self.assertEqual(reply.headers["x-request-id"], "my-request-1")
            self.assertEqual(reply.headers["cache-control"], "no-store")


@unittest.skipIf(missing(), missing())
class Streams(SurfaceCase):
    def test_begins_with_a_checkpoint_and_tells(self) -> None:
        with Stream(self.stack, {}) as stream:
            stream.wait("a checkpoint", lambda: stream.messages)
            self.assertIn("checkpoint", stream.messages[0])
            self.assertTrue(stream.messages[0]["cursor"])
            name = self.stack.connect_fast("ann")
            self.stack.refresh(name)
            self.good("TokenService/Revoke", {"name": name})
            stream.wait("the end of it", lambda: stream.events("REVOKED"))
        kinds = [
            e["type"].removeprefix("EVENT_TYPE_")
            for e in stream.events()
            if e["connection"] == name and not e["type"].endswith("UPDATED")
        ]
        self.assertEqual(kinds, ["CONNECTED", "REFRESHED", "REVOKED"])
        self.assertNotIn("pina_", str(stream.messages))

    def test_resumes_without_gap_or_repetition(self) -> None:
        with Stream(self.stack, {}) as stream:
            stream.wait("a checkpoint", lambda: stream.messages)
            cursor = stream.messages[0]["cursor"]
            for i in range(5):
                self.stack.connect_fast(f"res{i}")
            stream.wait(
                "five", lambda: len(stream.events("CONNECTED")) >= 5
            )
        everything = [e["sequence"] for e in stream.events()]
        cut = next(m["cursor"] for m in stream.messages if "event" in m)
        for begin, expected in ((cursor, everything), (cut, everything[1:])):
            with Stream(self.stack, {"cursor": begin}) as again:
                again.wait(
                    "the same", lambda: len(again.events()) >= len(expected)
                )
                found = [e["sequence"] for e in again.events()]
            self.assertEqual(found[: len(expected)], expected)

    def test_snapshot_then_changes(self) -> None:
        names = {self.stack.connect_fast(f"snap{i}") for i in range(3)}
        with Stream(self.stack, {"snapshot": True}) as stream:
            stream.wait(
                "the snapshot's end",
                lambda: any("checkpoint" in m for m in stream.messages),
            )
            listed = [
                m["connection"]["name"]
                for m in stream.messages
                if "connection" in m
            ]
            self.assertLessEqual(names, set(listed))
            self.assertEqual(len(listed), len(set(listed)))
            name = self.stack.connect_fast("after")
            stream.wait(
                "the change",
                lambda: any(
                    e["connection"] == name for e in stream.events("CONNECTED")
                ),
            )

    def test_list_then_watch_has_no_gap(self) -> None:
        listed = self.good(
            "ConnectionService/ListConnections", {"parent": APPLICATION}
        )
        name = self.stack.connect_fast("gap")
        with Stream(self.stack, {"cursor": listed["cursor"]}) as stream:
            stream.wait(
                "what came between",
                lambda: any(e["connection"] == name for e in stream.events()),
            )

    def test_filters(self) -> None:
        name = self.stack.connect_fast("fil", labels={"team": "a"})
        cases: list[dict[str, Any]] = [
            {"connection": name},
            {"subject": "fil"},
            {"labels": {"team": "a"}},
            {"types": ["EVENT_TYPE_REFRESHED"], "subject": "fil"},
        ]
        streams = [
            self.enterContext(Stream(self.stack, case)) for case in cases
        ]
        for stream in streams:
            stream.wait("a checkpoint", lambda s=stream: s.messages)
        other = self.stack.connect_fast("fol", labels={"team": "b"})
        self.stack.refresh(other)
        self.stack.refresh(name)
        for stream in streams:
            stream.wait("the refresh", lambda s=stream: s.events("REFRESHED"))
            self.assertEqual({e["connection"] for e in stream.events()}, {name})

    def test_bad_cursors(self) -> None:
        with Stream(self.stack, {}) as stream:
            stream.wait("a checkpoint", lambda: stream.messages)
            good = stream.messages[0]["cursor"]
        for cursor in ("x", "AAAA", good[:-1], good + "A", "é"):
            with self.subTest(cursor=cursor[:20]):
                with Stream(self.stack, {"cursor": cursor}) as stream:
                    self.assertEqual(stream.end_reason(), "CURSOR_INVALID")
        with Stream(self.stack, {"cursor": good, "snapshot": True}) as stream:
            self.assertEqual(stream.end_reason(), "FIELD_INVALID")
        with IntegrationStack() as other:
            other.set_up()
            with Stream(other, {"cursor": good}) as stream:
                self.assertEqual(stream.end_reason(), "CURSOR_INVALID")

    def test_refused(self) -> None:
        with Stream(self.stack, {}, key="vk_" + "x" * 43) as stream:
            self.assertEqual(stream.end_reason(), "API_KEY_INVALID")
        with Stream(self.stack, {"parent": "applications/none"}) as stream:
            self.assertEqual(stream.end_reason(), "APPLICATION_NOT_FOUND")


@unittest.skipIf(missing(), missing())
class Pages(SurfaceCase):
    def test_pages_filters_and_labels(self) -> None:
        stack = self.stack
        names = []
        for i in range(7):
            names.append(
                stack.connect_fast(
                    f"pag{i % 2}", labels={"n": str(i), "odd": str(i % 2)}
                )
            )
        self.good("TokenService/Revoke", {"name": names[6]})
        pages = []
        token = ""
        while True:
            page = self.good(
                "ConnectionService/ListConnections",
                {"parent": APPLICATION, "pageSize": 3, "pageToken": token},
            )
            pages.append([c["name"] for c in page["connections"]])
            token = page.get("nextPageToken", "")
            if not token:
                break
        self.assertEqual([len(p) for p in pages], [3, 3, 1])
        self.assertEqual(sum(pages, []), sorted(names))
        for filters, expected in (
            ({"subject": "pag1"}, [1, 3, 5]),
            ({"labels": {"odd": "0"}}, [0, 2, 4, 6]),
            ({"labels": {"odd": "0", "n": "2"}}, [2]),
            ({"state": "CONNECTION_STATE_REVOKED"}, [6]),
            ({"state": "CONNECTION_STATE_ACTIVE", "subject": "pag0"}, [0, 2, 4]),
            ({"provider": PROVIDER}, list(range(7))),
            ({"provider": PROVIDER + "x"}, []),
            ({"subject": "pag"}, []),
        ):
            with self.subTest(filters=filters):
                found = {c["name"] for c in stack.connections(**filters)}
                self.assertEqual(found, {names[i] for i in expected})
        first = self.good(
            "ConnectionService/ListConnections",
            {"parent": APPLICATION, "pageSize": 3},
        )
        for body in (
            {"pageToken": "x"},
            {"pageToken": first["nextPageToken"], "subject": "pag1"},
        ):
            self.assert_refused(
                self.call(
                    "ConnectionService/ListConnections",
                    {"parent": APPLICATION, **body},
                ),
                400,
                "CURSOR_INVALID",
            )
        self.assert_refused(
            self.call(
                "ConnectionService/ListConnections",
                {"parent": APPLICATION, "pageSize": -1},
            ),
            400,
            "FIELD_INVALID",
        )


@unittest.skipIf(missing(), missing())
class Connections(SurfaceCase):
    def test_labels_and_etags(self) -> None:
        name = self.stack.connect_fast("lab", labels={"a": "1"})
        wait_for(
            "the account",
            lambda: "account" in self.connection(name),
        )
        etag = self.connection(name)["etag"]
        update = {
            "connection": {"name": name, "labels": {"b": "2"}, "etag": etag},
            "updateMask": "labels",
        }
        changed = self.good("ConnectionService/UpdateConnection", update)
        self.assertEqual(changed["connection"]["labels"], {"b": "2"})
        self.assert_refused(
            self.call("ConnectionService/UpdateConnection", update),
            409,
            "ETAG_MISMATCH",
        )
        self.assert_refused(
            self.call(
                "ConnectionService/DeleteConnection",
                {"name": name, "etag": etag},
            ),
            409,
            "ETAG_MISMATCH",
        )
        self.good("ConnectionService/DeleteConnection", {"name": name})
        self.assert_refused(
            self.call("TokenService/GetToken", {"name": name}),
            404,
            "CONNECTION_NOT_FOUND",
        )

    def test_what_is_known_of_one(self) -> None:
        name = self.stack.connect_fast("kno")
        known = wait_for(
            "the account",
            lambda: c if "account" in (c := self.connection(name)) else None,
        )
        self.assertEqual(known["subject"], "kno")
        self.assertEqual(known["state"], "CONNECTION_STATE_ACTIVE")
        self.assertEqual(known["provider"], PROVIDER)
        self.assertEqual(known["generation"], "1")
        for field in ("expireTime", "nextRefreshTime", "refreshExpireTime"):
            self.assertIn(field, known)
        self.assertTrue(known["account"]["id"])

    def connection(self, name: str) -> Any:
        return self.good("ConnectionService/GetConnection", {"name": name})[
            "connection"
        ]

    def test_reauthorized_under_the_same_name(self) -> None:
        stack = self.stack
        name = stack.connect_fast("rea", labels={"a": "1"})
        stack.emulator.kill(login="rea")
        self.assert_refused(
            self.call("TokenService/Refresh", {"name": name}),
            400,
            "REAUTHORIZATION_REQUIRED",
        )
        self.assertEqual(
            self.connection(name)["state"],
            "CONNECTION_STATE_REAUTHORIZATION_REQUIRED",
        )
        self.assertEqual(stack.connect_fast("rea", connection=name), name)
        again = self.connection(name)
        self.assertEqual(again["labels"], {"a": "1"})
        self.assertEqual(again["state"], "CONNECTION_STATE_ACTIVE")
        self.assertTrue(stack.refresh(name).ok)

    def test_declined_reauthorization_changes_nothing(self) -> None:
        stack = self.stack
        name = stack.connect_fast("dec")
        before = self.good("TokenService/GetToken", {"name": name})
        begun = stack.begin("dec", connection=name)
        stack.come_back(consent(begun["authorizationUri"], "dec", False))
        self.assertEqual(
            self.good("TokenService/GetToken", {"name": name}), before
        )

    def test_revoke_is_itemised(self) -> None:
        name = self.stack.connect_fast("rev")
        token = self.good("TokenService/GetToken", {"name": name})
        first = self.good("TokenService/Revoke", {"name": name})
        self.assertTrue(first["copyDestroyed"])
        self.assertEqual(
            {(t["kind"], t["result"]) for t in first["tokens"]},
            {
                (
                    "TOKEN_KIND_ACCESS_TOKEN",
                    "REVOCATION_RESULT_UNSUPPORTED_BY_PROVIDER",
                ),
                (
                    "TOKEN_KIND_REFRESH_TOKEN",
                    "REVOCATION_RESULT_UNSUPPORTED_BY_PROVIDER",
                ),
            },
        )
        self.assertTrue(all(t["detail"] for t in first["tokens"]))
        self.assertEqual(
            self.good("TokenService/Revoke", {"name": name}), first
        )
        self.assert_refused(
            self.call("TokenService/GetToken", {"name": name}),
            400,
            "CONNECTION_REVOKED",
        )
        # Pinterest has no way to end it, and that is what we said.
        self.assertEqual(
            self.stack.account_status(token["token"]["accessToken"]), 200
        )

    def test_revoke_of_a_system_user(self) -> None:
        stack = self.stack
        stack.emulator.put_login("robot", system_user=True)
        name = stack.connect_fast("robot")
        token = self.good("TokenService/GetToken", {"name": name})
        reply = self.good("TokenService/Revoke", {"name": name})
        results = {t["kind"]: t["result"] for t in reply["tokens"]}
        self.assertEqual(
            set(results.values()), {"REVOCATION_RESULT_REVOKED"}, reply
        )
        self.assertEqual(
            stack.account_status(token["token"]["accessToken"]), 401
        )


@unittest.skipIf(missing(), missing())
class Providers(SurfaceCase):
    def add(self, name: str, **fields: Any) -> str:
        self.good(
            "ProviderService/CreateProvider",
            {
                "parent": APPLICATION,
                "providerId": name,
                "provider": {
                    "catalogEntry": "catalog/pinterest",
                    "clientId": CLIENT_ID,
                    "clientSecret": CLIENT_SECRET,
                    **fields,
                },
            },
        )
        return f"{APPLICATION}/providers/{name}"

    def connect(
        self, provider: str, subject: str
    ) -> tuple[dict[str, list[str]], str]:
        begun = self.stack.begin(subject, provider=provider)
        uri = begun["authorizationUri"]
        page = self.stack.come_back(consent(uri, subject))
        self.assertEqual(page.status, 200, page.body)
        return parse_qs(urlsplit(uri).query), begun["connection"]

    def test_pkce_switch(self) -> None:
        emulator = self.stack.emulator
        for mode, sent in (
            ("PKCE_MODE_S256", True),
            ("PKCE_MODE_OFF", False),
        ):
            with self.subTest(mode=mode):
                name = mode.lower().replace("_", "-")
                provider = self.add(name, pkce=mode)
                emulator.configure(pkce="enforce" if sent else "check")
                self.addCleanup(emulator.configure, pkce="check")
                query, connection = self.connect(provider, name)
                self.assertEqual("code_challenge" in query, sent)
                self.assertEqual(
                    query.get("code_challenge_method"), ["S256"] if sent else None
                )
                grant = emulator.grants(login=name)[0]
                self.assertEqual(grant["pkce_verified"], sent)
                self.assertTrue(self.stack.get_token(connection).ok)

    def test_sandbox(self) -> None:
        provider = self.add("sandbox", environment="sandbox")
        _, name = self.connect(provider, "sandy")
        grant = self.stack.emulator.grants(login="sandy")[0]
        self.assertTrue(grant["sandbox"])
        reply = self.stack.refresh(name)
        token = reply.json()["token"]["accessToken"]
        self.assertEqual(self.stack.account_status(token), 401)
        answer = request(
            "GET",
            f"{self.stack.emulator.sandbox}/v5/user_account",
            headers={"authorization": f"Bearer {token}"},
        )
        self.assertEqual(answer.status, 200)

    def test_scopes(self) -> None:
        provider = self.add("scoped", scopes=["user_accounts:read"])
        query, name = self.connect(provider, "sco")
        self.assertEqual(query["scope"], ["user_accounts:read"])
        reply = self.call(
            "TokenService/GetToken",
            {"name": name, "requiredScopes": ["pins:write"]},
        )
        self.assert_refused(reply, 400, "SCOPE_NOT_GRANTED")

    def test_a_wrong_secret_touches_no_connection(self) -> None:
        emulator = self.stack.emulator
        provider = self.add("wrong")
        _, name = self.connect(provider, "wro")
        emulator.put_app(CLIENT_ID, secret="rotated-secret")
        self.addCleanup(emulator.put_app, CLIENT_ID, secret=CLIENT_SECRET)
        reply = self.stack.refresh(name)
        self.assert_refused(reply, 400, "PROVIDER_CLIENT_REJECTED")
        self.assertTrue(self.stack.get_token(name).ok)
        self.good(
            "ProviderService/UpdateProvider",
            {
                "provider": {"name": provider, "clientSecret": "rotated-secret"},
                "updateMask": "clientSecret",
            },
        )

        def works() -> bool:
            return self.stack.refresh(name).ok

        wait_for("the mended provider", works)

    def test_the_catalog(self) -> None:
        listed = self.good(
            "ProviderService/ListCatalogEntries", {"pageSize": 1000}
        )
        names = [e["name"] for e in listed["entries"]]
        self.assertEqual(names, sorted(names))
        for entry in ("pinterest", "google", "github", "slack"):
            self.assertIn(f"catalog/{entry}", names)
        one = self.good(
            "ProviderService/GetCatalogEntry", {"name": "catalog/pinterest"}
        )["entry"]
        self.assertEqual(
            one["redirectUri"], f"{self.stack.http}/oauth/callback"
        )
        self.assert_refused(
            self.call("ProviderService/GetCatalogEntry", {"name": "catalog/no"}),
            404,
            "CATALOG_ENTRY_NOT_FOUND",
        )

    def test_an_added_definition(self) -> None:
        text = (
            '# By hand.\nid: "own"\ndisplay_name: "Own"\n'
            "category: CATEGORY_OTHER\n"
            'authorization { url: "https://own.example/authorize" }\n'
            "client_authentication {"
            " method: CLIENT_AUTHENTICATION_METHOD_POST }\n"
            'token { url: "https://own.example/token" }\n'
        )
        checked = self.good(
            "ProviderService/CheckDefinition",
            {"parent": APPLICATION, "text": text},
        )
        self.assertNotIn("faults", checked)
        self.assertIn("POST https://own.example/token", checked["dryRun"])
        self.assert_refused(
            self.call("ProviderService/CreateCatalogEntry", {"text": text}),
            403,
            "RIGHT_MISSING",
        )
        file = self.stack.folder / "own.textproto"
        file.write_text(text, encoding="utf-8")
        key = self.stack.admin_key
        added = self.stack.checked("catalog", "add", str(file), key=key)
        self.assertIn("catalog/own", added.out)
        # It outlives the server.
        self.stack.restart()
        shown = self.stack.checked("catalog", "show", "own", "--definition")
        self.assertEqual(shown.out, text)
        listed = self.stack.checked("catalog", "list").out
        self.assertRegex(listed, r"(?m)^own +ADDED ")
        self.assertRegex(listed, r"(?m)^pinterest +BUILT_IN ")
        file.write_text(text + 'summary: "new"\n', encoding="utf-8")
        self.stack.checked("catalog", "update", str(file), key=key)
        entry = self.good(
            "ProviderService/GetCatalogEntry", {"name": "catalog/own"}
        )["entry"]
        self.assertEqual(entry["definition"]["summary"], "new")
        self.assertEqual(entry["source"], "CATALOG_SOURCE_ADDED")
        self.stack.checked("catalog", "delete", "own", "-y", key=key)
        self.assert_refused(
            self.call(
                "ProviderService/GetCatalogEntry", {"name": "catalog/own"}
            ),
            404,
            "CATALOG_ENTRY_NOT_FOUND",
        )

    def test_in_use(self) -> None:
        provider = self.add("used")
        self.connect(provider, "use")
        self.assert_refused(
            self.call("ProviderService/DeleteProvider", {"name": provider}),
            400,
            "RESOURCE_IN_USE",
        )
        self.assert_refused(
            self.call(
                "ProviderService/CreateProvider",
                {
                    "parent": APPLICATION,
                    "providerId": "used",
                    "provider": {
                        "catalogEntry": "catalog/pinterest",
                        "clientId": "1",
                        "clientSecret": "x",
                    },
                },
            ),
            409,
            "RESOURCE_EXISTS",
        )


if __name__ == "__main__":
    unittest.main()
