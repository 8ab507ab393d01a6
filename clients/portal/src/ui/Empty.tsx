import { Paper, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  readonly title: string;
  readonly children?: ReactNode;
}

/** Says that there is nothing yet, and how that changes. */
export function Empty({ title, children }: Props) {
  return (
    <Paper withBorder p="xl">
      <Title order={2} size="h4">
        {title}
      </Title>
      <Text component="div" size="sm" c="dimmed" mt="xs">
        {children}
      </Text>
    </Paper>
  );
}
