import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Admin } from "./admin.js";
import { type ClientOptions, resolveConfig } from "./config.js";
import { cancelled, required } from "./errors.js";
import {
  type Connection,
  ConnectionService,
  type ConnectionState,
  type ListConnectionsResponse,
} from "./gen/valetkey/v1/connection_service_pb.js";
import {
  type AuthorizeResponse,
  type ExchangeResponse,
  type RevokeResponse,
  TokenService,
} from "./gen/valetkey/v1/token_service_pb.js";
import { applicationOf, type Names } from "./names.js";
import { Pager } from "./pager.js";
import type {
  AuthorizeParams,
  CallOptions,
  EtagOptions,
  ExchangeParams,
  GetTokenOptions,
  ListOptions,
  RefreshOptions,
} from "./params.js";
import { present } from "./present.js";
import { Rpc } from "./rpc.js";
import { type Runtime, systemRuntime } from "./runtime.js";
import { EventHub } from "./source/event-hub.js";
import { TokenSource, type TokenSourceOptions } from "./source/token-source.js";
import { type Token, tokenOf } from "./token.js";
import { Watch, type WatchOptions } from "./watch.js";

/** Which connections to list. The filters are joined by "and". */
export interface ListConnectionsOptions extends ListOptions {
  /** Default: the client's application. */
  application?: string | undefined;
  provider?: string | undefined;
  subject?: string | undefined;
  state?: ConnectionState | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
}

/**
 * The calls of ValetKey over one connection, which is opened when it is first
 * needed. Make one and keep it; close it at the end.
 *
 * Names may be short: `c-7` for `applications/{application}/connections/c-7`,
 * and `shop/c-7` whatever the client's application. All calls fail with a
 * ValetKeyError, or with a ConfigError for a name that cannot be completed.
 */
export class Client {
  /** The calls of operators. */
  readonly admin: Admin;
  readonly #rpc: Rpc;
  readonly #names: Names;
  readonly #hubs = new Map<string, EventHub>();
  readonly #sources = new Set<TokenSource>();
  #closed: Promise<void> | undefined;

  /**
   * Opens nothing yet.
   *
   * @throws ConfigError for options that cannot be used.
   */
  constructor(options?: ClientOptions);
  /** @internal */
  constructor(options: ClientOptions | undefined, runtime: Runtime);
  constructor(options: ClientOptions = {}, runtime: Runtime = systemRuntime) {
    const config = resolveConfig(options, runtime.env);
    this.#rpc = new Rpc(config, runtime);
    this.#names = config.names;
    this.admin = new Admin(this.#rpc, this.#names);
  }

  /** Begins consent: where to send the person. */
  async authorize(
    params: AuthorizeParams,
    options: CallOptions = {},
  ): Promise<AuthorizeResponse> {
    const { provider, connection, scopes, ...rest } = params;
    return this.#rpc.call(
      TokenService.method.authorize,
      {
        ...present(rest),
        provider: this.#names.provider(provider),
        connection: connection ? this.#names.connection(connection) : "",
        scopes: [...(scopes ?? [])],
      },
      options,
      true,
    );
  }

