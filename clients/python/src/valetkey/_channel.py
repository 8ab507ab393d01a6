"""How both worlds' channels are set up."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import grpc

from valetkey._config import Config
from valetkey._version import __version__
from valetkey.v1 import (
    application_service_pb2_grpc,
    connection_service_pb2_grpc,
    event_service_pb2_grpc,
    provider_service_pb2_grpc,
    token_service_pb2_grpc,
)

# Where distributions keep their authorities, should OpenSSL not say so.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)

Options = list[tuple[str, str | int]]


def channel_options(config: Config) -> Options:
    """Arguments of the channel, after clients/README.md."""
    options: Options = [
        ("grpc.primary_user_agent", f"valetkey-python/{__version__}"),
        # The table of retries decides alone.
        ("grpc.enable_retries", 0),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        # This one is how long a try to connect may take.
        ("grpc.min_reconnect_backoff_ms", 5_000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.max_pings_without_data", 0),
        # A channel is one client's: closing it closes its socket.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", 16 << 20),
    ]
    if config.address.is_local:
        options.append(("grpc.enable_http_proxy", 0))
    if config.address.is_unix:
        # A socket's path is no name of a host, and some servers mind.
        options.append(("grpc.default_authority", "localhost"))
    if config.tls and config.server_name:
        options.append(("grpc.ssl_target_name_override", config.server_name))
    return options


def channel_credentials(config: Config) -> grpc.ChannelCredentials | None:
    """None for plain text."""
    if not config.tls:
        return None
    authorities = config.authorities
    if authorities is None:
        authorities = _system_authorities()
    return grpc.ssl_channel_credentials(
        root_certificates=authorities,
        private_key=config.private_key,
        certificate_chain=config.certificate,
    )


def _system_authorities() -> bytes | None:
    """PEM; None leaves gRPC to the authorities that it brings."""
    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, *_BUNDLES):
        if path and os.access(path, os.R_OK):
            return Path(path).read_bytes()
    # Where the authorities are in no file, as on Windows.
    ders = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not ders:
        return None
    return "".join(map(ssl.DER_cert_to_PEM_cert, ders)).encode()


def make_services(channel: Any) -> dict[str, Any]:
    """The stubs on a channel of either world, by the service's name."""
    return {
        "ApplicationService": (
            application_service_pb2_grpc.ApplicationServiceStub(channel)
        ),
        "ConnectionService": (
            connection_service_pb2_grpc.ConnectionServiceStub(channel)
        ),
        "EventService": event_service_pb2_grpc.EventServiceStub(channel),
        "ProviderService": (
            provider_service_pb2_grpc.ProviderServiceStub(channel)
        ),
        "TokenService": token_service_pb2_grpc.TokenServiceStub(channel),
    }


def check_process(opened_in: int) -> None:
    """Refuses a channel that another process has opened, if any has.

    The threads of gRPC, and the library's own, are not in a forked process: a
    call there would hang.
    """
    if opened_in not in (0, os.getpid()):
        raise RuntimeError(
            "this client was used before the process was forked: make one in "
            "each process"
        )
