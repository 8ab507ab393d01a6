import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb.js";
import {
  type Event,
  EventSchema,
  type WatchEventsRequest,
  type WatchEventsResponse,
  WatchEventsResponseSchema,
} from "../gen/valetkey/v1/event_service_pb.js";
import { failureWith } from "./failures.js";

/** What an event tells; the sequence and the time are the log's. */
export type EventInit = Omit<
  MessageInitShape<typeof EventSchema>,
  "$typeName" | "$unknown" | "sequence" | "time"
>;

/** All events so far, and who watches them. */
export class EventLog {
  readonly #now: () => number;
  readonly #events: Event[] = [];
  readonly #wakers = new Set<() => void>();
  #lags = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  append(init: EventInit): void {
    const { $typeName: _, ...fields } = create(EventSchema, init as object);
    this.#events.push(
      create(EventSchema, {
        ...fields,
        sequence: BigInt(this.#events.length + 1),
        time: timestampFromMs(this.#now()),
      }),
    );
    this.#wake();
  }

  /** Ends the streams that are open with WATCH_LAGGED. */
  lag(): void {
    this.#lags += 1;
    this.#wake();
  }

  /** Where a list leads on to. */
  get cursor(): string {
    return String(this.#events.length);
  }

  /** How many streams wait for an event. */
  get watchers(): number {
    return this.#wakers.size;
  }

  async *watch(
    request: WatchEventsRequest,
    connections: () => Connection[],
    signal: AbortSignal,
  ): AsyncGenerator<WatchEventsResponse, void, undefined> {
    const lags = this.#lags;
    let position = this.#positionOf(request.cursor);
    if (request.snapshot) {
      for (const value of connections()) {
        if (!matches(request, value.name, value)) continue;
        const message = { case: "connection" as const, value };
        yield create(WatchEventsResponseSchema, { message });
      }
    }
    let caughtUp = false;
    while (!signal.aborted) {
      if (this.#lags !== lags) throw failureWith("WATCH_LAGGED");
      const value = this.#events[position];
      if (value !== undefined) {
        position += 1;
        if (!matches(request, value.connection, value)) continue;
        if (request.types.length > 0 && !request.types.includes(value.type)) {
          continue;
        }
        yield create(WatchEventsResponseSchema, {
          message: { case: "event", value },
          cursor: String(position),
        });
      } else if (!caughtUp) {
        caughtUp = true;
        const time = timestampFromMs(this.#now());
        yield create(WatchEventsResponseSchema, {
          message: { case: "checkpoint", value: { time } },
          cursor: String(position),
        });
      } else {
        await this.#change(signal);
      }
    }
  }

  #positionOf(cursor: string): number {
    if (cursor === "") return this.#events.length;
    const position = Number(cursor);
    if (
      !Number.isInteger(position) ||
      position < 0 ||
      position > this.#events.length
    ) {
      throw failureWith("CURSOR_INVALID");
    }
    return position;
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}

function matches(
  request: WatchEventsRequest,
  connection: string,
  of: { provider: string; subject: string; labels: Record<string, string> },
): boolean {
  return (
    (request.connection === "" || request.connection === connection) &&
    connection.startsWith(`${request.parent}/`) &&
    (request.provider === "" || request.provider === of.provider) &&
    (request.subject === "" || request.subject === of.subject) &&
    Object.entries(request.labels).every(
      ([key, value]) => of.labels[key] === value,
    )
  );
}
