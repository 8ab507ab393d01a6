import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { SignIn } from "../src/pages/SignIn";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  window.history.replaceState(null, "", "/");
});

/** Shows the page where the server answers so; gives what was asked. */
function show(answer: () => Response) {
  const asked = vi.fn<typeof fetch>(() => Promise.resolve(answer()));
  vi.stubGlobal("fetch", asked);
  const queries = new QueryClient({
    defaultOptions: { queries: { retry: false } },
  });
  render(
    <QueryClientProvider client={queries}>
      <MantineProvider>
        <SignIn />
      </MantineProvider>
    </QueryClientProvider>,
  );
  return asked;
}

const button = () => screen.queryByRole("link", { name: /^Sign in with/ });

test("leads to the identity provider and back to where they were going", async () => {
  window.history.replaceState(null, "", "/applications/shop?a=b&c=//d");
  show(() =>
    Response.json({ api_key: true, oidc: { host: "id.example.com" } }),
  );
  const link = await screen.findByRole("link", {
    name: "Sign in with id.example.com",
  });
  const target = new URL(link.getAttribute("href") ?? "", "https://here");
  expect(target.origin).toBe("https://here");
  expect(target.pathname).toBe("/portal/oidc/start");
  expect([...target.searchParams]).toEqual([
    ["return_to", "/applications/shop?a=b&c=//d"],
  ]);
  // An API key goes on to work, below it.
  expect(
    link.compareDocumentPosition(screen.getByLabelText("API key")) &
      Node.DOCUMENT_POSITION_FOLLOWING,
  ).toBeTruthy();
});

test.each([
  ["no provider", () => Response.json({ api_key: true })],
  ["an older server", () => new Response("Not Found", { status: 404 })],
  ["nonsense", () => Response.json({ oidc: { host: 7 } })],
])("asks for an API key alone: %s", async (_, answer) => {
  const asked = show(answer);
  await waitFor(() => {
    expect(asked).toHaveBeenCalledWith("/portal/sign-in", expect.anything());
  });
  await Promise.resolve();
  expect(button()).toBeNull();
  expect(screen.getByLabelText("API key")).toBeTruthy();
});
