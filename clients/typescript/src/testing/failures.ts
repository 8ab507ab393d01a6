import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.js";

// The code that each reason has in the contract.
const CODES: ReadonlyMap<string, Code> = new Map(
  (
    [
      [Code.InvalidArgument, "FIELD_INVALID"],
      [Code.InvalidArgument, "AUTHORIZATION_STATE_INVALID"],
      [Code.InvalidArgument, "ISSUER_MISMATCH"],
      [Code.InvalidArgument, "CURSOR_INVALID"],
      [Code.Unauthenticated, "API_KEY_MISSING"],
      [Code.Unauthenticated, "API_KEY_INVALID"],
      [Code.Unauthenticated, "CALLER_INVALID"],
      [Code.PermissionDenied, "RIGHT_MISSING"],
      [Code.PermissionDenied, "CALLER_DENIED"],
      [Code.NotFound, "APPLICATION_NOT_FOUND"],
      [Code.NotFound, "PROVIDER_NOT_FOUND"],
      [Code.NotFound, "CONNECTION_NOT_FOUND"],
      [Code.NotFound, "KEY_NOT_FOUND"],
      [Code.NotFound, "CATALOG_ENTRY_NOT_FOUND"],
      [Code.NotFound, "TOKEN_NOT_FOUND"],
      [Code.AlreadyExists, "RESOURCE_EXISTS"],
      [Code.FailedPrecondition, "RESOURCE_IN_USE"],
      [Code.FailedPrecondition, "AUTHORIZATION_CODE_REJECTED"],
      [Code.FailedPrecondition, "CONSENT_DENIED"],
      [Code.FailedPrecondition, "PROVIDER_CLIENT_REJECTED"],
      [Code.FailedPrecondition, "PROVIDER_REQUEST_REJECTED"],
      [Code.FailedPrecondition, "SCOPE_NOT_GRANTED"],
      [Code.FailedPrecondition, "REAUTHORIZATION_REQUIRED"],
      [Code.FailedPrecondition, "CONNECTION_REVOKED"],
      [Code.FailedPrecondition, "REFRESH_UNSUPPORTED"],
      [Code.FailedPrecondition, "MIN_LIFETIME_UNAVAILABLE"],
      [Code.FailedPrecondition, "ENCRYPTION_KEY_MISSING"],
      [Code.Aborted, "ETAG_MISMATCH"],
      [Code.Aborted, "WATCH_LAGGED"],
      [Code.OutOfRange, "CURSOR_EXPIRED"],
      [Code.Internal, "INTERNAL_FAULT"],
    ] as const
  ).map(([code, reason]) => [reason, code]),
);

/** An error as the server sends it. A reason that is not known: UNAVAILABLE. */
export function failureWith(
  reason: string,
  metadata: Record<string, string> = {},
  retryDelayMs?: number,
): ConnectError {
  const error = new ConnectError(
    reason === "" ? "the fake was told to fail" : `the fake says ${reason}`,
    CODES.get(reason) ?? Code.Unavailable,
  );
  if (reason !== "") {
    error.details.push({
      desc: ErrorInfoSchema,
      value: { reason, domain: "valetkey", metadata },
    });
  }
  if (retryDelayMs !== undefined) {
    error.details.push({
      desc: RetryInfoSchema,
      value: { retryDelay: durationFromMs(retryDelayMs) },
    });
  }
  return error;
}
