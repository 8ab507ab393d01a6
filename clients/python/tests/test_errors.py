"""How a failed RPC becomes an error."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

import valetkey
from valetkey._calls import seconds
from valetkey._status import error_of
from valetkey.errors import Error, make_error
from valetkey.v1 import ErrorReason

S = grpc.StatusCode


class Failed(grpc.RpcError):
    """As gRPC has it."""

    def __init__(
        self,
        code: grpc.StatusCode,
        details: Sequence[Message] = (),
        trailing: bytes | None = None,
    ) -> None:
        super().__init__()
        self._code = code
        if trailing is None and details:
            status = status_pb2.Status(code=code.value[0])
            for detail in details:
                packed = AnyMessage()
                packed.Pack(detail)
                status.details.append(packed)
            trailing = status.SerializeToString()
        self._trailing = trailing

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "what happened"

    def trailing_metadata(self) -> Any:
        if self._trailing is None:
            return None
        return (("grpc-status-details-bin", self._trailing),)


def info(reason: str, domain: str = "valetkey", **metadata: str) -> Any:
    return error_details_pb2.ErrorInfo(
        reason=reason, domain=domain, metadata=metadata
    )


def retry(delay: float) -> Any:
    return error_details_pb2.RetryInfo(retry_delay=seconds(delay))


def test_everything_is_there() -> None:
    error = error_of(
        Failed(S.UNAVAILABLE, [info("PROVIDER_THROTTLED", a="b"), retry(2.5)])
    )
    assert type(error) is valetkey.Unavailable
    assert error.code is S.UNAVAILABLE
    assert error.reason == "PROVIDER_THROTTLED"
    assert error.metadata == {"a": "b"}
    assert error.retry_delay == 2.5
    assert error.message == "what happened"
    assert str(error) == "what happened (UNAVAILABLE, PROVIDER_THROTTLED)"


def test_without_details() -> None:
    error = error_of(Failed(S.UNAVAILABLE))
    assert error.reason == ""
    assert error.metadata == {}
    assert error.retry_delay is None
    assert str(error) == "what happened (UNAVAILABLE)"


def test_details_of_another_domain_or_damaged_are_ignored() -> None:
    foreign = info("CONNECTION_REVOKED", domain="example.com")
    assert error_of(Failed(S.ABORTED, [foreign])).reason == ""
    assert error_of(Failed(S.ABORTED, trailing=b"\xff\xff")).reason == ""


def test_a_retry_delay_of_nothing_is_none() -> None:
    assert error_of(Failed(S.UNAVAILABLE, [retry(0)])).retry_delay is None


@pytest.mark.parametrize(
    ("code", "reason", "subtype"),
    [
        (
            S.FAILED_PRECONDITION,
            "REAUTHORIZATION_REQUIRED",
            valetkey.ReauthorizationRequired,
        ),
        (
            S.FAILED_PRECONDITION,
            "CONNECTION_REVOKED",
            valetkey.ConnectionRevoked,
        ),
        (S.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED", valetkey.ScopeNotGranted),
        (S.FAILED_PRECONDITION, "CONSENT_DENIED", valetkey.ConsentDenied),
        (S.FAILED_PRECONDITION, "RESOURCE_IN_USE", Error),
        (S.NOT_FOUND, "CONNECTION_NOT_FOUND", valetkey.NotFound),
        (S.NOT_FOUND, "", valetkey.NotFound),
        (S.INVALID_ARGUMENT, "FIELD_INVALID", valetkey.InvalidArgument),
        (S.INVALID_ARGUMENT, "CURSOR_INVALID", valetkey.InvalidArgument),
        (S.UNAUTHENTICATED, "API_KEY_INVALID", valetkey.Unauthenticated),
        (S.PERMISSION_DENIED, "RIGHT_MISSING", valetkey.PermissionDenied),
        (S.OUT_OF_RANGE, "CURSOR_EXPIRED", valetkey.CursorExpired),
        (S.OUT_OF_RANGE, "", Error),
        (S.UNAVAILABLE, "", valetkey.Unavailable),
        (S.UNAVAILABLE, "STORE_UNAVAILABLE", valetkey.Unavailable),
        (S.ABORTED, "WATCH_LAGGED", Error),
        (S.INTERNAL, "INTERNAL_FAULT", Error),
        (S.DEADLINE_EXCEEDED, "", Error),
        # Of a later version: the code decides.
        (S.UNAVAILABLE, "OF_TOMORROW", valetkey.Unavailable),
        (S.FAILED_PRECONDITION, "OF_TOMORROW", Error),
    ],
)
def test_the_subtypes(
    code: grpc.StatusCode, reason: str, subtype: type[Error]
) -> None:
    error = error_of(Failed(code, [info(reason)] if reason else []))
    assert type(error) is subtype
    assert error.reason == reason


def test_what_reauthorization_needs() -> None:
    error = error_of(
        Failed(
            S.FAILED_PRECONDITION,
            [
                info(
                    "REAUTHORIZATION_REQUIRED",
                    connection="applications/shop/connections/c-7",
                    provider="applications/shop/providers/pinterest",
                    subject="ann",
                )
            ],
        )
    )
    assert isinstance(error, valetkey.ReauthorizationRequired)
    request = error.authorize_request()
    assert request.connection == "applications/shop/connections/c-7"
    assert request.provider == "applications/shop/providers/pinterest"
    assert request.subject == error.subject == "ann"


def test_the_other_fields() -> None:
    scopes = make_error(
        "",
        code=S.FAILED_PRECONDITION,
        reason="SCOPE_NOT_GRANTED",
        metadata={"missing_scopes": "pins:read pins:write"},
    )
    assert isinstance(scopes, valetkey.ScopeNotGranted)
    assert scopes.missing_scopes == ("pins:read", "pins:write")
    invalid = make_error(
        "", code=S.INVALID_ARGUMENT, metadata={"field": "name"}
    )
    assert isinstance(invalid, valetkey.InvalidArgument)
    assert invalid.field == "name"


def test_an_error_can_be_copied_and_pickled() -> None:
    error = error_of(Failed(S.UNAVAILABLE, [info("X", a="b"), retry(1)]))
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is type(error)
        assert vars(same) == vars(error)
        assert str(same) == str(error)


def test_the_fake_knows_the_code_of_every_reason() -> None:
    from valetkey.testing._gate import CODES

    assert set(ErrorReason.keys()) - set(CODES) == {"ERROR_REASON_UNSPECIFIED"}
