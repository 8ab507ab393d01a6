"""Runs the examples against the fake, so that they are known to work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.provider import Provider, only
from valetkey.testing import Fake

FOLDER = Path(__file__).resolve().parent.parent / "examples"


class Example:
    """One of them, running."""

    def __init__(self, fake: Fake, name: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, FOLDER / name, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "VALETKEY_ADDRESS": fake.address,
                "VALETKEY_APPLICATION": "shop",
                "VALETKEY_API_KEY": "",
            },
        )

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def interrupt(self) -> None:
        """As Ctrl-C does; it must end well."""
        self._process.send_signal(signal.SIGINT)
        self.end()

    def end(self) -> None:
        self._process.communicate(timeout=20)
        expect(self._process.returncode == 0, "an end with 0")


def expect(condition: object, what: str) -> None:
    if not condition:
        raise SystemExit(f"expected {what}")


def get_token(fake: Fake) -> None:
    fake.set_token("c-7", "a-token")
    with Provider(only("a-token")) as provider:
        example = Example(fake, "get_token.py", "c-7", provider.url("/me"))
        expect(example.line().startswith("generation 1,"), "a token")
        expect(example.line() == "200 answer 200", "the answer of the API")
        example.end()


def watch(fake: Fake) -> None:
    example = Example(fake, "watch.py")
    expect("STATE_ACTIVE" in example.line(), "the snapshot")
    fake.wait_for_calls("WatchEvents", 1)
    fake.revoke("c-7")
    expect("TYPE_REVOKED, generation 2" in example.line(), "the event")
    example.interrupt()


def connect(fake: Fake) -> None:
    example = Example(fake, "connect.py", "pinterest", "0")
    address = example.line().removeprefix("open ").removesuffix("/")
    with httpx.Client(base_url=address, trust_env=False) as browser:
        expect("/connect" in browser.get("/").text, "a link")
        away = browser.get("/connect").headers["location"]
        state = parse_qs(urlsplit(away).query)["state"][0]
        query = {"state": state, "code": "any"}
        page = browser.get("/callback", params=query).text
        expect("Connected: applications/shop/" in page, "a connection")
        forged = browser.get("/callback", params={**query, "state": "other"})
        expect(forged.status_code == 400, "a refusal")
    example.interrupt()
    example = Example(fake, "connect.py", "pinterest", "0", "--return-uri")
    address = example.line().removeprefix("open ").removesuffix("/")
    with httpx.Client(base_url=address, trust_env=False) as browser:
        browser.get("/connect")
        sent = fake.requests("Authorize")[-1]
        expect(f"{address}/back" in str(sent), "a return URI")
        query = {"status": "connected", "connection": "new-1"}
        page = browser.get("/back", params=query).text
        expect("Connected: applications/shop/" in page, "a connection")
        page = browser.get("/back", params={"status": "declined"}).text
        expect("did not connect" in page, "no connection")
    example.interrupt()


if __name__ == "__main__":
    with Fake() as running:
        for run in (get_token, watch, connect):
            run(running)
            print(f"{run.__name__}: works")
