import {
  Alert,
  Button,
  Group,
  NativeSelect,
  Text,
  TextInput,
} from "@mantine/core";
import { useState } from "react";
import { useProviders } from "../api/queries";
import type { Feed } from "../app/feed";
import { keptEvents, useFeed } from "../app/feed";
import { idOf } from "../lib/names";
import { eventTypes, eventWords } from "../lib/words";
import { filterEvents } from "../lib/events";
import { Empty } from "../ui/Empty";
import { ErrorNotice } from "../ui/ErrorNotice";
import styles from "../ui/layout.module.css";
import { Page } from "../ui/Page";
import { EventTable } from "./EventTable";

/** More than that nobody reads; a filter finds the others. */
const most = 200;

export default function Events({
  application,
}: {
  readonly application: string;
}) {
  const feed = useFeed();
  const providers = useProviders(application);
  const [type, setType] = useState("");
  const [provider, setProvider] = useState("");
  const [text, setText] = useState("");
  // What was there when it was paused.
  const [held, setHeld] = useState<Feed["events"]>();

  const shown = filterEvents(held ?? feed.events, { type, provider, text });
  const [newestHeld] = held ?? [];
  const waiting =
    held === undefined
      ? 0
      : feed.events.filter(
          (event) => event.sequence > (newestHeld?.sequence ?? 0n),
        ).length;

  return (
    <Page
      title="Events"
      subtitle={
        <FeedState feed={feed} paused={held !== undefined} waiting={waiting} />
      }
      actions={
        <Button
          variant="default"
          onClick={() => {
            setHeld(held === undefined ? feed.events : undefined);
          }}
        >
          {held === undefined ? "Pause" : "Continue"}
        </Button>
      }
    >
      <ErrorNotice error={feed.state === "stopped" ? feed.error : undefined} />
      {feed.gap ? (
        <Alert color="orange" title="Some events are missing" mb="md">
          The connection was lost for so long that the server no longer has what
          happened then.
        </Alert>
      ) : null}
      <div className={styles.filters} role="search">
        <NativeSelect
          label="Event"
          value={type}
          data={[
            { value: "", label: "All" },
            ...eventTypes.map((value) => ({
              value: String(value),
              label: eventWords(value),
            })),
          ]}
          onChange={(event) => {
            setType(event.currentTarget.value);
          }}
        />
        <NativeSelect
          label="Provider"
          value={provider}
          data={[
            { value: "", label: "All" },
            ...(providers.data?.items ?? []).map(({ name }) => ({
              value: name,
              label: idOf(name),
            })),
          ]}
          onChange={(event) => {
            setProvider(event.currentTarget.value);
          }}
        />
        <TextInput
          type="search"
          label="Connection, user or reason"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
          }}
        />
      </div>
      <div
        role="log"
        aria-label="Events"
        aria-live={held === undefined ? "polite" : "off"}
      >
        {shown.length === 0 ? (
          <Group mt="md">
            <Empty
              title={
                feed.events.length === 0
                  ? "Nothing has happened yet"
                  : "No event matches"
              }
            >
              Events appear here as they happen.
            </Empty>
          </Group>
        ) : (
          <EventTable events={shown.slice(0, most)} />
        )}
      </div>
      {shown.length > most ? (
        <Text size="sm" c="dimmed" mt="sm">
          The newest {most} of {shown.length} are shown; the newest {keptEvents}{" "}
          are kept.
        </Text>
      ) : null}
    </Page>
  );
}

interface FeedStateProps {
  readonly feed: Feed;
  readonly paused: boolean;
  readonly waiting: number;
}

const stateTexts: Record<Feed["state"], string> = {
  connecting: "Connecting…",
  live: "Live: events are shown as they happen.",
  interrupted: "Interrupted: trying again. Nothing will be missed.",
  stopped: "Stopped.",
};

function FeedState({ feed, paused, waiting }: FeedStateProps) {
  return (
    <span role="status">
      {paused
        ? `Paused; ${String(waiting)} new since.`
        : stateTexts[feed.state]}
    </span>
  );
}
