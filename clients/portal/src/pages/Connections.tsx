import { Button, Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { useConnections, useProviders } from "../api/queries";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import { healthOf } from "../lib/health";
import { idOf, pathOf } from "../lib/names";
import type { ConnectionSearch } from "../lib/search";
import { parseLabels, readSearch, writeSearch } from "../lib/search";
import { connectionStates, stateWords } from "../lib/words";
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

export default function Connections({
  application,
}: {
  readonly application: string;
}) {
  const [parameters, setParameters] = useSearchParams();
  const search = readSearch(parameters);
  const query = useConnections(application, search);
  // The pages before this one: the list itself goes forward only.
  const [before, setBefore] = useState<string[]>([]);

  const find = (changed: ConnectionSearch) => {
    setBefore([]);
    setParameters(writeSearch({ ...changed, page: "" }));
  };
  const turn = (page: string, past: string[]) => {
    setBefore(past);
    setParameters(writeSearch({ ...search, page }));
    window.scrollTo(0, 0);
  };
  const next = query.data?.nextPageToken ?? "";
  const isFiltered = writeSearch({ ...search, page: "" }).size > 0;

  return (
    <Page
      title="Connections"
      subtitle="Each is one user’s grant at one provider."
    >
      <Filters
        key={parameters.toString()}
        application={application}
        search={search}
        onSearch={find}
      />
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.data === undefined ? (
        query.isError ? null : (
          <Loading />
        )
      ) : query.data.items.length === 0 ? (
        <Empty
          title={isFiltered ? "No connection matches" : "No connection yet"}
        >
          {isFiltered
            ? "Ids, users and labels are compared exactly. Take away a filter to see more."
            : "Have your application send a user to consent, or test a provider on its page."}
        </Empty>
      ) : (
        <ConnectionTable connections={query.data.items} />
      )}
      <Group mt="md" justify="space-between">
        <Text size="sm" c="dimmed" role="status">
          {query.isFetching
            ? "Loading…"
            : `Page ${search.page === "" ? "1" : String(before.length + 1)}, ${String(query.data?.items.length ?? 0)} connections`}
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

interface FiltersProps {
  readonly application: string;
  readonly search: ConnectionSearch;
  readonly onSearch: (search: ConnectionSearch) => void;
}

function Filters({ application, search, onSearch }: FiltersProps) {
  const providers = useProviders(application);
  const [text, setText] = useState(search.text);
  const [labels, setLabels] = useState(search.labels);
  const [problem, setProblem] = useState("");
  const submit = (event: React.SubmitEvent) => {
    event.preventDefault();
    if (parseLabels(labels) === null) {
      setProblem("Write key=value, several separated by commas.");
      return;
    }
    setProblem("");
    onSearch({ ...search, text: text.trim(), labels: labels.trim() });
  };
  return (
    <form role="search" onSubmit={submit} noValidate>
      <div className={styles.filters}>
        <TextInput
          type="search"
          label="Connection id or user"
          placeholder="c-7 or ann"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
          }}
        />
        <TextInput
          label="Labels"
          placeholder="team=red"
          spellCheck={false}
          value={labels}
          error={problem}
          onChange={(event) => {
            setLabels(event.currentTarget.value);
          }}
        />
        <NativeSelect
          label="Provider"
          value={search.provider}
          data={[
            { value: "", label: "All" },
            ...(providers.data?.items ?? []).map(({ name }) => ({
              value: idOf(name),
              label: idOf(name),
            })),
          ]}
          onChange={(event) => {
            onSearch({ ...search, provider: event.currentTarget.value });
          }}
        />
        <NativeSelect
          label="State"
          value={search.state}
          data={[
            { value: "", label: "All" },
            ...connectionStates.map((state) => ({
              value: String(state),
              label: stateWords(state),
            })),
          ]}
          onChange={(event) => {
            onSearch({ ...search, state: event.currentTarget.value });
          }}
        />
      </div>
      <Group my="md">
        <Button type="submit">Search</Button>
        {writeSearch(search).size === 0 ? null : (
          <Button
            variant="default"
            onClick={() => {
              onSearch({
                text: "",
                provider: "",
                state: "",
                labels: "",
                page: "",
              });
            }}
          >
            Clear
          </Button>
        )}
      </Group>
    </form>
  );
}
