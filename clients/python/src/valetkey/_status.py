"""Turns a failed RPC of gRPC, of either world, into an `Error`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from valetkey.errors import Error, make_error

_DETAILS = "grpc-status-details-bin"
_DOMAIN = "valetkey"


def error_of(failure: BaseException) -> Error:
    """The error that a `grpc.RpcError` stands for."""
    # Both worlds' errors have these, which grpc.RpcError does not declare.
    call = cast("Any", failure)
    code = call.code()
    if not isinstance(code, grpc.StatusCode):
        code = grpc.StatusCode.UNKNOWN
    message = call.details() or code.name.lower().replace("_", " ")
    status = _status(call.trailing_metadata() or ())
    if status is None:
        return make_error(message, code=code)
    reason, metadata, delay = "", {}, None
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            if info.domain == _DOMAIN:
                reason, metadata = info.reason, dict(info.metadata)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            delay = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return make_error(
        message,
        code=code,
        reason=reason,
        metadata=metadata,
        # A delay of nothing would make a retry a busy loop.
        retry_delay=delay if delay and delay > 0 else None,
    )


def _status(
    metadata: Iterable[tuple[str, str | bytes]],
) -> status_pb2.Status | None:
    for key, value in metadata:
        if key == _DETAILS and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def cancelled(message: str) -> Error:
    """What readers of a closed source or client get."""
    return make_error(message, code=grpc.StatusCode.CANCELLED)


def deadline_exceeded() -> Error:
    """A call whose deadline passed, by the library's own clock."""
    return make_error(
        "the deadline passed", code=grpc.StatusCode.DEADLINE_EXCEEDED
    )


def unavailable(message: str) -> Error:
    """A failure of the library's own finding, which a retry may mend."""
    return make_error(message, code=grpc.StatusCode.UNAVAILABLE)
