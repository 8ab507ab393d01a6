// What pages read. A list is walked to its end where it is short by nature;
// connections are paged.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ConnectionState } from "../gen/valetkey/v1/connection_service_pb";
import { chosenOf, connectionStates } from "../lib/words";
import type { ConnectionSearch } from "../lib/search";
import { parseLabels } from "../lib/search";
import { applicationOf } from "../lib/names";
import { walk } from "../lib/pages";
import { useSigned } from "./context";
import { problemOf } from "./errors";

const largestPage = 1000;

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

/** The whole catalog; it changes only with the server. */
export function useCatalog() {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["catalog"],
    staleTime: Infinity,
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

/** `catalog/{id}`; not asked for while the name is not known. */
export function useCatalogEntry(name: string | undefined) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["catalog-entry", name],
    enabled: name !== undefined,
    staleTime: Infinity,
    queryFn: async ({ signal }) => {
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
      const page = await clients.connections.listConnections(
        {
          parent,
          pageSize: 50,
          pageToken: search.page,
          provider:
            search.provider === ""
              ? ""
              : `${parent}/providers/${search.provider}`,
          subject: search.text,
          state:
            chosenOf(connectionStates, search.state) ??
            ConnectionState.UNSPECIFIED,
          labels: parseLabels(search.labels) ?? {},
        },
        { signal },
      );
      const { connections: found, nextPageToken } = page;
      const named = await byName(search, signal);
      const items = found.filter(({ name }) => name !== named?.name);
      return { items: named ? [named, ...items] : items, nextPageToken };
    },
  });

  /** What is looked for may be a connection's own id or name. */
  async function byName({ text, page }: ConnectionSearch, signal: AbortSignal) {
    const id = text.startsWith(`${parent}/connections/`)
      ? text.slice(parent.length + "/connections/".length)
      : text;
    if (page !== "" || !/^[a-z0-9-]{1,64}$/.test(id)) return undefined;
    try {
      const name = `${parent}/connections/${id}`;
      const answer = await clients.connections.getConnection(
        { name },
        { signal },
      );
      return answer.connection;
    } catch (error) {
      const { reason } = problemOf(error);
      if (reason === "CONNECTION_NOT_FOUND" || reason === "FIELD_INVALID") {
        return undefined;
      }
      throw error;
    }
  }
}

/** So many connections, by name, are looked at for the Overview. */
export const surveyed = 10 * largestPage;

/** The first connections of an application, all of them if they are fewer. */
export function useSurvey(parent: string) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["survey", parent],
    queryFn: ({ signal }) =>
      walk(async (pageToken) => {
        const { connections: items, nextPageToken } =
          await clients.connections.listConnections(
            { parent, pageSize: largestPage, pageToken },
            { signal },
          );
        return { items, nextPageToken };
      }, surveyed / largestPage),
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

/** The queries that an event about a connection makes old. */
export function queriesOf(connection: string): string[][] {
  const parent = applicationOf(connection);
  return [
    ["connection", connection],
    ["connections", parent],
    ["survey", parent],
  ];
}
