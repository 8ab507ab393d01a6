import { Button, DataList, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useState } from "react";
import { useSigned } from "../api/context";
import { problemOf } from "../api/errors";
import type { ProviderDefinition } from "../gen/valetkey/catalog/v1/definition_pb";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import type { Provider } from "../gen/valetkey/v1/provider_service_pb";
import type { AuthorizeResponse } from "../gen/valetkey/v1/token_service_pb";
import { pathOf } from "../lib/names";
import type { Problems } from "../lib/provider-form";
import { problemOfInput, userInputs } from "../lib/provider-form";
import { millisOf } from "../lib/time";
import { ErrorNotice } from "../ui/ErrorNotice";
import { ExternalLink, TextLink } from "../ui/Links";
import { Time } from "../ui/Time";
import { useNow } from "../ui/useNow";
import { accountWords, Ends, Scopes } from "./ConnectionFacts";
import { InputField } from "./InputField";

/** Whose consent a test is, in the list of connections. */
const subject = "portal-test";

interface Props {
  readonly provider: Provider;
  readonly definition: ProviderDefinition;
}

/** Goes through a real consent in another window, and shows what came back. */
export function TestConnection({ provider, definition }: Props) {
  const { clients } = useSigned();
  const asked = userInputs(definition);
  const [inputs, setInputs] = useState<Readonly<Record<string, string>>>({});
  const [problems, setProblems] = useState<Problems>({});
  const [begun, setBegun] = useState<AuthorizeResponse>();
  const [error, setError] = useState<unknown>();

  const begin = async () => {
    const found: Record<string, string> = {};
    for (const input of asked) {
      const problem = problemOfInput(input, inputs[input.name] ?? "");
      if (problem !== "") found[input.name] = problem;
    }
    setProblems(found);
    setError(undefined);
    setBegun(undefined);
    if (Object.keys(found).length > 0) return;
    // Opened at once: later a browser takes it for an advertisement.
    const opened = window.open("about:blank", "_blank");
    if (opened !== null) opened.opener = null;
    try {
      const answer = await clients.tokens.authorize({
        provider: provider.name,
        subject,
        labels: { purpose: "test" },
        inputs,
      });
      setBegun(answer);
      if (opened !== null) opened.location.href = pageOf(answer);
    } catch (failure) {
      opened?.close();
      setError(failure);
    }
  };

  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        Opens the page that your users see, and then the provider’s real
        consent, in a new window. What comes back is a connection of the user “
        {subject}”, which you can keep or revoke.
      </Text>
      {asked.map((input) => (
        <InputField
          key={input.name}
          input={input}
          value={inputs[input.name] ?? ""}
          error={problems[input.name] ?? ""}
          onChange={(value) => {
            setInputs({ ...inputs, [input.name]: value });
          }}
        />
      ))}
      <Group>
        <Button variant="default" onClick={begin}>
          Test connection
        </Button>
      </Group>
      <ErrorNotice error={error} />
      {begun === undefined ? null : <Outcome key={begun.state} begun={begun} />}
    </Stack>
  );
}

/** Where the consent begins. */
function pageOf({ connectUri, authorizationUri }: AuthorizeResponse): string {
  return connectUri || authorizationUri;
}

function Outcome({ begun }: { readonly begun: AuthorizeResponse }) {
  const { clients } = useSigned();
  const { connection: name } = begun;
  const end = millisOf(begun.expireTime);
  const now = useNow();
  const isOver = end !== undefined && end < now;
  const query = useQuery({
    queryKey: ["connection", name, "test", begun.state],
    // The connection is made by the consent.
    queryFn: async ({ signal }): Promise<Connection | null> => {
      try {
        const answer = await clients.connections.getConnection(
          { name },
          { signal },
        );
        return answer.connection ?? null;
      } catch (failure) {
        if (problemOf(failure).reason === "CONNECTION_NOT_FOUND") return null;
        throw failure;
      }
    },
    refetchInterval: ({ state }) => (state.data || isOver ? false : 1500),
  });
  const connection = query.data ?? undefined;
  return (
    <div role="status">
      <ErrorNotice error={query.error} />
      {connection !== undefined ? (
        <Stack gap="sm">
          <Text fw={600}>The test succeeded: an account is connected.</Text>
          <CameBack connection={connection} />
          <Text size="sm">
            <TextLink to={pathOf(name)}>
              To this connection, to keep or revoke it
            </TextLink>
          </Text>
        </Stack>
      ) : isOver ? (
        <Text size="sm">
          Nothing came back in time. If that window told of an error, correct
          the provider; then test again.
        </Text>
      ) : (
        <Text size="sm">
          Waiting for the consent,{" "}
          <Time time={begun.expireTime} none="without end" /> at the latest. If
          no window opened, open{" "}
          <ExternalLink href={pageOf(begun)}>the consent page</ExternalLink>. If
          that window tells of an error, correct the provider and test again.
        </Text>
      )}
    </div>
  );
}

/** What a grant of this provider is like. */
function CameBack({ connection }: { readonly connection: Connection }) {
  const { account, nextRefreshTime } = connection;
  const lines: [string, ReactNode][] = [
    ["Account", accountWords(account?.displayName, account?.id)],
    ["Granted scopes", <Scopes scopes={connection.scopes} none="none" />],
    [
      "Missing scopes",
      <Scopes scopes={connection.missingScopes} none="none" />,
    ],
    ["Access token", <Ends time={connection.expireTime} />],
    [
      "Refresh",
      nextRefreshTime === undefined ? (
        "not planned: the provider gave no refresh token, or the access token does not expire"
      ) : (
        <>
          by itself, next <Time time={nextRefreshTime} none="" full />
        </>
      ),
    ],
    ["Refresh token", <Ends time={connection.refreshExpireTime} />],
  ];
  return (
    <DataList labelWidth="9rem">
      {lines.map(([name, value]) => (
        <DataList.Item key={name}>
          <DataList.ItemLabel>{name}</DataList.ItemLabel>
          <DataList.ItemValue>{value}</DataList.ItemValue>
        </DataList.Item>
      ))}
    </DataList>
  );
}
