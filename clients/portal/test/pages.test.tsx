import { act, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test, vi } from "vitest";
import { EventType } from "../src/gen/valetkey/v1/event_service_pb";
import { FakeServer } from "./fake";
import { open } from "./render";

const shop = "/applications/shop";

function region(name: string) {
  return screen.findByRole("region", { name });
}

describe("Overview of a hundred thousand connections", () => {
  test("counts them without a walk, and names the most urgent", async () => {
    const server = new FakeServer();
    server.connections = 100_000;
    open(server, `${shop}/overview`);
    const states = await region("Connections by state");
    expect(await within(states).findByText("99,900")).toBeTruthy();
    expect(within(states).getByText("100,000 in all.")).toBeTruthy();
    const attention = await region("Needs attention first");
    expect(await within(attention).findByText("c-999")).toBeTruthy();
    expect(
      within(attention).getByText(/The most urgent 8 of 100\./),
    ).toBeTruthy();
    const lists = server.asked.filter((call) => call.startsWith("list"));
    expect(lists.length).toBeLessThanOrEqual(3);
    expect(lists.every((call) => call.includes('"needsAttention":true'))).toBe(
      true,
    );
  });

  test("the chart has the past, and goes on without doubles", async () => {
    const server = new FakeServer();
    server.past = [
      server.event(3, 1),
      server.event(2, 2, EventType.REFRESH_FAILED, {
        reason: "PROVIDER_THROTTLED",
      }),
      server.event(1, 45),
    ];
    open(server, `${shop}/overview`);
    expect(await screen.findByText(/1 succeeded, 1 failed/)).toBeTruthy();
    const refreshes = await region("Refreshes per minute");
    expect(within(refreshes).getByText("PROVIDER_THROTTLED")).toBeTruthy();
    act(() => {
      server.happen(server.event(4, 0));
    });
    expect(await screen.findByText(/2 succeeded, 1 failed/)).toBeTruthy();
  });

  test("what is not known of the past is not drawn as nothing", async () => {
    const server = new FakeServer();
    // More than are looked at, all within the last ten minutes.
    server.past = Array.from({ length: 12_000 }, (_, index) =>
      server.event(12_000 - index, index / 1200),
    );
    open(server, `${shop}/overview`);
    expect(
      await screen.findByText(/more refreshes than are looked at/),
    ).toBeTruthy();
    expect(screen.getByText(/Refreshes in the last [89] minutes/)).toBeTruthy();
    expect(
      server.asked.filter((call) => call.startsWith("events")),
    ).toHaveLength(10);
  });
});

describe("Connections", () => {
  test("are found while one types, by one call", async () => {
    const server = new FakeServer();
    server.connections = 100_000;
    open(server, `${shop}/connections`);
    expect(
      await screen.findByText("Page 1, 50 of 100,000 connections"),
    ).toBeTruthy();
    server.asked.length = 0;
    const box = screen.getByLabelText("Search");
    await userEvent.type(box, "user 77777");
    expect(await screen.findByText("Page 1, 1 connection")).toBeTruthy();
    expect(screen.getByText("c-77777")).toBeTruthy();
    expect(window.location.search).toBe("?q=user+77777");
    expect(document.activeElement).toBe(box);
    const lists = server.asked.filter((call) => call.startsWith("list"));
    expect(lists).toHaveLength(1);
  });

  test("Enter looks at once; too long a search is refused", async () => {
    const server = new FakeServer();
    open(server, `${shop}/connections`);
    const box = await screen.findByLabelText("Search");
    await userEvent.type(box, "c-2{Enter}");
    expect(window.location.search).toBe("?q=c-2");
    await userEvent.clear(box);
    await userEvent.click(box);
    await userEvent.paste("x".repeat(129));
    expect(screen.getByText(/at most 128 bytes/)).toBeTruthy();
    await userEvent.keyboard("{Enter}");
    expect(window.location.search).toBe("?q=c-2");
  });

  test("those that need attention", async () => {
    const server = new FakeServer();
    server.connections = 5000;
    open(server, `${shop}/connections`);
    await userEvent.click(await screen.findByLabelText("Needs attention"));
    expect(await screen.findByText("Page 1, 5 of 5 connections")).toBeTruthy();
    expect(window.location.search).toBe("?attention=1");
  });

  test("who comes back finds the page they left", async () => {
    const server = new FakeServer();
    server.connections = 500;
    open(server, `${shop}/connections?q=user`);
    const next = await screen.findByRole("button", { name: "Next page" });
    await screen.findByText("c-49");
    await userEvent.click(next);
    await screen.findByText("c-50");
    await userEvent.click(next);
    await userEvent.click(await screen.findByText("c-120"));
    await screen.findByRole("heading", { level: 1, name: "c-120" });
    const trail = screen.getByRole("navigation", { name: "Breadcrumbs" });
    await userEvent.click(within(trail).getByText("Connections"));
    expect(await screen.findByText("c-120")).toBeTruthy();
    expect(await screen.findByText(/^Page 3, 50/)).toBeTruthy();
    expect(window.location.search).toBe("?q=user&page=100");
    await userEvent.click(
      screen.getByRole("button", { name: "Previous page" }),
    );
    expect(await screen.findByText(/^Page 2, 50/)).toBeTruthy();
  });
});

