"""Redis emptied, killed, frozen and set back under load: no call fails, all
recovers by itself, no event is lost, and no revoked token comes back."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import signal
import subprocess
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any

from integration.harness import Caller, IntegrationStack, missing, wait_for


class Readers:
    """Threads that ask for tokens all the time."""

    def __init__(self, stack: IntegrationStack, names: list[str]) -> None:
        self.stack = stack
        self.names = names
        self.failures: list[str] = []
        self.calls = 0
        self.slowest = 0.0
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(i,)) for i in range(4)
        ]

    def __enter__(self) -> Readers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)

    def _run(self, number: int) -> None:
        with Caller(self.stack.http, self.stack.api_key) as caller:
            while not self.stopping.is_set():
                for name in self.names[number:] + self.names[:number]:
                    begun = time.monotonic()
                    try:
                        reply = caller.call(
                            "TokenService/GetToken", {"name": name}
                        )
                        if not reply.ok:
                            self.failures.append(repr(reply.body))
                    except (OSError, http.client.HTTPException) as error:
                        self.failures.append(repr(error))
                    self.calls += 1
                    self.slowest = max(
                        self.slowest, time.monotonic() - begun
                    )
                time.sleep(0.01)


@unittest.skipIf(missing(), missing())
class RedisFails(unittest.TestCase):
    """Tokens live three seconds, so refreshes and their events go on."""

    def setUp(self) -> None:
        self.stack = self.enterContext(
            IntegrationStack(access_ttl=3, redis=True)
        )
        self.stack.set_up()
        self.names = [self.stack.connect_fast(f"user{i}") for i in range(6)]

    @contextlib.contextmanager
    def load(self) -> Iterator[Readers]:
        with Readers(self.stack, self.names) as readers:
            time.sleep(0.3)
            yield readers
            time.sleep(0.3)
        self.assertEqual(readers.failures, [])
        self.assertGreater(readers.calls, 100)
        # Nobody waited for Redis: a refresh is the slowest of all.
        self.assertLess(readers.slowest, 5)

    def up(self) -> bool:
        """What the server itself says of its Redis."""
        body = self.metrics()
        return "valetkey_redis_up 1" in body

    def metrics(self) -> str:
        connection = self.stack.caller().connection()
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def stream(self) -> dict[int, dict[str, str]]:
        """The events in Redis by their sequence."""
        ended = self.stack.redis_cli(
            "--json", "XRANGE", "valetkey:events", "-", "+"
        )
        entries = {}
        for _, flat in ended.json():
            fields = (
                flat
                if isinstance(flat, dict)
                else dict(zip(flat[::2], flat[1::2]))
            )
            entries[int(fields["sequence"])] = fields
        return entries

    def assert_stream_complete(self, since: int = 1) -> None:
        """All refreshes that the ledger knows, and sequences without a gap."""
        grants = {
            g["login"]: g["generation"] for g in self.stack.emulator.grants()
        }

        def complete() -> bool:
            entries = self.stream()
            if not entries:
                return False
            newest: dict[str, int] = {}
            for event in entries.values():
                subject = event["subject"]
                newest[subject] = max(
                    newest.get(subject, 0), int(event["generation"])
                )
            whole = set(range(since, max(entries) + 1)) <= set(entries)
            return whole and all(
                newest.get(login, 0) >= generation
                for login, generation in grants.items()
            )

        wait_for("all events in Redis", complete)

    def test_flushall(self) -> None:
        stack = self.stack
        with self.load():
            for _ in range(5):
                stack.redis_cli("FLUSHALL")
                time.sleep(0.4)
        before = max(self.stream(), default=0)
        with self.load():
            time.sleep(3.5)
        since = before + 1 if before else min(self.stream())
        self.assert_stream_complete(since)

    def test_stopped_and_started(self) -> None:
        """What happened while it was away is in the stream afterwards."""
        stack = self.stack
        self.assert_stream_complete()
        with self.load():
            since = self.kill() + 1
            time.sleep(4)
            stack.start_redis()
            wait_for("redis to be used again", self.up)
        self.assert_stream_complete(since)

    def kill(self) -> int:
        """Kills Redis; the last event's sequence that it had."""
        assert self.stack.redis is not None
        last = max(self.stream(), default=0)
        self.stack.redis.kill()
        self.stack.redis.wait(10)
        self.stack.redis = None
        return last

    def test_frozen(self) -> None:
        """A Redis that takes connections and does not answer."""
        stack = self.stack
        assert stack.redis is not None
        with self.load():
            stack.redis.send_signal(signal.SIGSTOP)
            try:
                time.sleep(6)
            finally:
                stack.redis.send_signal(signal.SIGCONT)
            wait_for("redis to be used again", self.up)
        self.assert_stream_complete()

    def test_set_back_to_an_old_snapshot(self) -> None:
        stack = self.stack
        stack.emulator.configure(access_ttl=3600)
        snapshot = stack.folder / "old.rdb"
        stack.redis_cli("SAVE")
        shutil.copy(stack.folder / "dump.rdb", snapshot)
        revoked, *others = self.names
        with stack.caller() as caller:
            reply = caller.call("TokenService/Revoke", {"name": revoked})
        self.assertTrue(reply.ok, reply.body)
        self.names = others
        with self.load():
            self.kill()
            time.sleep(0.5)
            shutil.copy(snapshot, stack.folder / "dump.rdb")
            stack.start_redis()
            wait_for("redis to be used again", self.up)
            self.assertEqual(
                stack.get_token(revoked).reason, "CONNECTION_REVOKED"
            )
        stack.restart()
        for _ in range(20):
            self.assertEqual(
                stack.get_token(revoked).reason, "CONNECTION_REVOKED"
            )
        for name in others:
            self.assertTrue(stack.get_token(name).ok)

    def test_revoked_while_away(self) -> None:
        """A token that is still in Redis when it comes back is not given
        out, by this process or the next."""
        stack = self.stack
        stack.emulator.configure(access_ttl=3600)
        for name in self.names:
            self.assertTrue(stack.refresh(name).ok)
        wait_for("tokens in redis", lambda: self.cached(self.names[0]))
        assert stack.redis is not None
        stack.redis.send_signal(signal.SIGSTOP)
        try:
            for name in self.names[:3]:
                with stack.caller() as caller:
                    reply = caller.call("TokenService/Revoke", {"name": name})
                self.assertTrue(reply.ok, reply.body)
            stack.kill_server()
        finally:
            stack.redis.send_signal(signal.SIGCONT)
        stack.start_server()
        for _ in range(20):
            for name in self.names[:3]:
                self.assertEqual(
                    stack.get_token(name).reason, "CONNECTION_REVOKED"
                )
            time.sleep(0.05)
        for name in self.names[3:]:
            self.assertTrue(stack.get_token(name).ok)
        wait_for(
            "the event", lambda: "REVOKED" in str(self.stream().values())
        )

    def cached(self, name: str) -> bool:
        keys = self.stack.redis_cli("KEYS", "*").out
        return name in keys or name.rsplit("/", 1)[1] in keys

    def test_started_without_redis(self) -> None:
        stack = self.stack
        self.kill()
        stack.restart()
        with self.load():
            name = stack.connect_fast("late")
            self.assertTrue(stack.refresh(name).ok)
            self.assertEqual(
                self.health("/readyz"), 200, "it serves, so it is ready"
            )
            self.assertIn("valetkey_redis_up 0", self.metrics())
            stack.start_redis()
            wait_for("redis to be used", self.up)
        wait_for(
            "the event of a connection made meanwhile",
            lambda: any(e["subject"] == "late" for e in self.stream().values()),
        )

    def health(self, path: str) -> int:
        connection = self.stack.caller().connection()
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def test_refuses_writes(self) -> None:
        """A Redis out of memory refuses writes with an error of its own."""
        stack = self.stack
        with self.load():
            stack.redis_cli("CONFIG", "SET", "maxmemory", "1")
            time.sleep(3.5)
            stack.redis_cli("CONFIG", "SET", "maxmemory", "0")
        self.assert_stream_complete()

    def test_holds_no_plain_token(self) -> None:
        dump = subprocess.run(
            ["redis-cli", "-s", str(self.stack.redis_socket), "SAVE"],
            capture_output=True,
            check=False,
        )
        self.assertIn(b"OK", dump.stdout)
        data = (self.stack.folder / "dump.rdb").read_bytes()
        self.assertIn(b"valetkey:", data)
        self.assertNotIn(b"pina_", data)
        self.assertNotIn(b"pinr_", data)


if __name__ == "__main__":
    unittest.main()
