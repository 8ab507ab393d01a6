import { Group, Stack, Text, Title } from "@mantine/core";
import { useApplication, useProviders, useSurvey } from "../api/queries";
import { useFeed } from "../app/feed";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import { ProviderState } from "../gen/valetkey/v1/provider_service_pb";
import { idOf, pathOf } from "../lib/names";
import type { Walked } from "../lib/pages";
import { ailingOf, failuresOf, minutesOf, statesOf } from "../lib/rates";
import { formatMinute } from "../lib/time";
import { connectionStates, stateWords } from "../lib/words";
import { BarChart } from "../ui/BarChart";
import { DataTable } from "../ui/DataTable";
import { Empty } from "../ui/Empty";
import { HealthMark } from "../ui/HealthMark";
import styles from "../ui/layout.module.css";
import { ButtonLink, TextLink } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { useNow } from "../ui/useNow";
import { ServerHealth } from "./ServerHealth";
import { TokensServed } from "./TokensServed";

const shownMinutes = 30;
const shownAiling = 8;

export default function Overview({
  application,
}: {
  readonly application: string;
}) {
  const query = useApplication(application);
  const survey = useSurvey(application);
  return (
    <Page
      title="Overview"
      subtitle={query.data?.displayName || idOf(application)}
    >
      <Stack>
        <Loaded query={survey}>
          {(walked) => (
            <>
              <Attention application={application} walked={walked} />
              <States application={application} walked={walked} />
            </>
          )}
        </Loaded>
        <Refreshes />
        <TokensServed />
        <ServerHealth />
      </Stack>
    </Page>
  );
}

interface WalkedProps {
  readonly application: string;
  readonly walked: Walked<Connection>;
}

function Attention({ application, walked }: WalkedProps) {
  const now = useNow();
  const providers = useProviders(application);
  const unusable = (providers.data?.items ?? []).filter(
    ({ state }) => state === ProviderState.CATALOG_ENTRY_MISSING,
  );
  if (providers.data?.items.length === 0) {
    return (
      <Empty title="Begin with a provider">
        <Text size="sm" mb="md">
          Users connect their accounts at a provider. None is configured yet.
        </Text>
        <ButtonLink to={pathOf(application, "add-provider")}>
          Add Provider
        </ButtonLink>
      </Empty>
    );
  }
  const ailing = ailingOf(walked.items, now);
  return (
    <Section title="Needs attention first">
      {unusable.map(({ name }) => (
        <Text size="sm" key={name}>
          <TextLink to={pathOf(name)}>{idOf(name)}</TextLink>: the server’s
          catalog does not have its definition.
        </Text>
      ))}
      {ailing.length === 0 ? (
        <Text size="sm">
          {unusable.length === 0
            ? "Nothing: all connections are healthy."
            : "All connections are healthy."}
        </Text>
      ) : (
        <>
          <DataTable
            caption="Connections that need attention, the most urgent first"
            rows={ailing.slice(0, shownAiling)}
            keyOf={({ connection }) => connection.name}
            columns={[
              {
                title: "Connection",
                cell: ({ connection: { name } }) => (
                  <span className={styles.id}>
                    <TextLink to={pathOf(name)}>{idOf(name)}</TextLink>
                  </span>
                ),
              },
              { title: "User", cell: ({ connection }) => connection.subject },
              {
                title: "Health",
                cell: ({ health }) => <HealthMark health={health} />,
              },
              { title: "What to do", cell: ({ health }) => health.advice },
            ]}
          />
          {ailing.length > shownAiling ? (
            <Text size="sm" c="dimmed">
              And {ailing.length - shownAiling} more among the connections
              below.
            </Text>
          ) : null}
        </>
      )}
    </Section>
  );
}

function States({ application, walked }: WalkedProps) {
  const counts = statesOf(walked.items);
  const total = walked.items.length.toLocaleString("en");
  return (
    <Section title="Connections by state">
      <ul className={styles.figures}>
        {connectionStates.map((state) => (
          <li key={state} className={styles.tile}>
            <Text size="xl" fw={700}>
              {(counts.get(state) ?? 0).toLocaleString("en")}
            </Text>
            <TextLink
              to={`${pathOf(application, "connections")}?state=${String(state)}`}
            >
              {stateWords(state)}
            </TextLink>
          </li>
        ))}
      </ul>
      <Text size="sm" c="dimmed">
        {walked.complete
          ? `Of all ${total} connections.`
          : `Of the first ${total} connections, by name; there are more.`}
      </Text>
    </Section>
  );
}

function Refreshes() {
  const feed = useFeed();
  const now = useNow();
  const minutes = minutesOf(feed.events, now, shownMinutes);
  const failures = failuresOf(minutes);
  const succeeded = minutes.reduce((sum, minute) => sum + minute.succeeded, 0);
  const failed = failures.reduce((sum, [, count]) => sum + count, 0);
  return (
    <Section title="Refreshes per minute">
      <Text size="sm" c="dimmed">
        As events told since {formatMinute(feed.since)}, when you opened the
        application here.
      </Text>
      <BarChart
        title={`Refreshes in the last ${String(shownMinutes)} minutes: ${String(succeeded)} succeeded, ${String(failed)} failed`}
        minutes={minutes}
      />
      <div>
        <Title order={3} size="h5">
          Failures by reason
        </Title>
        {failures.length === 0 ? (
          <Text size="sm">None.</Text>
        ) : (
          failures.map(([reason, count]) => (
            <Group key={reason} justify="space-between">
              <Text size="sm" ff="monospace">
                {reason}
              </Text>
              <Text size="sm">{count}</Text>
            </Group>
          ))
        )}
      </div>
    </Section>
  );
}
