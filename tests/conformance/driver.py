"""One library's driver: a process that is told what to do, line by line.

Requests may be started and awaited later; answers come in any order. One
thread reads them, so a Driver is for one thread at a time besides that one.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
# Of a request that gives no time-out of its own; the libraries' is 30 s.
_PATIENCE = 60.0


class DriverError(Exception):
    """The driver did something that its protocol does not allow."""


class Driver:
    """A running driver of `clients/<language>`."""

    def __init__(
        self, language: str, log: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [str(CLIENTS / language / "run"), "driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                answer = json.loads(line)
                number = answer["id"]
            except (ValueError, KeyError, TypeError):
                number, answer = 0, {"line": line.decode(errors="replace")}
            with self._changed:
                self._answers[number] = answer
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def start(self, request: Mapping[str, Any]) -> int:
        """Sends a request; returns its id."""
        number = next(self._ids)
        line = json.dumps({"id": number, **request}) + "\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except OSError as error:
            raise DriverError(f"the driver has gone: {error}") from error
        return number

    def finish(
        self, number: int, timeout: float = _PATIENCE
    ) -> dict[str, Any]:
        """The answer: an object with `result` or `error`."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while number not in self._answers:
                if 0 in self._answers:
                    raise DriverError(f"no JSON: {self._answers[0]['line']!r}")
                if self._ended:
                    raise DriverError("the driver ended")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise DriverError(f"no answer within {timeout:.0f} s")
                self._changed.wait(left)
            return self._answers.pop(number)

    def call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        patience = request.get("timeout_ms", 0) / 1000 + _PATIENCE
        return self.finish(self.start(request), patience)

    def connections(self) -> int:
        """Sockets to anywhere that the driver's processes hold open."""
        count = 0
        for process in _family(self._process.pid):
            folder = Path(f"/proc/{process}/fd")
            try:
                links = [os.readlink(entry) for entry in folder.iterdir()]
            except OSError:
                continue
            count += sum(link.startswith("socket:") for link in links)
        return count

    def close(self) -> int:
        """Ends the driver by the end of its input; its exit code."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            return -signal.SIGKILL
        finally:
            self._reader.join(5)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._log.close()


def _family(root: int) -> list[int]:
    """A process and all that it started."""
    found = [root]
    for process in found:
        try:
            tasks = Path(f"/proc/{process}/task").iterdir()
            for task in tasks:
                children = (task / "children").read_text().split()
                found += [int(child) for child in children]
        except OSError:
            continue
    return found
