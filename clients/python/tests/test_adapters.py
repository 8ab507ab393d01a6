"""The adapters of HTTP libraries, against a provider on a loopback port."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import requests

import valetkey
from tests.provider import Answer, Provider, Request, only
from valetkey.adapters.httpx import AsyncTokenAuth
from valetkey.adapters.httpx import TokenAuth as HttpxAuth
from valetkey.adapters.requests import TokenAuth as RequestsAuth
from valetkey.testing import Fake


@dataclass
class Got:
    status: int
    text: str
    history: int


@dataclass
class Adapter:
    """Sends a request through an adapter; `once` makes a body that is used
    up by being sent.
    """

    send: Callable[..., Got]
    once: Callable[[bytes], Any]


def stream(body: bytes) -> Iterator[bytes]:
    yield body


async def async_stream(body: bytes) -> AsyncIterator[bytes]:
    yield body


def got(response: httpx.Response) -> Got:
    return Got(response.status_code, response.text, len(response.history))


def by_httpx(fake: Fake, method: str, url: str, body: Any = None) -> Got:
    with (
        fake.client() as client,
        httpx.Client(
            auth=HttpxAuth(client.token_source("c-7")),
            follow_redirects=True,
            trust_env=False,
        ) as http,
    ):
        return got(http.request(method, url, content=body))


def by_async_httpx(fake: Fake, method: str, url: str, body: Any = None) -> Got:
    async def send() -> Got:
        async with (
            fake.aio_client() as client,
            httpx.AsyncClient(
                auth=AsyncTokenAuth(client.token_source("c-7")),
                follow_redirects=True,
                trust_env=False,
            ) as http,
        ):
            return got(await http.request(method, url, content=body))

    return asyncio.run(send())


def by_requests(fake: Fake, method: str, url: str, body: Any = None) -> Got:
    with fake.client() as client, requests.Session() as session:
        session.trust_env = False
        auth = RequestsAuth(client.token_source("c-7"))
        response = session.request(method, url, data=body, auth=auth)
        return Got(response.status_code, response.text, len(response.history))


@pytest.fixture(
    params=[
        Adapter(by_httpx, stream),
        Adapter(by_async_httpx, async_stream),
        Adapter(by_requests, stream),
    ],
    ids=["httpx", "async httpx", "requests"],
)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    made: Adapter = request.param
    return made


def test_the_token_goes_along(adapter: Adapter, fake: Fake) -> None:
    fake.set_token("c-7", "one")
    with Provider(only("one")) as provider:
        assert adapter.send(fake, "GET", provider.url()).status == 200
        assert len(provider.requests) == 1


def test_a_type_other_than_bearer(adapter: Adapter, fake: Fake) -> None:
    fake.set_token("c-7", "one", token_type="MAC")
    with Provider(only()) as provider:
        adapter.send(fake, "POST", provider.url(), adapter.once(b""))
        assert provider.requests[0].authorization == "MAC one"


def test_a_401_rejects_the_token_and_repeats_the_request_once(
    adapter: Adapter, fake: Fake
) -> None:
    fake.set_token("c-7", "old")
    with Provider(only("c-7-2")) as provider:
        answer = adapter.send(fake, "POST", provider.url("/pins"), b"content")
        assert (answer.status, answer.text) == (200, "answer 200")
        assert answer.history == 1
        assert [r.authorization for r in provider.requests] == [
            "Bearer old",
            "Bearer c-7-2",
        ]
        assert [r.body for r in provider.requests] == [b"content"] * 2
        assert {(r.method, r.path) for r in provider.requests} == {
            ("POST", "/pins")
        }
    sent = fake.requests("GetToken")[-1]
    assert isinstance(sent, valetkey.v1.GetTokenRequest)
    assert sent.rejected_generation == 1


def test_a_second_401_is_returned(adapter: Adapter, fake: Fake) -> None:
    fake.set_token("c-7")
    with Provider(only()) as provider:
        assert adapter.send(fake, "GET", provider.url()).status == 401
        assert len(provider.requests) == 2


def test_a_body_that_is_used_up_is_not_sent_again(
    adapter: Adapter, fake: Fake
) -> None:
    fake.set_token("c-7")
    with Provider(only("c-7-2")) as provider:
        body = adapter.once(b"content")
        assert adapter.send(fake, "POST", provider.url(), body).status == 401
        assert [r.body for r in provider.requests] == [b"content"]
        # The token is rejected all the same.
        fake.set_token("c-7", "c-7-2")
        assert adapter.send(fake, "GET", provider.url()).status == 200


def test_without_a_new_token_the_401_is_returned(
    adapter: Adapter, fake: Fake
) -> None:
    fake.set_token("c-7", "old")
    fake.require_reauthorization("c-7")
    with Provider(only()) as provider:
        answer = adapter.send(fake, "GET", provider.url())
        assert (answer.status, answer.text) == (401, "answer 401")
        assert len(provider.requests) == 1


def test_other_answers_are_left_alone(adapter: Adapter, fake: Fake) -> None:
    fake.set_token("c-7")
    with Provider(lambda _: (403, "")) as provider:
        assert adapter.send(fake, "GET", provider.url()).status == 403
        assert len(provider.requests) == 1


def test_without_any_token_the_error_is_raised(
    adapter: Adapter, fake: Fake
) -> None:
    with Provider(only()) as provider:
        with pytest.raises(valetkey.NotFound):
            adapter.send(fake, "GET", provider.url())
        assert provider.requests == []


def test_no_token_goes_along_a_redirect_to_another_host(
    adapter: Adapter, fake: Fake
) -> None:
    fake.set_token("c-7")

    def decide(request: Request) -> Answer:
        if request.path == "/away":
            return 302, provider.url("/there", host="localhost")
        return 401, ""

    with Provider(decide) as provider:
        assert adapter.send(fake, "GET", provider.url("/away")).status == 401
        assert [(r.host, r.authorization) for r in provider.requests] == [
            ("127.0.0.1", "Bearer c-7-1"),
            ("localhost", None),
        ]
    # A 401 from there says nothing of our token.
    assert fake.calls("GetToken") == 1


def test_a_token_goes_along_a_redirect_on_the_same_host(
    adapter: Adapter, fake: Fake
) -> None:
    fake.set_token("c-7")

    def decide(request: Request) -> Answer:
        if request.path == "/old":
            return 307, provider.url("/new")
        return only("c-7-2")(request)

    with Provider(decide) as provider:
        answer = adapter.send(fake, "POST", provider.url("/old"), b"content")
        assert answer.status == 200
        assert provider.requests[-1].body == b"content"


def test_a_file_is_sent_again_from_where_it_was(fake: Fake) -> None:
    fake.set_token("c-7", "old")
    file = io.BytesIO(b"xxcontent")
    file.seek(2)
    with Provider(only("c-7-2")) as provider:
        answer = by_requests(fake, "POST", provider.url(), file)
        assert answer.status == 200
        assert [r.body for r in provider.requests] == [b"content"] * 2


def test_a_file_that_cannot_go_back_is_not_sent_again(fake: Fake) -> None:
    class Pipe(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            if whence == io.SEEK_SET and self.tell() == 7:
                raise OSError("a pipe")
            return super().seek(offset, whence)

    fake.set_token("c-7", "old")
    with Provider(only("c-7-2")) as provider:
        answer = by_requests(fake, "POST", provider.url(), Pipe(b"content"))
        assert answer.status == 401


async def test_each_auth_is_for_its_own_world(fake: Fake) -> None:
    fake.set_token("c-7")
    url = "http://127.0.0.1:1/"
    with fake.client() as client:
        auth = HttpxAuth(client.token_source("c-7"))
        async with httpx.AsyncClient(auth=auth, trust_env=False) as http:
            with pytest.raises(RuntimeError, match="AsyncTokenAuth"):
                await http.get(url)
    async with fake.aio_client() as loop_client:
        loop_auth = AsyncTokenAuth(loop_client.token_source("c-7"))
        with (
            httpx.Client(auth=loop_auth, trust_env=False) as blocking,
            pytest.raises(RuntimeError, match="TokenAuth"),
        ):
            blocking.get(url)
