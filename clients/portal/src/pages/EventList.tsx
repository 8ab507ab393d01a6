import { Button, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useState } from "react";
import type { History } from "../api/history";
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import { ErrorNotice } from "../ui/ErrorNotice";
import { Loading } from "../ui/Loaded";
import { EventTable } from "./EventTable";

interface Props {
  readonly label: string;
  readonly history: History;
  /** Those of the history to show, the newest first. */
  readonly events: readonly Event[];
  /** So many are shown at first, and so many more each time. */
  readonly step: number;
  readonly brief?: boolean;
  /** Whether new ones are not to be read aloud. */
  readonly quiet?: boolean;
  /** What to say if there are none. */
  readonly none: ReactNode;
}

/** Events with those before them on demand. */
export function EventList({
  label,
  history,
  events,
  step,
  brief = false,
  quiet = false,
  none,
}: Props) {
  const [limit, setLimit] = useState(step);
  const hasOlder = history.hasOlder || events.length > limit;
  const showOlder = () => {
    setLimit(limit + step);
    if (history.hasOlder && events.length < limit + step) history.loadOlder();
  };
  return (
    <>
      <ErrorNotice error={history.error} onRetry={history.retry} />
      <div
        role="log"
        aria-label={label}
        aria-live={quiet || history.isLoadingOlder ? "off" : "polite"}
      >
        {events.length > 0 ? (
          <EventTable events={events.slice(0, limit)} brief={brief} />
        ) : history.isPending ? (
          <Loading />
        ) : history.error === null ? (
          none
        ) : null}
      </div>
      {history.isPending ? null : (
        <Group mt="sm">
          {hasOlder ? (
            <Button
              variant="default"
              size="sm"
              loading={history.isLoadingOlder}
              onClick={showOlder}
            >
              Show older
            </Button>
          ) : events.length > 0 && history.error === null ? (
            <Text size="sm" c="dimmed">
              These are all that the server has kept.
            </Text>
          ) : null}
        </Group>
      )}
    </>
  );
}
