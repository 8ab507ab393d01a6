// Past events: what happened before the page was opened.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEventLog, useFeed } from "../app/feed";
import type { Event, EventType } from "../gen/valetkey/v1/event_service_pb";
import { keptEvents } from "../lib/event-log";
import { joinEvents } from "../lib/events";
import { refreshTypes } from "../lib/rates";
import { millisOf } from "../lib/time";
import type { Clients } from "./clients";
import { useSigned } from "./context";

const largestPage = 1000;
/** A chart is drawn from at most so many pages of past events. */
const mostPages = 10;
/** Pages may be empty though there are more: so many in a row are looked at. */
const mostEmpty = 10;

/** Whose events, and which. */
export interface Asked {
  /** `applications/{a}`. */
  readonly parent: string;
  readonly connection?: string;
  readonly provider?: string;
  readonly types?: readonly EventType[];
}

interface EventPage {
  readonly events: readonly Event[];
  readonly nextPageToken: string;
  /** How many live events had come when it was asked for. */
  readonly seen: number;
}

/** The page after a token; goes on while there is nothing on it. */
export async function listEvents(
  clients: Clients,
  asked: Asked,
  pageSize: number,
  pageToken: string,
  signal: AbortSignal,
) {
  let token = pageToken;
  for (let tries = 0; ; tries += 1) {
    const { events, nextPageToken } = await clients.events.listEvents(
      { ...asked, types: [...(asked.types ?? [])], pageSize, pageToken: token },
      { signal },
    );
    token = nextPageToken;
    if (events.length > 0 || token === "" || tries === mostEmpty) {
      return { events, nextPageToken: token };
    }
  }
}

export interface History {
  /** Past events and live ones, the newest first. */
  readonly events: readonly Event[];
  readonly isPending: boolean;
  /** Why the past ones are not there. */
  readonly error: unknown;
  readonly retry: () => void;
  readonly hasOlder: boolean;
  readonly isLoadingOlder: boolean;
  readonly loadOlder: () => void;
}

/** Events page by page, with those that happen meanwhile on top. */
export function useHistory(
  asked: Asked,
  pageSize: number,
  live: readonly Event[],
): History {
  const { clients } = useSigned();
  const log = useEventLog();
  const feed = useFeed();
  const query = useInfiniteQuery({
    queryKey: ["history", asked, pageSize, feed.since, feed.gaps],
    // The stream stands before the list is read, so that nothing falls between.
    enabled: feed.state !== "connecting",
    staleTime: Infinity,
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }): Promise<EventPage> => {
      const { seen } = log.snapshot();
      const page = await listEvents(
        clients,
        asked,
        pageSize,
        pageParam,
        signal,
      );
      return { ...page, seen };
    },
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
    // The log forgets: what came after the list was read and is in neither any
    // more is read again.
    refetchInterval: ({ state: { data } }) => {
      const first = data?.pages[0];
      if (first === undefined) return false;
      return log.snapshot().seen - keptEvents > first.seen ? 5000 : false;
    },
  });
  return {
    events: joinEvents(
      live,
      (query.data?.pages ?? []).flatMap(({ events }) => events),
    ),
    isPending: query.isPending,
    error: query.error,
    retry: () => void query.refetch(),
    hasOlder: query.hasNextPage,
    isLoadingOlder: query.isFetchingNextPage,
    loadOlder: () => void query.fetchNextPage(),
  };
}

/** From when on the tally of refreshes is whole. */
export interface Coverage {
  /** In milliseconds since 1970. */
  readonly from: number;
  /** Whether that is as far back as was asked for. */
  readonly complete: boolean;
}

/** Counts the refreshes of the last minutes into the log's tally. */
export function usePastRefreshes(parent: string, minutes: number) {
  const { clients } = useSigned();
  const log = useEventLog();
  const { state, since, gaps } = useFeed();
  return useQuery({
    queryKey: ["past-refreshes", parent, minutes, since, gaps],
    enabled: state !== "connecting",
    staleTime: Infinity,
    gcTime: Infinity,
    queryFn: async ({ signal }): Promise<Coverage> => {
      const asked = { parent, types: refreshTypes };
      let from = Date.now() - minutes * 60_000;
      let token = "";
      for (let page = 0; page < mostPages; page += 1) {
        const { events, nextPageToken } = await listEvents(
          clients,
          asked,
          largestPage,
          token,
          signal,
        );
        log.tally.add(events);
        token = nextPageToken;
        const oldest = millisOf(events.at(-1)?.time) ?? from;
        if (token === "" || oldest < from) return { from, complete: true };
        if (page === mostPages - 1) from = oldest;
      }
      return { from, complete: false };
    },
  });
}
