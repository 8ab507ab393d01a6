// The events of the application that is looked at: one stream for all pages,
// for a browser opens few connections to an origin. It goes on from page to
// page, and ends when another application is chosen.
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { createContext, useContext, useEffect, useState } from "react";
import { useSigned } from "../api/context";
import { queriesOf } from "../api/queries";
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import type { WatchState } from "../lib/watch";
import { sleepFor, watchForever } from "../lib/watch";

/** The newest events so many. */
export const keptEvents = 2000;

export interface Feed {
  readonly state: WatchState;
  /** Why it is interrupted or stopped. */
  readonly error: unknown;
  /** The newest first. */
  readonly events: readonly Event[];
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
  /** Whether events were missed, for the server had trimmed them. */
  readonly gap: boolean;
}

const FeedContext = createContext<Feed | null>(null);

interface Props {
  readonly application: string;
  readonly children: ReactNode;
}

export function FeedProvider({ application, children }: Props) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [feed, setFeed] = useState<Feed>(() => ({
    state: "connecting",
    error: undefined,
    events: [],
    since: Date.now(),
    gap: false,
  }));

  useEffect(() => {
    const controller = new AbortController();
    // What arrives in one go is shown in one go.
    let arrived: Event[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      const fresh = arrived.reverse();
      arrived = [];
      setFeed((before) => ({
        ...before,
        events: [...fresh, ...before.events].slice(0, keptEvents),
      }));
      const old = new Map(
        fresh
          .flatMap(({ connection }) => queriesOf(connection))
          .map((key) => [key.join(" "), key]),
      );
      for (const queryKey of old.values()) {
        void queries.invalidateQueries({ queryKey });
      }
    };
    void watchForever({
      open: (cursor, signal) =>
        clients.events.watchEvents(
          { parent: application, cursor },
          // A stream has no deadline.
          { signal, timeoutMs: 0 },
        ),
      onEvent: (event) => {
        arrived.push(event);
        timer ??= setTimeout(show, 250);
      },
      onState: (state, error) => {
        setFeed((before) =>
          before.state === state ? before : { ...before, state, error },
        );
      },
      onGap: () => {
        setFeed((before) => ({ ...before, gap: true }));
      },
      sleep: sleepFor,
      signal: controller.signal,
    });
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [application, clients, queries]);

  return <FeedContext value={feed}>{children}</FeedContext>;
}

export function useFeed(): Feed {
  const feed = useContext(FeedContext);
  if (feed === null) throw new Error("no application is looked at");
  return feed;
}
