import { Backoff, RETRY_SHAPE } from "../backoff.js";
import { CallScope } from "../call-scope.js";
import { Code, type ValetKeyError } from "../errors.js";
import {
  type Event,
  EventService,
  EventType,
} from "../gen/valetkey/v1/event_service_pb.js";
import type { Rpc } from "../rpc.js";

/** Who hears of the events of one connection. */
export interface Listener {
  /** The connection's full name. */
  readonly connection: string;
  onEvent(event: Event): void;
  /** From here on events are told; what came before may have been missed. */
  onGap(): void;
}

const TYPES = [
  EventType.REAUTHORIZED,
  EventType.REFRESHED,
  EventType.REAUTHORIZATION_REQUIRED,
  EventType.REVOKED,
  EventType.DELETED,
];
const FIRST_MESSAGE_MS = 1000;
const WITHOUT_RIGHT_MS = 5 * 60_000;

/** The one stream of an application's events for all its sources. */
export class EventHub {
  readonly #rpc: Rpc;
  readonly #application: string;
  readonly #listeners = new Set<Listener>();
  #scope: CallScope | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #settled: Promise<void> = Promise.resolve();

  /** @param application - the full name. */
  constructor(rpc: Rpc, application: string) {
    this.#rpc = rpc;
    this.#application = application;
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Closes the stream with the last listener. */
  remove(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#scope?.cancel();
    this.#scope = undefined;
  }

  /**
   * Opens the stream, if it is not open; resolves with its first message, or
   * when it is clear that none comes soon.
   */
  opened(): Promise<void> {
    if (this.#scope === undefined && this.#listeners.size > 0) {
      const { clock } = this.#rpc.runtime;
      const scope = new CallScope(clock, Infinity, [this.#rpc.closing], true);
      this.#scope = scope;
      this.#settled = new Promise((resolve) => {
        const timer = clock.after(FIRST_MESSAGE_MS, resolve, true);
        const settle = (): void => {
          timer.cancel();
          resolve();
        };
        const run = this.#run(scope, settle).finally(settle);
        this.#running = Promise.all([this.#running, run]);
      });
    }
    return this.#settled;
  }

  /** When nothing of it runs any more, after the last `remove`. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #run(scope: CallScope, settle: () => void): Promise<void> {
    const { random } = this.#rpc.runtime;
    const backoff = new Backoff(RETRY_SHAPE, random);
    let cursor = "";
    while (scope.ended === undefined) {
      let waitMs: number | undefined;
      let gap = cursor === "";
      try {
        for await (const { message, cursor: next } of this.#open(
          scope,
          cursor,
        )) {
          backoff.reset();
          settle();
          if (gap) this.#tellGap();
          gap = false;
          cursor = next || cursor;
          if (message.case === "event") this.#tell(message.value);
        }
      } catch (thrown) {
        const error = thrown as ValetKeyError;
        if (lostCursor(error)) cursor = "";
        waitMs =
          error.code === Code.PermissionDenied
            ? WITHOUT_RIGHT_MS
            : error.retryDelayMs;
      }
      settle();
      await scope.sleep(waitMs ?? backoff.next(), true);
    }
  }

  // A scope of its own, for a stream cancels its scope when it breaks.
  #open(scope: CallScope, cursor: string) {
    return this.#rpc.stream(
      EventService.method.watchEvents,
      { parent: this.#application, cursor, types: TYPES },
      new CallScope(this.#rpc.runtime.clock, Infinity, [scope.signal]),
    );
  }

  #tell(event: Event): void {
    for (const listener of this.#listeners) {
      if (listener.connection === event.connection) listener.onEvent(event);
    }
  }

  #tellGap(): void {
    for (const listener of this.#listeners) listener.onGap();
  }
}

function lostCursor(error: ValetKeyError): boolean {
  return error.reason === "CURSOR_EXPIRED" || error.reason === "CURSOR_INVALID";
}
