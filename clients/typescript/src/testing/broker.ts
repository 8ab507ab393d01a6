import { create } from "@bufbuild/protobuf";
import { durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Connection,
  ConnectionSchema,
  ConnectionState,
} from "../gen/valetkey/v1/connection_service_pb.js";
import { EventType } from "../gen/valetkey/v1/event_service_pb.js";
import type {
  AuthorizeRequest,
  ExchangeRequest,
  GetTokenRequest,
  RefreshRequest,
} from "../gen/valetkey/v1/token_service_pb.js";
import { Token } from "../token.js";
import { EventLog } from "./event-log.js";
import { failureWith } from "./failures.js";

/** What a test says of a token. */
export interface TokenInit {
  /** In milliseconds. Default: never. */
  expiresInMs?: number | undefined;
  /** When ValetKey means to renew it, in milliseconds. Default: unsaid. */
  refreshesInMs?: number | undefined;
  scopes?: readonly string[] | undefined;
  /** Default: "bearer". */
  tokenType?: string | undefined;
}

/** One connection and its token. */
interface Grant {
  readonly connection: Connection;
  accessToken: string;
  init: TokenInit;
  expiresAt: number | undefined;
  refreshesAt: number | undefined;
}

/** What the fake knows. */
export class Broker {
  readonly events: EventLog;
  readonly #now: () => number;
  readonly #grants = new Map<string, Grant>();
  readonly #begun = new Map<string, Connection>();
  readonly #exchanged = new Map<string, Connection>();

  constructor(now: () => number) {
    this.#now = now;
    this.events = new EventLog(now);
  }

