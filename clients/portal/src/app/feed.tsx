// The events of the application that is looked at: one stream for all pages,
// for a browser opens few connections to an origin. It goes on from page to
// page, and ends when another application is chosen.
import type { QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import {
  createContext,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from "react";
import { useSigned } from "../api/context";
import { listQueries } from "../api/queries";
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import type { Feed } from "../lib/event-log";
import { EventLog } from "../lib/event-log";
import { sleepFor, watchForever } from "../lib/watch";

const LogContext = createContext<EventLog | null>(null);

interface Props {
  readonly application: string;
  readonly children: ReactNode;
}

export function FeedProvider({ application, children }: Props) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [log] = useState(() => new EventLog(Date.now()));

  useEffect(() => {
    const controller = new AbortController();
    const renewer = new Renewer(queries, application);
    // What arrives in one go is shown in one go.
    let arrived: Event[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      const fresh = arrived;
      arrived = [];
      log.add(fresh);
      renewer.renew(fresh);
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
        log.setState(state, error);
      },
      onGap: () => {
        log.missed();
      },
      sleep: sleepFor,
      signal: controller.signal,
    });
    return () => {
      controller.abort();
      clearTimeout(timer);
      renewer.stop();
    };
  }, [application, clients, log, queries]);

  return <LogContext value={log}>{children}</LogContext>;
}

/** Lists and counts are asked for again at most so often. */
const pause = 3000;

/** Has what an event makes old asked for again. */
class Renewer {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = 0;

  constructor(
    private readonly queries: QueryClient,
    private readonly application: string,
  ) {}

  renew(events: readonly Event[]): void {
    for (const name of new Set(events.map(({ connection }) => connection))) {
      void this.queries.invalidateQueries({ queryKey: ["connection", name] });
    }
    const wait = Math.max(0, this.last + pause - Date.now());
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.last = Date.now();
      for (const queryKey of listQueries(this.application)) {
        void this.queries.invalidateQueries({ queryKey });
      }
    }, wait);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

export function useEventLog(): EventLog {
  const log = useContext(LogContext);
  if (log === null) throw new Error("no application is looked at");
  return log;
}

export function useFeed(): Feed {
  const { snapshot, subscribe } = useEventLog();
  return useSyncExternalStore(subscribe, snapshot);
}
