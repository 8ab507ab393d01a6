// How a connection is, in one line, and what to do about it.
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import { ConnectionState } from "../gen/valetkey/v1/connection_service_pb";
import { millisOf } from "./time";

/** A "note" is worth knowing, but needs nobody's care. */
export type Level = "good" | "note" | "attention" | "bad" | "ended";

export interface Health {
  readonly level: Level;
  /** In two or three words. */
  readonly title: string;
  /** What is so, and what to do. */
  readonly advice: string;
}

const week = 7 * 86_400_000;

export function healthOf(connection: Connection, now: number): Health {
  switch (connection.state) {
    case ConnectionState.REAUTHORIZATION_REQUIRED:
      return {
        level: "bad",
        title: "Consent needed",
        advice:
          "The provider has ended the grant. Make a re-authorize link and have the person open it.",
      };
    case ConnectionState.REVOKING:
      return {
        level: "attention",
        title: "Revoking",
        advice:
          "No token is given out. The provider has not been told of all of them yet; it is tried again by itself.",
      };
    case ConnectionState.REVOKED:
      return {
        level: "ended",
        title: "Revoked",
        advice: "Our copy of its tokens is destroyed.",
      };
    case ConnectionState.ACTIVE:
      return healthOfActive(connection, now);
    default:
      return {
        level: "attention",
        title: "Unknown state",
        advice: "The server is newer than this page: load it again.",
      };
  }
}

function healthOfActive(connection: Connection, now: number): Health {
  const expiry = millisOf(connection.expireTime);
  const end = millisOf(connection.refreshExpireTime);
  const failure = connection.lastFailure;
  if (failure !== undefined) {
    const expired = expiry !== undefined && expiry <= now;
    const count =
      failure.count === 1 ? "once" : `${String(failure.count)} times`;
    return {
      level: expired ? "bad" : "attention",
      title: expired ? "No valid token" : "Refresh fails",
      advice: `The refresh failed ${count}: ${failure.reason}. It is tried again by itself.`,
    };
  }
  if (end !== undefined && end - now < week) {
    return {
      level: "attention",
      title: "Ends soon",
      advice:
        "Its refresh token dies within a week. Make a re-authorize link and have the person open it.",
    };
  }
  if (connection.missingScopes.length > 0) {
    return {
      level: "note",
      title: "Scopes missing",
      advice:
        "It gives tokens, but the person did not grant all scopes. A re-authorize link asks for them again.",
    };
  }
  return { level: "good", title: "Healthy", advice: "It gives tokens." };
}
