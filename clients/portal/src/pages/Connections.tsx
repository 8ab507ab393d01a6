import { Button, Group, Text } from "@mantine/core";
import { useEffect } from "react";
import { useSearchParams } from "wouter";
import { useHistoryState } from "wouter/use-browser-location";
import { providerIn, stateIn, useConnections, useCounts } from "../api/queries";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import { countOf } from "../lib/attention";
import { healthOf } from "../lib/health";
import { idOf, pathOf } from "../lib/names";
import { arrive, rememberList } from "../lib/place";
import type { ConnectionSearch } from "../lib/search";
import { readSearch, writeSearch } from "../lib/search";
import { DataTable } from "../ui/DataTable";
import { Empty } from "../ui/Empty";
import { ErrorNotice } from "../ui/ErrorNotice";
import { HealthMark } from "../ui/HealthMark";
import styles from "../ui/layout.module.css";
import { TextLink } from "../ui/Links";
import { Loading } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Time } from "../ui/Time";
import { useNow } from "../ui/useNow";
import { accountWords } from "./ConnectionFacts";
import { ConnectionFilters } from "./ConnectionFilters";

/** What the browser's history keeps of a page of the list. */
interface Position {
  /** The tokens of the pages before: the list itself goes forward only. */
  readonly before: readonly string[];
}

export default function Connections({
  application,
}: {
  readonly application: string;
}) {
  const [parameters, setParameters] = useSearchParams();
  const position = useHistoryState<Position | null>();
  const before = position?.before ?? [];
  const search = readSearch(parameters);
  const query = useConnections(application, search);
  const total = useTotal(application, search);

  const find = (changed: ConnectionSearch, replace = false) => {
    setParameters(writeSearch({ ...changed, page: "" }), { replace });
  };
  const turn = (page: string, past: readonly string[]) => {
    setParameters(writeSearch({ ...search, page }), {
      state: { before: past } satisfies Position,
    });
  };
  // Who comes back from a connection finds the list as they left it.
  useEffect(() => {
    const path = pathOf(application, "connections");
    const { search: text } = window.location;
    rememberList(path, { to: `${path}${text}`, state: position });
  }, [application, parameters, position]);
  useEffect(arrive, [search.page]);

  const shown = query.data?.items ?? [];
  const next = query.data?.nextPageToken ?? "";
  const isFiltered = writeSearch({ ...search, page: "" }).size > 0;

  return (
    <Page
      title="Connections"
      subtitle="Each is one user’s grant at one provider."
    >
      <ConnectionFilters
        application={application}
        search={search}
        onSearch={find}
      />
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.data === undefined ? (
        query.isError ? null : (
          <Loading />
        )
      ) : shown.length === 0 ? (
        <Empty
          title={isFiltered ? "No connection matches" : "No connection yet"}
        >
          {isFiltered
            ? "All words have to be found, and all filters to match. Take one away to see more."
            : "Have your application send a user to consent, or test a provider on its page."}
        </Empty>
      ) : (
        <ConnectionTable connections={shown} />
      )}
      <Group mt="md" justify="space-between">
        <Text size="sm" c="dimmed" role="status">
          {query.isFetching && query.isPlaceholderData
            ? "Loading…"
            : `Page ${search.page === "" ? "1" : String(before.length + 1)}, ${countWords(shown.length, total)}`}
        </Text>
        <Group gap="xs">
          <Button
            variant="default"
            disabled={search.page === ""}
            onClick={() => {
              turn(before.at(-1) ?? "", before.slice(0, -1));
            }}
          >
            {before.length > 1 || search.page === ""
              ? "Previous page"
              : "First page"}
          </Button>
          <Button
            variant="default"
            disabled={next === ""}
            onClick={() => {
              turn(next, [...before, search.page]);
            }}
          >
            Next page
          </Button>
        </Group>
      </Group>
    </Page>
  );
}

/** How many there are, where a count tells. */
function useTotal(
  application: string,
  search: ConnectionSearch,
): number | undefined {
  const counts = useCounts(application);
  if (counts.data === undefined || search.text !== "" || search.labels !== "")
    return undefined;
  return countOf(counts.data, {
    provider: providerIn(application, search),
    state: stateIn(search),
    needsAttention: search.attention,
  });
}

function countWords(shown: number, total: number | undefined): string {
  const noun = (total ?? shown) === 1 ? "connection" : "connections";
  return total === undefined
    ? `${String(shown)} ${noun}`
    : `${String(shown)} of ${total.toLocaleString("en")} ${noun}`;
}

function ConnectionTable({
  connections,
}: {
  readonly connections: readonly Connection[];
}) {
  const now = useNow();
  return (
    <DataTable<Connection>
      caption="Connections"
      rows={connections}
      keyOf={({ name }) => name}
      columns={[
        {
          title: "Connection",
          cell: ({ name }) => (
            <span className={styles.id}>
              <TextLink to={pathOf(name)}>{idOf(name)}</TextLink>
            </span>
          ),
        },
        { title: "User", cell: ({ subject }) => subject },
        { title: "Provider", cell: ({ provider }) => idOf(provider) },
        {
          title: "Account",
          cell: ({ account }) =>
            accountWords(account?.displayName || account?.id),
        },
        {
          title: "Health",
          cell: (connection) => (
            <HealthMark health={healthOf(connection, now)} />
          ),
        },
        {
          title: "Next refresh",
          cell: ({ nextRefreshTime }) => (
            <Time time={nextRefreshTime} none="none" />
          ),
        },
      ]}
    />
  );
}
