import { Button, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSigned } from "../api/context";
import { problemOf } from "../api/errors";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import type { Provider } from "../gen/valetkey/v1/provider_service_pb";
import type { AuthorizeResponse } from "../gen/valetkey/v1/token_service_pb";
import { pathOf } from "../lib/names";
import { ErrorNotice } from "../ui/ErrorNotice";
import { ExternalLink, TextLink } from "../ui/Links";
import { Time } from "../ui/Time";
import { ConnectionFacts } from "./ConnectionFacts";

/** Whose consent a test is, in the list of connections. */
const subject = "portal-test";

/** Goes through a real consent in another window, and shows what came back. */
export function TestConnection({ provider }: { readonly provider: Provider }) {
  const { clients } = useSigned();
  const [begun, setBegun] = useState<AuthorizeResponse>();
  const [error, setError] = useState<unknown>();

  const begin = async () => {
    setError(undefined);
    setBegun(undefined);
    // Opened at once: later a browser takes it for an advertisement.
    const opened = window.open("about:blank", "_blank");
    if (opened !== null) opened.opener = null;
    try {
      const answer = await clients.tokens.authorize({
        provider: provider.name,
        subject,
        labels: { purpose: "test" },
      });
      setBegun(answer);
      if (opened !== null) opened.location.href = answer.authorizationUri;
    } catch (failure) {
      opened?.close();
      setError(failure);
    }
  };

  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        Opens the provider’s real consent in a new window. What comes back is a
        connection of the user “{subject}”, which you can keep or revoke.
      </Text>
      <Group>
        <Button variant="default" onClick={begin}>
          Test connection
        </Button>
      </Group>
      <ErrorNotice error={error} />
      {begun === undefined ? null : <Outcome begun={begun} />}
    </Stack>
  );
}

function Outcome({ begun }: { readonly begun: AuthorizeResponse }) {
  const { clients } = useSigned();
  const { connection: name } = begun;
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
    refetchInterval: ({ state }) => (state.data ? false : 1500),
  });
  const connection = query.data ?? undefined;
  return (
    <div role="status">
      <ErrorNotice error={query.error} />
      {connection === undefined ? (
        <Text size="sm">
          Waiting for the consent,{" "}
          <Time time={begun.expireTime} none="without end" /> at the latest. If
          no window opened, open{" "}
          <ExternalLink href={begun.authorizationUri}>
            the consent page
          </ExternalLink>
          . If that window tells of an error, correct the provider and test
          again.
        </Text>
      ) : (
        <Stack gap="sm">
          <Text fw={600}>The test succeeded: an account is connected.</Text>
          <ConnectionFacts connection={connection} />
          <TextLink to={pathOf(name)}>
            To this connection, to keep or revoke it
          </TextLink>
        </Stack>
      )}
    </div>
  );
}
