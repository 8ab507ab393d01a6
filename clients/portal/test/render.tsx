// Pages of the portal over a server in memory.
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { makeClients } from "../src/api/clients";
import { SignedContext } from "../src/api/context";
import { Routes } from "../src/app/Routes";
import type { FakeServer } from "./fake";
import { application } from "./fake";

interface Options {
  /** Whether the key is one of the system. */
  readonly system?: boolean;
}

/** Opens the page at a path, signed in. */
export function open(
  server: FakeServer,
  path: string,
  { system = true }: Options = {},
) {
  window.history.pushState(null, "", path);
  const queries = new QueryClient({
    defaultOptions: { queries: { retry: false, staleTime: 5000 } },
  });
  const session = {
    application: system ? "applications/system" : application,
    system,
    key: `${application}/keys/k`,
    person: "",
    expireTime: "2100-01-01T00:00:00Z",
  };
  return render(
    <MantineProvider env="test">
      <QueryClientProvider client={queries}>
        <SignedContext
          value={{ clients: makeClients(server.transport()), session }}
        >
          <Routes />
        </SignedContext>
      </QueryClientProvider>
    </MantineProvider>,
  );
}
