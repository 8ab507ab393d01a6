import { Alert, Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { useHistory } from "../api/history";
import { useProviders } from "../api/queries";
import { useFeed } from "../app/feed";
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import type { Feed } from "../lib/event-log";
import type { EventFilter } from "../lib/events";
import { filterEvents, readEventFilter, writeEventFilter } from "../lib/events";
import { idOf } from "../lib/names";
import { chosenOf, eventTypes, eventWords } from "../lib/words";
import { Empty } from "../ui/Empty";
import { ErrorNotice } from "../ui/ErrorNotice";
import styles from "../ui/layout.module.css";
import { Page } from "../ui/Page";
import { EventList } from "./EventList";

const step = 100;

/** What was there when it was paused. */
interface Held {
  readonly events: readonly Event[];
  readonly newest: bigint;
  readonly seen: number;
}

interface Props {
  readonly application: string;
}

export default function Events({ application }: Props) {
  const feed = useFeed();
  const [parameters, setParameters] = useSearchParams();
  const filter = readEventFilter(parameters);
  const { type, provider } = filter;
  const [held, setHeld] = useState<Held>();
  const typeAsked = chosenOf(eventTypes, type);
  const history = useHistory(
    {
      parent: application,
      ...(provider !== "" && {
        provider: `${application}/providers/${provider}`,
      }),
      ...(typeAsked !== undefined && { types: [typeAsked] }),
    },
    step,
    held?.events ?? feed.events,
  );
  const matching = filterEvents(history.events, filter);
  const shown =
    held === undefined
      ? matching
      : matching.filter(({ sequence }) => sequence <= held.newest);
  const pause = () => {
    const { events, seen } = feed;
    setHeld({ events, seen, newest: history.events[0]?.sequence ?? 0n });
  };

  return (
    <Page
      title="Events"
      subtitle={<FeedState feed={feed} held={held} />}
      actions={
        <Button
          variant="default"
          onClick={() => {
            if (held === undefined) pause();
            else setHeld(undefined);
          }}
        >
          {held === undefined ? "Pause" : "Continue"}
        </Button>
      }
    >
      <ErrorNotice error={feed.state === "stopped" ? feed.error : undefined} />
      {feed.gaps > 0 ? (
        <Alert color="orange" title="The stream was lost for a while" mb="md">
          The list was read again. Counts of new events may be too low.
        </Alert>
      ) : null}
      <Filters
        application={application}
        filter={filter}
        onChange={(changed) => {
          setParameters(writeEventFilter(changed), { replace: true });
        }}
      />
      <EventList
        key={`${type} ${provider}`}
        label="Events"
        history={history}
        events={shown}
        step={step}
        quiet={held !== undefined}
        none={
          <Empty
            title={
              history.events.length === 0 && type === "" && provider === ""
                ? "Nothing has happened yet"
                : "No event matches"
            }
          >
            Events appear here as they happen.
            {filter.text === ""
              ? ""
              : " The words are looked for among the events that are loaded."}
          </Empty>
        }
      />
    </Page>
  );
}

interface FiltersProps extends Props {
  readonly filter: EventFilter;
  readonly onChange: (filter: EventFilter) => void;
}

function Filters({ application, filter, onChange }: FiltersProps) {
  const providers = useProviders(application);
  return (
    <div className={styles.filters} role="search">
      <NativeSelect
        label="Event"
        value={filter.type}
        data={[
          { value: "", label: "All" },
          ...eventTypes.map((value) => ({
            value: String(value),
            label: eventWords(value),
          })),
        ]}
        onChange={(event) => {
          onChange({ ...filter, type: event.currentTarget.value });
        }}
      />
      <NativeSelect
        label="Provider"
        value={filter.provider}
        data={[
          { value: "", label: "All" },
          ...(providers.data?.items ?? []).map(({ name, displayName }) => ({
            value: idOf(name),
            label: displayName || idOf(name),
          })),
        ]}
        onChange={(event) => {
          onChange({ ...filter, provider: event.currentTarget.value });
        }}
      />
      <TextInput
        type="search"
        label="Connection, user or reason"
        spellCheck={false}
        value={filter.text}
        onChange={(event) => {
          onChange({ ...filter, text: event.currentTarget.value });
        }}
      />
    </div>
  );
}

const stateTexts: Record<Feed["state"], string> = {
  connecting: "Connecting…",
  live: "Live: events are shown as they happen.",
  interrupted: "Interrupted: trying again. Nothing will be missed.",
  stopped: "Stopped.",
};

interface FeedStateProps {
  readonly feed: Feed;
  readonly held: Held | undefined;
}

function FeedState({ feed, held }: FeedStateProps) {
  return (
    <span role="status">
      {held === undefined
        ? stateTexts[feed.state]
        : `Paused; ${String(feed.seen - held.seen)} new since.`}
    </span>
  );
}
