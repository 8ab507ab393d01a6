"""TLS, Unix sockets, proxies, forks; and that nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import valetkey
from tests.certificates import Authority
from tests.worlds import LoopWorld, ThreadWorld, World, until
from valetkey.testing import Fake


@pytest.fixture(params=[ThreadWorld, LoopWorld])
def kind(request: pytest.FixtureRequest) -> type[World]:
    made: type[World] = request.param
    return made


# ----------------------------------------------------------------------- TLS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_fake(authority: Authority) -> Iterator[Fake]:
    cert, key = authority.issue("server", "broker.test", "localhost")
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), cert.read_bytes())],
        root_certificates=authority.file.read_bytes(),
        require_client_auth=False,
    )
    with Fake(credentials=credentials) as fake:
        fake.set_token("c-7")
        yield fake


async def ask(world: World) -> int:
    try:
        token = await world.do("get_token", "c-7", timeout=2)
    finally:
        await world.close()
    generation: int = token.generation
    return generation


async def test_tls(
    kind: type[World], tls_fake: Fake, authority: Authority
) -> None:
    port = tls_fake.address.rsplit(":", 1)[1]
    for address in (f"https://localhost:{port}", f"localhost:{port}"):
        options = {"address": address, "tls_ca": str(authority.file)}
        assert await ask(kind(tls_fake, **options)) == 1


async def test_tls_by_another_name(
    kind: type[World], tls_fake: Fake, authority: Authority
) -> None:
    options = {"tls_ca": str(authority.file), "server_name": "broker.test"}
    assert await ask(kind(tls_fake, **options)) == 1


async def test_tls_of_another_host_or_authority_is_refused(
    kind: type[World], tls_fake: Fake, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    for options in (
        # The certificate is not for 127.0.0.1.
        {"tls_ca": str(authority.file)},
        {"tls_ca": str(stranger.file), "server_name": "broker.test"},
        {
            "address": f"https://{tls_fake.address}",
            "server_name": "broker.test",
        },
    ):
        with pytest.raises(valetkey.Unavailable):
            await ask(kind(tls_fake, **options))


async def test_a_client_certificate(
    kind: type[World], authority: Authority
) -> None:
    cert, key = authority.issue("server", "127.0.0.1")
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), cert.read_bytes())],
        root_certificates=authority.file.read_bytes(),
        require_client_auth=True,
    )
    with Fake(credentials=credentials) as fake:
        fake.set_token("c-7")
        ours, our_key = authority.issue("client")
        options = {"tls_ca": str(authority.file)}
        with pytest.raises(valetkey.Unavailable):
            await ask(kind(fake, **options))
        options |= {"tls_cert": str(ours), "tls_key": str(our_key)}
        assert await ask(kind(fake, **options)) == 1


async def test_the_systems_authorities(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[World],
    tls_fake: Fake,
    authority: Authority,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    options = {"tls_ca": "system", "server_name": "broker.test"}
    assert await ask(kind(tls_fake, **options)) == 1


# -------------------------------------------------------- sockets and proxies


async def test_a_unix_socket(kind: type[World], tmp_path: Path) -> None:
    with Fake(address=f"unix:{tmp_path}/valetkey.sock") as fake:
        fake.set_token("c-7")
        assert await ask(kind(fake)) == 1
        address = f"unix://{tmp_path}/valetkey.sock"
        assert await ask(kind(fake, address=address)) == 1


async def test_a_proxy_is_not_used_for_loopback(
    monkeypatch: pytest.MonkeyPatch, kind: type[World], fake: Fake
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fake.set_token("c-7")
    assert await ask(kind(fake)) == 1


# ------------------------------------------------------------------ left over


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc")
async def test_nothing_is_left(kind: type[World], fake: Fake) -> None:
    fake.set_token("c-7", expires_in=60)

    async def use() -> None:
        world = kind(fake)
        source = world.client.token_source("c-7")
        token = await world.token(source)
        watch = world.client.watch()
        await world.next(watch)
        with fake.hold("GetToken"):
            source.invalidate(token.generation)
            waiting = asyncio.ensure_future(world.token(source))
            await asyncio.sleep(0)
            await world.close()
            with pytest.raises(valetkey.Error):
                await waiting
        await world.close()

    # What gRPC and the pools of threads keep for good is there after this.
    await use()
    await asyncio.sleep(0.05)
    threads, files = set(threading.enumerate()), descriptors()
    for _ in range(5):
        await use()

    def left() -> set[threading.Thread]:
        return {
            thread
            for thread in set(threading.enumerate()) - threads
            # Those of the fake's server and of asyncio's pool.
            if not thread.name.startswith(("valetkey-fake", "asyncio_"))
        }

    await until(lambda: not left(), "the end of the threads")
    await until(lambda: descriptors() <= files, "the end of the sockets")
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_an_asyncio_client_leaves_no_warning(fake: Fake) -> None:
    fake.set_token("c-7")

    async def use() -> None:
        async with fake.aio_client() as client:
            await client.token_source("c-7").token()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(use(), debug=True)
        gc.collect()


_USED = """
import os, sys
import valetkey

used = valetkey.Client(sys.argv[1], application="shop")
source = used.token_source("c-7")
unread = used.token_source("c-8")
source.token()
child = os.fork()
if child == 0:
    code = 1
    try:
        # What memory holds is still good.
        assert source.token().generation == 1
        for refused in (unread.token, lambda: used.get_token("c-7")):
            try:
                refused()
            except RuntimeError as error:
                assert "fork" in str(error)
            else:
                raise AssertionError
        used.close()
        code = 0
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""

_UNUSED = """
import os, sys
import valetkey

unused = valetkey.Client(sys.argv[1], application="shop")
source = unused.token_source("c-7")
child = os.fork()
assert source.token().generation == 1
unused.close()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("script", [_USED, _UNUSED], ids=["used", "unused"])
def test_a_client_that_is_forked(fake: Fake, script: str) -> None:
    """One that was used says so; one that was not works in each process."""
    fake.set_token("c-7")
    done = subprocess.run(
        [sys.executable, "-c", script, fake.address],
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
