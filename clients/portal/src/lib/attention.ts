// Which connections need care, how urgently, and how many there are of each
// kind.
import type {
  Connection,
  ConnectionCount,
} from "../gen/valetkey/v1/connection_service_pb";
import { ConnectionState } from "../gen/valetkey/v1/connection_service_pb";
import type { Health } from "./health";
import { healthOf } from "./health";
import { millisOf } from "./time";

export interface CountFilter {
  /** `applications/{a}/providers/{p}`; undefined for all. */
  readonly provider?: string | undefined;
  readonly state?: ConnectionState | undefined;
  readonly needsAttention?: boolean | undefined;
}

/** How many connections a filter leaves. */
export function countOf(
  counts: readonly ConnectionCount[],
  { provider, state, needsAttention = false }: CountFilter = {},
): number {
  let sum = 0n;
  for (const group of counts) {
    if (provider !== undefined && group.provider !== provider) continue;
    if (state !== undefined && group.state !== state) continue;
    if (needsAttention && !group.needsAttention) continue;
    sum += group.count;
  }
  return Number(sum);
}

export interface Ailing {
  readonly connection: Connection;
  readonly health: Health;
}

/** A connection that the server names as needing care. */
const unnamed: Health = {
  level: "attention",
  title: "Needs care",
  advice: "The server counts it among those that need care: see its page.",
};

/** Connections that need care, the most urgent first. */
export function ailingOf(
  connections: readonly Connection[],
  now: number,
): Ailing[] {
  const found = connections.map((connection) => {
    const health = healthOf(connection, now);
    const named = health.level === "bad" || health.level === "attention";
    return { connection, health: named ? health : unnamed };
  });
  return found.sort((a, b) => rank(a, now) - rank(b, now) || ends(a) - ends(b));
}

/**
 * Calls fail now; calls fail until the person acts; the person has to act
 * soon; it goes on by itself.
 */
function rank({ connection, health }: Ailing, now: number): number {
  const { state, lastFailure } = connection;
  if (state === ConnectionState.REAUTHORIZATION_REQUIRED) return 1;
  if (health.level === "bad") return 0;
  if (state !== ConnectionState.ACTIVE) return 4;
  return lastFailure === undefined && ends({ connection }) > now ? 2 : 3;
}

/** When its refresh token dies; of those alike the sooner is the more urgent. */
function ends({ connection }: Pick<Ailing, "connection">): number {
  return millisOf(connection.refreshExpireTime) ?? Number.MAX_SAFE_INTEGER;
}
