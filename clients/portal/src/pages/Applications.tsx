import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { useSigned } from "../api/context";
import { fieldOf, problemOf } from "../api/errors";
import { useApplications } from "../api/queries";
import type { Application } from "../gen/valetkey/v1/application_service_pb";
import {
  idOf,
  pathOf,
  problemOfId,
  suggestId,
  systemApplication,
} from "../lib/names";
import { Dialog } from "../ui/ConfirmButton";
import type { Column } from "../ui/DataTable";
import { DataTable } from "../ui/DataTable";
import { Empty } from "../ui/Empty";
import { ErrorNotice } from "../ui/ErrorNotice";
import { TextLink } from "../ui/Links";
import { Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { Time } from "../ui/Time";

const columns: readonly Column<Application>[] = [
  {
    title: "Application",
    cell: ({ name, displayName }) => (
      <TextLink
        to={
          name === systemApplication ? pathOf(name) : pathOf(name, "overview")
        }
      >
        {displayName || idOf(name)}
      </TextLink>
    ),
  },
  { title: "Id", cell: ({ name }) => idOf(name) },
  { title: "Return URIs", cell: ({ returnUris }) => returnUris.length },
  {
    title: "Made",
    cell: ({ createTime }) => <Time time={createTime} none="unknown" />,
  },
];

export default function Applications() {
  const { session } = useSigned();
  const query = useApplications();
  return (
    <Page
      title={session.system ? "Applications" : "Application"}
      subtitle="An application has its own providers, connections and keys."
      actions={session.system ? <CreateApplication /> : null}
    >
      <Loaded query={query}>
        {({ items }) =>
          items.some(({ name }) => name !== systemApplication) ? (
            <DataTable
              caption="Applications"
              columns={columns}
              rows={items}
              keyOf={({ name }) => name}
            />
          ) : (
            <Empty title="There is no application yet">
              Create one for each program that needs tokens of its users.
            </Empty>
          )
        }
      </Loaded>
    </Page>
  );
}

function CreateApplication() {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState(false);
  const [displayName, setDisplayName] = useState("");
  const [chosenId, setChosenId] = useState<string>();
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const id = chosenId ?? suggestId(displayName);

  const submit = async (event: React.SubmitEvent) => {
    event.preventDefault();
    const problem = problemOfId(id);
    setProblems(problem === "" ? {} : { id: problem });
    setError(undefined);
    if (problem !== "") return;
    setBusy(true);
    try {
      await clients.applications.createApplication({
        applicationId: id,
        application: { displayName: displayName.trim() },
      });
      await queries.invalidateQueries({ queryKey: ["applications"] });
      navigate(pathOf(`applications/${id}`, "providers"));
    } catch (failure) {
      const known = problemOf(failure);
      const field = fieldOf(known);
      if (field === "id" || field === "application_id") {
        setProblems({ id: `${known.title}. ${known.advice}` });
      } else {
        setError(failure);
      }
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <Button
        onClick={() => {
          setOpen(true);
        }}
      >
        Create application
      </Button>
      <Dialog
        opened={open}
        onClose={() => {
          setOpen(false);
        }}
        title="Create application"
      >
        <form onSubmit={submit} noValidate>
          <Stack>
            <TextInput
              label="Display name"
              description="People see it when they are asked for their consent."
              data-autofocus
              maxLength={128}
              value={displayName}
              onChange={(event) => {
                setDisplayName(event.currentTarget.value);
              }}
            />
            <TextInput
              label="Id"
              description="Part of every name below it; it cannot be changed."
              required
              spellCheck={false}
              value={id}
              error={problems.id}
              onChange={(event) => {
                setChosenId(event.currentTarget.value);
              }}
            />
            <ErrorNotice error={error} />
            <Group justify="flex-end">
              <Button
                variant="default"
                onClick={() => {
                  setOpen(false);
                }}
              >
                Cancel
              </Button>
              <Button type="submit" loading={busy}>
                Create
              </Button>
            </Group>
          </Stack>
        </form>
      </Dialog>
    </>
  );
}
