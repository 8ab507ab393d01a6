import { Text, Title } from "@mantine/core";
import { reasonWords } from "../api/errors";
import { usePastRefreshes } from "../api/history";
import { useEventLog, useFeed } from "../app/feed";
import { EventType } from "../gen/valetkey/v1/event_service_pb";
import { pathOf } from "../lib/names";
import { failuresOf, minutesSince } from "../lib/rates";
import { formatMinute } from "../lib/time";
import { BarChart } from "../ui/BarChart";
import { ErrorNotice } from "../ui/ErrorNotice";
import styles from "../ui/layout.module.css";
import { TextLink } from "../ui/Links";
import { Loading } from "../ui/Loaded";
import { Section } from "../ui/Section";
import { useNow } from "../ui/useNow";

const shownMinutes = 30;

interface Props {
  readonly application: string;
}

/** Refreshes per minute: those of the last half hour, then as they happen. */
export function Refreshes({ application }: Props) {
  const { tally } = useEventLog();
  const feed = useFeed();
  const now = useNow();
  const past = usePastRefreshes(application, shownMinutes);
  if (past.isPending) {
    return (
      <Section title="Refreshes per minute">
        <Loading />
      </Section>
    );
  }
  const from = past.data?.from ?? feed.since;
  const partial = past.data?.complete !== true;
  const minutes = tally.minutes(
    now,
    partial ? minutesSince(from, now, shownMinutes) : shownMinutes,
  );
  const failures = failuresOf(minutes);
  const succeeded = minutes.reduce((sum, minute) => sum + minute.succeeded, 0);
  const failed = failures.reduce((sum, [, count]) => sum + count, 0);
  return (
    <Section title="Refreshes per minute">
      <ErrorNotice error={past.error} onRetry={() => void past.refetch()} />
      {partial && minutes.length < shownMinutes ? (
        <Text size="sm" c="dimmed">
          {past.isError
            ? `As events told since ${formatMinute(feed.since)}, when you opened the application here.`
            : `There were more refreshes than are looked at; these are all since ${formatMinute(from)}.`}
        </Text>
      ) : null}
      <BarChart
        title={`Refreshes in the last ${String(minutes.length)} minutes: ${String(succeeded)} succeeded, ${String(failed)} failed`}
        minutes={minutes}
      />
      <div>
        <Title order={3} size="h5">
          Failures by class
        </Title>
        {failures.length === 0 ? (
          <Text size="sm">None.</Text>
        ) : (
          <>
            <dl className={styles.tallies}>
              {failures.map(([reason, count]) => (
                <div key={reason}>
                  <dt>
                    <code>{reason}</code> {reasonWords(reason)}
                  </dt>
                  <dd>{count.toLocaleString("en")}</dd>
                </div>
              ))}
            </dl>
            <Text size="sm">
              <TextLink
                to={`${pathOf(application, "events")}?type=${String(EventType.REFRESH_FAILED)}`}
              >
                The events of refreshes that failed
              </TextLink>
            </Text>
          </>
        )}
      </div>
    </Section>
  );
}
