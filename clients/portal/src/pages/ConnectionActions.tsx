import { Button, Group, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useSigned } from "../api/context";
import { queriesOf } from "../api/queries";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import type { AuthorizeResponse } from "../gen/valetkey/v1/token_service_pb";
import { CopyField } from "../ui/CopyField";
import { ErrorNotice } from "../ui/ErrorNotice";
import { ExternalLink } from "../ui/Links";
import { Time } from "../ui/Time";

interface Props {
  readonly connection: Connection;
}

/** Gets a new token now. The answer holds it: nothing but its number is kept. */
export function Refresh({ connection: { name, generation } }: Props) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [renewed, setRenewed] = useState<bigint>();
  const [error, setError] = useState<unknown>();
  const refresh = async () => {
    setBusy(true);
    setError(undefined);
    setRenewed(undefined);
    try {
      const { token } = await clients.tokens.refresh({ name, generation });
      setRenewed(token?.generation);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
      for (const queryKey of queriesOf(name))
        void queries.invalidateQueries({ queryKey });
    }
  };
  return (
    <Stack gap="xs">
      <Group>
        <Button variant="default" loading={busy} onClick={refresh}>
          Refresh now
        </Button>
        <Text size="sm" role="status">
          {renewed === undefined
            ? ""
            : `Refreshed: generation ${renewed.toString()}`}
        </Text>
      </Group>
      <ErrorNotice error={error} />
    </Stack>
  );
}

/** Makes a link by which the person consents again. */
export function Reauthorize({ connection: { name, provider } }: Props) {
  const { clients } = useSigned();
  const [link, setLink] = useState<AuthorizeResponse>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setLink(await clients.tokens.authorize({ provider, connection: name }));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Stack gap="xs">
      <Group>
        <Button variant="default" loading={busy} onClick={make}>
          Make a re-authorize link
        </Button>
      </Group>
      <ErrorNotice error={error} />
      {link === undefined ? null : (
        <div role="status">
          <CopyField
            label="Re-authorize link"
            description="For this person alone: whoever opens it connects their account here."
            value={link.connectUri || link.authorizationUri}
          />
          <Text size="sm">
            It works once, and expires{" "}
            <Time time={link.expireTime} none="never" />.{" "}
            <ExternalLink href={link.connectUri || link.authorizationUri}>
              Open it here
            </ExternalLink>
          </Text>
        </div>
      )}
    </Stack>
  );
}
