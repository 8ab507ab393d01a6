"""HTTP on the wire, beyond what ordinary clients send."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from .support import EmulatorTestCase

GET = b"GET /v5/user_account HTTP/1.1\r\nHost: x\r\n"


class WireTest(EmulatorTestCase):
    def talk(self, *pieces: bytes) -> bytes:
        """Sends the pieces and reads until the emulator closes."""
        parts = urlsplit(self.emulator.api)
        address = (parts.hostname, parts.port)
        with socket.create_connection(address, timeout=10) as connection:
            for piece in pieces:
                connection.sendall(piece)
            received = b""
            while data := connection.recv(65536):
                received += data
            return received

    def statuses(self, received: bytes) -> list[bytes]:
        marker = b"HTTP/1.1 "
        return [part[:3] for part in received.split(marker)[1:]]

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        post = (
            b"POST /v5/oauth/token HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        unknown = (
            b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        received = self.talk(GET + b"\r\n" + post + unknown)
        self.assertEqual(self.statuses(received), [b"401", b"400", b"404"])

    def test_slow_pieces_and_chunked_bodies(self) -> None:
        received = self.talk(
            b"POST /v5/oauth/token HTT",
            b"P/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n",
            b"Content-Type: application/x-www-form-urlencoded\r\n",
            b"Connection: close\r\n\r\n5\r\ngrant\r\n",
            b"3;x=y\r\n_ty\r\n0\r\nTrailer: 1\r\n\r\n",
        )
        self.assertEqual(self.statuses(received), [b"401"])

    def test_expect_continue(self) -> None:
        received = self.talk(
            b"POST /v5/oauth/token HTTP/1.1\r\nHost: x\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n"
            b"Content-Length: 1\r\n\r\nx"
        )
        self.assertEqual(self.statuses(received), [b"100", b"400"])

    def test_http_1_0_closes(self) -> None:
        received = self.talk(b"GET /v5/user_account HTTP/1.0\r\n\r\n")
        self.assertIn(b"connection: close\r\n", received)

    def test_requests_beyond_repair(self) -> None:
        cases = (
            (b"nonsense\r\n\r\n", b"400"),
            (GET + b"No-Colon\r\n\r\n", b"400"),
            (GET + b"Content-Length: -1\r\n\r\n", b"400"),
            (GET + b"Content-Length: 99999999\r\n\r\n", b"413"),
            (
                GET + b"Content-Length: 1\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n",
                b"400",
            ),
            (GET + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
            (GET + b"X: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
        )
        for sent, status in cases:
            with self.subTest(sent[:80]):
                self.assertEqual(self.statuses(self.talk(sent)), [status])

    def test_head_has_no_body(self) -> None:
        received = self.talk(
            b"HEAD /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        self.assertTrue(received.endswith(b"\r\n\r\n"))
