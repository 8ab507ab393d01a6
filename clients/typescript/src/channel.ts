import * as http2 from "node:http2";
import type * as net from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { Backoff, CONNECT_SHAPE } from "./backoff.js";
import type { Runtime, Timer } from "./runtime.js";

/** Opens a socket, with TLS or without, that is not connected yet. */
export type OpenSocket = () => net.Socket;

const CONNECT_TIMEOUT_MS = 20_000;

/**
 * One HTTP/2 connection, opened when it is first needed.
 *
 * When it cannot be opened, requests fail at once, and it is tried again in the
 * background with growing waits until it stands. When it is lost, the next
 * request opens a new one. It keeps the process alive only while it is held.
 */
export class Channel {
  readonly authority: string;
  readonly #open: OpenSocket;
  readonly #runtime: Runtime;
  readonly #backoff: Backoff;
  readonly #sessions = new Set<Session>();
  #current: Session | undefined;
  #failure: ConnectError | undefined;
  #reconnect: Timer | undefined;
  #holds = 0;
  #closed = false;

  /** @param authority - what Connect takes for the URL's origin. */
  constructor(authority: string, open: OpenSocket, runtime: Runtime) {
    this.authority = authority;
    this.#open = open;
    this.#runtime = runtime;
    this.#backoff = new Backoff(CONNECT_SHAPE, runtime.random);
  }

  /** Part of Connect's interface. */
  async request(
    method: string,
    path: string,
    headers: http2.OutgoingHttpHeaders,
    options: Omit<http2.ClientSessionRequestOptions, "signal">,
  ): Promise<http2.ClientHttp2Stream> {
    const all = { ...headers, ":method": method, ":path": path };
    // The first session may have ended since it was last looked at.
    for (let tries = 0; tries < 2; ++tries) {
      const session = this.#usable();
      await session.connected;
      const stream = session.request(all, options);
      if (stream !== undefined) return stream;
    }
    throw unreachable(undefined);
  }

  /** Part of Connect's interface. Pings are sent whatever was read. */
  notifyResponseByteRead(): void {
    // Nothing to do.
  }

