import { Code, ConnectError } from "@connectrpc/connect";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type Failure, ValetKeyError } from "./errors.js";
import {
  ErrorInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";

const DOMAIN = "valetkey";

/** What a transport threw, in the terms of the contract. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof ValetKeyError) return thrown;
  const error = ConnectError.from(thrown);
  if (!error.metadata.has("grpc-status")) return unanswered(error);
  const info = error
    .findDetails(ErrorInfoSchema)
    .find((detail) => detail.domain === DOMAIN);
  const retry = error.findDetails(RetryInfoSchema)[0];
  return {
    code: error.code,
    reason: info?.reason ?? "",
    metadata: { ...info?.metadata },
    retryDelayMs: delayMs(retry?.retryDelay),
    message: error.rawMessage,
  };
}

// A delay of nothing would be a loop without a pause.
function delayMs(delay: Duration | undefined): number | undefined {
  const ms = delay === undefined ? 0 : durationMs(delay);
  return ms > 0 ? ms : undefined;
}

/** The server said nothing: most often the connection was cut. */
function unanswered(error: ConnectError): Failure {
  const cut = isCut(error);
  return {
    code: cut ? Code.Unavailable : error.code,
    reason: "",
    metadata: {},
    message:
      cut && error.code !== Code.Unavailable
        ? `the connection to ValetKey was lost: ${error.rawMessage}`
        : error.rawMessage,
    cause: error.cause ?? error,
  };
}

// Connect names a cut connection by where it noticed it: a stream that was
// reset (CANCELED), an error of Node's, or a body that ends too soon.
function isCut(error: ConnectError): boolean {
  return (
    error.code === Code.Canceled ||
    hasNodeCode(error.cause) ||
    /^protocol error: (missing status|missing output|incomplete|promised)/.test(
      error.rawMessage,
    )
  );
}

function hasNodeCode(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause
    ? typeof cause.code === "string"
    : false;
}
