import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampMs } from "@bufbuild/protobuf/wkt";

/** Milliseconds since 1970; undefined where there is no time. */
export function millisOf(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : timestampMs(time);
}

const units = [
  { unit: "day", millis: 86_400_000 },
  { unit: "hour", millis: 3_600_000 },
  { unit: "minute", millis: 60_000 },
  { unit: "second", millis: 1000 },
] as const;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "in 3 minutes", "2 days ago", "now". */
export function describeTime(millis: number, now: number): string {
  const difference = millis - now;
  for (const { unit, millis: length } of units) {
    if (Math.abs(difference) >= length) {
      return relative.format(Math.trunc(difference / length), unit);
    }
  }
  return "now";
}

const absolute = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "medium",
});

/** In the reader's own time zone. */
export function formatTime(millis: number): string {
  return absolute.format(millis);
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const minute = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

const dayOfYear = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

/** The time of day, with the date where that is not today's. */
export function formatSince(millis: number, now: number): string {
  const day = dayOfYear.format(millis);
  const time = clock.format(millis);
  return day === dayOfYear.format(now) ? time : `${day}, ${time}`;
}

/** The time of day, without seconds. */
export function formatMinute(millis: number): string {
  return minute.format(millis);
}
