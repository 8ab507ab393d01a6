import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  Badge,
  Button,
  Checkbox,
  Group,
  NativeSelect,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useSigned } from "../api/context";
import { useKeys } from "../api/queries";
import type { Key } from "../gen/valetkey/v1/application_service_pb";
import { Right } from "../gen/valetkey/v1/application_service_pb";
import { idOf } from "../lib/names";
import { millisOf } from "../lib/time";
import { rightMeaning, rights, rightWords } from "../lib/words";
import { ConfirmButton, Dialog } from "../ui/ConfirmButton";
import { CopyField } from "../ui/CopyField";
import { DataTable } from "../ui/DataTable";
import { ErrorNotice } from "../ui/ErrorNotice";
import { Loaded } from "../ui/Loaded";
import { Section } from "../ui/Section";
import { Time } from "../ui/Time";
import { useNow } from "../ui/useNow";

/** An application's keys. */
export function Keys({ application }: { readonly application: string }) {
  const query = useKeys(application);
  return (
    <Section title="API keys" actions={<CreateKey application={application} />}>
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Text size="sm" c="dimmed">
              There is no key yet. Create one for each program that calls
              ValetKey.
            </Text>
          ) : (
            <KeyTable keys={items} />
          )
        }
      </Loaded>
    </Section>
  );
}

function KeyTable({ keys }: { readonly keys: readonly Key[] }) {
  const { session } = useSigned();
  return (
    <DataTable
      caption="API keys"
      rows={keys}
      keyOf={({ name }) => name}
      columns={[
        {
          title: "Key",
          cell: (key) => (
            <>
              <Text size="sm" fw={500}>
                {key.displayName || idOf(key.name)}
              </Text>
              <Text size="xs" c="dimmed">
                {idOf(key.name)}
                {key.name === session.key ? " · you are signed in with it" : ""}
              </Text>
            </>
          ),
        },
        {
          title: "Rights",
          cell: (key) => key.rights.map(rightWords).join(", "),
        },
        {
          title: "Last used",
          cell: (key) => <Time time={key.lastUseTime} none="never" />,
        },
        {
          title: "Expires",
          cell: (key) => <Time time={key.expireTime} none="never" />,
        },
        { title: "State", cell: (key) => <KeyState apiKey={key} /> },
        { title: "Action", cell: (key) => <RevokeKey apiKey={key} /> },
      ]}
    />
  );
}

function KeyState({ apiKey }: { readonly apiKey: Key }) {
  const now = useNow();
  const expiry = millisOf(apiKey.expireTime);
  if (apiKey.revokeTime !== undefined) {
    return (
      <Badge variant="default" tt="none">
        revoked
      </Badge>
    );
  }
  if (expiry !== undefined && expiry <= now) {
    return (
      <Badge variant="default" tt="none">
        expired
      </Badge>
    );
  }
  return (
    <Badge variant="light" color="green" tt="none">
      active
    </Badge>
  );
}

function RevokeKey({ apiKey }: { readonly apiKey: Key }) {
  const { clients, session } = useSigned();
  const queries = useQueryClient();
  if (apiKey.revokeTime !== undefined) return "none";
  const own = apiKey.name === session.key;
  return (
    <ConfirmButton
      label="Revoke"
      of={apiKey.displayName || idOf(apiKey.name)}
      size="xs"
      title="Revoke this key?"
      onConfirm={async () => {
        await clients.applications.revokeKey({ name: apiKey.name });
        await queries.invalidateQueries({ queryKey: ["keys"] });
      }}
    >
      {own
        ? "You are signed in with this key: you will be signed out. It is useless at once and cannot come back."
        : "Programs that use it are refused at once. It cannot come back."}
    </ConfirmButton>
  );
}

const lifetimes = [
  { value: "0", label: "Never" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
];

function CreateKey({ application }: { readonly application: string }) {
  const { clients } = useSigned();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const [displayName, setDisplayName] = useState("");
  const [chosen, setChosen] = useState<string[]>([
    String(Right.READ_METADATA),
    String(Right.READ_TOKENS),
    String(Right.CONNECT),
  ]);
  const [days, setDays] = useState("0");
  const [secret, setSecret] = useState("");
  const [error, setError] = useState<unknown>();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const close = () => {
    setOpen(false);
    setSecret("");
    setDisplayName("");
    setError(undefined);
    setProblem("");
  };
  const submit = async (event: React.SubmitEvent) => {
    event.preventDefault();
    if (chosen.length === 0) {
      setProblem("Choose at least one right.");
      return;
    }
    setBusy(true);
    setError(undefined);
    setProblem("");
    try {
      const life = Number(days) * 86_400_000;
      const answer = await clients.applications.createKey({
        parent: application,
        displayName: displayName.trim(),
        rights: rights.filter((right) => chosen.includes(String(right))),
        ...(life > 0 && { expireTime: timestampFromMs(Date.now() + life) }),
      });
      setSecret(answer.secret);
      await queries.invalidateQueries({ queryKey: ["keys", application] });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <Button
        size="sm"
        onClick={() => {
          setOpen(true);
        }}
      >
        Create key
      </Button>
      <Dialog
        opened={open}
        onClose={close}
        title={secret === "" ? "Create key" : "The new key"}
        closable={secret === ""}
      >
        {secret === "" ? (
          <form onSubmit={submit} noValidate>
            <Stack>
              <TextInput
                label="Display name"
                description="Which program will use it"
                data-autofocus
                maxLength={128}
                value={displayName}
                onChange={(event) => {
                  setDisplayName(event.currentTarget.value);
                }}
              />
              <Checkbox.Group
                label="Rights"
                value={chosen}
                onChange={setChosen}
                error={problem}
              >
                <Stack gap="xs" mt="xs">
                  {rights.map((right) => (
                    <Checkbox
                      key={right}
                      value={String(right)}
                      label={rightWords(right)}
                      description={rightMeaning(right)}
                    />
                  ))}
                </Stack>
              </Checkbox.Group>
              <NativeSelect
                label="Expires"
                data={lifetimes}
                value={days}
                onChange={(event) => {
                  setDays(event.currentTarget.value);
                }}
              />
              <ErrorNotice error={error} />
              <Group justify="flex-end">
                <Button variant="default" onClick={close}>
                  Cancel
                </Button>
                <Button type="submit" loading={busy}>
                  Create
                </Button>
              </Group>
            </Stack>
          </form>
        ) : (
          <Stack>
            <Text size="sm">
              Copy it now. It is not stored and cannot be shown again. Programs
              send it as <code>authorization: Bearer …</code>.
            </Text>
            <CopyField label="API key" value={secret} />
            <Group justify="flex-end">
              <Button onClick={close}>I have copied it</Button>
            </Group>
          </Stack>
        )}
      </Dialog>
    </>
  );
}
