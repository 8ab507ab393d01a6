import { setImmediate } from "node:timers/promises";
import {
  authorizedFetch,
  type CallOptions,
  Client,
  ReauthorizationRequiredError,
  type Token,
  type TokenSource,
  ValetKeyError,
  type Watch,
  type WatchEventsResponse,
} from "@valetkey/client";
import type { Reader } from "./fields.js";
import {
  DriverError,
  Ended,
  errorOut,
  messageOut,
  resultName,
  stateName,
  tokenKindName,
  tokenOut,
} from "./protocol.js";

type Result = Record<string, unknown>;
type Operation = (request: Reader, call: CallOptions) => Promise<Result>;
type Coming = Promise<IteratorResult<WatchEventsResponse, void>>;

/** A watch, and the message that somebody has stopped waiting for. */
interface Watching {
  readonly watch: Watch;
  coming: Coming | undefined;
}

/** What the suite can tell the library to do. */
export class Operations {
  readonly #clients = new Map<string, Client>();
  readonly #sources = new Map<string, TokenSource>();
  readonly #watches = new Map<string, Watching>();
  readonly #failures = new Map<unknown, unknown>();

  readonly #operations: Readonly<Record<string, Operation>> = {
    client: (request) => this.#makeClient(request),
    close_client: async (request) => {
      await this.#client(request).close();
      return {};
    },
    authorize: async (request, call) => {
      const begun = await this.#client(request).authorize(
        {
          provider: request.text("provider"),
          subject: request.optionalText("subject"),
          connection: request.optionalText("connection"),
          scopes: request.texts("scopes"),
          returnUri: request.optionalText("return_uri"),
          labels: request.map("labels"),
        },
        call,
      );
      return {
        authorization_uri: begun.authorizationUri,
        state: begun.state,
        connection: begun.connection,
      };
    },
    reauthorize: async (request, call) => {
      const failure = this.#failures.get(request.number("request"));
      if (!(failure instanceof ReauthorizationRequiredError)) {
        throw new DriverError("that request did not end so");
      }
      const begun = await this.#client(request).authorize(
        failure.authorizeParams,
        call,
      );
      return {
        authorization_uri: begun.authorizationUri,
        state: begun.state,
        connection: begun.connection,
      };
    },
    exchange: async (request, call) => {
      const done = await this.#client(request).exchange(
        {
          state: request.text("state"),
          code: request.optionalText("code"),
          error: request.optionalText("error"),
        },
        call,
      );
      return {
        connection: done.connection,
        scopes: done.scopes,
        generation: Number(done.generation),
      };
    },
    get_token: async (request, call) => {
      const token = await this.#client(request).getToken(request.text("name"), {
        ...call,
        requiredScopes: request.texts("required_scopes"),
        minLifetimeMs: request.optionalNumber("min_lifetime_ms"),
        minGeneration: request.optionalGeneration("min_generation"),
        rejectedGeneration: request.optionalGeneration("rejected_generation"),
      });
      return tokenOut(token);
    },
    refresh: async (request, call) => {
      const token = await this.#client(request).refresh(request.text("name"), {
        ...call,
        generation: request.optionalGeneration("generation"),
      });
      return tokenOut(token);
    },
    revoke: async (request, call) => {
      const client = this.#client(request);
      const revoked = await client.revoke(request.text("name"), call);
      return {
        copy_destroyed: revoked.copyDestroyed,
        tokens: revoked.tokens.map(({ kind, result }) => ({
          kind: tokenKindName(kind),
          result: resultName(result),
        })),
      };
    },
    get_connection: async (request, call) => {
      const client = this.#client(request);
      const found = await client.getConnection(request.text("name"), call);
      return {
        name: found.name,
        state: stateName(found.state),
        subject: found.subject,
        generation: Number(found.generation),
        labels: found.labels,
      };
    },
    list_connections: async (request, call) => {
      const names: string[] = [];
      const list = this.#client(request).listConnections({
        ...call,
        subject: request.optionalText("subject"),
        pageSize: request.optionalNumber("page_size"),
      });
      for await (const { name } of list) names.push(name);
      return { names };
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- throws
    source: async (request) => {
      const source = this.#client(request).tokenSource(request.text("name"), {
        requiredScopes: request.texts("required_scopes"),
      });
      this.#sources.set(request.text("source"), source);
      return {};
    },
    token: (request, call) => this.#readers(request, call),
    read: (request, call) => this.#reads(request, call),
    invalidate: (request) => {
      const generation = BigInt(request.number("generation"));
      this.#source(request).invalidate(generation);
      return Promise.resolve({});
    },
    close_source: (request) => {
      this.#source(request).close();
      return Promise.resolve({});
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- throws
    watch: async (request) => {
      const watch = this.#client(request).watch({
        connection: request.optionalText("connection"),
        cursor: request.optionalText("cursor"),
        snapshot: request.flag("snapshot", false),
      });
      const name = request.text("watch");
      this.#watches.set(name, { watch, coming: undefined });
      return {};
    },
    next: (request, call) => this.#next(request, call),
    close_watch: (request) => {
      this.#watching(request).watch.close();
      return Promise.resolve({});
    },
    request: async (request, call) => {
      const body = request.optionalText("body");
      const again = request.flag("repeatable", true);
      const signals = call.signal ? [call.signal] : [];
      if (call.timeoutMs !== undefined) {
        signals.push(AbortSignal.timeout(call.timeoutMs));
      }
      const answer = await authorizedFetch(this.#source(request))(
        request.text("url"),
        {
          method: request.optionalText("method") ?? "GET",
          ...(body !== undefined && {
            body: again ? body : new Blob([body]).stream(),
            duplex: "half",
          }),
          signal: AbortSignal.any(signals),
        },
      );
      return { status: answer.status, body: await answer.text() };
    },
  };

  /** Does one; what it fails with is kept for `reauthorize`. */
  async run(
    id: unknown,
    op: string,
    request: Reader,
    signal: AbortSignal,
  ): Promise<Result> {
    const operation = this.#operations[op];
    if (operation === undefined) throw new DriverError(`no such op: ${op}`);
    const timeoutMs = request.optionalNumber("timeout_ms");
    try {
      return await operation(request, { timeoutMs, signal });
    } catch (thrown) {
      const error = endOf(thrown, signal);
      this.#failures.set(id, error);
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#clients.values()].map((client) => client.close()),
    );
  }

  async #makeClient(request: Reader): Promise<Result> {
    const options = request.reader("options");
    const client = new Client({
      address: options.optionalText("address"),
      apiKey: options.optionalText("api_key"),
      application: options.optionalText("application"),
      tlsCa: options.optionalText("tls_ca"),
      tlsCert: options.optionalText("tls_cert"),
      tlsKey: options.optionalText("tls_key"),
      serverName: options.optionalText("server_name"),
      insecurePlaintext: options.flag("insecure_plaintext", false),
      timeoutMs: options.optionalNumber("timeout_ms"),
    });
    const name = request.text("client");
    await this.#clients.get(name)?.close();
    this.#clients.set(name, client);
    return {};
  }

  async #readers(request: Reader, call: CallOptions): Promise<Result> {
    const source = this.#source(request);
    const count = request.optionalNumber("count") ?? 1;
    const outcomes = await Promise.allSettled(
      Array.from({ length: count }, () => source.token(call)),
    );
    call.signal?.throwIfAborted();
    const tokens: Token[] = [];
    const errors = new Map<unknown, object>();
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") {
        tokens.push(outcome.value);
      } else {
        const error = errorOut(outcome.reason);
        errors.set(error["kind"], error);
      }
    }
    const [token] = tokens;
    return {
      served: tokens.length,
      failed: count - tokens.length,
      distinct: new Set(tokens.map(({ accessToken }) => accessToken)).size,
      token: token ? tokenOut(token) : null,
      errors: [...errors.values()],
    };
  }

  async #reads(request: Reader, call: CallOptions): Promise<Result> {
    const source = this.#source(request);
    const count = request.optionalNumber("count") ?? 1;
    let failed = 0;
    let wentBack = false;
    let first: bigint | undefined;
    let last: bigint | undefined;
    const began = process.hrtime.bigint();
    for (let read = 0; read < count; ++read) {
      // Reads are of memory, and would let nothing else happen.
      if (read % 1000 === 999) await setImmediate();
      try {
        const { generation } = await source.token(call);
        first ??= generation;
        wentBack ||= last !== undefined && generation < last;
        last = generation;
      } catch {
        failed += 1;
      }
    }
    return {
      failed,
      went_back: wentBack,
      first: first === undefined ? null : Number(first),
      last: last === undefined ? null : Number(last),
      elapsed_ns: Number(process.hrtime.bigint() - began),
    };
  }

  async #next(request: Reader, call: CallOptions): Promise<Result> {
    const watching = this.#watching(request);
    const ended = whenEnded(call);
    try {
      for (;;) {
        watching.coming ??= watching.watch.next();
        const result = await Promise.race([watching.coming, ended.promise]);
        watching.coming = undefined;
        if (result.done) throw new Ended("CANCELLED");
        const { message } = result.value;
        const passed =
          message.case === "checkpoint" && !request.flag("checkpoints", true);
        if (!passed) return messageOut(result.value);
      }
    } catch (error) {
      if (!(error instanceof Ended)) watching.coming = undefined;
      throw error;
    } finally {
      ended.dispose();
    }
  }

  #client(request: Reader): Client {
    return named(this.#clients, request.text("client"));
  }

  #source(request: Reader): TokenSource {
    return named(this.#sources, request.text("source"));
  }

  #watching(request: Reader): Watching {
    return named(this.#watches, request.text("watch"));
  }
}

function named<T>(all: ReadonlyMap<string, T>, name: string): T {
  const found = all.get(name);
  if (found === undefined) throw new DriverError(`nothing is named ${name}`);
  return found;
}

/** Rejects when the caller cancels or its time is over. */
function whenEnded({ timeoutMs, signal }: CallOptions) {
  let dispose = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    const cancel = (): void => {
      reject(new Ended("CANCELLED"));
    };
    signal?.addEventListener("abort", cancel);
    const timer = setTimeout(() => {
      reject(new Ended("DEADLINE_EXCEEDED"));
    }, timeoutMs ?? 30_000);
    dispose = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    };
  });
  return { promise, dispose };
}

function endOf(thrown: unknown, signal: AbortSignal): unknown {
  if (thrown instanceof ValetKeyError) return thrown;
  if (signal.aborted) return new Ended("CANCELLED");
  return thrown instanceof Error && thrown.name === "TimeoutError"
    ? new Ended("DEADLINE_EXCEEDED")
    : thrown;
}
