import {
  Code,
  ConfigError,
  ConnectionState,
  EventType,
  InvalidArgumentError,
  ReauthorizationRequiredError,
  RevocationResult,
  ScopeNotGrantedError,
  type Token,
  TokenKind,
  ValetKeyError,
  type WatchEventsResponse,
} from "@valetkey/client";

/** A request of the suite's, as it is read. */
export type Fields = Readonly<Record<string, unknown>>;

/** What the driver itself cannot do. */
export class DriverError extends Error {}

/** How an operation ends that is the driver's own, such as waiting. */
export class Ended extends Error {
  readonly code: "CANCELLED" | "DEADLINE_EXCEEDED";

  constructor(code: "CANCELLED" | "DEADLINE_EXCEEDED") {
    super("the wait ended");
    this.code = code;
  }
}

const CODE_NAMES: ReadonlyMap<Code, string> = new Map([
  [Code.Canceled, "CANCELLED"],
  [Code.Unknown, "UNKNOWN"],
  [Code.InvalidArgument, "INVALID_ARGUMENT"],
  [Code.DeadlineExceeded, "DEADLINE_EXCEEDED"],
  [Code.NotFound, "NOT_FOUND"],
  [Code.AlreadyExists, "ALREADY_EXISTS"],
  [Code.PermissionDenied, "PERMISSION_DENIED"],
  [Code.ResourceExhausted, "RESOURCE_EXHAUSTED"],
  [Code.FailedPrecondition, "FAILED_PRECONDITION"],
  [Code.Aborted, "ABORTED"],
  [Code.OutOfRange, "OUT_OF_RANGE"],
  [Code.Unimplemented, "UNIMPLEMENTED"],
  [Code.Internal, "INTERNAL"],
  [Code.Unavailable, "UNAVAILABLE"],
  [Code.DataLoss, "DATA_LOSS"],
  [Code.Unauthenticated, "UNAUTHENTICATED"],
]);

/** An error as the suite wants it. */
export function errorOut(thrown: unknown): Record<string, unknown> {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (!(thrown instanceof ValetKeyError)) {
    return {
      kind: otherKind(thrown),
      code: thrown instanceof Ended ? thrown.code : "",
      reason: "",
      metadata: {},
      retry_delay_ms: null,
      message,
    };
  }
  return {
    kind: kindOf(thrown),
    code: CODE_NAMES.get(thrown.code) ?? String(thrown.code),
    reason: thrown.reason,
    metadata: thrown.metadata,
    retry_delay_ms: thrown.retryDelayMs ?? null,
    message,
    ...(thrown instanceof ReauthorizationRequiredError && {
      connection: thrown.connection,
      provider: thrown.provider,
      subject: thrown.subject,
    }),
    ...(thrown instanceof ScopeNotGrantedError && {
      missing_scopes: thrown.missingScopes,
    }),
    ...(thrown instanceof InvalidArgumentError && { field: thrown.field }),
  };
}

function otherKind(thrown: unknown): string {
  if (thrown instanceof Ended) return "Error";
  return thrown instanceof ConfigError ? "Config" : "Driver";
}

function kindOf(error: ValetKeyError): string {
  return error.name === "ValetKeyError"
    ? "Error"
    : error.name.replace(/Error$/, "");
}

export function tokenOut(token: Token): Record<string, unknown> {
  return {
    access_token: token.accessToken,
    token_type: token.tokenType,
    scopes: token.scopes,
    generation: Number(token.generation),
    expire_in_ms: token.expiresAt
      ? token.expiresAt.getTime() - Date.now()
      : null,
  };
}

export function messageOut({
  message,
  cursor,
}: WatchEventsResponse): Record<string, unknown> {
  switch (message.case) {
    case "event":
      return {
        type: "event",
        event_type: EventType[message.value.type],
        connection: message.value.connection,
        generation: Number(message.value.generation),
        cursor,
      };
    case "connection":
      return {
        type: "connection",
        connection: message.value.name,
        generation: Number(message.value.generation),
        cursor,
      };
    default:
      return { type: "checkpoint", cursor };
  }
}

export const stateName = (state: ConnectionState): string =>
  ConnectionState[state];
export const tokenKindName = (kind: TokenKind): string => TokenKind[kind];
export const resultName = (result: RevocationResult): string =>
  RevocationResult[result];
