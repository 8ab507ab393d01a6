import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { makeClients, makeTransport } from "../api/clients";
import { SignedContext } from "../api/context";
import { readSession, sessionKey } from "../api/session";
import { SignIn } from "../pages/SignIn";
import { ErrorNotice } from "../ui/ErrorNotice";
import styles from "../ui/layout.module.css";
import { Routes } from "./Routes";

/**
 * The page of the address for whoever is signed in; for others the sign-in
 * page at the same address, so that they come to where they were going.
 */
export function App() {
  const queries = useQueryClient();
  const session = useQuery({
    queryKey: sessionKey,
    queryFn: readSession,
    staleTime: 60_000,
  });
  const clients = useMemo(
    () =>
      makeClients(
        makeTransport(() => {
          queries.setQueryData(sessionKey, null);
        }),
      ),
    [queries],
  );
  const signed = useMemo(
    () => (session.data ? { clients, session: session.data } : null),
    [clients, session.data],
  );
  if (session.isPending) return null;
  if (session.isError) {
    return (
      <main className={styles.signIn}>
        <ErrorNotice
          error={session.error}
          onRetry={() => void session.refetch()}
        />
      </main>
    );
  }
  if (signed === null) return <SignIn />;
  return (
    <SignedContext value={signed}>
      <Routes />
    </SignedContext>
  );
}
