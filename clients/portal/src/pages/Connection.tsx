import { Alert, Badge, Code, Group, List, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { useSigned } from "../api/context";
import { useHistory } from "../api/history";
import { queriesOf, useConnection } from "../api/queries";
import { useFeed } from "../app/feed";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import { ConnectionState } from "../gen/valetkey/v1/connection_service_pb";
import type { RevokeResponse } from "../gen/valetkey/v1/token_service_pb";
import { healthOf } from "../lib/health";
import { applicationOf, idOf, pathOf } from "../lib/names";
import { placeOf } from "../lib/place";
import { revocationWords, stateWords, tokenKindWords } from "../lib/words";
import { ConfirmButton } from "../ui/ConfirmButton";
import { HealthMark } from "../ui/HealthMark";
import styles from "../ui/layout.module.css";
import { Trail } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { Time } from "../ui/Time";
import { useNow } from "../ui/useNow";
import { ConnectionFacts } from "./ConnectionFacts";
import { EventList } from "./EventList";
import { Reauthorize, Refresh } from "./ConnectionActions";

export default function ConnectionPage({ name }: { readonly name: string }) {
  const query = useConnection(name);
  return (
    <>
      <Trail
        crumbs={[
          {
            ...placeOf(pathOf(applicationOf(name), "connections")),
            text: "Connections",
          },
        ]}
      />
      <Page
        title={idOf(name)}
        subtitle={
          query.data === undefined ? null : `User ${query.data.subject}`
        }
      >
        <Loaded query={query}>
          {(connection) => <Shown connection={connection} />}
        </Loaded>
      </Page>
    </>
  );
}

function Shown({ connection }: { readonly connection: Connection }) {
  const [revoked, setRevoked] = useState<RevokeResponse>();
  const alive =
    connection.state === ConnectionState.ACTIVE ||
    connection.state === ConnectionState.REAUTHORIZATION_REQUIRED;
  return (
    <Stack>
      <HealthNotice connection={connection} />
      {revoked === undefined ? null : <Revoked answer={revoked} />}
      <div className={styles.columns}>
        <Section title="What is known">
          <ConnectionFacts connection={connection} />
        </Section>
        <Stack>
          <Section title="Actions">
            {connection.state === ConnectionState.ACTIVE ? (
              <Refresh connection={connection} />
            ) : null}
            {alive ? <Reauthorize connection={connection} /> : null}
            <Endings connection={connection} onRevoked={setRevoked} />
          </Section>
          <History connection={connection} />
        </Stack>
      </div>
    </Stack>
  );
}

const colors = {
  good: "green",
  note: "indigo",
  attention: "orange",
  bad: "red",
  ended: "gray",
};

function HealthNotice({ connection }: { readonly connection: Connection }) {
  const health = healthOf(connection, useNow());
  const failure = connection.lastFailure;
  return (
    <Alert
      role="status"
      color={colors[health.level]}
      title={
        <Group gap="sm">
          <HealthMark health={health} />
          <Badge variant="default" tt="none">
            {stateWords(connection.state)}
          </Badge>
        </Group>
      }
    >
      <Text size="sm">{health.advice}</Text>
      {failure === undefined ? null : (
        <Text size="sm" mt={4}>
          <Code>{failure.reason}</Code> {failure.message},{" "}
          <Time time={failure.time} none="" />
        </Text>
      )}
    </Alert>
  );
}

interface EndingsProps {
  readonly connection: Connection;
  readonly onRevoked: (answer: RevokeResponse) => void;
}

function Endings({
  connection: { name, state, etag },
  onRevoked,
}: EndingsProps) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const refetch = async () => {
    for (const queryKey of queriesOf(name))
      await queries.invalidateQueries({ queryKey });
  };
  return (
    <Group>
      {state === ConnectionState.REVOKED ? null : (
        <ConfirmButton
          label="Revoke"
          title={`Revoke ${idOf(name)}?`}
          onConfirm={async () => {
            onRevoked(await clients.tokens.revoke({ name }));
            await refetch();
          }}
        >
          No token of it is given out any more, the provider is told, and our
          copy is destroyed. The person has to connect anew.
        </ConfirmButton>
      )}
      <ConfirmButton
        label="Delete record"
        title={`Delete the record of ${idOf(name)}?`}
        onConfirm={async () => {
          await clients.connections.deleteConnection({ name, etag });
          queries.removeQueries({ queryKey: ["connection", name] });
          const list = placeOf(pathOf(applicationOf(name), "connections"));
          navigate(list.to, { state: list.state });
          await refetch();
        }}
      >
        {state === ConnectionState.REVOKED
          ? "Its record is destroyed for good."
          : "Its record and tokens are destroyed for good. The provider is not told: revoke it first if it shall be."}
      </ConfirmButton>
    </Group>
  );
}

/** What became of each token. */
function Revoked({ answer }: { readonly answer: RevokeResponse }) {
  return (
    <Alert role="status" color="indigo" title="The result of the revocation">
      <List size="sm">
        {answer.tokens.map(({ kind, token, result, detail }) => (
          <List.Item key={`${String(kind)} ${token}`}>
            {tokenKindWords(kind)}
            {token === "" ? "" : ` “${token}”`}: {revocationWords(result)}
            {detail === "" ? "" : `: ${detail}`}
          </List.Item>
        ))}
        <List.Item>
          {answer.copyDestroyed
            ? "Our copy of the tokens is destroyed"
            : "Our copy of the tokens is kept until the provider has been told"}
        </List.Item>
      </List>
    </Alert>
  );
}

const historyStep = 20;

function History({ connection }: { readonly connection: Connection }) {
  const { name, createTime, updateTime } = connection;
  const feed = useFeed();
  const history = useHistory(
    { parent: applicationOf(name), connection: name },
    historyStep,
    feed.events.filter((event) => event.connection === name),
  );
  return (
    <Section title="History">
      <Text size="sm" c="dimmed">
        Connected <Time time={createTime} none="at an unknown time" />, last
        changed <Time time={updateTime} none="at an unknown time" />.
      </Text>
      <EventList
        label="Events of this connection"
        history={history}
        events={history.events}
        step={historyStep}
        brief
        none={<Text size="sm">The server has kept no event of it.</Text>}
      />
    </Section>
  );
}
