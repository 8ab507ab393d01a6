import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Backoff, RETRY_SHAPE } from "./backoff.js";
import { CallScope } from "./call-scope.js";
import { cancelled, Code, ValetKeyError } from "./errors.js";
import {
  EventService,
  type EventType,
  WatchEventsRequestSchema,
  type WatchEventsResponse,
} from "./gen/valetkey/v1/event_service_pb.js";
import type { Rpc } from "./rpc.js";

/** What to watch. The filters are joined by "and". */
export interface WatchOptions {
  /** Default: the client's application. */
  application?: string | undefined;
  /** Resume after this cursor. Default: from now on. */
  cursor?: string | undefined;
  /** Begin with the connections as they are. Not together with `cursor`. */
  snapshot?: boolean | undefined;
  connection?: string | undefined;
  provider?: string | undefined;
  subject?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  /** Default: all. */
  types?: readonly EventType[] | undefined;
  /** Ends the iteration with a ValetKeyError of code CANCELED. */
  signal?: AbortSignal | undefined;
}

/** The request, with full names. */
export type WatchRequest = MessageInitShape<typeof WatchEventsRequestSchema>;

/**
 * The events of an application, resumed by itself: an async iterable of the
 * messages of WatchEvents. Iterate it once. It keeps the process alive while a
 * message is awaited.
 *
 * It ends with a ValetKeyError, CursorExpiredError among them, or without one
 * when it, or the client, is closed. A loop that is left closes it.
 */
export class Watch implements AsyncIterable<WatchEventsResponse> {
  readonly #rpc: Rpc;
  readonly #scope: CallScope;
  readonly #messages: AsyncGenerator<WatchEventsResponse, void>;
  #closed = false;

  /** @internal */
  constructor(
    rpc: Rpc,
    request: WatchRequest,
    signal: AbortSignal | undefined,
  ) {
    this.#rpc = rpc;
    const { clock } = rpc.runtime;
    this.#scope = new CallScope(clock, Infinity, [signal, rpc.closing]);
    this.#messages = this.#run(request);
  }

  /** @throws ValetKeyError */
  async next(): Promise<IteratorResult<WatchEventsResponse, void>> {
    const release = this.#rpc.hold();
    try {
      const result = await this.#messages.next();
      if (result.done) this.close();
      return result;
    } catch (error) {
      const ours = this.#closed || this.#rpc.closing.aborted;
      this.close();
      if (ours) return { done: true, value: undefined };
      throw error;
    } finally {
      release();
    }
  }

  /** Called when a loop is left. */
  return(): Promise<IteratorResult<WatchEventsResponse, void>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends it; who waits for a message gets the end. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#scope.cancel();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(
    init: WatchRequest,
  ): AsyncGenerator<WatchEventsResponse, void, undefined> {
    const { clock, random } = this.#rpc.runtime;
    const scope = this.#scope;
    const backoff = new Backoff(RETRY_SHAPE, random);
    const request = create(WatchEventsRequestSchema, init);
    for (;;) {
      let waitMs: number | undefined;
      try {
        const stream = this.#rpc.stream(
          EventService.method.watchEvents,
          request,
          new CallScope(clock, Infinity, [scope.signal]),
        );
        for await (const message of stream) {
          backoff.reset();
          // None within a snapshot, which begins anew.
          if (message.cursor !== "") {
            request.cursor = message.cursor;
            request.snapshot = false;
          }
          yield message;
        }
      } catch (thrown) {
        if (scope.ended === undefined && !resumes(thrown)) throw thrown;
        waitMs = (thrown as ValetKeyError).retryDelayMs;
      }
      await scope.sleep(waitMs ?? backoff.next());
      if (scope.ended !== undefined) {
        throw cancelled("the watch was cancelled", scope.cause);
      }
    }
  }
}

function resumes(thrown: unknown): boolean {
  return (
    thrown instanceof ValetKeyError &&
    (thrown.code === Code.Unavailable || thrown.reason === "WATCH_LAGGED")
  );
}
