import {
  Alert,
  Button,
  Group,
  NativeSelect,
  PasswordInput,
  Stack,
  Switch,
  Text,
  TextInput,
} from "@mantine/core";
import { useRef, useState } from "react";
import { fieldOf, problemOf } from "../api/errors";
import type { Entry } from "../api/queries";
import { PkceSupport } from "../gen/valetkey/catalog/v1/definition_pb";
import type { Problems, ProviderForm } from "../lib/provider-form";
import { checkForm, needsSecret, operatorInputs } from "../lib/provider-form";
import { ErrorNotice } from "../ui/ErrorNotice";
import styles from "../ui/layout.module.css";
import { Section } from "../ui/Section";
import { InputField } from "./InputField";
import { ScopeFields } from "./ScopeFields";

interface Props {
  readonly entry: Entry;
  readonly form: ProviderForm;
  readonly onChange: (form: ProviderForm) => void;
  /** Throws what the server says. */
  readonly onSave: (form: ProviderForm) => Promise<void>;
  readonly isNew: boolean;
  readonly secretSet: boolean;
}

/** The fields that a person can set right; others' errors are shown whole. */
const fields = new Set([
  "id",
  "display_name",
  "client_id",
  "client_secret",
  "redirect_uri",
]);

export function ProviderFields({
  entry,
  form,
  onChange,
  onSave,
  isNew,
  secretSet,
}: Props) {
  const { definition } = entry;
  const element = useRef<HTMLFormElement>(null);
  const [problems, setProblems] = useState<Problems>({});
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  const change = (part: Partial<ProviderForm>) => {
    onChange({ ...form, ...part });
  };
  const show = (found: Problems) => {
    setProblems(found);
    // After the fields have been drawn with their errors.
    requestAnimationFrame(() => {
      element.current
        ?.querySelector<HTMLElement>("[aria-invalid=true]")
        ?.focus();
    });
  };
  const submit = async (event: React.SubmitEvent) => {
    event.preventDefault();
    setError(undefined);
    const found = checkForm(definition, form, isNew);
    show(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      await onSave(form);
    } catch (failure) {
      const problem = problemOf(failure);
      const field = fieldOf(problem);
      if (fields.has(field)) {
        show({ [field]: `${problem.title}. ${problem.message}` });
      } else {
        setError(failure);
      }
    } finally {
      setBusy(false);
    }
  };

  return (
    <form ref={element} onSubmit={submit} noValidate>
      <Stack>
        <Section title="Client">
          <TextInput
            label="Client ID"
            description={`The id that ${definition.displayName} gave your app`}
            required
            spellCheck={false}
            autoComplete="off"
            value={form.clientId}
            error={problems.client_id}
            onChange={(event) => {
              change({ clientId: event.currentTarget.value });
            }}
          />
          {needsSecret(definition) ? (
            <PasswordInput
              label="Client secret"
              description={
                secretSet
                  ? "One is stored, and is never shown again. Leave this empty to keep it; a new one replaces it at once."
                  : "Stored encrypted, and never shown again."
              }
              required={!secretSet}
              autoComplete="new-password"
              spellCheck={false}
              value={form.clientSecret}
              error={problems.client_secret}
              onChange={(event) => {
                change({ clientSecret: event.currentTarget.value });
              }}
              visibilityToggleButtonProps={{
                "aria-label": "Show the secret",
                tabIndex: 0,
              }}
            />
          ) : null}
          {definition.environments.length === 0 ? null : (
            <NativeSelect
              label="Environment"
              description={
                isNew
                  ? "It cannot be changed later."
                  : "It cannot be changed: tokens of two environments do not mix."
              }
              disabled={!isNew}
              value={form.environment}
              data={[
                { value: "", label: "Production" },
                ...definition.environments.map(({ name, displayName }) => ({
                  value: name,
                  label: displayName,
                })),
              ]}
              onChange={(event) => {
                change({ environment: event.currentTarget.value });
              }}
            />
          )}
          {operatorInputs(definition).map((input) => (
            <InputField
              key={input.name}
              input={input}
              value={form.inputs[input.name] ?? ""}
              error={problems[input.name] ?? ""}
              onChange={(value) => {
                change({ inputs: { ...form.inputs, [input.name]: value } });
              }}
            />
          ))}
        </Section>
        <Section title="Scopes">
          <ScopeFields definition={definition} form={form} onChange={change} />
        </Section>
        <Section title="Options">
          <PkceSwitch entry={entry} form={form} onChange={change} />
          <details
            className={styles.details}
            open={"id" in problems || undefined}
          >
            <summary>Name, id and redirect URI</summary>
            <Stack mt="xs">
              <TextInput
                label="Display name"
                maxLength={128}
                value={form.displayName}
                error={problems.display_name}
                onChange={(event) => {
                  change({ displayName: event.currentTarget.value });
                }}
              />
              <TextInput
                label="Provider id"
                description="How programs name it; it cannot be changed later."
                required
                spellCheck={false}
                disabled={!isNew}
                value={form.id}
                error={problems.id}
                onChange={(event) => {
                  change({ id: event.currentTarget.value });
                }}
              />
              <TextInput
                label="Redirect URI of your own"
                description="Only if your application takes the callback itself and calls Exchange. Empty: ValetKey’s."
                placeholder={entry.redirectUri}
                spellCheck={false}
                value={form.redirectUri}
                error={problems.redirect_uri}
                onChange={(event) => {
                  change({ redirectUri: event.currentTarget.value });
                }}
              />
            </Stack>
          </details>
        </Section>
        <ErrorNotice error={error} />
        {Object.keys(problems).length > 0 ? (
          <Alert color="red" role="alert" title="Not saved yet">
            Correct the fields marked above.
          </Alert>
        ) : null}
        <Group>
          <Button type="submit" loading={busy}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface PkceProps {
  readonly entry: Entry;
  readonly form: ProviderForm;
  readonly onChange: (part: Partial<ProviderForm>) => void;
}

function PkceSwitch({ entry: { definition }, form, onChange }: PkceProps) {
  const required = definition.pkce?.support === PkceSupport.REQUIRED;
  return (
    <>
      <Switch
        label="PKCE (S256)"
        description={
          required
            ? "The provider refuses requests without it."
            : "Binds the authorization code to the request that asked for it (RFC 7636)."
        }
        disabled={required}
        checked={required || form.pkce}
        onChange={(event) => {
          onChange({ pkce: event.currentTarget.checked });
        }}
      />
      {form.pkce || required ? null : (
        <Text size="xs" c="dimmed">
          State, the exact redirect URI and the client secret protect the flow
          without it.
        </Text>
      )}
    </>
  );
}
