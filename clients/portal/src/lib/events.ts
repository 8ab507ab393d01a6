import type { Event } from "../gen/valetkey/v1/event_service_pb";

export interface EventFilter {
  /** The number of a type; "" for all. */
  readonly type: string;
  /** `applications/{a}/providers/{p}`; "" for all. */
  readonly provider: string;
  /** Part of a connection's name, a user or a reason, in any case. */
  readonly text: string;
}

export function filterEvents(
  events: readonly Event[],
  { type, provider, text }: EventFilter,
): Event[] {
  const wanted = text.trim().toLowerCase();
  return events.filter((event) => {
    if (type !== "" && String(event.type) !== type) return false;
    if (provider !== "" && event.provider !== provider) return false;
    const searched = `${event.connection} ${event.subject} ${event.reason}`;
    return searched.toLowerCase().includes(wanted);
  });
}
