import { Button, Group, Stack, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { useSigned } from "../api/context";
import { useApplication } from "../api/queries";
import type { Application } from "../gen/valetkey/v1/application_service_pb";
import { idOf, systemApplication } from "../lib/names";
import { ConfirmButton } from "../ui/ConfirmButton";
import { ErrorNotice } from "../ui/ErrorNotice";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { Keys } from "./Keys";

export default function ApplicationPage({ name }: { readonly name: string }) {
  const query = useApplication(name);
  return (
    <Page
      title="Keys and settings"
      subtitle={query.data?.displayName || idOf(name)}
    >
      <Stack>
        <Loaded query={query}>
          {(application) => (
            <>
              <Keys application={name} />
              {name === systemApplication ? null : (
                <>
                  <Settings key={application.etag} application={application} />
                  <Removal name={name} />
                </>
              )}
            </>
          )}
        </Loaded>
      </Stack>
    </Page>
  );
}

function Settings({ application }: { readonly application: Application }) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [displayName, setDisplayName] = useState(application.displayName);
  const [uris, setUris] = useState(application.returnUris.join("\n"));
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: React.SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await clients.applications.updateApplication({
        application: {
          name: application.name,
          etag: application.etag,
          displayName: displayName.trim(),
          returnUris: uris
            .split("\n")
            .map((uri) => uri.trim())
            .filter((uri) => uri !== ""),
        },
        updateMask: { paths: ["display_name", "return_uris"] },
      });
      await queries.invalidateQueries({
        queryKey: ["application", application.name],
      });
      await queries.invalidateQueries({ queryKey: ["applications"] });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Section title="Settings">
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput
            label="Display name"
            description="People see it when they are asked for their consent."
            maxLength={128}
            value={displayName}
            onChange={(event) => {
              setDisplayName(event.currentTarget.value);
            }}
          />
          <Textarea
            label="Return URIs"
            description="Where a browser may be sent after the consent, one a line; compared character for character. https, or http on a loopback host."
            placeholder="https://shop.example/connected"
            rows={4}
            spellCheck={false}
            value={uris}
            onChange={(event) => {
              setUris(event.currentTarget.value);
            }}
          />
          <ErrorNotice error={error} />
          <Group>
            <Button type="submit" loading={busy}>
              Save settings
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}

function Removal({ name }: { readonly name: string }) {
  const { clients, session } = useSigned();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  if (!session.system) return null;
  return (
    <Section title="Delete the application">
      <Group>
        <ConfirmButton
          label="Delete application"
          title={`Delete ${idOf(name)}?`}
          onConfirm={async () => {
            await clients.applications.deleteApplication({ name });
            await queries.invalidateQueries({ queryKey: ["applications"] });
            navigate("/applications");
          }}
        >
          The application and its keys are deleted for good. It must have no
          providers and no connections.
        </ConfirmButton>
      </Group>
    </Section>
  );
}
