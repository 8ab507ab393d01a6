"""What a server and a sidecar take of a machine: memory and processor time, at
rest and under load, for the requests and limits of k8s/.

    python3 tests/bench/footprint.py [--connections 100] [--calls 20000]

Needs a release build.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration.harness import IntegrationStack, wait_for  # noqa: E402
from integration.test_sidecar import Sidecar  # noqa: E402

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """Of a process, so far."""

    time: float
    processor: float  # seconds
    resident: float  # MiB
    most: float  # MiB

    @staticmethod
    def of(process: subprocess.Popen[bytes] | None) -> Sample:
        assert process is not None
        stat = Path(f"/proc/{process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory = {
            name: int(found) / 1024
            for name, found in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)
        }
        return Sample(
            time.monotonic(),
            (int(fields[11]) + int(fields[12])) / _TICKS,
            memory["VmRSS"],
            memory["VmHWM"],
        )


class GetToken(threading.Thread):
    """A caller, one call at a time. Python's gRPC is not among what the tests
    need, so these are its frames by hand."""

    def __init__(self, address: str, name: str, key: str, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.answered = 0
        """Calls that ended with a token."""
        if address.startswith("/"):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(address)
        else:
            host, _, port = address.rpartition(":")
            self._socket = socket.create_connection((host, int(port)))
        self._input = self._socket.makefile("rb")
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": "/valetkey.v1.TokenService/GetToken",
            ":authority": "localhost",
            "content-type": "application/grpc",
            "te": "trailers",
            "authorization": f"Bearer {key}",
        }
        # RFC 7541 section 6.2.2: literals that no table keeps.
        self._fields = b"".join(
            b"\0" + self._string(field) + self._string(value)
            for field, value in fields.items()
        )
        message = b"\x0a" + self._string(name)
        self._message = b"\0" + len(message).to_bytes(4, "big") + message

    @staticmethod
    def _string(text: str) -> bytes:
        """Shorter than 127 bytes; as HPACK and Protocol Buffers have it."""
        assert len(text) < 127
        return bytes([len(text)]) + text.encode()

    @staticmethod
    def _frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
        """RFC 9113 section 4.1."""
        head = len(body).to_bytes(3, "big") + bytes([kind, flags])
        return head + stream.to_bytes(4, "big") + body

    def run(self) -> None:
        # All of the connection's window for answers, at once.
        window = (2**31 - 1 - 65535).to_bytes(4, "big")
        self._socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + self._frame(4, 0, 0)
            + self._frame(8, 0, 0, window)
        )
        for call in range(self.calls):
            stream = 2 * call + 1
            self._socket.sendall(
                self._frame(1, 4, stream, self._fields)
                + self._frame(0, 1, stream, self._message)
            )
            self._await(stream)
        self._socket.close()

    def _await(self, stream: int) -> None:
        """The end of its answer. Settings and pings are acknowledged."""
        while True:
            head = self._input.read(9)
            body = self._input.read(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind in (4, 6) and not flags & 1:
                self._socket.sendall(
                    self._frame(kind, 1, 0, body if kind == 6 else b"")
                )
            if kind == 0 and b"pina_" in body:
                self.answered += 1
            if kind in (0, 1) and flags & 1:
                if int.from_bytes(head[5:9], "big") == stream:
                    return


def load(address: str, names: list[str], calls: int, key: str) -> None:
    callers = [GetToken(address, name, key, calls) for name in names]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
        if caller.answered != calls:
            raise SystemExit(f"{caller.answered} of {calls} calls had a token")


def show(what: str, before: Sample, after: Sample, calls: int = 0) -> None:
    processor = after.processor - before.processor
    share = processor / (after.time - before.time)
    each = f"{processor / calls * 1e6:.0f} us a call" if calls else ""
    print(
        f"{what:<36} {after.resident:6.1f} MiB  at most {after.most:6.1f} MiB"
        f"  {share:6.3f} processors  {each}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rest", type=float, default=10)
    arguments = parser.parse_args()
    each = arguments.calls // arguments.connections
    with IntegrationStack(access_ttl=3600) as stack:
        first = Sample.of(stack.server)
        time.sleep(arguments.rest)
        show("server, at rest", first, Sample.of(stack.server))
        stack.set_up()
        names = [
            stack.connect_fast(f"person-{i}")
            for i in range(arguments.connections)
        ]
        ids = ",".join(name.rsplit("/", 1)[1] for name in names)
        key = stack.api_key or ""
        with Sidecar(stack.grpc, key, f"--warm={ids}") as sidecar:
            wait_for(
                "its tokens",
                lambda: sidecar.metric("valetkey_sidecar_tokens") >= len(names),
            )
            first = Sample.of(sidecar.process)
            time.sleep(arguments.rest)
            show(
                f"sidecar, {len(names)} connections",
                first,
                Sample.of(sidecar.process),
            )
            first = Sample.of(sidecar.process)
            load(str(sidecar.socket), names, each, "none")
            show(
                f"  GetToken by {len(names)} callers",
                first,
                Sample.of(sidecar.process),
                each * len(names),
            )
            counted = sidecar.metric(
                'valetkey_sidecar_get_token_total{from="memory"}'
            )
            if counted < each * len(names):
                raise SystemExit(f"{counted} calls were answered from memory")
            first = Sample.of(stack.server)
            load(stack.grpc, names, each, key)
            show(
                f"server, GetToken by {len(names)} callers",
                first,
                Sample.of(stack.server),
                each * len(names),
            )


if __name__ == "__main__":
    main()
