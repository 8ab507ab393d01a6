import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import type { ClientOptions } from "../config.js";
import { Names } from "../names.js";
import type { Token } from "../token.js";
import { Broker, type TokenInit } from "./broker.js";
import type { EventInit } from "./event-log.js";
import { failureWith } from "./failures.js";
import { routes } from "./services.js";

/** How a fake is started. */
export interface FakeOptions {
  /** The application of short names. Default: "shop". */
  application?: string | undefined;
  /** The only API key that is let in. Default: none is asked for. */
  apiKey?: string | undefined;
  /** Listens on this Unix socket. Default: a free port of 127.0.0.1. */
  socketPath?: string | undefined;
  /** Speaks TLS. */
  tls?: http2.SecureServerOptions | undefined;
  /** Milliseconds since 1970. Default: Date.now. */
  now?: (() => number) | undefined;
}

/** How a call that was told to fail does. */
export interface FailOptions {
  /** Default: 1. */
  times?: number | undefined;
  retryDelayMs?: number | undefined;
  metadata?: Record<string, string> | undefined;
}

interface Planned extends FailOptions {
  readonly reason: string;
  left: number;
}

/**
 * ValetKey in the process, for tests: it speaks the contract on a loopback
 * port, so that a test goes through the real client. It answers the calls for
 * tokens, connections and events; those of operators are UNIMPLEMENTED.
 *
 * Methods are named as in the contract: "GetToken". Names may be short.
 */
export class FakeValetKey {
  readonly #options: FakeOptions;
  readonly #names: Names;
  /** @internal What it knows. */
  readonly broker: Broker;
  readonly #planned = new Map<string, Planned[]>();
  readonly #requests = new Map<string, unknown[]>();
  readonly #timeouts = new Map<string, number[]>();
  readonly #stalls = new Map<string, Promise<void>>();
  readonly #sessions = new Set<http2.Http2Session>();
  #server: http2.Http2Server | undefined;
  #port = 0;

  private constructor(options: FakeOptions) {
    this.#options = options;
    this.#names = new Names(options.application ?? "shop");
    this.broker = new Broker(options.now ?? Date.now);
  }

  /** Listens when it is there. */
  static async start(options: FakeOptions = {}): Promise<FakeValetKey> {
    const fake = new FakeValetKey(options);
    await fake.comeBack();
    return fake;
  }

  /** For `ClientOptions.address`. */
  get address(): string {
    const { socketPath, tls } = this.#options;
    if (socketPath !== undefined) return `unix:${socketPath}`;
    return `${tls ? "https://" : ""}127.0.0.1:${String(this.#port)}`;
  }

  /** For `new Client(...)`. */
  get options(): ClientOptions {
    return {
      address: this.address,
      application: this.#names.application(),
      apiKey: this.#options.apiKey ?? "",
    };
  }

  /**
   * The connection's next generation. Makes the connection if there is none;
   * emits CONNECTED or REFRESHED. A token that has expired or was rejected is
   * renewed by itself, as if the provider gave another of the same kind.
   */
  setToken(
    connection: string,
    accessToken: string,
    token: TokenInit = {},
  ): Token {
    const name = this.#names.connection(connection);
    return this.broker.setToken(name, accessToken, token);
  }

