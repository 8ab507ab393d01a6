// What was seen of an application's events since it was opened: a store beside
// React, for events come faster than pages are drawn.
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import { Tally } from "./rates";
import type { WatchState } from "./watch";

/** The newest events so many are kept. */
export const keptEvents = 2000;

export interface Feed {
  readonly state: WatchState;
  /** Why it is interrupted or stopped. */
  readonly error: unknown;
  /** The newest first. */
  readonly events: readonly Event[];
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
  /** How often events were missed, for the server had trimmed them. */
  readonly gaps: number;
  /** How many events have come. */
  readonly seen: number;
}

export class EventLog {
  /** Of more events than are kept. */
  readonly tally = new Tally();
  private current: Feed;
  private readonly listeners = new Set<() => void>();

  constructor(now: number) {
    this.current = {
      state: "connecting",
      error: undefined,
      events: [],
      since: now,
      gaps: 0,
      seen: 0,
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  readonly snapshot = (): Feed => this.current;

  /** Takes events in the order in which they came. */
  add(arrived: readonly Event[]): void {
    this.tally.add(arrived);
    const { events, seen } = this.current;
    this.change({
      events: [...[...arrived].reverse(), ...events].slice(0, keptEvents),
      seen: seen + arrived.length,
    });
  }

  setState(state: WatchState, error: unknown): void {
    if (this.current.state !== state) this.change({ state, error });
  }

  missed(): void {
    this.change({ gaps: this.current.gaps + 1 });
  }

  private change(part: Partial<Feed>): void {
    this.current = { ...this.current, ...part };
    for (const tell of this.listeners) tell();
  }
}
