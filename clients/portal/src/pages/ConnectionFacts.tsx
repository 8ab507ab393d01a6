import { DataList, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { Connection } from "../gen/valetkey/v1/connection_service_pb";
import { idOf, pathOf } from "../lib/names";
import { TextLink } from "../ui/Links";
import { Time } from "../ui/Time";

/** What is known of a connection. */
export function ConnectionFacts({
  connection,
}: {
  readonly connection: Connection;
}) {
  const { account, provider } = connection;
  const lines: [string, ReactNode][] = [
    ["Provider", <TextLink to={pathOf(provider)}>{idOf(provider)}</TextLink>],
    ["Account", accountWords(account?.displayName, account?.id)],
    ["User", connection.subject],
    ["Granted scopes", <Scopes scopes={connection.scopes} none="none" />],
    [
      "Missing scopes",
      <Scopes scopes={connection.missingScopes} none="none" />,
    ],
    [
      "Last refresh",
      <Time time={connection.lastRefreshTime} none="never" full />,
    ],
    [
      "Next refresh",
      <Time time={connection.nextRefreshTime} none="never" full />,
    ],
    ["Access token", <Ends time={connection.expireTime} />],
    ["Refresh token", <Ends time={connection.refreshExpireTime} />],
    ["Generation", connection.generation.toString()],
    ["Connected", <Time time={connection.createTime} none="unknown" full />],
  ];
  for (const [key, value] of Object.entries(connection.labels)) {
    lines.push([`Label ${key}`, value]);
  }
  for (const [key, value] of Object.entries(connection.metadata)) {
    lines.push([key, value]);
  }
  if (connection.extraTokens.length > 0) {
    lines.push(["Further tokens", connection.extraTokens.join(", ")]);
  }
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

export function accountWords(displayName = "", id = ""): string {
  if (displayName === "") return id || "not known";
  return id === "" || id === displayName
    ? displayName
    : `${displayName} (${id})`;
}

export function Ends({ time }: { readonly time: Connection["expireTime"] }) {
  if (time === undefined) return "not known to expire";
  return (
    <>
      expires <Time time={time} none="" full />
    </>
  );
}

interface ScopesProps {
  readonly scopes: readonly string[];
  readonly none: string;
}

export function Scopes({ scopes, none }: ScopesProps) {
  if (scopes.length === 0) return none;
  return (
    <Text component="span" size="sm" ff="monospace">
      {scopes.join(" ")}
    </Text>
  );
}
