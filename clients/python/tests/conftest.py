"""What the tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.worlds import LoopWorld, ThreadWorld, World
from valetkey.testing import Fake


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the machine's own."""
    for name in ("ADDRESS", "API_KEY", "API_KEY_FILE", "APPLICATION"):
        monkeypatch.delenv(f"VALETKEY_{name}", raising=False)
    for name in ("CA", "CERT", "KEY"):
        monkeypatch.delenv(f"VALETKEY_TLS_{name}", raising=False)


@pytest.fixture
def fake() -> Iterator[Fake]:
    with Fake() as made:
        yield made


@pytest_asyncio.fixture(params=[ThreadWorld, LoopWorld])
async def world(
    request: pytest.FixtureRequest, fake: Fake
) -> AsyncIterator[World]:
    """A client of the fake, in each of the worlds."""
    made: World = request.param(fake)
    yield made
    await made.close()
