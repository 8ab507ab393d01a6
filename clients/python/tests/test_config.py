"""Options, the environment, addresses and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import valetkey
from valetkey import ConfigError
from valetkey._channel import channel_options
from valetkey._config import Config, make_config
from valetkey._names import Names, catalog_entry, parent_of


def config(address: str | None = None, **options: Any) -> Config:
    return make_config(address, **{"environment": {}, **options})


# ------------------------------------------------------------------- options


def test_the_defaults() -> None:
    found = config()
    assert found.address.target == "127.0.0.1:8800"
    assert found.api_key == ""
    assert found.names.application == ""
    assert not found.tls
    assert found.timeout == 30.0
    assert found.metadata == ()


def test_the_environment(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(name)
    environment = {
        "VALETKEY_ADDRESS": "broker:443",
        "VALETKEY_API_KEY": "vk_environment",
        "VALETKEY_APPLICATION": "applications/shop",
        "VALETKEY_TLS_CA": str(tmp_path / "ca"),
        "VALETKEY_TLS_CERT": str(tmp_path / "cert"),
        "VALETKEY_TLS_KEY": str(tmp_path / "key"),
    }
    found = config(environment=environment)
    assert found.address.target == "broker:443"
    assert found.metadata == (("authorization", "Bearer vk_environment"),)
    assert found.names.application == "shop"
    assert found.tls
    assert found.authorities == b"ca"
    assert found.certificate == b"cert"
    assert found.private_key == b"key"


def test_the_processs_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALETKEY_ADDRESS", "127.0.0.1:1234")
    assert make_config().address.target == "127.0.0.1:1234"


def test_what_is_given_in_code_wins() -> None:
    environment = {
        "VALETKEY_ADDRESS": "127.0.0.1:1",
        "VALETKEY_API_KEY": "vk_environment",
        "VALETKEY_APPLICATION": "environment",
    }
    found = config(
        "127.0.0.1:2",
        api_key="vk_code",
        application="code",
        environment=environment,
    )
    assert found.address.target == "127.0.0.1:2"
    assert found.api_key == "vk_code"
    assert found.names.application == "code"
    assert config(api_key="", environment=environment).api_key == ""


def test_a_variable_that_is_empty_is_not_set() -> None:
    environment = {"VALETKEY_ADDRESS": "", "VALETKEY_TLS_CA": ""}
    found = config(environment=environment)
    assert found.address.target == "127.0.0.1:8800"
    assert not found.tls


def test_the_key_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("vk_file\n")
    environment = {"VALETKEY_API_KEY_FILE": str(file)}
    assert config(environment=environment).api_key == "vk_file"
    environment["VALETKEY_API_KEY"] = "vk_environment"
    assert config(environment=environment).api_key == "vk_environment"
    assert config(api_key="vk_code", environment=environment).api_key == (
        "vk_code"
    )


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="VALETKEY_API_KEY_FILE"):
        config(environment={"VALETKEY_API_KEY_FILE": nowhere})
    with pytest.raises(ConfigError, match="tls_ca"):
        config(tls_ca=nowhere)


def test_a_key_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        config(api_key="vk_canary\nx")
    assert "canary" not in str(raised.value)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ConfigError, match="both"):
        config(tls_cert="cert.pem")


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_must_be_above_0(timeout: float) -> None:
    with pytest.raises(ConfigError, match="timeout"):
        config(timeout=timeout)


# ----------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("127.0.0.1:8800", "127.0.0.1:8800"),
        ("localhost:8800", "localhost:8800"),
        ("[::1]:8800", "[::1]:8800"),
        ("unix:/run/valetkey.sock", "unix:/run/valetkey.sock"),
        ("unix:///run/valetkey.sock", "unix:/run/valetkey.sock"),
        ("http://127.0.0.1:8800", "127.0.0.1:8800"),
        ("http://127.9.9.9:8800/", "127.9.9.9:8800"),
    ],
)
def test_local_addresses_may_be_plain_text(address: str, target: str) -> None:
    found = config(address)
    assert found.address.target == target
    assert not found.tls
    assert ("grpc.enable_http_proxy", 0) in channel_options(found)


@pytest.mark.parametrize(
    "address",
    ["broker:80", "http://broker:80", "10.0.0.1:80", "[2001:db8::1]:80"],
)
def test_plain_text_to_another_host_is_refused(address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        valetkey.Client(address)
    assert "TLS" in str(raised.value)
    assert "insecure_plaintext" in str(raised.value)
    with pytest.raises(ConfigError):
        valetkey.aio.Client(address)
    found = config(address, insecure_plaintext=True)
    assert not found.tls
    assert ("grpc.enable_http_proxy", 0) not in channel_options(found)


def test_https_means_tls_by_the_systems_authorities() -> None:
    found = config("https://broker:443")
    assert found.tls
    assert found.authorities is None


def test_a_bare_address_has_tls_if_authorities_are_given(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pem"
    file.write_text("pem")
    assert config("broker:443", tls_ca="system").tls
    assert config("broker:443", tls_ca=file).authorities == b"pem"
    assert config("broker:443", tls_cert=file, tls_key=file).tls
    assert config("127.0.0.1:443", tls_ca=file).tls
    assert not config("http://127.0.0.1:80", tls_ca=file).tls


def test_the_server_name() -> None:
    found = config("https://10.0.0.1:443", server_name="broker.test")
    options = dict(channel_options(found))
    assert options["grpc.ssl_target_name_override"] == "broker.test"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "broker",
        ":8800",
        "broker:",
        "broker:x",
        "broker:0",
        "broker:65536",
        "::1:8800",
        "[broker]:8800",
        "user@broker:8800",
        "unix:",
        "unix:relative",
        "dns:///broker:8800",
        "ftp://broker:8800",
        "https://broker:443/path",
    ],
)
def test_an_address_of_no_form_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        config(address, insecure_plaintext=True)


# --------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("c-7", "applications/shop/connections/c-7"),
        ("other/c-7", "applications/other/connections/c-7"),
        ("applications/x/connections/y", "applications/x/connections/y"),
        ("applications/whatever", "applications/whatever"),
    ],
)
def test_short_names(name: str, whole: str) -> None:
    assert Names("shop").connection(name) == whole


def test_short_names_of_other_collections() -> None:
    names = Names("shop")
    assert names.provider("pinterest") == (
        "applications/shop/providers/pinterest"
    )
    assert names.key("k-1") == "applications/shop/keys/k-1"
    assert names.parent() == "applications/shop"
    assert names.parent("other") == "applications/other"
    assert names.parent("applications/other") == "applications/other"
    assert catalog_entry("slack") == "catalog/slack"
    assert catalog_entry("catalog/slack") == "catalog/slack"
    assert parent_of("applications/a/connections/c") == "applications/a"


def test_without_an_application_short_names_are_refused() -> None:
    assert Names().connection("shop/c-7") == (
        "applications/shop/connections/c-7"
    )
    with pytest.raises(ConfigError, match="VALETKEY_APPLICATION"):
        Names().connection("c-7")
    with pytest.raises(ConfigError, match="VALETKEY_APPLICATION"):
        Names().parent()


@pytest.mark.parametrize("name", ["", "a/b/c", "/c-7", "shop/"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        Names("shop").connection(name)


def test_an_application_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError):
        config(application="a/b")
    with pytest.raises(ConfigError):
        Names().parent("a/b")


def test_a_bad_name_is_refused_before_anything_is_sent() -> None:
    with (
        valetkey.Client("127.0.0.1:1", api_key="", application="") as client,
        pytest.raises(ConfigError),
    ):
        client.token_source("c-7")


# ------------------------------------------------------------------- channel


def test_the_channel_is_set_up_as_promised() -> None:
    options = dict(channel_options(config()))
    assert options["grpc.initial_reconnect_backoff_ms"] == 200
    assert options["grpc.max_reconnect_backoff_ms"] == 5000
    assert options["grpc.keepalive_time_ms"] == 60_000
    assert options["grpc.keepalive_permit_without_calls"] == 0
    assert options["grpc.enable_retries"] == 0