  /** Finishes consent; the same state and code may be sent again. */
  async exchange(
    params: ExchangeParams,
    options: CallOptions = {},
  ): Promise<ExchangeResponse> {
    return this.#rpc.call(
      TokenService.method.exchange,
      present(params),
      options,
      true,
    );
  }

  /** A valid token of a connection; for many reads see `tokenSource`. */
  async getToken(name: string, options: GetTokenOptions = {}): Promise<Token> {
    const answer = await this.#rpc.call(
      TokenService.method.getToken,
      {
        name: this.#names.connection(name),
        requiredScopes: [...(options.requiredScopes ?? [])],
        minGeneration: options.minGeneration ?? 0n,
        rejectedGeneration: options.rejectedGeneration ?? 0n,
        token: options.token ?? "",
        ...(options.minLifetimeMs !== undefined && {
          minLifetime: durationFromMs(options.minLifetimeMs),
        }),
      },
      options,
      true,
    );
    return tokenOf(answer.token);
  }

  /** A new token from the provider now, once for all who ask. */
  async refresh(name: string, options: RefreshOptions = {}): Promise<Token> {
    const generation = options.generation ?? 0n;
    const answer = await this.#rpc.call(
      TokenService.method.refresh,
      {
        name: this.#names.connection(name),
        generation,
        token: options.token ?? "",
      },
      options,
      generation !== 0n,
    );
    return tokenOf(answer.token);
  }

  /** Ends a grant; tells what became of each token. */
  async revoke(
    name: string,
    options: CallOptions = {},
  ): Promise<RevokeResponse> {
    return this.#rpc.call(
      TokenService.method.revoke,
      { name: this.#names.connection(name) },
      options,
      true,
    );
  }

  /** A connection and its health. */
  async getConnection(
    name: string,
    options: CallOptions = {},
  ): Promise<Connection> {
    const answer = await this.#rpc.call(
      ConnectionService.method.getConnection,
      { name: this.#names.connection(name) },
      options,
      true,
    );
    return required(answer.connection);
  }

  /**
   * The connections in the order of their names. To watch from the list on,
   * take the `cursor` of the first of its `pages()`.
   */
  listConnections(
    options: ListConnectionsOptions = {},
  ): Pager<ListConnectionsResponse, Connection> {
    const { provider, subject, state, labels, pageSize } = options;
    const filters = {
      parent: this.#names.application(options.application),
      provider: provider ? this.#names.provider(provider) : "",
      pageSize: pageSize ?? 0,
      ...present({ subject, state, labels }),
    };
    return new Pager(
      (pageToken) =>
        this.#rpc.call(
          ConnectionService.method.listConnections,
          { ...filters, pageToken },
          options,
          true,
        ),
      (page) => page.connections,
    );
  }

  /** Replaces a connection's labels. Not repeated when unavailable. */
  async updateLabels(
    name: string,
    labels: Readonly<Record<string, string>>,
    options: EtagOptions = {},
  ): Promise<Connection> {
    const answer = await this.#rpc.call(
      ConnectionService.method.updateConnection,
      {
        connection: {
          name: this.#names.connection(name),
          labels: { ...labels },
          etag: options.etag ?? "",
        },
        updateMask: { paths: ["labels"] },
      },
      options,
      false,
    );
    return required(answer.connection);
  }

  /**
   * Destroys ValetKey's record of a connection; the provider is not told. Not
   * repeated when unavailable.
   */
  async deleteConnection(
    name: string,
    options: EtagOptions = {},
  ): Promise<void> {
    await this.#rpc.call(
      ConnectionService.method.deleteConnection,
      { name: this.#names.connection(name), etag: options.etag ?? "" },
      options,
      false,
    );
  }

  /**
   * A token of a connection that is always there. Opens nothing and waits for
   * nothing. Make one for each connection in use, and close it.
   */
  tokenSource(name: string, options: TokenSourceOptions = {}): TokenSource {
    const connection = this.#names.connection(name);
    const application = applicationOf(connection);
    let hub = this.#hubs.get(application);
    if (hub === undefined) {
      hub = new EventHub(this.#rpc, application);
      this.#hubs.set(application, hub);
    }
    const source = new TokenSource(
      this.#rpc,
      hub,
      connection,
      options,
      (closed) => {
        this.#sources.delete(closed);
      },
    );
    this.#sources.add(source);
    if (this.#closed !== undefined) source.close();
    return source;
  }

  /** The events of an application, resumed by itself. No deadline. */
  watch(options: WatchOptions = {}): Watch {
    if (this.#closed !== undefined) throw cancelled("the client is closed");
    const { connection, provider, types, signal, application, ...rest } =
      options;
    return new Watch(
      this.#rpc,
      {
        parent: this.#names.application(application),
        connection: connection ? this.#names.connection(connection) : "",
        provider: provider ? this.#names.provider(provider) : "",
        types: [...(types ?? [])],
        ...present(rest),
      },
      signal,
    );
  }

  /**
   * Ends all calls, sources and watches; resolves when no connection and no
   * timer is left. May be called twice.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const sources = [...this.#sources];
    for (const source of sources) source.close();
    await Promise.all([
      ...sources.map((source) => source.finished()),
      ...[...this.#hubs.values()].map((hub) => hub.ended()),
      this.#rpc.close(),
    ]);
  }
}