  /** Keeps the process alive until the answer is called. */
  hold(): () => void {
    this.#holds += 1;
    if (this.#holds === 1) for (const session of this.#sessions) session.ref();
    return () => {
      this.#holds -= 1;
      if (this.#holds > 0) return;
      for (const session of this.#sessions) session.unref();
    };
  }

  /** Cuts what is open; resolves when no socket is left. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#reconnect?.cancel();
    const sessions = [...this.#sessions];
    for (const session of sessions) session.destroy();
    await Promise.all(sessions.map((session) => session.ended));
  }

  #usable(): Session {
    if (this.#closed) {
      throw new ConnectError("the client is closed", Code.Canceled);
    }
    if (this.#current?.usable) return this.#current;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#connect();
  }

  #connect(): Session {
    const session = new Session(this.authority, this.#open(), this.#runtime);
    this.#current = session;
    this.#sessions.add(session);
    if (this.#holds > 0) session.ref();
    void session.ready.then(() => {
      this.#failure = undefined;
      this.#backoff.reset();
    });
    void session.ended.then((error) => {
      this.#sessions.delete(session);
      if (!session.wasReady && !this.#closed) this.#failed(error);
    });
    return session;
  }

  #failed(error: ConnectError): void {
    this.#failure = error;
    this.#reconnect = this.#runtime.clock.after(
      this.#backoff.next(),
      () => {
        // The failure stays until there is success, but for those who come
        // while an attempt is under way.
        this.#connect();
      },
      true,
    );
  }
}

/** One connection from its opening to its end. */
class Session {
  /** Rejects, with UNAVAILABLE, if the connection cannot be opened. */
  readonly connected: Promise<void>;
  /** When the server has answered the opening; never, if it does not. */
  readonly ready: Promise<void>;
  /** When the socket is closed; the reason, for those who come now. */
  readonly ended: Promise<ConnectError>;
  wasReady = false;
  readonly #session: http2.ClientHttp2Session;
  readonly #socket: net.Socket;
  readonly #runtime: Runtime;
  #draining = false;
  #streams = 0;
  #ping: Timer | undefined;
  #heardAt: number;

  constructor(authority: string, socket: net.Socket, runtime: Runtime) {
    const session = http2.connect(authority, {
      createConnection: () => socket,
    });
    this.#session = session;
    this.#socket = socket;
    this.#runtime = runtime;
    this.#heardAt = runtime.clock.monotonic();
    session.unref();
    // Node leaves it open after some alerts of TLS, and then never says that
    // the session has ended.
    socket.once("error", () => socket.destroy());
    const timeout = runtime.clock.after(
      CONNECT_TIMEOUT_MS,
      () => {
        session.destroy(unreachable(new Error("no answer to the opening")));
      },
      true,
    );
    this.ready = new Promise((resolve) => {
      session.once("remoteSettings", () => {
        timeout.cancel();
        this.wasReady = true;
        resolve();
      });
    });
    let cause: unknown;
    session.on("error", (error: unknown) => {
      cause ??= error;
    });
    session.once("goaway", () => {
      this.#drain();
    });
    this.ended = new Promise((resolve) => {
      session.once("close", () => {
        timeout.cancel();
        this.#ping?.cancel();
        resolve(unreachable(cause));
      });
    });
    this.connected = new Promise((resolve, reject) => {
      session.once("connect", () => {
        resolve();
      });
      void this.ended.then(reject);
    });
    // A background attempt that nobody waits for.
    this.connected.catch(() => undefined);
  }

  get usable(): boolean {
    return !this.#draining && !this.#session.closed && !this.#session.destroyed;
  }

  request(
    headers: http2.OutgoingHttpHeaders,
    options: http2.ClientSessionRequestOptions,
  ): http2.ClientHttp2Stream | undefined {
    if (!this.usable) return undefined;
    const stream = this.#session.request(headers, options);
    this.#streams += 1;
    if (this.#streams === 1) this.#beginPings();
    stream.once("response", () => {
      this.#heard();
    });
    stream.once("close", () => {
      this.#streams -= 1;
      if (this.#streams > 0) return;
      this.#ping?.cancel();
      if (this.#draining) this.#session.destroy();
    });
    return stream;
  }

  ref(): void {
    if (!this.#session.destroyed) this.#session.ref();
  }

  unref(): void {
    if (!this.#session.destroyed) this.#session.unref();
  }

  destroy(): void {
    // Whoever waits for the end is not to be left waiting by Node's own.
    this.ref();
    this.#session.destroy(undefined, http2.constants.NGHTTP2_CANCEL);
    // Whatever is still to be written has had its chance.
    setImmediate(() => this.#socket.destroy());
  }

  // The server takes no more streams; those that are open may end well.
  #drain(): void {
    this.#draining = true;
    if (this.#streams === 0) this.#session.destroy();
  }

  #heard(): void {
    this.#heardAt = this.#runtime.clock.monotonic();
  }

  // A connection that was idle for long may be dead, and no call might last
  // long enough to see it.
  #beginPings(): void {
    const { clock, keepalive } = this.#runtime;
    const idleMs = clock.monotonic() - this.#heardAt;
    if (idleMs >= keepalive.intervalMs) this.#pingNow();
    else this.#pingLater();
  }

  #pingLater(): void {
    this.#ping = this.#runtime.clock.after(
      this.#runtime.keepalive.intervalMs,
      () => {
        this.#pingNow();
      },
      true,
    );
  }

  #pingNow(): void {
    this.#ping = this.#runtime.clock.after(
      this.#runtime.keepalive.timeoutMs,
      () => {
        this.#session.destroy(unreachable(new Error("no answer to a ping")));
      },
      true,
    );
    this.#session.ping((error) => {
      this.#ping?.cancel();
      // An error ends the session as well.
      if (error !== null) return;
      this.#heard();
      if (this.#streams > 0) this.#pingLater();
    });
  }
}

function unreachable(cause: unknown): ConnectError {
  if (cause instanceof ConnectError) return cause;
  const why = cause instanceof Error ? cause.message : "the connection ended";
  return new ConnectError(
    `cannot reach ValetKey: ${why}`,
    Code.Unavailable,
    undefined,
    undefined,
    cause,
  );
}
