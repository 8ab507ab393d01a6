import { Group, Loader, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorNotice } from "./ErrorNotice";

interface Props<T> {
  readonly query: UseQueryResult<T>;
  readonly children: (data: T) => ReactNode;
}

/** What was asked for, or that it is coming, or why it does not. */
export function Loaded<T>({ query, children }: Props<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) {
    return (
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
    );
  }
  return <Loading />;
}

export function Loading() {
  return (
    <Group role="status" gap="xs" py="md">
      <Loader size="sm" aria-hidden />
      <Text size="sm" c="dimmed">
        Loading…
      </Text>
    </Group>
  );
}
