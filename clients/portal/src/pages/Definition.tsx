import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useLocation } from "wouter";
import { renewCatalog, useDefinitionCheck } from "../api/catalog";
import { useSigned } from "../api/context";
import type { Entry } from "../api/queries";
import { present, useCatalogEntry } from "../api/queries";
import { CatalogSource } from "../gen/valetkey/v1/provider_service_pb";
import { problemOfText } from "../lib/definition";
import { idOf, pathOf, systemApplication } from "../lib/names";
import { sourceWords } from "../lib/words";
import { ConfirmButton } from "../ui/ConfirmButton";
import { ErrorNotice } from "../ui/ErrorNotice";
import { Trail } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { DefinitionCheck } from "./DefinitionCheck";
import type { EditorHandle } from "./DefinitionEditor";
import { DefinitionEditor, DefinitionSources } from "./DefinitionEditor";

/** So long a person may pause while writing. */
const pause = 500;

interface Props {
  readonly application: string;
  /** Of the catalog; undefined for a new one. */
  readonly entryId?: string;
}

/** A definition of one's own: a new one, or one that was added. */
export default function Definition({ application, entryId }: Props) {
  return (
    <>
      <Trail
        crumbs={[
          { to: pathOf(application, "providers"), text: "OAuth Providers" },
          { to: pathOf(application, "add-provider"), text: "Add Provider" },
        ]}
      />
      <Page
        title={
          entryId === undefined ? "Add your own" : `Definition of ${entryId}`
        }
        subtitle="Describe a provider that the catalog does not have. It is added for all applications."
      >
        {entryId === undefined ? (
          <Written application={application} />
        ) : (
          <Existing application={application} entryId={entryId} />
        )}
      </Page>
    </>
  );
}

function Existing({ application, entryId = "" }: Props) {
  const query = useCatalogEntry(`catalog/${entryId}`);
  return (
    <Loaded query={query}>
      {(entry) =>
        entry.source === CatalogSource.ADDED ? (
          <Written key={entry.name} application={application} entry={entry} />
        ) : (
          <Alert color="orange" title="It cannot be changed here">
            {`${sourceWords(entry.source)}. Only definitions that were added here can be changed here.`}
          </Alert>
        )
      }
    </Loaded>
  );
}

interface WrittenProps {
  readonly application: string;
  readonly entry?: Entry;
}

function Written({ application, entry }: WrittenProps) {
  const { clients, session } = useSigned();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [text, setText] = useState(entry?.text ?? "");
  const [inputs, setInputs] = useState<Readonly<Record<string, string>>>({});
  const [problem, setProblem] = useState("");
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [saved, setSaved] = useState(false);
  const editor = useRef<EditorHandle>(null);
  const [checked] = useDebouncedValue(text, pause);
  const check = useDefinitionCheck(application, checked, inputs);

  const write = (written: string) => {
    setText(written);
    setProblem("");
    setError(undefined);
    setSaved(false);
  };
  const save = async (event: React.SubmitEvent) => {
    event.preventDefault();
    const found = problemOfText(text);
    setProblem(found);
    if (found !== "") {
      editor.current?.goTo(1);
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      if (entry === undefined) {
        const answer = await clients.providers.createCatalogEntry({ text });
        await renewCatalog(queries);
        const { name } = present(answer.entry);
        navigate(pathOf(application, "add-provider", idOf(name)));
      } else {
        const { name, etag } = entry;
        await clients.providers.updateCatalogEntry({ name, text, etag });
        await renewCatalog(queries);
        setSaved(true);
      }
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Stack>
      {session.system ? null : (
        <Alert color="orange" title="You can check it, but not add it">
          {`Only a key of ${systemApplication} may change the catalog; yours is of ${session.application}. Give the text to an operator of this server.`}
        </Alert>
      )}
      <Section title="Definition">
        {entry === undefined ? (
          <DefinitionSources isWritten={text.trim() !== ""} onText={write} />
        ) : null}
        <form onSubmit={save} noValidate>
          <Stack>
            <DefinitionEditor
              ref={editor}
              text={text}
              onChange={write}
              problem={problem || (text === "" ? "" : problemOfText(text))}
            />
            <ErrorNotice error={error} />
            <Group>
              <Button type="submit" loading={busy} disabled={!session.system}>
                {entry === undefined ? "Create" : "Save"}
              </Button>
              {entry === undefined ? null : (
                <Removal {...{ application, entry }} />
              )}
            </Group>
            <Text size="sm" role="status">
              {saved ? "Saved. Connections go on with it within seconds." : ""}
            </Text>
          </Stack>
        </form>
      </Section>
      <DefinitionCheck
        query={check}
        inputs={inputs}
        onInputs={setInputs}
        onLine={(line) => editor.current?.goTo(line)}
      />
    </Stack>
  );
}

interface RemovalProps {
  readonly application: string;
  readonly entry: Entry;
}

function Removal({ application, entry: { name, etag } }: RemovalProps) {
  const { clients, session } = useSigned();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  if (!session.system) return null;
  return (
    <ConfirmButton
      label="Delete definition"
      title={`Delete the definition of ${idOf(name)}?`}
      onConfirm={async () => {
        await clients.providers.deleteCatalogEntry({ name, etag });
        queries.removeQueries({ queryKey: ["catalog-entry", name] });
        navigate(pathOf(application, "add-provider"));
        await renewCatalog(queries);
      }}
    >
      It is taken from the catalog for all applications. No provider may use it
      any more.
    </ConfirmButton>
  );
}
