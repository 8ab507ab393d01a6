"""Runs a scenario: a JSON file of steps, by one library, over one stack.

A step is an object with one verb:

    {"op": ..}             a request to the driver (see README.md), at once
    {"start": {..}, "as": "r"}, {"finish": "r"}
                           the same in two steps, so that others come between
    {"until": {..}}        a request, repeated until it is as expected
    {"connect": "ann", "as": "c"}
                           a consent by the server itself; saves the name
    {"direct": "TokenService/Refresh", "body": {..}}
                           a call by the runner itself
    {"server": "kill"}     or stop, start, restart, pause, resume; "flags"
    {"emulator": {..}}     its configuration; {"fault": {..}} {"clear_faults"}
                           {"end_grants": "ann"}, {"kill_token": "$token"}
                           what the provider forgets
    {"consent": "$uri", "login": "ann"}
                           in the browser; with "keep" the code is not sent to
                           the server but saved under that name
    {"mark": true}         counts of calls begin here
    {"calls": {"TokenService/GetToken": 1}}
                           so many since the mark; waits for them
    {"sockets": ..}        of the driver
    {"settle_ms": 300}     lets pass what must not cause anything
    {"flood": "$c", "count": 300}, {"drain": "w", "count": 300, ..}
                           so many label changes, and their events in order

and may say `expect` (of the result), `expect_error`, `save` (name: path in the
result), `within_ms` and `after_ms` (how long it took). See matching.py.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from conformance.driver import Driver, DriverError
from conformance.matching import difference, reach, substitute
from integration.harness import IntegrationStack, consent, request, wait_for

Step = Mapping[str, Any]
_PATIENCE = 20.0
_PAUSE = 0.02
_CALLS = re.compile(
    r'^valetkey_rpc_calls_total\{(.*)\} ([0-9.e+]+)$', re.MULTILINE
)


class Unmet(Exception):
    """What a scenario expects is not so."""


class Engine:
    """One library and one stack, for scenarios one after the other."""

    def __init__(self, stack: IntegrationStack, driver: Driver) -> None:
        self.stack = stack
        self.driver = driver
        self.names: dict[str, Any] = {}
        self._under_way: dict[str, int] = {}
        self._before: dict[str, float] = {}

    def run(self, steps: list[Step]) -> None:
        self.names = {
            "api_key": self.stack.api_key,
            "address": self.stack.grpc,
            "emulator": self.stack.emulator.api,
            "folder": str(self.stack.folder),
            "tls": str(self.stack.folder / "tls"),
        }
        self._under_way = {}
        self.mark()
        for number, step in enumerate(steps, 1):
            try:
                self.step(step)
            except (Unmet, DriverError, KeyError) as error:
                raise Unmet(f"step {number}, {_brief(step)}: {error}") from error

    def step(self, step: Step) -> None:
        began = time.monotonic()
        answer = self._do(step)
        elapsed = (time.monotonic() - began) * 1000
        if answer is not None:
            if said := self._judge(step, answer):
                raise Unmet(said)
            for name, path in step.get("save", {}).items():
                value = reach(answer.get("result"), path)
                if value is None:
                    raise Unmet(f"there is no {path} in {answer}")
                self.names[name] = value
        if elapsed > step.get("within_ms", 120_000):
            raise Unmet(f"took {elapsed:.0f} ms")
        if elapsed < step.get("after_ms", 0):
            raise Unmet(f"took only {elapsed:.0f} ms")

    def _judge(self, step: Step, answer: Mapping[str, Any]) -> str:
        if "expect_error" in step:
            if "error" not in answer:
                return f"expected an error, found {answer.get('result')}"
            expected = substitute(step["expect_error"], self.names)
            return difference(expected, answer["error"])
        if "error" in answer:
            return f"failed with {answer['error']}"
        expected = substitute(step.get("expect", {}), self.names)
        said = difference(expected, answer.get("result"))
        return f"{said}; the answer: {answer}" if said else ""

    def _do(self, step: Step) -> dict[str, Any] | None:
        match step:
            case {"op": _}:
                return self.driver.call(self._request(step))
            case {"start": inner, "as": name}:
                self._under_way[name] = self.driver.start(self._request(inner))
                self.names[name] = self._under_way[name]
            case {"finish": name}:
                return self.driver.finish(self._under_way.pop(name))
            case {"until": inner}:
                return self._until(step, inner)
            case {"connect": subject, "as": name}:
                connection = self.stack.connect_fast(subject)
                self.names[name] = connection
                self.names[f"{name}_id"] = connection.rsplit("/", 1)[1]
            case {"direct": method}:
                return self._direct(method, step.get("body", {}))
            case {"server": verb}:
                self._server(verb, step.get("flags", []))
            case {"emulator": fields}:
                self.stack.emulator.configure(**fields)
            case {"fault": fields}:
                self.stack.emulator.add_fault(**fields)
            case {"clear_faults": _}:
                self.stack.emulator.clear_faults()
            case {"end_grants": login}:
                self.stack.emulator.kill(login=login)
            case {"kill_token": token}:
                self.stack.emulator.kill(token=substitute(token, self.names))
            case {"consent": uri, "login": login}:
                self._consent(substitute(uri, self.names), login, step)
            case {"flood": name, "count": count}:
                self._flood(substitute(name, self.names), count)
            case {"drain": watch, "count": count}:
                self._drain(watch, count)
            case {"mark": _}:
                self.mark()
            case {"calls": expected}:
                self._await_calls(expected)
            case {"sockets": expected}:
                self._await_sockets(substitute(expected, self.names))
            case {"count_sockets": name}:
                self.names[name] = self.driver.connections()
            case {"settle_ms": milliseconds}:
                time.sleep(milliseconds / 1000)
            case _:
                raise ValueError(f"no verb: {step}")
        return None

    def _request(self, step: Step) -> dict[str, Any]:
        known = {"expect", "expect_error", "save", "within_ms", "after_ms"}
        fields = {k: v for k, v in step.items() if k not in known}
        if fields["op"] == "client":
            options = {
                "address": "$address",
                "api_key": "$api_key",
                "application": "shop",
                **fields.get("options", {}),
            }
            fields["options"] = {
                k: v for k, v in options.items() if v is not None
            }
        if "source" not in fields and "watch" not in fields:
            fields.setdefault("client", "a")
        if fields["op"] in ("client", "source", "watch"):
            fields.setdefault("client", "a")
        return substitute(fields, self.names)

    def _until(self, step: Step, inner: Step) -> dict[str, Any]:
        deadline = time.monotonic() + step.get("within_ms", 10_000) / 1000
        while True:
            answer = self.driver.call(self._request(inner))
            said = self._judge(step, answer)
            if not said:
                return answer
            if time.monotonic() > deadline:
                raise Unmet(f"waited in vain: {said}")
            time.sleep(_PAUSE)

    def _direct(self, method: str, body: Any) -> dict[str, Any]:
        with self.stack.caller() as caller:
            reply = caller.call(method, substitute(body, self.names))
        if not reply.ok:
            return {"error": {"reason": reply.reason, **reply.json()}}
        return {"result": reply.json()}

    def _consent(self, uri: str, login: str, step: Step) -> None:
        location = consent(uri, login)
        if keep := step.get("keep"):
            self.names[keep] = parse_qs(urlsplit(location).query)["code"][0]
            return
        page = self.stack.come_back(location)
        if page.status != 200:
            raise Unmet(f"the callback answered {page.status}")

    def _flood(self, name: str, count: int) -> None:
        """Label changes whose events are large: the streams fill up."""
        with self.stack.caller() as caller:
            for number in range(count):
                labels = {f"k{i}": "x" * 255 for i in range(31)}
                labels["number"] = str(number)
                reply = caller.call(
                    "ConnectionService/UpdateConnection",
                    {"connection": {"name": name, "labels": labels}},
                )
                if not reply.ok:
                    raise Unmet(f"flood: {reply.body!r}")

    def _drain(self, watch: str, count: int) -> None:
        """As many events as there were label changes, none twice or left out."""
        cursors = set()
        for number in range(count):
            answer = self.driver.call(
                {"op": "next", "watch": watch, "timeout_ms": 10_000}
            )
            found = answer.get("result", {})
            if found.get("event_type") != "UPDATED":
                raise Unmet(f"event {number}: {answer}")
            cursors.add(found["cursor"])
        if len(cursors) != count:
            raise Unmet(f"{count - len(cursors)} events came twice")

    def _server(self, verb: str, flags: list[str]) -> None:
        stack = self.stack
        flags = substitute(flags, self.names)
        match verb:
            case "kill":
                stack.kill_server()
            case "stop":
                stack.stop_server()
            case "start":
                stack.start_server(flags)
            case "restart":
                stack.stop_server()
                stack.start_server(flags)
            case "pause":
                assert stack.server is not None
                stack.server.send_signal(signal.SIGSTOP)
                status = Path(f"/proc/{stack.server.pid}/status")
                # Its threads stop one by one.
                wait_for("the stop", lambda: "T (stopped)" in status.read_text())
            case "resume":
                assert stack.server is not None
                stack.server.send_signal(signal.SIGCONT)
            case _:
                raise ValueError(verb)

    def _counts(self) -> dict[str, float]:
        text = request("GET", f"{self.stack.http}/metrics").body.decode()
        counts: dict[str, float] = {}
        for labels, number in _CALLS.findall(text):
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            method = pairs["method"].removeprefix("valetkey.v1.")
            for name in (method, f"{method}:{pairs['code']}"):
                counts[name] = counts.get(name, 0) + float(number)
        return counts

    def mark(self) -> None:
        self._before = self._counts()

    def _await_calls(self, expected: Mapping[str, Any]) -> None:
        def now() -> dict[str, float]:
            counts = self._counts()
            return {
                name: counts.get(name, 0) - self._before.get(name, 0)
                for name in expected
            }

        def wrong() -> str:
            found = now()
            return "; ".join(
                f"{name}: {said}"
                for name, wanted in expected.items()
                if (said := difference(wanted, found[name]))
            )

        self._await(wrong, "calls")

    def _await_sockets(self, expected: Any) -> None:
        self._await(
            lambda: difference(expected, self.driver.connections()), "sockets"
        )

    def _await(self, wrong: Any, what: str) -> None:
        deadline = time.monotonic() + _PATIENCE / 4
        while said := wrong():
            if time.monotonic() > deadline:
                raise Unmet(f"{what}: {said}")
            time.sleep(_PAUSE)


def _brief(step: Step) -> str:
    for verb in ("op", "start", "finish", "until", "direct", "server", "calls"):
        if verb in step:
            inner = step[verb]
            return f"{verb} {inner['op'] if isinstance(inner, dict) and 'op' in inner else inner}"
    return str(dict(step))
