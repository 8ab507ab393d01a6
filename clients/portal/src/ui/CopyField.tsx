import { Button, Group, Text } from "@mantine/core";
import { useEffect, useId, useState } from "react";
import styles from "./layout.module.css";

interface Props {
  readonly label: string;
  readonly value: string;
  readonly description?: string;
}

/** A value to be taken elsewhere, with a button that copies it. */
export function CopyField({ label, value, description }: Props) {
  const id = useId();
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (said === "") return undefined;
    const timer = setTimeout(() => {
      setSaid("");
    }, 3000);
    return () => {
      clearTimeout(timer);
    };
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setSaid("Copied");
    } catch {
      // Without TLS there is no clipboard, except on this machine.
      setSaid("Select and copy it by hand");
    }
  };
  return (
    <div>
      <Text id={id} size="sm" fw={600}>
        {label}
      </Text>
      {description === undefined ? null : (
        <Text size="xs" c="dimmed">
          {description}
        </Text>
      )}
      <Group gap="xs" mt={4} wrap="nowrap" align="stretch">
        <div className={styles.copyValue} aria-labelledby={id} role="group">
          {value}
        </div>
        <Button
          variant="default"
          size="sm"
          onClick={copy}
          aria-label={`Copy ${label.toLowerCase()}`}
        >
          Copy
        </Button>
      </Group>
      <Text size="xs" role="status" c="dimmed">
        {said}
      </Text>
    </div>
  );
}
