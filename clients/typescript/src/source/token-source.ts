import type { CallScope } from "../call-scope.js";
import { cancelled, Code, errorOf, ValetKeyError } from "../errors.js";
import { type Event, EventType } from "../gen/valetkey/v1/event_service_pb.js";
import { TokenService } from "../gen/valetkey/v1/token_service_pb.js";
import type { CallOptions } from "../params.js";
import type { Rpc } from "../rpc.js";
import type { Timer } from "../runtime.js";
import { type Token, tokenOf } from "../token.js";
import type { EventHub, Listener } from "./event-hub.js";
import { firstRefreshMs, nextRefreshMs } from "./schedule.js";
import { SharedFetch } from "./shared-fetch.js";
import { TokenSlot } from "./token-slot.js";

/** Which token a source is of. */
export interface TokenSourceOptions {
  /** Which of the connection's tokens. Default: the main one. */
  token?: string | undefined;
  /** Fails with ScopeNotGrantedError unless all of these were granted. */
  requiredScopes?: readonly string[] | undefined;
}

const REMEMBERED_MS = 1000;

/** What one try asked for. */
interface Asked {
  readonly epoch: number;
  readonly minGeneration: bigint;
  readonly rejectedGeneration: bigint;
}

/**
 * A token of one connection that is always there: read from memory, kept fresh
 * in the background. Made by `client.tokenSource`; one for many readers.
 */
export class TokenSource {
  /** The connection's full name. */
  readonly connection: string;
  readonly #rpc: Rpc;
  readonly #hub: EventHub;
  readonly #options: TokenSourceOptions;
  readonly #slot = new TokenSlot();
  readonly #fetch: SharedFetch;
  readonly #listener: Listener;
  readonly #onClose: (source: TokenSource) => void;
  #closed = false;
  #timer: Timer | undefined;
  #remembered: { error: ValetKeyError; until: number } | undefined;
  /** The highest generation that was told of. */
  #wanted = 0n;
  /** One more each time that the token was dropped. */
  #epoch = 0;
  #asked: Asked = { epoch: 0, minGeneration: 0n, rejectedGeneration: 0n };
  #news = false;

