"""The examples of README.md, as they stand there."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import httpx
import pytest

from valetkey.testing import Fake

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_there_are_some() -> None:
    assert len(BLOCKS) == 6
    assert len(BLOCKS[0].splitlines()) <= 10


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example(
    number: int, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pinterest(
        transport: httpx.HTTPTransport, request: httpx.Request
    ) -> httpx.Response:
        assert request.url.host == "api.pinterest.com"
        assert request.headers["authorization"] == "Bearer a-token"
        return httpx.Response(200, json={"username": "ann"}, request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", pinterest)
    monkeypatch.setenv("VALETKEY_ADDRESS", fake.address)
    fake.set_token("c-7", "a-token", subject="ann", labels={"team": "ads"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(BLOCKS[number], f"README.md, {number}", "exec"), {})
