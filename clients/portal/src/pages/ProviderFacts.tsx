import { Badge, DataList, Stack, Text } from "@mantine/core";
import type { Entry } from "../api/queries";
import type { ProviderDefinition } from "../gen/valetkey/catalog/v1/definition_pb";
import { CatalogSource } from "../gen/valetkey/v1/provider_service_pb";
import { idOf, pathOf } from "../lib/names";
import {
  categoryWords,
  confidenceWords,
  pkceWords,
  refreshWords,
  sourceWords,
} from "../lib/words";
import { CopyField } from "../ui/CopyField";
import { Inlines } from "../ui/Inlines";
import styles from "../ui/layout.module.css";
import { ExternalLink, TextLink } from "../ui/Links";
import { Section } from "../ui/Section";

interface Props {
  readonly application: string;
  readonly entry: Entry;
  /** The one in use. */
  readonly redirectUri: string;
}

/** What the catalog knows of a provider, and how to register an app there. */
export function ProviderFacts({ application, entry, redirectUri }: Props) {
  const { definition } = entry;
  return (
    <Stack>
      <Section title={`Set up the app at ${definition.displayName}`}>
        <CopyField
          label="Redirect URI"
          description="Register it there, character for character."
          value={redirectUri}
        />
        {definition.setupSteps.length === 0 ? (
          <Text size="sm">
            Register an app in the provider’s developer console with this
            redirect URI, and copy its client id and client secret.
          </Text>
        ) : (
          <ol className={styles.steps}>
            {definition.setupSteps.map((step) => (
              <li key={step}>
                <Inlines text={step} />
              </li>
            ))}
          </ol>
        )}
      </Section>
      <Section title="Properties">
        <DataList labelWidth="8rem">
          {propertiesOf(definition).map(([name, value]) => (
            <DataList.Item key={name}>
              <DataList.ItemLabel>{name}</DataList.ItemLabel>
              <DataList.ItemValue>{value}</DataList.ItemValue>
            </DataList.Item>
          ))}
          <DataList.Item>
            <DataList.ItemLabel>Definition</DataList.ItemLabel>
            <DataList.ItemValue>
              <Source application={application} entry={entry} />
            </DataList.ItemValue>
          </DataList.Item>
        </DataList>
        {definition.links.length === 0 ? null : (
          <ul className={styles.steps}>
            {definition.links.map(({ title, url }) => (
              <li key={url}>
                <ExternalLink href={url}>{title}</ExternalLink>
              </li>
            ))}
          </ul>
        )}
        <Notes definition={definition} />
      </Section>
    </Stack>
  );
}

/** Where the definition comes from, and the way to change one that was added. */
function Source({ application, entry }: Omit<Props, "redirectUri">) {
  const words = sourceWords(entry.source);
  if (entry.source !== CatalogSource.ADDED) return words;
  return (
    <span>
      {words}:{" "}
      <TextLink to={pathOf(application, "definitions", idOf(entry.name))}>
        see or change it
      </TextLink>
    </span>
  );
}

/** The lines of the table: the definition's own words before ours. */
function propertiesOf(definition: ProviderDefinition): [string, string][] {
  const properties = new Map([
    ["Provider ID", definition.id],
    ["Category", categoryWords(definition.category)],
    ["PKCE", pkceWords(definition)],
    ["Token refresh", refreshWords(definition)],
  ]);
  for (const { name, value } of definition.properties)
    properties.set(name, value);
  // It is shown in full above.
  properties.delete("Redirect URI");
  return [...properties];
}

function Notes({
  definition: { notes },
}: {
  readonly definition: ProviderDefinition;
}) {
  if (notes.length === 0) return null;
  return (
    <details className={styles.details}>
      <summary>What is known and what is assumed</summary>
      <ul className={styles.steps}>
        {notes.map(({ text, confidence, source }) => (
          <li key={text}>
            {text}{" "}
            <Badge variant="default" size="sm" tt="none">
              {confidenceWords(confidence)}
            </Badge>
            <Text size="xs" c="dimmed">
              {source}
            </Text>
          </li>
        ))}
      </ul>
    </details>
  );
}