  /** Ends the grant, and emits REVOKED. */
  revoke(connection: string): void {
    this.broker.revoke(this.#names.connection(connection));
  }

  /** The access token is good to its end; emits REAUTHORIZATION_REQUIRED. */
  requireReauthorization(connection: string): void {
    this.broker.requireReauthorization(this.#names.connection(connection));
  }

  /** Destroys the connection, and emits DELETED. */
  delete(connection: string): void {
    this.broker.delete(this.#names.connection(connection));
  }

  /**
   * The next calls of a method fail.
   *
   * @param reason - by name; empty for an UNAVAILABLE that has none.
   */
  fail(method: string, reason: string, options: FailOptions = {}): void {
    const left = options.times ?? 1;
    append(this.#planned, method, { ...options, reason, left });
  }

  /** How often a method was called. */
  calls(method: string): number {
    return this.requests(method).length;
  }

  /**
   * @internal Keeps the calls of a method, or their answers, back until it is
   * released.
   */
  stall(method: string, what: "calls" | "answers" = "calls"): () => void {
    const key = `${what} of ${method}`;
    let release = (): void => undefined;
    const stall = new Promise<void>((resolve) => {
      release = () => {
        this.#stalls.delete(key);
        resolve();
      };
    });
    this.#stalls.set(key, stall);
    return release;
  }

  /** @internal What it was called with. */
  requests(method: string): readonly unknown[] {
    return this.#requests.get(method) ?? [];
  }

  /** @internal How many milliseconds the calls were given. */
  timeouts(method: string): readonly number[] {
    return this.#timeouts.get(method) ?? [];
  }

  /** Tells watchers of an event, whatever the truth is. */
  emit(event: EventInit & { connection: string }): void {
    const connection = this.#names.connection(event.connection);
    this.broker.events.append({ ...event, connection });
  }

  /** Ends the streams that are open with WATCH_LAGGED. */
  lag(): void {
    this.broker.events.lag();
  }

  /** How many streams are open and have been told everything. */
  get watchers(): number {
    return this.broker.events.watchers;
  }

  /** @internal How many connections there are. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Cuts all connections and refuses new ones, as a server that is down. */
  async goAway(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }

  /** Listens again, at the same address, with all that it knew. */
  async comeBack(): Promise<void> {
    if (this.#server !== undefined) return;
    const handler = connectNodeAdapter({
      routes: (router) => {
        routes(router, this.broker);
      },
      interceptors: [this.#admit()],
      connect: false,
      grpcWeb: false,
    });
    const { tls, socketPath } = this.#options;
    const server = tls
      ? http2.createSecureServer(tls, handler)
      : http2.createServer(handler);
    server.on("session", (session: http2.Http2Session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      if (socketPath !== undefined) server.listen(socketPath, resolve);
      else server.listen(this.#port, "127.0.0.1", resolve);
    });
    if (socketPath === undefined) {
      this.#port = (server.address() as AddressInfo).port;
    }
    this.#server = server;
  }

  /** Stops; may be called twice. */
  async close(): Promise<void> {
    await this.goAway();
  }

  // Counts a call, asks for the API key, and fails the call if it is to fail.
  #admit(): Interceptor {
    return (next) => async (call) => {
      const { name } = call.method;
      const timeout = call.header.get("grpc-timeout");
      let request = call;
      if (call.stream) {
        const messages = [];
        for await (const message of call.message) messages.push(message);
        this.#record(name, messages[0], timeout);
        request = { ...call, message: createAsyncIterable(messages) };
      } else {
        this.#record(name, call.message, timeout);
      }
      this.#checkKey(call.header.get("authorization"));
      const planned = this.#planned.get(name)?.find(({ left }) => left > 0);
      if (planned !== undefined) {
        planned.left -= 1;
        const { reason, metadata, retryDelayMs } = planned;
        throw failureWith(reason, metadata, retryDelayMs);
      }
      await this.#stalls.get(`calls of ${name}`);
      const answer = await next(request);
      await this.#stalls.get(`answers of ${name}`);
      return answer;
    };
  }

  #record(method: string, request: unknown, timeout: string | null): void {
    append(this.#requests, method, request);
    append(this.#timeouts, method, Number.parseInt(timeout ?? "", 10));
  }

  #checkKey(authorization: string | null): void {
    const { apiKey } = this.#options;
    if (apiKey === undefined || authorization === `Bearer ${apiKey}`) return;
    throw failureWith(
      authorization === null ? "API_KEY_MISSING" : "API_KEY_INVALID",
    );
  }
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