  /** @internal */
  constructor(
    rpc: Rpc,
    hub: EventHub,
    connection: string,
    options: TokenSourceOptions,
    onClose: (source: TokenSource) => void,
  ) {
    this.#rpc = rpc;
    this.#hub = hub;
    this.connection = connection;
    this.#options = { ...options };
    this.#onClose = onClose;
    this.#fetch = new SharedFetch(
      {
        prepare: () => this.#hub.opened(),
        attempt: (scope) => this.#attempt(scope),
        accept: (token, readersWait) => this.#accept(token, readersWait),
        refuse: () => !this.#outdated,
        remaining: () => this.#slot.alive(this.#rpc.runtime.clock.now()),
        ended: (error) => {
          this.#ended(error);
        },
      },
      rpc.runtime,
      rpc.timeoutMs,
    );
    this.#listener = {
      connection,
      onEvent: (event) => {
        this.#onEvent(event);
      },
      onGap: () => {
        if (this.#slot.held !== undefined || this.#fetch.trying) {
          this.#fetch.anew();
        }
      },
    };
    hub.add(this.#listener);
  }

  /**
   * A valid token: the one held, at once, or else the one that all readers
   * wait for together.
   *
   * @throws ValetKeyError, also of CANCELED when the source is closed.
   */
  token(options?: CallOptions): Promise<Token> {
    const held = this.current();
    return held === undefined
      ? this.#wait(options ?? {})
      : Promise.resolve(held);
  }

  /** The token held, if it may be used; calls nothing and waits for nothing. */
  current(): Token | undefined {
    return this.#slot.usable(this.#rpc.runtime.clock.now());
  }

  /**
   * The provider refused the token of this generation: it is not given out any
   * more. Nothing happens if a newer one is held.
   */
  invalidate(generation: bigint): void {
    this.#slot.reject(generation);
  }

  /** Fails those who wait, and all later readers. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#slot.drop();
    this.#fetch.close();
    this.#hub.remove(this.#listener);
    this.#onClose(this);
  }

  /** @internal When nothing of it runs any more. */
  finished(): Promise<void> {
    return this.#fetch.finished();
  }

  async #wait(options: CallOptions): Promise<Token> {
    if (this.#closed) throw cancelled("the token source is closed");
    const { clock } = this.#rpc.runtime;
    if (this.#remembered !== undefined) {
      if (clock.monotonic() < this.#remembered.until) {
        throw this.#remembered.error;
      }
      this.#remembered = undefined;
    }
    return this.#fetch.join(options);
  }

  async #attempt(scope: CallScope): Promise<Token> {
    this.#asked = {
      epoch: this.#epoch,
      minGeneration: this.#wanted,
      rejectedGeneration: this.#slot.rejectedGeneration,
    };
    const answer = await this.#rpc.attempt(
      TokenService.method.getToken,
      {
        name: this.connection,
        requiredScopes: [...(this.#options.requiredScopes ?? [])],
        token: this.#options.token ?? "",
        minGeneration: this.#asked.minGeneration,
        rejectedGeneration: this.#asked.rejectedGeneration,
      },
      scope,
    );
    return tokenOf(answer.token);
  }

  #accept(token: Token, readersWait: boolean): boolean {
    const asked = this.#asked;
    if (asked.epoch !== this.#epoch) return false;
    if (token.generation === this.#slot.rejectedGeneration) {
      if (asked.rejectedGeneration === token.generation) throw contradiction();
      return !readersWait;
    }
    switch (this.#slot.offer(token)) {
      case "taken":
        this.#news = true;
        break;
      case "as new":
        break;
      case "older":
        if (!readersWait) return true;
        if (asked.minGeneration > token.generation) throw contradiction();
        this.#wanted = this.#slot.held?.generation ?? 0n;
        return false;
    }
    if (token.generation < this.#wanted && this.#outdated) this.#fetch.anew();
    return true;
  }

  /** Whether an event has made the try under way pointless. */
  get #outdated(): boolean {
    const { epoch, minGeneration } = this.#asked;
    const held = this.#slot.held?.generation ?? 0n;
    return (
      epoch !== this.#epoch ||
      (this.#wanted > held && this.#wanted > minGeneration)
    );
  }

  #ended(error: ValetKeyError | undefined): void {
    if (this.#closed) return;
    const { clock, random } = this.#rpc.runtime;
    this.#remembered = undefined;
    if (error !== undefined && isOfTheGrant(error)) {
      const until = clock.monotonic() + REMEMBERED_MS;
      this.#remembered = { error, until };
      if (isTheEnd(error)) this.#drop();
    }
    const { held } = this.#slot;
    this.#timer?.cancel();
    if (held === undefined) return;
    const ms = this.#news
      ? firstRefreshMs(held, clock.now(), random)
      : nextRefreshMs(held, clock.now());
    this.#news = false;
    if (ms === undefined) return;
    this.#timer = clock.after(
      ms,
      () => {
        this.#fetch.inBackground();
      },
      true,
    );
  }

  #onEvent(event: Event): void {
    this.#remembered = undefined;
    switch (event.type) {
      case EventType.REFRESHED:
      case EventType.REAUTHORIZED:
        if (event.generation > this.#wanted) this.#wanted = event.generation;
        if (this.#slot.held === undefined) return;
        if (event.generation > this.#slot.held.generation) {
          this.#fetch.inBackground();
        }
        return;
      case EventType.REVOKED:
      case EventType.DELETED:
        this.#drop();
        return;
      default:
        // The access token is good to its end, and then GetToken tells.
        return;
    }
  }

  #drop(): void {
    this.#slot.drop();
    this.#epoch += 1;
    this.#timer?.cancel();
  }
}

// What is told of the grant itself, and does not change by asking again.
function isOfTheGrant(error: ValetKeyError): boolean {
  return error.code === Code.FailedPrecondition || error.code === Code.NotFound;
}

function isTheEnd(error: ValetKeyError): boolean {
  return (
    error.reason === "CONNECTION_REVOKED" ||
    error.reason === "CONNECTION_NOT_FOUND"
  );
}

function contradiction(): ValetKeyError {
  return errorOf({
    code: Code.Internal,
    reason: "",
    metadata: {},
    message: "ValetKey answered with a token that was ruled out",
  });
}
