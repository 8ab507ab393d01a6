// What pages read. A list is walked to its end where it is short by nature;
// connections are paged.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { ProviderDefinition } from "../gen/valetkey/catalog/v1/definition_pb";
import type { CatalogSource } from "../gen/valetkey/v1/provider_service_pb";
import { ConnectionState } from "../gen/valetkey/v1/connection_service_pb";
import { chosenOf, connectionStates } from "../lib/words";
import type { ConnectionSearch } from "../lib/search";
import { parseLabels } from "../lib/search";
import { applicationOf } from "../lib/names";
import { walk } from "../lib/pages";
import { useSigned } from "./context";

const largestPage = 1000;
const catalogStaleTime = 60_000;

export function useApplications() {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["applications"],
    queryFn: ({ signal }) =>
      walk(async (pageToken) => {
        const { applications: items, nextPageToken } =
          await clients.applications.listApplications(
            { pageSize: largestPage, pageToken },
            { signal },
          );
        return { items, nextPageToken };
      }),
  });
}

export function useApplication(name: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["application", name],
    queryFn: async ({ signal }) => {
      const { application } = await clients.applications.getApplication(
        { name },
        { signal },
      );
      return present(application);
    },
  });
}

export function useKeys(parent: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["keys", parent],
    queryFn: ({ signal }) =>
      walk(async (pageToken) => {
        const { keys: items, nextPageToken } =
          await clients.applications.listKeys(
            { parent, pageSize: largestPage, pageToken },
            { signal },
          );
        return { items, nextPageToken };
      }),
  });
}

export function useProviders(parent: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["providers", parent],
    queryFn: ({ signal }) =>
      walk(async (pageToken) => {
        const { providers: items, nextPageToken } =
          await clients.providers.listProviders(
            { parent, pageSize: largestPage, pageToken },
            { signal },
          );
        return { items, nextPageToken };
      }),
  });
}

export function useProvider(name: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["provider", name],
    queryFn: async ({ signal }) => {
      const { provider } = await clients.providers.getProvider(
        { name },
        { signal },
      );
      return present(provider);
    },
  });
}

/** The whole catalog; it changes with the server, and seldom in between. */
export function useCatalog() {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["catalog"],
    staleTime: catalogStaleTime,
    queryFn: ({ signal }) =>
      walk(async (pageToken) => {
        const { entries: items, nextPageToken } =
          await clients.providers.listCatalogEntries(
            { pageSize: largestPage, pageToken },
            { signal },
          );
        return { items, nextPageToken };
      }),
  });
}

/** An entry of the catalog with all its parts. */
export interface Entry {
  readonly name: string;
  readonly definition: ProviderDefinition;
  readonly redirectUri: string;
  readonly source: CatalogSource;
  /** As it was added, with its comments. */
  readonly text: string;
  readonly etag: string;
}

/** `catalog/{id}`; not asked for while the name is not known. */
export function useCatalogEntry(name: string | undefined) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["catalog-entry", name],
    enabled: name !== undefined,
    staleTime: catalogStaleTime,
    queryFn: async ({ signal }): Promise<Entry> => {
      const { entry } = await clients.providers.getCatalogEntry(
        { name: name ?? "" },
        { signal },
      );
      if (entry?.definition === undefined)
        throw new Error("the answer is empty");
      return {
        name: entry.name,
        definition: entry.definition,
        redirectUri: entry.redirectUri,
        source: entry.source,
        text: entry.text,
        etag: entry.etag,
      };
    },
  });
}

export function useConnection(name: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["connection", name],
    queryFn: async ({ signal }) => {
      const { connection } = await clients.connections.getConnection(
        { name },
        { signal },
      );
      return present(connection);
    },
  });
}

/** A page of the connections that a search finds. */
export function useConnections(parent: string, search: ConnectionSearch) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["connections", parent, search],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const { connections: items, nextPageToken } =
        await clients.connections.listConnections(
          {
            parent,
            pageSize: 50,
            pageToken: search.page,
            provider: providerIn(parent, search) ?? "",
            query: search.text,
            state: stateIn(search) ?? ConnectionState.UNSPECIFIED,
            labels: parseLabels(search.labels) ?? {},
            needsAttention: search.attention,
          },
          { signal },
        );
      return { items, nextPageToken };
    },
  });
}

/** `applications/{a}/providers/{p}` that a search is for. */
export function providerIn(
  parent: string,
  { provider }: ConnectionSearch,
): string | undefined {
  return provider === "" ? undefined : `${parent}/providers/${provider}`;
}

/** The state that a search is for. */
export function stateIn({
  state,
}: ConnectionSearch): ConnectionState | undefined {
  return chosenOf(connectionStates, state);
}

/** How many connections there are of each kind. */
export function useCounts(parent: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["counts", parent],
    queryFn: async ({ signal }) => {
      const { counts } = await clients.connections.countConnections(
        { parent },
        { signal },
      );
      return counts;
    },
  });
}

/** The states in which a connection can need care. */
const ailingStates = [
  ConnectionState.ACTIVE,
  ConnectionState.REAUTHORIZATION_REQUIRED,
  ConnectionState.REVOKING,
];

/** Of those that need care, so many of each state are looked at. */
export const lookedAt = 200;

/**
 * Connections that need care. The server lists them by name: so that the most
 * urgent can be told, some of each state are asked for.
 */
export function useAttention(parent: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["attention", parent],
    queryFn: async ({ signal }) => {
      const pages = await Promise.all(
        ailingStates.map((state) =>
          clients.connections.listConnections(
            { parent, state, needsAttention: true, pageSize: lookedAt },
            { signal },
          ),
        ),
      );
      return {
        items: pages.flatMap(({ connections }) => connections),
        complete: pages.every(({ nextPageToken }) => nextPageToken === ""),
      };
    },
  });
}

/** How the servers are; only operators of the system may ask. */
export function useStatus() {
  const { clients, session } = useSigned();
  return useQuery({
    queryKey: ["status"],
    enabled: session.system,
    refetchInterval: 10_000,
    queryFn: ({ signal }) => clients.status.getStatus({}, { signal }),
  });
}

/** A message that a good answer always has. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the answer is empty");
  return value;
}

/** The queries of an application's lists and counts of connections. */
export function listQueries(parent: string): string[][] {
  return [
    ["connections", parent],
    ["counts", parent],
    ["attention", parent],
  ];
}

/** The queries that an event about a connection makes old. */
export function queriesOf(connection: string): string[][] {
  return [
    ["connection", connection],
    ...listQueries(applicationOf(connection)),
  ];
}
