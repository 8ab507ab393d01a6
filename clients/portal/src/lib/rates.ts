// What the Overview's charts are drawn from.
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import { EventType } from "../gen/valetkey/v1/event_service_pb";
import { millisOf } from "./time";

/** The refreshes of one minute. */
export interface Minute {
  /** Its beginning, in milliseconds since 1970. */
  readonly start: number;
  readonly succeeded: number;
  /** By reason. */
  readonly failed: ReadonlyMap<string, number>;
}

interface Count {
  succeeded: number;
  readonly failed: Map<string, number>;
  /** The events that are in it, by sequence. */
  readonly counted: Set<bigint>;
}

export const minuteMillis = 60_000;

/** The types of events that a tally counts. */
export const refreshTypes = [
  EventType.REFRESHED,
  EventType.REFRESH_FAILED,
  EventType.REAUTHORIZATION_REQUIRED,
] as const;

function minuteOf(millis: number): number {
  return Math.floor(millis / minuteMillis) * minuteMillis;
}

/**
 * Refreshes by the minute. An event counts once, however often it is told: the
 * list of past events and the stream overlap.
 */
export class Tally {
  private readonly byMinute = new Map<number, Count>();
  private newest = 0;

  /** Minutes that are so much older than the newest are forgotten. */
  constructor(private readonly keptMinutes = 60) {}

  add(events: readonly Event[]): void {
    for (const event of events) this.count(event);
    const oldest = this.newest - this.keptMinutes * minuteMillis;
    for (const start of this.byMinute.keys()) {
      if (start < oldest) this.byMinute.delete(start);
    }
  }

  private count({ type, reason, sequence, time }: Event): void {
    if (!refreshTypes.some((counted) => counted === type)) return;
    const start = minuteOf(millisOf(time) ?? 0);
    let minute = this.byMinute.get(start);
    if (minute === undefined) {
      minute = { succeeded: 0, failed: new Map(), counted: new Set() };
      this.byMinute.set(start, minute);
      this.newest = Math.max(this.newest, start);
    }
    if (minute.counted.has(sequence)) return;
    minute.counted.add(sequence);
    if (type === EventType.REFRESHED) {
      minute.succeeded += 1;
    } else {
      const why = reason || "REAUTHORIZATION_REQUIRED";
      minute.failed.set(why, (minute.failed.get(why) ?? 0) + 1);
    }
  }

  /**
   * The last minutes, oldest first. The last is that of `now`, or of the newest
   * event where the server's clock is ahead of this browser's.
   */
  minutes(now: number, count: number): Minute[] {
    const last = Math.max(minuteOf(now), this.newest);
    return Array.from({ length: count }, (_, index) => {
      const start = last - (count - 1 - index) * minuteMillis;
      const minute = this.byMinute.get(start);
      return {
        start,
        succeeded: minute?.succeeded ?? 0,
        failed: minute?.failed ?? new Map<string, number>(),
      };
    });
  }
}

/** The failures of some minutes by reason, the most frequent first. */
export function failuresOf(minutes: readonly Minute[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { failed } of minutes) {
    for (const [reason, count] of failed) {
      counts.set(reason, (counts.get(reason) ?? 0) + count);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** How many whole minutes there are since a moment; at least one. */
export function minutesSince(
  millis: number,
  now: number,
  most: number,
): number {
  const whole = Math.ceil(millis / minuteMillis) * minuteMillis;
  const count = Math.floor((minuteOf(now) - whole) / minuteMillis) + 1;
  return Math.min(Math.max(count, 1), most);
}

/** A counter of Prometheus's text format, summed over the other labels. */
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
