import { Anchor, Stack, Text, TextInput, Title } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Input } from "../gen/valetkey/catalog/v1/definition_pb";
import type {
  CheckDefinitionResponse,
  DefinitionFault,
} from "../gen/valetkey/v1/provider_service_pb";
import editor from "../ui/editor.module.css";
import { ErrorNotice } from "../ui/ErrorNotice";
import { HealthMark } from "../ui/HealthMark";
import layout from "../ui/layout.module.css";
import { Section } from "../ui/Section";

interface Props {
  readonly query: UseQueryResult<CheckDefinitionResponse>;
  readonly inputs: Readonly<Record<string, string>>;
  readonly onInputs: (inputs: Readonly<Record<string, string>>) => void;
  readonly onLine: (line: number) => void;
}

/** What the server says of a definition, and what the definition would send. */
export function DefinitionCheck({ query, inputs, onInputs, onLine }: Props) {
  const { data } = query;
  return (
    <Section title="Check">
      <div role="status">
        {data === undefined ? (
          <Text size="sm">
            {query.isFetching ? "Checking…" : "Nothing to check yet."}
          </Text>
        ) : (
          <Verdict data={data} />
        )}
      </div>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {data === undefined ? null : (
        <>
          <Faults title="Faults" faults={data.faults} onLine={onLine} />
          <Faults title="Warnings" faults={data.warnings} onLine={onLine} />
          {data.dryRun === "" ? null : (
            <div>
              <Title order={3} size="h5" mb={4}>
                What it would send
              </Title>
              <Text size="sm" c="dimmed" mb="xs">
                Words in capitals stand for secrets and for what the provider
                answers. Nothing was sent.
              </Text>
              <Inputs
                inputs={data.definition?.inputs ?? []}
                values={inputs}
                onChange={onInputs}
              />
              <pre
                className={editor.run}
                tabIndex={0}
                role="region"
                aria-label="What it would send"
              >
                {data.dryRun}
              </pre>
            </div>
          )}
        </>
      )}
    </Section>
  );
}

function Verdict({ data }: { readonly data: CheckDefinitionResponse }) {
  const faults = data.faults.length;
  const warnings = data.warnings.length;
  const count = (number: number, noun: string) =>
    `${String(number)} ${noun}${number === 1 ? "" : "s"}`;
  if (faults > 0) {
    const title = `Not usable yet: ${count(faults, "fault")}`;
    return <HealthMark health={{ level: "bad", title, advice: "" }} />;
  }
  return warnings > 0 ? (
    <HealthMark
      health={{
        level: "attention",
        title: `Usable, with ${count(warnings, "warning")}`,
        advice: "",
      }}
    />
  ) : (
    <HealthMark health={{ level: "good", title: "Usable", advice: "" }} />
  );
}

interface FaultsProps {
  readonly title: string;
  readonly faults: readonly DefinitionFault[];
  readonly onLine: (line: number) => void;
}

function Faults({ title, faults, onLine }: FaultsProps) {
  if (faults.length === 0) return null;
  return (
    <div>
      <Title order={3} size="h5" mb={4}>
        {title}
      </Title>
      <ul className={editor.faults}>
        {faults.map(({ line, field, message }) => (
          <li key={`${String(line)} ${field} ${message}`}>
            {line === 0 ? null : (
              <>
                <Anchor
                  component="button"
                  type="button"
                  size="sm"
                  underline="always"
                  onClick={() => {
                    onLine(line);
                  }}
                >
                  Line {line}
                </Anchor>
                {": "}
              </>
            )}
            {field === "" ? null : <code>{field}</code>} {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface InputsProps {
  readonly inputs: readonly Input[];
  readonly values: Readonly<Record<string, string>>;
  readonly onChange: (values: Readonly<Record<string, string>>) => void;
}

/** Values to see the requests with; examples stand in for what is empty. */
function Inputs({ inputs, values, onChange }: InputsProps) {
  if (inputs.length === 0) return null;
  return (
    <Stack gap="xs" mb="xs" className={layout.filters ?? ""}>
      {inputs.map(({ name, displayName, defaultValue, example }) => (
        <TextInput
          key={name}
          label={displayName || name}
          placeholder={defaultValue || example}
          spellCheck={false}
          value={values[name] ?? ""}
          onChange={(event) => {
            const { [name]: _, ...others } = values;
            const { value } = event.currentTarget;
            onChange(value === "" ? others : { ...others, [name]: value });
          }}
        />
      ))}
    </Stack>
  );
}
