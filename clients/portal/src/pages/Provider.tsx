import { Alert, Group, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { useHistoryState } from "wouter/use-browser-location";
import { useSigned } from "../api/context";
import type { Entry } from "../api/queries";
import { useCatalogEntry, useProvider } from "../api/queries";
import type { Provider } from "../gen/valetkey/v1/provider_service_pb";
import { ProviderState } from "../gen/valetkey/v1/provider_service_pb";
import { applicationOf, idOf, pathOf } from "../lib/names";
import type { ProviderForm } from "../lib/provider-form";
import {
  beginForm,
  changedFields,
  needsSecret,
  providerOf,
} from "../lib/provider-form";
import { ConfirmButton } from "../ui/ConfirmButton";
import styles from "../ui/layout.module.css";
import { TextLink, Trail } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { ProviderFacts } from "./ProviderFacts";
import { ProviderFields } from "./ProviderFields";
import { ProviderBadge } from "./Providers";
import { SecretRotation } from "./SecretRotation";
import { TestConnection } from "./TestConnection";

/** A configured provider. */
export default function ProviderPage({ name }: { readonly name: string }) {
  const application = applicationOf(name);
  const query = useProvider(name);
  const known = query.data?.state !== ProviderState.CATALOG_ENTRY_MISSING;
  const entry = useCatalogEntry(known ? query.data?.catalogEntry : undefined);
  return (
    <>
      <Trail
        crumbs={[
          { to: pathOf(application, "providers"), text: "OAuth Providers" },
        ]}
      />
      <Page
        title={query.data?.displayName || idOf(name)}
        subtitle={
          query.data === undefined ? null : (
            <ProviderBadge provider={query.data} />
          )
        }
      >
        <Loaded query={query}>
          {(provider) =>
            known ? (
              <Loaded query={entry}>
                {(found) => <Configured provider={provider} entry={found} />}
              </Loaded>
            ) : (
              <Stack>
                <Alert color="red" title="Its catalog entry is missing">
                  Give the server the definition of{" "}
                  {idOf(provider.catalogEntry)} again: in its --catalog_dir, or
                  under Add Provider, Add your own. Until then its connections
                  cannot be refreshed.
                </Alert>
                <Removal provider={provider} />
              </Stack>
            )
          }
        </Loaded>
      </Page>
    </>
  );
}

interface ConfiguredProps {
  readonly provider: Provider;
  readonly entry: Entry;
}

function Configured({ provider, entry }: ConfiguredProps) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const arrival = useHistoryState<{ saved?: boolean } | null>();
  const [saved, setSaved] = useState(arrival?.saved === true);
  const [form, setForm] = useState(() => edit(entry, provider));
  const name = provider.displayName || idOf(provider.name);

  const save = async (complete: ProviderForm) => {
    setSaved(false);
    const answer = await clients.providers.updateProvider({
      provider: {
        ...providerOf(entry.definition, complete),
        name: provider.name,
        etag: provider.etag,
      },
      updateMask: { paths: changedFields(complete) },
    });
    queries.setQueryData(["provider", provider.name], answer.provider);
    await queries.invalidateQueries({ queryKey: ["providers"] });
    setForm({ ...complete, clientSecret: "" });
    setSaved(true);
  };

  return (
    <Stack>
      <div role="status">
        {saved ? (
          <Alert color="green" title={`${name} is active`}>
            It is saved. Test the connection below, or have your application
            send people to consent.
          </Alert>
        ) : null}
      </div>
      <Section title="Test connection">
        <TestConnection provider={provider} definition={entry.definition} />
        <Text size="sm">
          <TextLink
            to={`${pathOf(applicationOf(provider.name), "connections")}?provider=${encodeURIComponent(idOf(provider.name))}`}
          >
            Its connections
          </TextLink>
        </Text>
      </Section>
      {needsSecret(entry.definition) ? (
        <SecretRotation provider={provider} at={entry.definition.displayName} />
      ) : null}
      <div className={styles.columns}>
        <ProviderFields
          entry={entry}
          form={form}
          onChange={setForm}
          onSave={save}
          isNew={false}
          secretSet={provider.clientSecretSet}
        />
        <Stack>
          <ProviderFacts
            application={applicationOf(provider.name)}
            entry={entry}
            redirectUri={provider.redirectUri || entry.redirectUri}
          />
          <Removal provider={provider} />
        </Stack>
      </div>
    </Stack>
  );
}

/** The server shows the redirect URI in use; ours need not be repeated. */
function edit(entry: Entry, provider: Provider): ProviderForm {
  const form = beginForm(entry.definition, idOf(provider.name), provider);
  const own = provider.redirectUri !== entry.redirectUri;
  return { ...form, redirectUri: own ? provider.redirectUri : "" };
}

function Removal({ provider }: { readonly provider: Provider }) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const { name, etag } = provider;
  return (
    <Section title="Delete the provider">
      <Group>
        <ConfirmButton
          label="Delete provider"
          title={`Delete ${provider.displayName || idOf(name)}?`}
          onConfirm={async () => {
            await clients.providers.deleteProvider({ name, etag });
            await queries.invalidateQueries({ queryKey: ["providers"] });
            navigate(pathOf(applicationOf(name), "providers"));
          }}
        >
          Its client id and secret are deleted for good. It must have no
          connections.
        </ConfirmButton>
      </Group>
    </Section>
  );
}
