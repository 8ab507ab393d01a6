// What the Overview's charts are drawn from.
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import { ConnectionState } from "../gen/valetkey/v1/connection_service_pb";
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import { EventType } from "../gen/valetkey/v1/event_service_pb";
import type { Health } from "./health";
import { healthOf } from "./health";
import { millisOf } from "./time";

/** The refreshes of one minute. */
export interface Minute {
  /** Its beginning, in milliseconds since 1970. */
  readonly start: number;
  readonly succeeded: number;
  /** By reason. */
  readonly failed: ReadonlyMap<string, number>;
}

const length = 60_000;

/** The last minutes, oldest first, the current one last. */
export function minutesOf(
  events: readonly Event[],
  now: number,
  count: number,
): Minute[] {
  const last = Math.floor(now / length) * length;
  const minutes = Array.from({ length: count }, (_, index) => ({
    start: last - (count - 1 - index) * length,
    succeeded: 0,
    failed: new Map<string, number>(),
  }));
  for (const event of events) {
    const time = millisOf(event.time) ?? 0;
    const minute =
      minutes[count - 1 - (last - Math.floor(time / length) * length) / length];
    if (minute === undefined) continue;
    if (event.type === EventType.REFRESHED) {
      minute.succeeded += 1;
    } else if (
      event.type === EventType.REFRESH_FAILED ||
      event.type === EventType.REAUTHORIZATION_REQUIRED
    ) {
      const reason = event.reason || "REAUTHORIZATION_REQUIRED";
      minute.failed.set(reason, (minute.failed.get(reason) ?? 0) + 1);
    }
  }
  return minutes;
}

/** The reasons of failures with their counts, the most frequent first. */
export function failuresOf(minutes: readonly Minute[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { failed } of minutes) {
    for (const [reason, count] of failed) {
      counts.set(reason, (counts.get(reason) ?? 0) + count);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** How many connections are in each state. */
export function statesOf(
  connections: readonly Connection[],
): ReadonlyMap<ConnectionState, number> {
  const counts = new Map<ConnectionState, number>();
  for (const { state } of connections) {
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return counts;
}

export interface Ailing {
  readonly connection: Connection;
  readonly health: Health;
}

/** Those that need care, the worst first. */
export function ailingOf(
  connections: readonly Connection[],
  now: number,
): Ailing[] {
  const found = connections
    .map((connection) => ({ connection, health: healthOf(connection, now) }))
    .filter(
      ({ health: { level } }) => level === "bad" || level === "attention",
    );
  return found.sort((a, b) => rank(a) - rank(b));
}

function rank({ connection, health }: Ailing): number {
  if (connection.state === ConnectionState.REAUTHORIZATION_REQUIRED) return 1;
  return health.level === "bad" ? 0 : 2;
}

/** A counter of Prometheus's text format, summed over some label values. */
export function readCounter(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): number | undefined {
  let sum: number | undefined;
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    const wanted = Object.entries(labels).every(([label, value]) =>
      line.includes(`${label}="${value}"`),
    );
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    if (wanted && Number.isFinite(value)) sum = (sum ?? 0) + value;
  }
  return sum;
}
