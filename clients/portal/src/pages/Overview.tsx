import { Stack, Text } from "@mantine/core";
import { useApplication, useCounts, useProviders } from "../api/queries";
import type { ConnectionCount } from "../gen/valetkey/v1/connection_service_pb";
import { countOf } from "../lib/attention";
import { idOf, pathOf } from "../lib/names";
import { connectionStates, stateWords } from "../lib/words";
import { Empty } from "../ui/Empty";
import styles from "../ui/layout.module.css";
import { ButtonLink, TextLink } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { Attention } from "./Attention";
import { Refreshes } from "./Refreshes";
import { ServerHealth } from "./ServerHealth";
import { TokensServed } from "./TokensServed";

interface Props {
  readonly application: string;
}

export default function Overview({ application }: Props) {
  const query = useApplication(application);
  const providers = useProviders(application);
  return (
    <Page
      title="Overview"
      subtitle={query.data?.displayName || idOf(application)}
    >
      <Stack>
        {providers.data?.items.length === 0 ? (
          <Empty title="Begin with a provider">
            <Text size="sm" mb="md">
              Users connect their accounts at a provider. None is configured
              yet.
            </Text>
            <ButtonLink to={pathOf(application, "add-provider")}>
              Add Provider
            </ButtonLink>
          </Empty>
        ) : (
          <Attention application={application} />
        )}
        <States application={application} />
        <Refreshes application={application} />
        <TokensServed />
        <ServerHealth />
      </Stack>
    </Page>
  );
}

function States({ application }: Props) {
  const query = useCounts(application);
  return (
    <Section title="Connections by state">
      <Loaded query={query}>
        {(counts) => <Figures application={application} counts={counts} />}
      </Loaded>
    </Section>
  );
}

interface FiguresProps extends Props {
  readonly counts: readonly ConnectionCount[];
}

function Figures({ application, counts }: FiguresProps) {
  const total = countOf(counts).toLocaleString("en");
  return (
    <>
      <ul className={styles.figures}>
        {connectionStates.map((state) => (
          <li key={state} className={styles.tile}>
            <Text size="xl" fw={700}>
              {countOf(counts, { state }).toLocaleString("en")}
            </Text>
            <Text size="sm">
              <TextLink
                to={`${pathOf(application, "connections")}?state=${String(state)}`}
              >
                {stateWords(state)}
              </TextLink>
            </Text>
          </li>
        ))}
      </ul>
      <Text size="sm" c="dimmed">
        {total} in all.
      </Text>
    </>
  );
}