describe("events", () => {
  function rows(log: HTMLElement) {
    return within(log).getAllByRole("row").slice(1);
  }

  test("of a connection: the past, older ones, and new ones on top", async () => {
    const server = new FakeServer();
    server.past = Array.from({ length: 50 }, (_, index) =>
      server.event(50 - index, index, EventType.REFRESHED, {
        connection: `applications/shop/connections/c-${String(index % 2)}`,
      }),
    );
    open(server, `${shop}/connections/c-0`);
    const log = await screen.findByRole("log");
    await vi.waitFor(() => {
      expect(rows(log)).toHaveLength(20);
    });
    await userEvent.click(screen.getByRole("button", { name: "Show older" }));
    await vi.waitFor(() => {
      expect(rows(log)).toHaveLength(25);
    });
    expect(screen.getByText(/all that the server has kept/)).toBeTruthy();
    act(() => {
      server.happen(server.event(51, 0, EventType.REVOKED));
    });
    await within(log).findByText("Revoked");
    expect(rows(log)).toHaveLength(26);
    expect(rows(log)[0]?.textContent).toContain("Revoked");
  });

  test("begin with the past, go on live, and pause", async () => {
    const server = new FakeServer();
    server.past = [
      server.event(2, 1, EventType.UPDATED),
      server.event(1, 2, EventType.CONNECTED),
    ];
    open(server, `${shop}/events`);
    const log = await screen.findByRole("log");
    await within(log).findByText("Details changed");
    expect(rows(log)).toHaveLength(2);
    await userEvent.click(screen.getByRole("button", { name: "Pause" }));
    act(() => {
      server.happen(server.event(3, 0, EventType.REVOKED));
    });
    await screen.findByText("Paused; 1 new since.");
    expect(rows(log)).toHaveLength(2);
    await userEvent.click(screen.getByRole("button", { name: "Continue" }));
    expect(rows(log)).toHaveLength(3);
    await userEvent.selectOptions(
      screen.getByLabelText("Event"),
      "Consented again",
    );
    expect(await screen.findByText("No event matches")).toBeTruthy();
    expect(window.location.search).toBe("?type=2");
  });

  test("live ones are shown though the past cannot be read", async () => {
    const server = new FakeServer();
    server.isForgetful = true;
    open(server, `${shop}/events`);
    expect(await screen.findByRole("alert")).toBeTruthy();
    server.isForgetful = false;
    act(() => {
      server.happen(server.event(1, 0, EventType.REVOKED));
    });
    const log = screen.getByRole("log");
    expect(await within(log).findByText("Revoked")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText(/all that the server/)).toBeTruthy();
    expect(rows(log)).toHaveLength(1);
  });
});
