import { Badge, Checkbox, Group, Stack, Text, TextInput } from "@mantine/core";
import type {
  ProviderDefinition,
  Scope,
} from "../gen/valetkey/catalog/v1/definition_pb";
import type { ProviderForm } from "../lib/provider-form";
import styles from "../ui/layout.module.css";

interface Props {
  readonly definition: ProviderDefinition;
  readonly form: ProviderForm;
  readonly onChange: (part: Partial<ProviderForm>) => void;
}

/** The scopes that a provider offers; those that few need are folded. */
export function ScopeFields({ definition, form, onChange }: Props) {
  const common = definition.scopes.filter(({ advanced }) => !advanced);
  const advanced = definition.scopes.filter((scope) => scope.advanced);
  const required = definition.authorization?.requiredScopes ?? [];
  const chosen = advanced.filter(({ name }) =>
    form.scopes.includes(name),
  ).length;
  return (
    <>
      <Text size="sm" c="dimmed">
        Select what the application needs, and no more: people see it when they
        are asked.
        {required.length > 0
          ? ` Always asked for: ${required.join(", ")}.`
          : ""}
      </Text>
      {definition.scopes.length === 0 ? null : (
        <Checkbox.Group
          aria-label="Scopes"
          value={[...form.scopes]}
          onChange={(scopes) => {
            onChange({ scopes });
          }}
        >
          <Stack gap="sm">
            {common.map((scope) => (
              <ScopeBox key={scope.name} scope={scope} />
            ))}
            {advanced.length === 0 ? null : (
              <details className={styles.details}>
                <summary>
                  Advanced scopes ({advanced.length}
                  {chosen > 0 ? `, ${String(chosen)} selected` : ""})
                </summary>
                <Stack gap="sm" mt="xs">
                  {advanced.map((scope) => (
                    <ScopeBox key={scope.name} scope={scope} />
                  ))}
                </Stack>
              </details>
            )}
          </Stack>
        </Checkbox.Group>
      )}
      <TextInput
        label="Other scopes"
        description="Any that are not listed, separated by blanks"
        spellCheck={false}
        value={form.otherScopes}
        onChange={(event) => {
          onChange({ otherScopes: event.currentTarget.value });
        }}
      />
    </>
  );
}

function ScopeBox({ scope }: { readonly scope: Scope }) {
  const note = scope.needsApproval ? scope.approvalNote : "";
  return (
    <Checkbox
      value={scope.name}
      label={
        <Group gap="xs" component="span">
          <code>{scope.name}</code>
          {scope.needsApproval ? (
            <Badge variant="light" color="orange" size="sm" tt="none">
              needs approval
            </Badge>
          ) : null}
        </Group>
      }
      description={
        note === "" ? scope.description : `${scope.description}. ${note}.`
      }
    />
  );
}
