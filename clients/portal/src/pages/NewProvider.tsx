import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { useSigned } from "../api/context";
import type { Entry } from "../api/queries";
import { useCatalogEntry, useProviders } from "../api/queries";
import { freeId, idOf, pathOf } from "../lib/names";
import type { ProviderForm } from "../lib/provider-form";
import { beginForm, providerOf } from "../lib/provider-form";
import styles from "../ui/layout.module.css";
import { Trail } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { ProviderFacts } from "./ProviderFacts";
import { ProviderFields } from "./ProviderFields";

interface Props {
  readonly application: string;
  /** Of the catalog. */
  readonly entryId: string;
}

/** The page of a provider in the catalog, with the form that adds it. */
export default function NewProvider({ application, entryId }: Props) {
  const entry = useCatalogEntry(`catalog/${entryId}`);
  const providers = useProviders(application);
  return (
    <>
      <Trail
        crumbs={[
          { to: pathOf(application, "providers"), text: "OAuth Providers" },
          { to: pathOf(application, "add-provider"), text: "Add Provider" },
        ]}
      />
      <Page
        title={entry.data?.definition.displayName ?? entryId}
        subtitle={entry.data?.definition.summary}
      >
        <Loaded query={entry}>
          {(found) => (
            <Loaded query={providers}>
              {({ items }) => (
                <Form
                  application={application}
                  entry={found}
                  taken={items.map(({ name }) => idOf(name))}
                />
              )}
            </Loaded>
          )}
        </Loaded>
      </Page>
    </>
  );
}

interface FormProps {
  readonly application: string;
  readonly entry: Entry;
  readonly taken: readonly string[];
}

function Form({ application, entry, taken }: FormProps) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [form, setForm] = useState(() =>
    beginForm(entry.definition, freeId(entry.definition.id, taken)),
  );
  const save = async (complete: ProviderForm) => {
    await clients.providers.createProvider({
      parent: application,
      providerId: complete.id,
      provider: {
        ...providerOf(entry.definition, complete),
        catalogEntry: entry.name,
      },
    });
    await queries.invalidateQueries({ queryKey: ["providers", application] });
    navigate(pathOf(`${application}/providers/${complete.id}`), {
      state: { saved: true },
    });
  };
  return (
    <div className={styles.columns}>
      <ProviderFields
        entry={entry}
        form={form}
        onChange={setForm}
        onSave={save}
        isNew
        secretSet={false}
      />
      <ProviderFacts
        application={application}
        entry={entry}
        redirectUri={form.redirectUri || entry.redirectUri}
      />
    </div>
  );
}
