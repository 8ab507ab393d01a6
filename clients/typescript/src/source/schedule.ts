import type { Token } from "../token.js";
import { expiryMs } from "./token-slot.js";

/**
 * After how many milliseconds a token that has just come is fetched anew;
 * undefined if it does not expire, or has.
 */
export function firstRefreshMs(
  token: Token,
  nowMs: number,
  random: () => number,
): number | undefined {
  const expires = expiryMs(token);
  if (expires === Infinity || expires <= nowMs) return undefined;
  const refreshes =
    token.refreshesAt?.getTime() ?? nowMs + 0.8 * (expires - nowMs);
  const due = Math.min(Math.max(refreshes, nowMs), expires);
  return due - nowMs + random() * 0.1 * (expires - due);
}

/** The same when a fetch has brought nothing new. */
export function nextRefreshMs(token: Token, nowMs: number): number | undefined {
  const left = expiryMs(token) - nowMs;
  if (left === Infinity || left <= 0) return undefined;
  return Math.max(1000, left / 10);
}
