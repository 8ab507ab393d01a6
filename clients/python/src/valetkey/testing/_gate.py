"""What every call of the fake goes through before it is served."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from valetkey._calls import seconds

_S = grpc.StatusCode

# The code that each reason comes with, after errors.proto.
CODES: Mapping[str, grpc.StatusCode] = {
    "FIELD_INVALID": _S.INVALID_ARGUMENT,
    "API_KEY_MISSING": _S.UNAUTHENTICATED,
    "API_KEY_INVALID": _S.UNAUTHENTICATED,
    "CALLER_INVALID": _S.UNAUTHENTICATED,
    "RIGHT_MISSING": _S.PERMISSION_DENIED,
    "CALLER_DENIED": _S.PERMISSION_DENIED,
    "APPLICATION_NOT_FOUND": _S.NOT_FOUND,
    "PROVIDER_NOT_FOUND": _S.NOT_FOUND,
    "CONNECTION_NOT_FOUND": _S.NOT_FOUND,
    "KEY_NOT_FOUND": _S.NOT_FOUND,
    "CATALOG_ENTRY_NOT_FOUND": _S.NOT_FOUND,
    "TOKEN_NOT_FOUND": _S.NOT_FOUND,
    "RESOURCE_EXISTS": _S.ALREADY_EXISTS,
    "RESOURCE_IN_USE": _S.FAILED_PRECONDITION,
    "ETAG_MISMATCH": _S.ABORTED,
    "AUTHORIZATION_STATE_INVALID": _S.INVALID_ARGUMENT,
    "ISSUER_MISMATCH": _S.INVALID_ARGUMENT,
    "AUTHORIZATION_CODE_REJECTED": _S.FAILED_PRECONDITION,
    "CONSENT_DENIED": _S.FAILED_PRECONDITION,
    "PROVIDER_CLIENT_REJECTED": _S.FAILED_PRECONDITION,
    "PROVIDER_REQUEST_REJECTED": _S.FAILED_PRECONDITION,
    "SCOPE_NOT_GRANTED": _S.FAILED_PRECONDITION,
    "REAUTHORIZATION_REQUIRED": _S.FAILED_PRECONDITION,
    "CONNECTION_REVOKED": _S.FAILED_PRECONDITION,
    "REFRESH_UNSUPPORTED": _S.FAILED_PRECONDITION,
    "MIN_LIFETIME_UNAVAILABLE": _S.FAILED_PRECONDITION,
    "PROVIDER_UNAVAILABLE": _S.UNAVAILABLE,
    "PROVIDER_THROTTLED": _S.UNAVAILABLE,
    "PROVIDER_RESPONSE_INVALID": _S.UNAVAILABLE,
    "STORE_UNAVAILABLE": _S.UNAVAILABLE,
    "CALLER_KEYS_UNAVAILABLE": _S.UNAVAILABLE,
    "SERVER_SHUTTING_DOWN": _S.UNAVAILABLE,
    "CURSOR_EXPIRED": _S.OUT_OF_RANGE,
    "CURSOR_INVALID": _S.INVALID_ARGUMENT,
    "WATCH_LAGGED": _S.ABORTED,
    "ENCRYPTION_KEY_MISSING": _S.FAILED_PRECONDITION,
    "INTERNAL_FAULT": _S.INTERNAL,
}


@dataclass(eq=False)
class Failure(Exception):
    """An answer other than success.

    Attributes:
        reason: empty for a failure without ErrorInfo.
        code: None for the reason's own, or UNAVAILABLE.
        metadata: ErrorInfo's.
        retry_delay: seconds, in RetryInfo; None for no RetryInfo.
    """

    reason: str
    code: grpc.StatusCode | None = None
    metadata: Mapping[str, str] | None = None
    retry_delay: float | None = None

    def end(self, context: grpc.ServicerContext) -> NoReturn:
        """Ends the call with it."""
        code = self.code or CODES.get(self.reason, _S.UNAVAILABLE)
        message = f"the fake says {self.reason or code.name}"
        status = status_pb2.Status(code=code.value[0], message=message)
        if self.reason:
            info = error_details_pb2.ErrorInfo(
                reason=self.reason, domain="valetkey", metadata=self.metadata
            )
            _pack(status, info)
        if self.retry_delay is not None:
            delay = seconds(self.retry_delay)
            _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
        details = ("grpc-status-details-bin", status.SerializeToString())
        context.set_trailing_metadata((details,))
        context.abort(code, message)


def _pack(status: status_pb2.Status, detail: Message) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


class Gate(grpc.ServerInterceptor):
    """Counts the calls, asks for the API key, holds calls and fails them."""

    def __init__(self, changed: threading.Condition, api_key: str) -> None:
        self._changed = changed
        self._api_key = api_key
        self._held: set[str] = set()
        self._failures: dict[str, deque[Failure]] = defaultdict(deque)
        self.requests: dict[str, list[Message]] = defaultdict(list)
        self.stopping = False

    def hold(self, method: str) -> None:
        """Lets the calls of a method wait."""
        with self._changed:
            self._held.add(method)

    def release(self, method: str) -> None:
        """Lets them go on."""
        with self._changed:
            self._held.discard(method)
            self._changed.notify_all()

    def fail(self, method: str, failure: Failure, times: int) -> None:
        """Fails the next calls of a method."""
        with self._changed:
            self._failures[method].extend([failure] * times)

    def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Puts `_enter` before the handler, and Failures into its answer."""
        handler: Any = continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method.rsplit("/", 1)[1]
        metadata = dict(handler_call_details.invocation_metadata)
        key = metadata.get("authorization", "")

        def unary(request: Message, context: grpc.ServicerContext) -> Any:
            try:
                self._enter(method, key, request)
                return handler.unary_unary(request, context)
            except Failure as failure:
                failure.end(context)

        def stream(
            request: Message, context: grpc.ServicerContext
        ) -> Iterator[Any]:
            try:
                self._enter(method, key, request)
                yield from handler.unary_stream(request, context)
            except Failure as failure:
                failure.end(context)

        make, serve = (
            (grpc.unary_stream_rpc_method_handler, stream)
            if handler.response_streaming
            else (grpc.unary_unary_rpc_method_handler, unary)
        )
        made: grpc.RpcMethodHandler[Any, Any] = make(
            serve,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return made

    def _enter(self, method: str, key: str | bytes, request: Message) -> None:
        with self._changed:
            self.requests[method].append(request)
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: method not in self._held or self.stopping
            )
            if self.stopping:
                raise Failure("SERVER_SHUTTING_DOWN")
            if self._api_key and not key:
                raise Failure("API_KEY_MISSING")
            if self._api_key and key != f"Bearer {self._api_key}":
                raise Failure("API_KEY_INVALID")
            if self._failures[method]:
                raise self._failures[method].popleft()
