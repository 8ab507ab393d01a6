// Signing in and out: the server keeps the key within a cookie that scripts
// cannot read.
import type { QueryClient } from "@tanstack/react-query";
import { forgetPlaces } from "../lib/place";

/** Who is signed in. */
export interface Session {
  /** `applications/{a}`: that of the key. */
  readonly application: string;
  /** Whether the key reaches all applications. */
  readonly system: boolean;
  /** `applications/{a}/keys/{k}`; "" for a person of an identity provider. */
  readonly key: string;
  /** Who signed in at the identity provider; "" by a key. */
  readonly person: string;
  /** When the session ends at the latest. */
  readonly expireTime: string;
}

const path = "/portal/session";

/** The session; null if nobody is signed in. */
export async function readSession(): Promise<Session | null> {
  const response = await fetch(path, {
    headers: { accept: "application/json" },
  });
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(await messageOf(response));
  const body = (await response.json()) as Record<string, unknown>;
  return {
    application: String(body.application),
    system: body.system === true,
    key: String(body.key),
    person: personOf(body.person),
    expireTime: String(body.expire_time),
  };
}

/** A name, or the e-mail address of whoever has none. */
function personOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return "";
  const { name, email } = value as { name?: unknown; email?: unknown };
  for (const text of [name, email]) {
    if (typeof text === "string" && text !== "") return text;
  }
  return "";
}

/** Throws an Error whose message says what to do. */
export async function signIn(apiKey: string): Promise<void> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ api_key: apiKey }),
  });
  if (!response.ok) throw new Error(await messageOf(response));
}

export async function signOut(): Promise<void> {
  const response = await fetch(path, { method: "DELETE" });
  if (!response.ok && response.status !== 401) {
    throw new Error(await messageOf(response));
  }
}

async function messageOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string" && message !== "") return message;
  } catch {
    // A proxy's page, or nothing.
  }
  return `The server answered ${String(response.status)}. Try again in a moment.`;
}

export const sessionKey = ["session"];

/** Forgets what one person saw before it could be shown to another. */
export function changeSession(queries: QueryClient, session: Session | null) {
  forgetPlaces();
  queries.removeQueries({
    predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0],
  });
  queries.setQueryData(sessionKey, session);
}
