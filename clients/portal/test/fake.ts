// A server in memory, with as much of the contract as pages of the portal need,
// and a record of what it was asked.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import type { Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb";
import { ProviderDefinitionSchema } from "../src/gen/valetkey/catalog/v1/definition_pb";
import { ApplicationService } from "../src/gen/valetkey/v1/application_service_pb";
import type {
  Connection,
  ListConnectionsRequest,
} from "../src/gen/valetkey/v1/connection_service_pb";
import {
  ConnectionSchema,
  ConnectionService,
  ConnectionState,
} from "../src/gen/valetkey/v1/connection_service_pb";
import type {
  Event,
  ListEventsRequest,
} from "../src/gen/valetkey/v1/event_service_pb";
import {
  EventSchema,
  EventService,
  EventType,
} from "../src/gen/valetkey/v1/event_service_pb";
import type { CatalogEntry } from "../src/gen/valetkey/v1/provider_service_pb";
import {
  CatalogEntrySchema,
  CatalogSource,
  ProviderSchema,
  ProviderService,
  ProviderState,
} from "../src/gen/valetkey/v1/provider_service_pb";
import { TokenService } from "../src/gen/valetkey/v1/token_service_pb";

export const application = "applications/shop";
export const provider = `${application}/providers/pinterest`;

/** A refusal as the server makes one. */
export function refusal(
  code: Code,
  reason: string,
  metadata: Record<string, string> = {},
): ConnectError {
  const info = { reason, domain: "valetkey", metadata };
  return new ConnectError("refused", code, undefined, [
    { desc: ErrorInfoSchema, value: info },
  ]);
}

const minute = 60_000;
const idOf = (text: string) => /^id: *"([^"]*)"/m.exec(text)?.[1] ?? "";

export class FakeServer {
  readonly asked: string[] = [];
  /** So many connections there are, `c-0` and on. */
  connections = 3;
  /** How every n-th of them is out of order; the others are well. */
  ailing = { every: 1000, state: ConnectionState.REAUTHORIZATION_REQUIRED };
  /** Past events, the newest first. */
  past: Event[] = [];
  provider = create(ProviderSchema, {
    name: provider,
    catalogEntry: "catalog/pinterest",
    displayName: "Pinterest",
    clientId: "1",
    clientSecretSet: true,
    state: ProviderState.ACTIVE,
    etag: "1",
  });
  secrets: Record<string, string> = { first: "old", second: "" };
  readonly entries = new Map<string, CatalogEntry>();
  /** Whether past events cannot be read. */
  isForgetful = false;
  private wake: () => void = () => undefined;
  private readonly live: Event[] = [];

  constructor() {
    this.addEntry("pinterest", CatalogSource.BUILT_IN, "");
  }

  addEntry(id: string, source: CatalogSource, text: string): CatalogEntry {
    const entry = create(CatalogEntrySchema, {
      name: `catalog/${id}`,
      definition: create(ProviderDefinitionSchema, { id, displayName: id }),
      redirectUri: "https://vk.example/oauth/callback",
      source,
      text,
      etag: source === CatalogSource.ADDED ? "1" : "",
    });
    this.entries.set(entry.name, entry);
    return entry;
  }

  connection(index: number): Connection {
    const ails = index % this.ailing.every === this.ailing.every - 1;
    return create(ConnectionSchema, {
      name: `${application}/connections/c-${String(index)}`,
      provider,
      subject: `user ${String(index)}`,
      state: ails ? this.ailing.state : ConnectionState.ACTIVE,
      etag: "1",
    });
  }

  /** An event so many minutes ago. */
  event(
    sequence: number,
    minutes: number,
    type = EventType.REFRESHED,
    fields: MessageInitShape<typeof EventSchema> = {},
  ): Event {
    return create(EventSchema, {
      sequence: BigInt(sequence),
      time: timestampFromMs(Date.now() - minutes * minute),
      type,
      connection: `${application}/connections/c-0`,
      provider,
      subject: "user 0",
      generation: BigInt(sequence),
      ...fields,
    });
  }

  /** Makes an event happen now. */
  happen(event: Event): void {
    this.past.unshift(event);
    this.live.push(event);
    this.wake();
  }

