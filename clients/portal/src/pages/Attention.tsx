import { Text } from "@mantine/core";
import {
  lookedAt,
  useAttention,
  useCounts,
  useProviders,
} from "../api/queries";
import { ProviderState } from "../gen/valetkey/v1/provider_service_pb";
import type { Ailing } from "../lib/attention";
import { ailingOf, countOf } from "../lib/attention";
import { idOf, pathOf } from "../lib/names";
import { DataTable } from "../ui/DataTable";
import { HealthMark } from "../ui/HealthMark";
import styles from "../ui/layout.module.css";
import { TextLink } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Section } from "../ui/Section";
import { useNow } from "../ui/useNow";

/** So many are named; the list of connections has the others. */
const shown = 8;

interface Props {
  readonly application: string;
}

/** What somebody has to look at, the most urgent first. */
export function Attention({ application }: Props) {
  const query = useAttention(application);
  const providers = useProviders(application);
  const unusable = (providers.data?.items ?? []).filter(
    ({ state }) => state === ProviderState.CATALOG_ENTRY_MISSING,
  );
  return (
    <Section title="Needs attention first">
      {unusable.map(({ name }) => (
        <Text size="sm" key={name}>
          <TextLink to={pathOf(name)}>{idOf(name)}</TextLink>: the server’s
          catalog does not have its definition.
        </Text>
      ))}
      <Loaded query={query}>
        {({ items, complete }) =>
          items.length > 0 ? (
            <AilingTable
              application={application}
              complete={complete}
              items={items}
            />
          ) : (
            <Text size="sm">
              {unusable.length === 0
                ? "Nothing: no connection needs care."
                : "No connection needs care."}
            </Text>
          )
        }
      </Loaded>
    </Section>
  );
}

interface TableProps extends Props {
  readonly items: Parameters<typeof ailingOf>[0];
  readonly complete: boolean;
}

function AilingTable({ application, items, complete }: TableProps) {
  const ailing = ailingOf(items, useNow());
  const counts = useCounts(application);
  const total =
    counts.data === undefined
      ? items.length
      : countOf(counts.data, { needsAttention: true });
  return (
    <>
      <DataTable<Ailing>
        caption="Connections that need attention, the most urgent first"
        rows={ailing.slice(0, shown)}
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
      <Text size="sm" c="dimmed">
        {ailing.length > shown
          ? `The most urgent ${String(shown)} of ${total.toLocaleString("en")}. `
          : ""}
        {complete
          ? ""
          : `They were chosen among the first ${String(lookedAt)} of each state. `}
        <TextLink to={`${pathOf(application, "connections")}?attention=1`}>
          All that need attention
        </TextLink>
      </Text>
    </>
  );
}
