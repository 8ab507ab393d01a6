import { Alert, Button, Code, Text } from "@mantine/core";
import { problemOf } from "../api/errors";

interface Props {
  readonly error: unknown;
  readonly onRetry?: () => void;
}

/** What failed, what to do, and the details that support asks for. */
export function ErrorNotice({ error, onRetry }: Props) {
  if (error === null || error === undefined) return null;
  const { title, advice, message, reason, metadata } = problemOf(error);
  const details = Object.entries(metadata).filter(([, value]) => value !== "");
  return (
    <Alert role="alert" color="red" title={title}>
      <Text size="sm">{advice}</Text>
      <Text size="sm" mt={4}>
        {reason === "" ? null : <Code>{reason}</Code>} {message}
      </Text>
      {details.map(([name, value]) => (
        <Text size="sm" key={name}>
          {name}: <Code>{value}</Code>
        </Text>
      ))}
      {onRetry === undefined ? null : (
        <Button size="xs" variant="default" mt="xs" onClick={onRetry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}