  /** In the order of their names. */
  get connections(): Connection[] {
    return [...this.#grants.values()]
      .map((grant) => grant.connection)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  connection(name: string): Connection {
    return this.#grant(name).connection;
  }

  setToken(name: string, accessToken: string, init: TokenInit): Token {
    const grant = this.#grants.get(name);
    if (grant !== undefined) {
      return this.#renew(grant, accessToken, init, EventType.REFRESHED);
    }
    const application = name.split("/").slice(0, 2).join("/");
    const connection = create(ConnectionSchema, {
      name,
      provider: `${application}/providers/fake`,
      subject: "fake",
    });
    return this.#make(connection, accessToken, init);
  }

  revoke(name: string): void {
    const { connection } = this.#grant(name);
    if (connection.state === ConnectionState.REVOKED) return;
    connection.state = ConnectionState.REVOKED;
    this.tell(connection, EventType.REVOKED);
  }

  requireReauthorization(name: string): void {
    const { connection } = this.#grant(name);
    connection.state = ConnectionState.REAUTHORIZATION_REQUIRED;
    this.tell(connection, EventType.REAUTHORIZATION_REQUIRED);
  }

  delete(name: string): void {
    const { connection } = this.#grant(name);
    this.#grants.delete(name);
    this.tell(connection, EventType.DELETED);
  }

  tell(connection: Connection, type: EventType): void {
    connection.updateTime = timestampFromMs(this.#now());
    connection.etag = `e${this.events.cursor}`;
    const { name, provider, subject, labels, generation, state } = connection;
    const event = { provider, subject, labels, generation, state };
    this.events.append({ type, connection: name, ...event });
  }

  getToken(request: GetTokenRequest): Token {
    const grant = this.#grant(request.name);
    const { connection } = grant;
    if (connection.state === ConnectionState.REVOKED) {
      throw failureWith("CONNECTION_REVOKED", { connection: request.name });
    }
    if (request.token !== "") {
      const metadata = { token: request.token, tokens: "default" };
      throw failureWith("TOKEN_NOT_FOUND", metadata);
    }
    const missing = request.requiredScopes.filter(
      (scope) => !connection.scopes.includes(scope),
    );
    if (missing.length > 0) {
      const metadata = { missing_scopes: missing.join(" ") };
      throw failureWith("SCOPE_NOT_GRANTED", metadata);
    }
    for (const [field, generation] of [
      ["min_generation", request.minGeneration],
      ["rejected_generation", request.rejectedGeneration],
    ] as const) {
      if (generation <= connection.generation) continue;
      throw failureWith("FIELD_INVALID", { field });
    }
    const lifetimeMs = request.minLifetime
      ? durationMs(request.minLifetime)
      : 0;
    const fits =
      request.rejectedGeneration !== connection.generation &&
      (grant.expiresAt ?? Infinity) > this.#now() + lifetimeMs;
    return fits ? tokenOf(grant) : this.#refresh(grant);
  }

  refresh(request: RefreshRequest): Token {
    const grant = this.#grant(request.name);
    const { generation, state } = grant.connection;
    if (state === ConnectionState.REVOKED) {
      throw failureWith("CONNECTION_REVOKED", { connection: request.name });
    }
    return request.generation !== 0n && request.generation < generation
      ? tokenOf(grant)
      : this.#refresh(grant);
  }

  /** Begins a grant; the state that finishes it. */
  authorize(request: AuthorizeRequest): { state: string; connection: string } {
    const state = `state-${String(this.#begun.size + 1)}`;
    const known = request.connection
      ? this.connection(request.connection)
      : undefined;
    const application = request.provider.split("/").slice(0, 2).join("/");
    const number = this.#grants.size + this.#begun.size + 1;
    const connection =
      known ??
      create(ConnectionSchema, {
        name: `${application}/connections/c-${String(number)}`,
        provider: request.provider,
        subject: request.subject,
        labels: request.labels,
        scopes: request.scopes,
      });
    this.#begun.set(state, connection);
    return { state, connection: connection.name };
  }

  /** Finishes it, whatever the code is. */
  exchange(request: ExchangeRequest): Connection {
    const { state, code, error } = request;
    const done = this.#exchanged.get(`${state} ${code}`);
    if (done !== undefined) return done;
    const connection = this.#begun.get(state);
    if (connection === undefined) {
      throw failureWith("AUTHORIZATION_STATE_INVALID");
    }
    this.#begun.delete(state);
    if (error !== "") {
      throw failureWith("CONSENT_DENIED", { provider_error: error });
    }
    this.#exchanged.set(`${state} ${code}`, connection);
    const init = { expiresInMs: 3_600_000, scopes: connection.scopes };
    const accessToken = `fake-token-of-${code}`;
    const grant = this.#grants.get(connection.name);
    if (grant === undefined) this.#make(connection, accessToken, init);
    else this.#renew(grant, accessToken, init, EventType.REAUTHORIZED);
    return connection;
  }

  #grant(name: string): Grant {
    const grant = this.#grants.get(name);
    if (grant !== undefined) return grant;
    throw failureWith("CONNECTION_NOT_FOUND", { connection: name });
  }

  #make(connection: Connection, accessToken: string, init: TokenInit): Token {
    connection.createTime = timestampFromMs(this.#now());
    const grant: Grant = {
      connection,
      accessToken,
      init,
      expiresAt: undefined,
      refreshesAt: undefined,
    };
    this.#grants.set(connection.name, grant);
    return this.#renew(grant, accessToken, init, EventType.CONNECTED);
  }

  #renew(
    grant: Grant,
    accessToken: string,
    init: TokenInit,
    type: EventType,
  ): Token {
    const { connection } = grant;
    const now = this.#now();
    const at = (ms: number | undefined): number | undefined =>
      ms === undefined ? undefined : now + ms;
    grant.accessToken = accessToken;
    grant.init = init;
    grant.expiresAt = at(init.expiresInMs);
    grant.refreshesAt = at(init.refreshesInMs);
    connection.generation += 1n;
    connection.state = ConnectionState.ACTIVE;
    connection.scopes = [...(init.scopes ?? [])];
    if (grant.expiresAt !== undefined) {
      connection.expireTime = timestampFromMs(grant.expiresAt);
    }
    this.tell(connection, type);
    return tokenOf(grant);
  }

  // As if the provider had been asked: the next token of the same kind.
  #refresh(grant: Grant): Token {
    const { name, provider, subject, state, generation } = grant.connection;
    if (state === ConnectionState.REAUTHORIZATION_REQUIRED) {
      const metadata = { connection: name, provider, subject };
      throw failureWith("REAUTHORIZATION_REQUIRED", metadata);
    }
    const accessToken = `fake-token-${String(generation + 1n)}`;
    return this.#renew(grant, accessToken, grant.init, EventType.REFRESHED);
  }
}

function tokenOf(grant: Grant): Token {
  const date = (ms: number | undefined): Date | undefined =>
    ms === undefined ? undefined : new Date(ms);
  return new Token({
    accessToken: grant.accessToken,
    tokenType: grant.init.tokenType,
    expiresAt: date(grant.expiresAt),
    scopes: grant.connection.scopes,
    generation: grant.connection.generation,
    refreshesAt: date(grant.refreshesAt),
  });
}
