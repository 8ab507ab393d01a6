import { Code } from "@connectrpc/connect";
import type { AuthorizeParams } from "./params.js";

export { Code };

/** What is known of a failed call. */
export interface Failure {
  readonly code: Code;
  /** An `ErrorReason` by name; empty if the server was not reached. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryDelayMs?: number | undefined;
  readonly message: string;
  readonly cause?: unknown;
}

/** The options, or a name, cannot be used; nothing was sent. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * A call failed. Where a program acts on the reason, the error is of a
 * subclass; branch on that, or on `reason` and `code`, never on the message.
 */
export class ValetKeyError extends Error {
  override readonly name: string = "ValetKeyError";
  /** gRPC's code. */
  readonly code: Code;
  /**
   * An `ErrorReason` by name, which may be one that this version does not
   * know. Empty if the server was not reached.
   */
  readonly reason: string;
  /** What the contract lists for the reason. */
  readonly metadata: Readonly<Record<string, string>>;
  /** After how many milliseconds a retry makes sense, if one does. */
  readonly retryDelayMs: number | undefined;

  /** @internal */
  constructor(failure: Failure) {
    super(
      failure.message,
      failure.cause === undefined ? undefined : { cause: failure.cause },
    );
    this.code = failure.code;
    this.reason = failure.reason;
    this.metadata = failure.metadata;
    this.retryDelayMs = failure.retryDelayMs;
  }
}

/** The provider has ended the grant: the person must consent again. */
export class ReauthorizationRequiredError extends ValetKeyError {
  override readonly name = "ReauthorizationRequiredError";
  /** `applications/{a}/connections/{c}`. */
  readonly connection: string;
  /** `applications/{a}/providers/{p}`. */
  readonly provider: string;
  /** The application's id of its user; empty if the server did not tell. */
  readonly subject: string;
  /** Give it to `client.authorize` to renew the connection. */
  readonly authorizeParams: AuthorizeParams;

  /** @internal */
  constructor(failure: Failure) {
    super(failure);
    this.connection = failure.metadata["connection"] ?? "";
    this.provider = failure.metadata["provider"] ?? "";
    this.subject = failure.metadata["subject"] ?? "";
    this.authorizeParams = {
      provider: this.provider,
      connection: this.connection,
      ...(this.subject !== "" && { subject: this.subject }),
    };
  }
}

/** The connection was revoked here. */
export class ConnectionRevokedError extends ValetKeyError {
  override readonly name = "ConnectionRevokedError";
}

/** A required scope was not granted. */
export class ScopeNotGrantedError extends ValetKeyError {
  override readonly name = "ScopeNotGrantedError";
  readonly missingScopes: readonly string[];

  /** @internal */
  constructor(failure: Failure) {
    super(failure);
    this.missingScopes = (failure.metadata["missing_scopes"] ?? "")
      .split(" ")
      .filter((scope) => scope !== "");
  }
}

/** The person declined. */
export class ConsentDeniedError extends ValetKeyError {
  override readonly name = "ConsentDeniedError";
}

/** Nothing of that name, or not the caller's. */
export class NotFoundError extends ValetKeyError {
  override readonly name = "NotFoundError";
}

/** A field is missing or malformed. */
export class InvalidArgumentError extends ValetKeyError {
  override readonly name = "InvalidArgumentError";
  /** The field; empty if the server named none. */
  readonly field: string;

  /** @internal */
  constructor(failure: Failure) {
    super(failure);
    this.field = failure.metadata["field"] ?? "";
  }
}

/** ValetKey does not take the API key. Says nothing of a user's grant. */
export class UnauthenticatedError extends ValetKeyError {
  override readonly name = "UnauthenticatedError";
}

/** The API key lacks a right. Says nothing of a user's grant. */
export class PermissionDeniedError extends ValetKeyError {
  override readonly name = "PermissionDeniedError";
}

/** The events after this cursor are gone: list, or watch with a snapshot. */
export class CursorExpiredError extends ValetKeyError {
  override readonly name = "CursorExpiredError";
}

/** ValetKey, or the provider behind it, cannot be reached for now. */
export class UnavailableError extends ValetKeyError {
  override readonly name = "UnavailableError";
}

type ErrorClass = new (failure: Failure) => ValetKeyError;

const BY_REASON: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ["REAUTHORIZATION_REQUIRED", ReauthorizationRequiredError],
  ["CONNECTION_REVOKED", ConnectionRevokedError],
  ["SCOPE_NOT_GRANTED", ScopeNotGrantedError],
  ["CONSENT_DENIED", ConsentDeniedError],
  ["CURSOR_EXPIRED", CursorExpiredError],
]);

const BY_CODE: ReadonlyMap<Code, ErrorClass> = new Map<Code, ErrorClass>([
  [Code.NotFound, NotFoundError],
  [Code.InvalidArgument, InvalidArgumentError],
  [Code.Unauthenticated, UnauthenticatedError],
  [Code.PermissionDenied, PermissionDeniedError],
  [Code.Unavailable, UnavailableError],
]);

/** @internal */
export function errorOf(failure: Failure): ValetKeyError {
  const known =
    BY_REASON.get(failure.reason) ?? BY_CODE.get(failure.code) ?? ValetKeyError;
  return new known(failure);
}

/** @internal */
export function cancelled(message: string, cause?: unknown): ValetKeyError {
  return errorOf({
    code: Code.Canceled,
    reason: "",
    metadata: {},
    message,
    cause,
  });
}

/** @internal */
export function deadlineExceeded(): ValetKeyError {
  return errorOf({
    code: Code.DeadlineExceeded,
    reason: "",
    metadata: {},
    message: "the deadline passed",
  });
}

/** @internal A field that every answer has. */
export function required<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw errorOf({
    code: Code.Internal,
    reason: "",
    metadata: {},
    message: "the answer is incomplete",
  });
}
