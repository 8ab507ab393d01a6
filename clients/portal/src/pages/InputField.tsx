import { NativeSelect, TextInput } from "@mantine/core";
import type { Input } from "../gen/valetkey/catalog/v1/definition_pb";

interface Props {
  readonly input: Input;
  readonly value: string;
  readonly error: string;
  readonly onChange: (value: string) => void;
}

/** A value that this provider's addresses need, such as a tenant. */
export function InputField({ input, value, error, onChange }: Props) {
  const common = {
    label: input.displayName || input.name,
    description: input.description,
    required: input.defaultValue === "",
    value,
    error,
    onChange: (
      event: React.ChangeEvent<HTMLInputElement | HTMLSelectElement>,
    ) => {
      onChange(event.currentTarget.value);
    },
  };
  if (input.allowedValues.length > 0) {
    const empty = { value: "", label: "Choose…" };
    const values = input.allowedValues.map((allowed) => ({
      value: allowed,
      label: allowed,
    }));
    return (
      <NativeSelect
        {...common}
        data={value === "" ? [empty, ...values] : values}
      />
    );
  }
  return (
    <TextInput {...common} placeholder={input.example} spellCheck={false} />
  );
}