  transport(): Transport {
    return createRouterTransport(({ service }) => {
      service(ApplicationService, {
        listApplications: () => ({ applications: [{ name: application }] }),
        getApplication: () => ({ application: { name: application } }),
      });
      service(ConnectionService, {
        countConnections: () => this.count(),
        listConnections: (request) => this.list(request),
        getConnection: ({ name }) => ({
          connection: this.connection(Number(/\d+$/.exec(name)?.[0])),
        }),
      });
      service(EventService, {
        listEvents: (request) => this.listEvents(request),
        watchEvents: (_, { signal }) => this.watch(signal),
      });
      service(ProviderService, {
        listProviders: () => ({ providers: [this.provider] }),
        getProvider: () => ({ provider: this.provider }),
        updateProvider: ({ provider: changed, updateMask }) => {
          this.asked.push(`update ${updateMask?.paths.join(" ") ?? ""}`);
          for (const path of updateMask?.paths ?? []) {
            if (path === "client_secret")
              this.secrets.first = changed?.clientSecret ?? "";
            if (path === "second_client_secret")
              this.secrets.second = changed?.secondClientSecret ?? "";
          }
          this.provider = create(ProviderSchema, {
            ...this.provider,
            secondClientSecretSet: this.secrets.second !== "",
            etag: `${this.provider.etag}+`,
          });
          return { provider: this.provider };
        },
        listCatalogEntries: () => ({ entries: [...this.entries.values()] }),
        getCatalogEntry: ({ name }) => ({ entry: this.entryOf(name) }),
        checkDefinition: ({ text, inputs }) => this.check(text, inputs),
        createCatalogEntry: ({ text }) => {
          const id = idOf(text);
          if (this.entries.has(`catalog/${id}`))
            throw refusal(Code.AlreadyExists, "RESOURCE_EXISTS");
          return { entry: this.addEntry(id, CatalogSource.ADDED, text) };
        },
        updateCatalogEntry: ({ name, text, etag }) => {
          if (this.entryOf(name).etag !== etag)
            throw refusal(Code.Aborted, "ETAG_MISMATCH");
          return {
            entry: this.addEntry(idOf(text), CatalogSource.ADDED, text),
          };
        },
        deleteCatalogEntry: ({ name, etag }) => {
          this.asked.push(`delete ${name} ${etag}`);
          this.entries.delete(name);
          return {};
        },
      });
      service(TokenService, {
        authorize: ({ inputs }) => {
          this.asked.push(`authorize ${JSON.stringify(inputs)}`);
          return {
            authorizationUri: "https://provider.example/consent",
            connectUri: "https://vk.example/connect/s",
            state: "s",
            connection: this.connection(0).name,
          };
        },
      });
    });
  }

  private entryOf(name: string): CatalogEntry {
    const entry = this.entries.get(name);
    if (entry === undefined)
      throw refusal(Code.NotFound, "CATALOG_ENTRY_NOT_FOUND");
    return entry;
  }

  private count() {
    this.asked.push("count");
    const ails = Math.floor(this.connections / this.ailing.every);
    return {
      counts: [
        {
          provider,
          state: ConnectionState.ACTIVE,
          count: BigInt(this.connections - ails),
        },
        {
          provider,
          state: this.ailing.state,
          needsAttention: true,
          count: BigInt(ails),
        },
      ].filter(({ count }) => count > 0n),
    };
  }

  private list(request: ListConnectionsRequest) {
    const { needsAttention, pageSize, pageToken, query, state } = request;
    this.asked.push(
      `list ${JSON.stringify({ needsAttention, pageSize, pageToken, query, state })}`,
    );
    const found: Connection[] = [];
    let index = Number(pageToken);
    for (; index < this.connections && found.length < pageSize; index += 1) {
      const connection = this.connection(index);
      const ails = index % this.ailing.every === this.ailing.every - 1;
      if (needsAttention && !ails) continue;
      if (state !== ConnectionState.UNSPECIFIED && connection.state !== state)
        continue;
      if (!`${connection.name} ${connection.subject}`.includes(query)) continue;
      found.push(connection);
    }
    const nextPageToken = index < this.connections ? String(index) : "";
    return { connections: found, nextPageToken };
  }

  private listEvents(request: ListEventsRequest) {
    const { connection, pageSize, pageToken, provider: of, types } = request;
    if (this.isForgetful) throw refusal(Code.Unavailable, "STORE_UNAVAILABLE");
    this.asked.push(`events ${String(pageSize)} ${pageToken}`);
    const matching = this.past.filter(
      (event) =>
        (pageToken === "" || event.sequence < BigInt(pageToken)) &&
        (connection === "" || event.connection === connection) &&
        (of === "" || event.provider === of) &&
        (types.length === 0 || types.includes(event.type)),
    );
    const events = matching.slice(0, pageSize);
    const more = matching.length > pageSize;
    const last = events.at(-1)?.sequence;
    return { events, nextPageToken: more ? String(last) : "" };
  }

  private async *watch(signal: AbortSignal) {
    yield {
      message: { case: "checkpoint" as const, value: {} },
      cursor: "0",
    };
    while (!signal.aborted) {
      const event = this.live.shift();
      if (event === undefined) {
        await new Promise<void>((wake) => {
          this.wake = wake;
          signal.addEventListener("abort", () => {
            wake();
          });
        });
        continue;
      }
      yield {
        message: { case: "event" as const, value: event },
        cursor: String(event.sequence),
      };
    }
  }

  private check(text: string, inputs: Record<string, string>) {
    this.asked.push(`check ${JSON.stringify(inputs)}`);
    const line = text.split("\n").findIndex((each) => each.includes("wrong"));
    if (line >= 0) {
      const fault = { line: line + 1, field: "token.url", message: "is wrong" };
      return { faults: [fault] };
    }
    return {
      definition: { id: idOf(text), displayName: "Acme" },
      warnings: [{ line: 0, field: "", message: "has no setup steps" }],
      dryRun: `authorize\n  GET https://acme.example/${inputs.tenant ?? ""}`,
    };
  }
}
