import { FileButton, Button, Group, NativeSelect, Text } from "@mantine/core";
import { useId, useImperativeHandle, useRef, useState } from "react";
import type { Ref } from "react";
import { problemOfSize, rangeOfLine, templates } from "../lib/definition";
import styles from "../ui/editor.module.css";

export interface EditorHandle {
  /** Selects a line, from 1, and brings it into view. */
  readonly goTo: (line: number) => void;
}

interface Props {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly problem: string;
  readonly ref: Ref<EditorHandle>;
}

/** A definition's text with the numbers of its lines. */
export function DefinitionEditor({ text, onChange, problem, ref }: Props) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const numbers = useRef<HTMLPreElement>(null);
  const count = text.split("\n").length;
  useImperativeHandle(ref, () => ({
    goTo: (line) => {
      const element = area.current;
      if (element === null) return;
      const [start, end] = rangeOfLine(element.value, line);
      element.focus();
      element.setSelectionRange(start, end);
      const height = element.scrollHeight / element.value.split("\n").length;
      element.scrollTop = Math.max(0, (line - 4) * height);
    },
  }));
  return (
    <div>
      <Text component="label" htmlFor={id} size="sm" fw={600}>
        Text
      </Text>
      <Text id={`${id}-about`} size="xs" c="dimmed" mb={4}>
        A ProviderDefinition in Protobuf’s text format. It is checked as you
        write. To leave the field by keyboard, press Tab.
      </Text>
      <div className={styles.editor}>
        <pre ref={numbers} className={styles.numbers} aria-hidden>
          {Array.from({ length: count }, (_, index) => index + 1).join("\n")}
        </pre>
        <textarea
          id={id}
          ref={area}
          className={styles.text}
          rows={22}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          aria-describedby={`${id}-about ${id}-problem`}
          aria-invalid={problem !== "" || undefined}
          value={text}
          onChange={(event) => {
            onChange(event.currentTarget.value);
          }}
          onScroll={(event) => {
            if (numbers.current !== null)
              numbers.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <Text id={`${id}-problem`} size="xs" c="red" role="status" mt={4}>
        {problem}
      </Text>
    </div>
  );
}

interface SourcesProps {
  /** What is there would be lost. */
  readonly isWritten: boolean;
  readonly onText: (text: string) => void;
}

/** Where a text may come from: an example, or a file. */
export function DefinitionSources({ isWritten, onText }: SourcesProps) {
  const [problem, setProblem] = useState("");
  const [example, setExample] = useState("");
  const load = async (file: File | null) => {
    if (file === null) return;
    const tooLong = problemOfSize(file.size);
    setProblem(tooLong === "" ? "" : `${file.name}: ${tooLong}`);
    if (tooLong === "") onText(await file.text());
  };
  return (
    <div>
      <Group align="end" gap="sm">
        <NativeSelect
          label="Begin from"
          value={example}
          data={[
            { value: "", label: "Choose an example…" },
            ...templates.map(({ title }) => ({ value: title, label: title })),
          ]}
          onChange={(event) => {
            const { value } = event.currentTarget;
            const chosen = templates.find(({ title }) => title === value);
            if (chosen === undefined) return;
            if (isWritten && !window.confirm("Replace what is written?"))
              return;
            setProblem("");
            setExample(value);
            onText(chosen.text);
          }}
        />
        <FileButton
          accept=".textproto,.txtpb,.pbtxt,text/plain"
          onChange={(file) => void load(file)}
        >
          {(button) => (
            <Button variant="default" {...button}>
              Load a .textproto file
            </Button>
          )}
        </FileButton>
      </Group>
      <Text size="sm" c="red" role="status" mt={4}>
        {problem}
      </Text>
    </div>
  );
}
