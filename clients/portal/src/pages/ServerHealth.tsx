import { Text } from "@mantine/core";
import { useSigned } from "../api/context";
import { useStatus } from "../api/queries";
import type {
  GetStatusResponse,
  Replica,
} from "../gen/valetkey/v1/status_service_pb";
import { RedisState } from "../gen/valetkey/v1/status_service_pb";
import { DataTable } from "../ui/DataTable";
import { Loaded } from "../ui/Loaded";
import { Section } from "../ui/Section";
import { Time } from "../ui/Time";

const redisTexts: Partial<Record<RedisState, string>> = {
  [RedisState.NONE]: "not used",
  [RedisState.DOWN]: "does not answer",
  [RedisState.CATCHING_UP]: "catching up",
  [RedisState.CURRENT]: "current",
};

/** How the servers are, for operators of the system. */
export function ServerHealth() {
  const { session } = useSigned();
  const query = useStatus();
  if (!session.system) return null;
  return (
    <Section title="Servers">
      <Loaded query={query}>{(status) => <Servers status={status} />}</Loaded>
    </Section>
  );
}

function Servers({ status }: { readonly status: GetStatusResponse }) {
  return (
    <>
      <Text size="sm">
        {status.due === 0n ? (
          "No connection is overdue."
        ) : (
          <>
            {status.due.toString()} connections are due, the longest{" "}
            <Time time={status.oldestDueTime} none="" />.
          </>
        )}
      </Text>
      <DataTable<Replica>
        caption="Servers"
        rows={status.replicas}
        keyOf={({ instance }) => instance}
        columns={[
          { title: "Host", cell: ({ host }) => host },
          { title: "Version", cell: ({ version }) => version },
          {
            title: "Started",
            cell: ({ startTime }) => <Time time={startTime} none="unknown" />,
          },
          {
            title: "Refreshing",
            cell: (replica) => replica.status?.refreshing ?? 0,
          },
          {
            title: "In memory",
            cell: (replica) =>
              (replica.status?.cachedConnections ?? 0n).toString(),
          },
          {
            title: "Redis",
            cell: (replica) =>
              redisTexts[replica.status?.redis ?? RedisState.UNSPECIFIED] ??
              "unknown",
          },
          { title: "Troubles", cell: troublesOf },
        ]}
      />
    </>
  );
}

function troublesOf({ status }: Replica): string {
  const troubles = (status?.openBreakers ?? []).map(
    ({ endpoint, failures }) =>
      `${endpoint} did not answer ${String(failures)} times`,
  );
  const waiting = status?.uncommitted ?? 0;
  if (waiting > 0) {
    troubles.unshift(
      `${String(waiting)} tokens wait for the store: do not stop it`,
    );
  }
  return troubles.join("; ") || "none";
}
