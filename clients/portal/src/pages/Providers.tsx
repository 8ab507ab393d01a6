import { Badge, Text } from "@mantine/core";
import { useProviders } from "../api/queries";
import type { Provider } from "../gen/valetkey/v1/provider_service_pb";
import { ProviderState } from "../gen/valetkey/v1/provider_service_pb";
import { idOf, pathOf } from "../lib/names";
import type { Column } from "../ui/DataTable";
import { DataTable } from "../ui/DataTable";
import { Empty } from "../ui/Empty";
import { ButtonLink, TextLink } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Time } from "../ui/Time";

const columns: readonly Column<Provider>[] = [
  {
    title: "Provider",
    cell: ({ name, displayName }) => (
      <TextLink to={pathOf(name)}>{displayName || idOf(name)}</TextLink>
    ),
  },
  { title: "Id", cell: ({ name }) => idOf(name) },
  { title: "Catalog entry", cell: ({ catalogEntry }) => idOf(catalogEntry) },
  {
    title: "Environment",
    cell: ({ environment }) => environment || "production",
  },
  { title: "State", cell: (provider) => <ProviderBadge provider={provider} /> },
  {
    title: "Changed",
    cell: ({ updateTime }) => <Time time={updateTime} none="unknown" />,
  },
];

export default function Providers({
  application,
}: {
  readonly application: string;
}) {
  const query = useProviders(application);
  return (
    <Page
      title="OAuth Providers"
      subtitle="The OAuth clients of this application."
      actions={
        <ButtonLink to={pathOf(application, "add-provider")}>
          Add Provider
        </ButtonLink>
      }
    >
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No provider yet">
              Add one to let users connect their accounts there.
            </Empty>
          ) : (
            <DataTable
              caption="OAuth providers"
              columns={columns}
              rows={items}
              keyOf={({ name }) => name}
            />
          )
        }
      </Loaded>
    </Page>
  );
}

/** Whether a provider can be used. */
export function ProviderBadge({ provider }: { readonly provider: Provider }) {
  if (provider.state === ProviderState.ACTIVE) {
    return (
      <Badge variant="light" color="green" tt="none">
        active
      </Badge>
    );
  }
  return (
    <>
      <Badge variant="light" color="red" tt="none">
        not usable
      </Badge>
      <Text size="xs" c="dimmed">
        The server’s catalog does not have {idOf(provider.catalogEntry)}.
      </Text>
    </>
  );
}
