import {
  Alert,
  Button,
  Code,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Text,
  Title,
} from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { changeSession, readSession, signIn } from "../api/session";
import keyIcon from "../ui/key.svg";
import styles from "../ui/layout.module.css";
import { ProviderSignIn } from "./ProviderSignIn";

/**
 * Takes an API key that may administer, and leaves it to the server; or leads
 * to the operators’ identity provider.
 */
export function SignIn() {
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    document.title = "Sign in · ValetKey";
  }, []);
  const submit = async (event: React.SubmitEvent) => {
    event.preventDefault();
    const apiKey = key.trim();
    if (apiKey === "") {
      setProblem("Enter an API key.");
      return;
    }
    setBusy(true);
    setProblem("");
    try {
      await signIn(apiKey);
      const session = await readSession();
      if (session === null) {
        setProblem(
          "The browser did not keep the session’s cookie. Allow cookies for this site.",
        );
        return;
      }
      setKey("");
      changeSession(queries, session);
    } catch (failure) {
      setProblem(
        failure instanceof TypeError
          ? "The server does not answer. Check that it runs, then try again."
          : failure instanceof Error
            ? failure.message
            : String(failure),
      );
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className={styles.signIn}>
      <Paper withBorder p="xl" className={styles.signInCard ?? ""}>
        <form onSubmit={submit} noValidate>
          <Stack>
            <Group gap="sm">
              <img src={keyIcon} alt="" width="32" height="32" />
              <Title order={1} size="h3">
                Sign in to ValetKey
              </Title>
            </Group>
            {problem === "" ? null : (
              <Alert color="red" role="alert" title="You are not signed in">
                {problem}
              </Alert>
            )}
            <ProviderSignIn />
            <PasswordInput
              label="API key"
              description="A key with the right to administer"
              placeholder="vk_…"
              autoComplete="current-password"
              spellCheck={false}
              autoFocus
              value={key}
              onChange={(event) => {
                setKey(event.currentTarget.value);
              }}
              visibilityToggleButtonProps={{
                "aria-label": "Show the key",
                tabIndex: 0,
              }}
            />
            <Button type="submit" loading={busy}>
              Sign in
            </Button>
            <Text size="xs" c="dimmed">
              The server’s first key is in <Code>admin.key</Code> in its data
              folder. The key is kept within a cookie that scripts cannot read.
            </Text>
          </Stack>
        </form>
      </Paper>
    </main>
  );
}
