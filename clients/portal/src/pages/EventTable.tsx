import { Text } from "@mantine/core";
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import { EventType } from "../gen/valetkey/v1/event_service_pb";
import type { Level } from "../lib/health";
import { idOf, pathOf } from "../lib/names";
import { formatSince, formatTime, millisOf } from "../lib/time";
import { eventWords } from "../lib/words";
import type { Column } from "../ui/DataTable";
import { DataTable } from "../ui/DataTable";
import { HealthMark } from "../ui/HealthMark";
import styles from "../ui/layout.module.css";
import { TextLink } from "../ui/Links";

function levelOf(type: EventType): Level {
  switch (type) {
    case EventType.REFRESH_FAILED:
    case EventType.EXPIRING:
      return "attention";
    case EventType.REAUTHORIZATION_REQUIRED:
      return "bad";
    case EventType.REVOKED:
    case EventType.DELETED:
      return "ended";
    default:
      return "good";
  }
}

const time: Column<Event> = {
  title: "Time",
  cell: (event) => {
    const millis = millisOf(event.time) ?? 0;
    return (
      <time
        className={styles.clock}
        dateTime={new Date(millis).toISOString()}
        title={formatTime(millis)}
      >
        {formatSince(millis, Date.now())}
      </time>
    );
  },
};

const what: Column<Event> = {
  title: "Event",
  cell: ({ type, reason }) => (
    <>
      <HealthMark
        health={{ level: levelOf(type), title: eventWords(type), advice: "" }}
      />
      {reason === "" ? null : (
        <Text className={styles.reason ?? ""} size="xs" c="dimmed">
          {reason}
        </Text>
      )}
    </>
  ),
};

const generation: Column<Event> = {
  title: "Generation",
  cell: (event) => event.generation.toString(),
};

const whose: readonly Column<Event>[] = [
  {
    title: "Connection",
    cell: ({ connection }) => (
      <span className={styles.id}>
        <TextLink to={pathOf(connection)}>{idOf(connection)}</TextLink>
      </span>
    ),
  },
  { title: "User", cell: ({ subject }) => subject },
  { title: "Provider", cell: ({ provider }) => idOf(provider) },
];

interface Props {
  readonly events: readonly Event[];
  /** Leaves out whose they are. */
  readonly brief?: boolean;
}

/** Events, the newest first. */
export function EventTable({ events, brief = false }: Props) {
  return (
    <DataTable
      caption="Events, the newest first"
      columns={
        brief ? [time, what, generation] : [time, what, ...whose, generation]
      }
      rows={events}
      keyOf={({ sequence }) => sequence.toString()}
    />
  );
}
