import type { Event } from "../gen/valetkey/v1/event_service_pb";
import { eventTypes } from "./words";

export interface EventFilter {
  /** The number of a type; "" for all. */
  readonly type: string;
  /** A provider's id; "" for all. */
  readonly provider: string;
  /** Part of a connection's name, a user or a reason, in any case. */
  readonly text: string;
}

export function readEventFilter(parameters: URLSearchParams): EventFilter {
  const type = parameters.get("type") ?? "";
  return {
    type: eventTypes.some((known) => String(known) === type) ? type : "",
    provider: parameters.get("provider") ?? "",
    text: parameters.get("q") ?? "",
  };
}

/** The address's query; what is empty is left out. */
export function writeEventFilter(filter: EventFilter): URLSearchParams {
  const parameters = new URLSearchParams();
  if (filter.type !== "") parameters.set("type", filter.type);
  if (filter.provider !== "") parameters.set("provider", filter.provider);
  if (filter.text !== "") parameters.set("q", filter.text);
  return parameters;
}

export function filterEvents(
  events: readonly Event[],
  { type, provider, text }: EventFilter,
): Event[] {
  const wanted = text.trim().toLowerCase();
  return events.filter((event) => {
    if (type !== "" && String(event.type) !== type) return false;
    if (provider !== "" && !event.provider.endsWith(`/${provider}`))
      return false;
    const searched = `${event.connection} ${event.subject} ${event.reason}`;
    return searched.toLowerCase().includes(wanted);
  });
}

/**
 * Live events and listed ones as one list, the newest first. The two overlap:
 * each event is in it once.
 */
export function joinEvents(
  live: readonly Event[],
  listed: readonly Event[],
): Event[] {
  const bySequence = new Map<bigint, Event>();
  for (const event of listed) bySequence.set(event.sequence, event);
  for (const event of live) bySequence.set(event.sequence, event);
  return [...bySequence.values()].sort((a, b) =>
    a.sequence < b.sequence ? 1 : a.sequence > b.sequence ? -1 : 0,
  );
}
