import {
  Alert,
  Badge,
  Button,
  Group,
  PasswordInput,
  Stack,
  Text,
} from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useSigned } from "../api/context";
import type { Provider } from "../gen/valetkey/v1/provider_service_pb";
import { ConfirmButton } from "../ui/ConfirmButton";
import { ErrorNotice } from "../ui/ErrorNotice";
import styles from "../ui/layout.module.css";
import { Section } from "../ui/Section";

interface Props {
  readonly provider: Provider;
  /** What the provider is called. */
  readonly at: string;
}

/**
 * Leads from one client secret to the next. Secrets are only ever written: the
 * new one is entered twice, for nobody can move it from one place to the other.
 */
export function SecretRotation({ provider, at }: Props) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [done, setDone] = useState("");
  const { name, etag, secondClientSecretSet: isUnderWay } = provider;

  const update = async (
    secrets: { clientSecret?: string; secondClientSecret: string },
    said: string,
  ) => {
    setDone("");
    const paths = ["second_client_secret"];
    if (secrets.clientSecret !== undefined) paths.unshift("client_secret");
    const answer = await clients.providers.updateProvider({
      provider: { name, etag, ...secrets },
      updateMask: { paths },
    });
    queries.setQueryData(["provider", name], answer.provider);
    setDone(said);
  };

  return (
    <Section
      title="Change the client secret"
      actions={
        isUnderWay ? (
          <Badge variant="light" color="orange" tt="none">
            two secrets are stored
          </Badge>
        ) : undefined
      }
    >
      <Text size="sm">
        A second client secret lets the secret change at {at} without a failed
        call. While both are stored, ValetKey sends the second whenever {at}{" "}
        refuses the first.
      </Text>
      <div role="status">
        {done === "" ? null : <Alert color="green" title={done} />}
      </div>
      <details className={styles.details} open={isUnderWay || undefined}>
        <summary>
          {isUnderWay ? "Steps 2 and 3 of 3 are left" : "Three steps"}
        </summary>
        <ol className={styles.steps}>
          <li>
            {isUnderWay ? (
              <>The new secret is stored as the second. Done.</>
            ) : (
              <SecretForm
                label="New client secret"
                description="Keep it at hand: it is entered once more at the end."
                button="Store as the second"
                onSave={(secondClientSecret) =>
                  update(
                    { secondClientSecret },
                    "The second client secret is stored",
                  )
                }
              />
            )}
          </li>
          <li>
            At {at}, make the new secret valid and the old one invalid. Where{" "}
            {at} makes the new one itself, and ends the old one with that, do
            this first, and store it at once.
          </li>
          <li>
            {isUnderWay ? (
              <SecretForm
                label="The new client secret once more"
                description="It replaces the first, and the second is cleared."
                button="Make it the only one"
                onSave={(clientSecret) =>
                  update(
                    { clientSecret, secondClientSecret: "" },
                    "The new client secret is the only one",
                  )
                }
              />
            ) : (
              <>Enter the new secret once more, to make it the only one.</>
            )}
          </li>
        </ol>
        {isUnderWay ? (
          <Group mt="md">
            <ConfirmButton
              label="Drop the second secret"
              title="Drop the second secret?"
              onConfirm={() =>
                update(
                  { secondClientSecret: "" },
                  "The second client secret is dropped",
                )
              }
            >
              The first is kept. Calls fail if the provider has ended it
              already.
            </ConfirmButton>
          </Group>
        ) : null}
      </details>
    </Section>
  );
}

interface FormProps {
  readonly label: string;
  readonly description: string;
  readonly button: string;
  readonly onSave: (secret: string) => Promise<void>;
}

function SecretForm({ label, description, button, onSave }: FormProps) {
  const [secret, setSecret] = useState("");
  const [problem, setProblem] = useState("");
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: React.SubmitEvent) => {
    event.preventDefault();
    setProblem(secret === "" ? "The secret is needed." : "");
    if (secret === "") return;
    setBusy(true);
    setError(undefined);
    try {
      await onSave(secret);
      setSecret("");
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="xs">
        <PasswordInput
          label={label}
          description={description}
          autoComplete="new-password"
          spellCheck={false}
          value={secret}
          error={problem}
          onChange={(event) => {
            setSecret(event.currentTarget.value);
          }}
          visibilityToggleButtonProps={{
            "aria-label": `Show ${label.toLowerCase()}`,
            tabIndex: 0,
          }}
        />
        <ErrorNotice error={error} />
        <Group>
          <Button type="submit" variant="default" loading={busy}>
            {button}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
