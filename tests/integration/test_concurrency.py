"""Many callers at once: one refresh."""

from __future__ import annotations

import asyncio
import json
import time
import unittest
from typing import Any
from urllib.parse import urlsplit

from integration.harness import IntegrationStack, missing


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status = int(head.split(" ", 2)[1])
    length = next(
        int(line.split(":", 1)[1])
        for line in head.split("\r\n")
        if line.lower().startswith("content-length:")
    )
    return status, json.loads(await reader.readexactly(length))


@unittest.skipIf(missing(), missing())
class OneRefresh(unittest.TestCase):
    """The provider takes half a second for each answer, so that all callers
    meet one flight."""

    def setUp(self) -> None:
        self.stack = self.enterContext(IntegrationStack(access_ttl=3))
        self.stack.set_up()
        self.name = self.stack.connect_fast("ann")

    def many(self, count: int, method: str, body: Any) -> list[tuple[int, Any]]:
        """As many calls at once, each on a socket of its own, all opened
        before the first is sent."""
        parts = urlsplit(self.stack.http)
        content = json.dumps(body)
        request = (
            f"POST /valetkey.v1.TokenService/{method} HTTP/1.1\r\n"
            f"host: {parts.netloc}\r\n"
            f"authorization: Bearer {self.stack.api_key}\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(content)}\r\n\r\n{content}"
        ).encode()

        async def call_all() -> list[tuple[int, Any]]:
            sockets = []
            for _ in range(count):
                sockets.append(
                    await asyncio.open_connection(parts.hostname, parts.port)
                )
            for _, writer in sockets:
                writer.write(request)
            answers = await asyncio.wait_for(
                asyncio.gather(*(read_answer(r) for r, _ in sockets)), 60
            )
            for _, writer in sockets:
                writer.close()
            return answers

        return asyncio.run(call_all())

    def forget_the_past(self) -> None:
        self.stack.emulator.add_fault(
            "token", "slow", grant="refresh_token", seconds=0.5
        )
        self.stack.emulator.clear_ledger()

    def assert_one_refresh(self, answers: list[tuple[int, Any]]) -> int:
        self.assertEqual({status for status, _ in answers}, {200}, answers[:2])
        self.assertEqual(
            len({a["token"]["accessToken"] for _, a in answers}), 1
        )
        summary = self.stack.emulator.summary()
        self.assertEqual(summary["refreshes"], 1)
        self.assertEqual(summary["refresh_tokens_presented_twice"], 0)
        return int(answers[0][1]["token"]["generation"])

    def test_a_thousand_ask_for_an_expired_token(self) -> None:
        stack = self.stack
        # Expired while the server was down, so that no background refresh
        # came before.
        stack.stop_server()
        time.sleep(3.2)
        stack.emulator.configure(access_ttl=3600)
        self.forget_the_past()
        stack.start_server()
        answers = self.many(1000, "GetToken", {"name": self.name})
        self.assertEqual(self.assert_one_refresh(answers), 2)

    def test_a_hundred_refresh_the_same_generation(self) -> None:
        self.stack.emulator.configure(access_ttl=3600)
        reply = self.stack.refresh(self.name)
        generation = int(reply.json()["token"]["generation"])
        self.forget_the_past()
        body = {"name": self.name, "generation": generation}
        answers = self.many(100, "Refresh", body)
        self.assertEqual(self.assert_one_refresh(answers), generation + 1)

    def test_a_hundred_tell_of_the_same_refused_token(self) -> None:
        self.stack.emulator.configure(access_ttl=3600)
        reply = self.stack.refresh(self.name)
        generation = int(reply.json()["token"]["generation"])
        self.forget_the_past()
        body = {"name": self.name, "rejectedGeneration": generation}
        answers = self.many(100, "GetToken", body)
        self.assertEqual(self.assert_one_refresh(answers), generation + 1)


if __name__ == "__main__":
    unittest.main()
