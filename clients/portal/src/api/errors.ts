// What people are told when a call fails: what is wrong, and what to do.
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb";

/** A failed call as it is shown. */
export interface Problem {
  /** An `ErrorReason` by name; "" if the server was not reached. */
  readonly reason: string;
  readonly title: string;
  /** What to do. */
  readonly advice: string;
  /** The server's own sentence. */
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Words {
  readonly title: string;
  readonly advice: string;
}

const words: Readonly<Record<string, Words>> = {
  FIELD_INVALID: {
    title: "A value is not accepted",
    advice: "Correct it and try again.",
  },
  RIGHT_MISSING: {
    title: "The key you signed in with may not do this",
    advice: "Sign in with a key that has the right named below.",
  },
  APPLICATION_NOT_FOUND: {
    title: "There is no such application",
    advice:
      "It was deleted, or your key is of another one. See the list of applications.",
  },
  PROVIDER_NOT_FOUND: {
    title: "There is no such provider",
    advice:
      "It was deleted, or never added. See the application’s OAuth providers.",
  },
  CONNECTION_NOT_FOUND: {
    title: "There is no such connection",
    advice:
      "It was deleted, or the id is mistyped. See the list of connections.",
  },
  KEY_NOT_FOUND: {
    title: "There is no such key",
    advice: "Load the page again to see the keys there are.",
  },
  CATALOG_ENTRY_NOT_FOUND: {
    title: "The catalog has no such provider",
    advice:
      "Choose another, or describe it yourself: Add Provider, Add your own.",
  },
  RESOURCE_EXISTS: {
    title: "The id is taken",
    advice: "Choose another id.",
  },
  RESOURCE_IN_USE: {
    title: "Something still refers to it",
    advice:
      "Delete what refers to it first: the connections of a provider, the providers and connections of an application, the providers that use a definition.",
  },
  ETAG_MISMATCH: {
    title: "Somebody changed it in the meantime",
    advice:
      "Load the page again, look at what changed, and repeat your change.",
  },
  PROVIDER_CLIENT_REJECTED: {
    title: "The provider refuses the client id or secret",
    advice:
      "Compare both with the provider’s developer console and save them again. No connection is lost.",
  },
  PROVIDER_REQUEST_REJECTED: {
    title: "The provider refuses the request",
    advice:
      "Look for a scope that the app is not approved for, and at the redirect URI registered there.",
  },
  REAUTHORIZATION_REQUIRED: {
    title: "The grant has ended at the provider",
    advice: "Make a re-authorize link and have the person open it.",
  },
  CONNECTION_REVOKED: {
    title: "The connection was revoked",
    advice: "The person has to connect anew.",
  },
  REFRESH_UNSUPPORTED: {
    title: "These tokens cannot be refreshed",
    advice:
      "The provider gave no refresh token. The person has to consent again when the access token has expired.",
  },
  PROVIDER_UNAVAILABLE: {
    title: "The provider does not answer",
    advice:
      "Nothing to do: it is tried again by itself, and a token that is still valid is served.",
  },
  PROVIDER_THROTTLED: {
    title: "The provider asks for patience",
    advice:
      "It gets too many requests. It is asked again by itself when it allows.",
  },
  PROVIDER_RESPONSE_INVALID: {
    title: "The provider’s answer cannot be read",
    advice: "It is tried again by itself; the server’s log has an excerpt.",
  },
  STORE_UNAVAILABLE: {
    title: "The server cannot reach its store",
    advice: "Try again. If it stays so, look at the database and at /readyz.",
  },
  SERVER_SHUTTING_DOWN: {
    title: "The server is restarting",
    advice: "Try again in a moment.",
  },
  CURSOR_INVALID: {
    title: "This page of the list does not exist any more",
    advice: "Begin with the first page.",
  },
  ENCRYPTION_KEY_MISSING: {
    title: "A stored secret cannot be decrypted",
    advice: "The server’s keyring lacks the key named below: restore it.",
  },
  INTERNAL_FAULT: {
    title: "The server failed",
    advice: "Its log has the cause under the request id below.",
  },
};

const unreachable: Words = {
  title: "The server does not answer",
  advice: "Check your connection and that the server runs, then try again.",
};

const unknown: Words = {
  title: "That did not work",
  advice: "Try again; if it stays so, the server’s log tells more.",
};

/** What an `ErrorReason` means, in a few words. */
export function reasonWords(reason: string): string {
  return words[reason]?.title ?? "";
}

/** What a thrown value says. */
export function problemOf(thrown: unknown): Problem {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info !== undefined) {
    return {
      reason: info.reason,
      ...(words[info.reason] ?? unknown),
      message: error.rawMessage,
      metadata: info.metadata,
    };
  }
  const lost = error.code === Code.Unavailable || thrown instanceof TypeError;
  return {
    reason: "",
    ...(lost ? unreachable : unknown),
    message: error.rawMessage,
    metadata: {},
  };
}

/** Whether the session has ended. */
export function isSignedOut(thrown: unknown): boolean {
  return thrown instanceof ConnectError && thrown.code === Code.Unauthenticated;
}

/** Whether the same call may work a moment later. */
export function isPassing(thrown: unknown): boolean {
  const { code } = ConnectError.from(thrown);
  return code === Code.Unavailable || code === Code.Unknown;
}

/** After how long the server said to try again, in milliseconds. */
export function retryDelayOf(thrown: unknown): number | undefined {
  const [info] = ConnectError.from(thrown).findDetails(RetryInfoSchema);
  const delay = info?.retryDelay;
  if (delay === undefined) return undefined;
  return Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

/**
 * The field of a form that a refused request speaks of: `client_id` of
 * `provider.client_id`; "" if it speaks of none.
 */
export function fieldOf(problem: Problem): string {
  if (problem.reason === "RESOURCE_EXISTS") return "id";
  const field = problem.metadata.field ?? "";
  return field.slice(field.lastIndexOf(".") + 1).replace(/\[.*$/, "");
}
