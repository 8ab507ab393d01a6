import { NativeSelect, Text, TextInput, Title } from "@mantine/core";
import { useDeferredValue, useState } from "react";
import { Link } from "wouter";
import { useCatalog } from "../api/queries";
import type { CatalogEntry } from "../gen/valetkey/v1/provider_service_pb";
import { CatalogSource } from "../gen/valetkey/v1/provider_service_pb";
import { categoriesOf, searchCatalog } from "../lib/catalog";
import { idOf, pathOf } from "../lib/names";
import { categoryWords, chosenOf } from "../lib/words";
import { Empty } from "../ui/Empty";
import styles from "../ui/layout.module.css";
import { ButtonLink, TextLink, Trail } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";

export default function AddProvider({
  application,
}: {
  readonly application: string;
}) {
  const query = useCatalog();
  return (
    <>
      <Trail
        crumbs={[
          { to: pathOf(application, "providers"), text: "OAuth Providers" },
        ]}
      />
      <Page
        title="Add Provider"
        subtitle="Choose whose accounts your users shall connect."
        actions={
          <ButtonLink to={pathOf(application, "definitions")} variant="default">
            Add your own
          </ButtonLink>
        }
      >
        <Loaded query={query}>
          {({ items }) => <Catalog application={application} entries={items} />}
        </Loaded>
      </Page>
    </>
  );
}

interface CatalogProps {
  readonly application: string;
  readonly entries: readonly CatalogEntry[];
}

function Catalog({ application, entries }: CatalogProps) {
  const [text, setText] = useState("");
  const [category, setCategory] = useState("");
  const searched = useDeferredValue(text);
  const categories = categoriesOf(entries);
  const found = searchCatalog(
    entries,
    searched,
    chosenOf(
      categories.map(([value]) => value),
      category,
    ),
  );
  return (
    <>
      <div className={styles.filters} role="search">
        <TextInput
          type="search"
          label="Search"
          placeholder="Pinterest"
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
          }}
        />
        <NativeSelect
          label="Category"
          value={category}
          data={[
            { value: "", label: `All (${String(entries.length)})` },
            ...categories.map(([value, count]) => ({
              value: String(value),
              label: `${categoryWords(value)} (${String(count)})`,
            })),
          ]}
          onChange={(event) => {
            setCategory(event.currentTarget.value);
          }}
        />
      </div>
      <Text role="status" size="sm" c="dimmed" my="sm">
        {found.length === 1
          ? "1 provider"
          : `${String(found.length)} providers`}
      </Text>
      {found.length === 0 ? (
        <Empty title="The catalog has none of that name">
          Search for something else, or{" "}
          <TextLink to={pathOf(application, "definitions")}>
            describe the provider yourself
          </TextLink>
          .
        </Empty>
      ) : (
        <ul className={styles.tiles}>
          {found.map((entry) => (
            <li key={entry.name}>
              <Tile application={application} entry={entry} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

interface TileProps {
  readonly application: string;
  readonly entry: CatalogEntry;
}

function Tile({ application, entry: { name, definition, source } }: TileProps) {
  if (definition === undefined) return null;
  return (
    <Link
      className={styles.tile ?? ""}
      to={pathOf(application, "add-provider", idOf(name))}
    >
      <span className={styles.tileHead}>
        <Title order={2} size="h5">
          {definition.displayName}
        </Title>
        <Text size="xs" c="dimmed" component="span">
          {source === CatalogSource.BUILT_IN ||
          source === CatalogSource.UNSPECIFIED
            ? categoryWords(definition.category)
            : `${categoryWords(definition.category)}, your own`}
        </Text>
      </span>
      <Text size="sm" c="dimmed" mt={4} className={styles.clamp ?? ""}>
        {definition.summary}
      </Text>
    </Link>
  );
}
