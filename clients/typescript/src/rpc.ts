import { setMaxListeners } from "node:events";
import * as net from "node:net";
import * as tls from "node:tls";
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CallScope } from "./call-scope.js";
import { Channel, type OpenSocket } from "./channel.js";
import type { Config } from "./config.js";
import { errorOf } from "./errors.js";
import { failureOf } from "./failure.js";
import type { CallOptions } from "./params.js";
import { withRetries } from "./retry.js";
import type { Runtime } from "./runtime.js";

/** The calls of the contract over one channel. */
export class Rpc {
  readonly runtime: Runtime;
  /** Aborted when the client is closed. */
  readonly closing: AbortSignal;
  readonly timeoutMs: number;
  readonly #channel: Channel;
  readonly #transport: Transport;
  readonly #closing = new AbortController();

  constructor(config: Config, runtime: Runtime) {
    this.runtime = runtime;
    this.closing = this.#closing.signal;
    // As many as there are calls at a time.
    setMaxListeners(0, this.closing);
    this.timeoutMs = config.timeoutMs;
    const authority = authorityOf(config);
    this.#channel = new Channel(authority, opener(config), runtime);
    this.#transport = createGrpcTransport({
      baseUrl: authority,
      sessionManager: this.#channel,
      interceptors:
        config.apiKey === undefined ? [] : [authorization(config.apiKey)],
    });
  }

  /**
   * A call with the retries of the contract.
   *
   * @throws ValetKeyError
   */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    options: CallOptions,
    repeatable: boolean,
  ): Promise<MessageShape<O>> {
    const scope = new CallScope(
      this.runtime.clock,
      options.timeoutMs ?? this.timeoutMs,
      [options.signal, this.closing],
    );
    try {
      return await withRetries(scope, this.runtime.random, repeatable, () =>
        this.attempt(method, message, scope),
      );
    } finally {
      scope.dispose();
    }
  }

  /** One try, within the scope. Throws what the transport throws. */
  async attempt<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    scope: CallScope,
  ): Promise<MessageShape<O>> {
    const response = await this.#transport.unary(
      method,
      scope.signal,
      undefined,
      timeoutHeader(scope.remainingMs),
      message,
    );
    return response.message;
  }

  /**
   * One stream, until it ends or breaks, or the scope ends, which it does when
   * the stream is read no more.
   *
   * @throws ValetKeyError
   */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    message: MessageInitShape<I>,
    scope: CallScope,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    try {
      const response = await this.#transport.stream(
        method,
        scope.signal,
        undefined,
        undefined,
        once(message),
      );
      yield* response.message;
    } catch (thrown) {
      throw errorOf(failureOf(thrown));
    } finally {
      scope.cancel();
    }
  }

  /** Keeps the process alive until the answer is called. */
  hold(): () => void {
    return this.#channel.hold();
  }

  /** Ends the calls and closes the channel. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#channel.close();
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- an iterable of one
async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}

// The scope has its own timer; the server is told by the header alone, which
// may have 8 digits.
function timeoutHeader(remainingMs: number): Record<string, string> {
  const ms = Math.max(1, Math.ceil(remainingMs));
  return ms <= 99_999_999 ? { "grpc-timeout": `${String(ms)}m` } : {};
}

function authorization(apiKey: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${apiKey}`);
    return next(request);
  };
}

function authorityOf({ address, tls: secure }: Config): string {
  if (address.kind === "unix") return "http://localhost";
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  const scheme = secure === undefined ? "http" : "https";
  return new URL(`${scheme}://${host}:${String(address.port)}`).origin;
}

function opener({ address, tls: secure }: Config): OpenSocket {
  if (address.kind === "unix") return () => net.connect(address.path);
  const { host, port } = address;
  if (secure === undefined) return () => net.connect({ host, port });
  const { context, serverName } = secure;
  return () =>
    tls.connect({
      ...context,
      host,
      port,
      ALPNProtocols: ["h2"],
      // An IP address is not sent as a name, but is checked like one.
      servername: net.isIP(serverName) === 0 ? serverName : "",
      checkServerIdentity: (_host, certificate) =>
        tls.checkServerIdentity(serverName, certificate),
    });
}
