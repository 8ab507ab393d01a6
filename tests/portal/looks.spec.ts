// Every page, light and dark, on a desktop and on a phone: no violation of
// accessibility, nothing wider than the window, no complaint in the console. A
// picture of each goes to build/portal/screenshots.
import type { Page } from "@playwright/test";
import { expect, test } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { complaints, looks, openAs, signIn, violations } from "./page.js";
import { clientId, clientSecret, Stack } from "./stack.js";

const pictures = fileURLToPath(
  new URL("../../build/portal/screenshots", import.meta.url),
);

/** What a person could enter, or a provider send, to become markup. */
const hostile = `<img src=x onerror="document.title='owned'"><b>x</b>`;

let stack: Stack;
let healthy: string;
/** Its refresh fails now and then. */
let failing: string;

test.beforeAll(async () => {
  test.setTimeout(120_000);
  mkdirSync(pictures, { recursive: true });
  stack = await Stack.start(3600);
  await populate();
});

test.afterAll(async () => {
  await stack.stop();
});

/** An application with connections that are well and such that are not. */
async function populate(): Promise<void> {
  for (const [id, displayName] of [
    ["shop", "Shop"],
    ["hostile", hostile],
  ] as const) {
    await stack.call("ApplicationService/CreateApplication", {
      applicationId: id,
      application: { displayName },
    });
  }
  await stack.call("ApplicationService/CreateKey", {
    parent: "applications/shop",
    displayName: hostile,
    rights: ["RIGHT_READ_TOKENS"],
  });
  const made = await stack.call("ProviderService/CreateProvider", {
    parent: "applications/shop",
    providerId: "pinterest",
    provider: {
      catalogEntry: "catalog/pinterest",
      displayName: "Pinterest",
      clientId,
      clientSecret,
      scopes: ["boards:read", "pins:read", "user_accounts:read"],
    },
  });
  const provider = String(
    (made["provider"] as Record<string, unknown>)["name"],
  );
  const names: string[] = [];
  for (const subject of ["ann", "bob", "carol", "dave", "erin", "frank"]) {
    names.push(await stack.connect(provider, subject, { team: "red" }));
  }
  await stack.connect(provider, hostile, { note: hostile });
  [healthy = "", failing = ""] = names;
  await failRefresh(failing);
  await stack.call("TokenService/Revoke", { name: names[2] });
}

async function failRefresh(name: string): Promise<void> {
  await stack.control("faults", {
    endpoint: "token",
    kind: "http_error",
    grant: "refresh_token",
    times: 1,
  });
  await refresh(name);
}

/** Whether it succeeds, the page shows. */
async function refresh(name: string): Promise<void> {
  await stack.call("TokenService/Refresh", { name }).catch(() => undefined);
}

interface Look {
  readonly name: string;
  readonly path: () => string;
  /** Brings the page to what is looked at. */
  readonly arrive?: (page: Page) => Promise<void>;
  readonly title: string;
}

const pages: readonly Look[] = [
  { name: "applications", path: () => "/applications", title: "Applications" },
  {
    name: "create-application",
    path: () => "/applications",
    title: "Applications",
    arrive: async (page) => {
      await page.getByRole("button", { name: "Create application" }).click();
      await expect(page.getByRole("dialog")).toBeVisible();
    },
  },
  {
    name: "overview",
    path: () => "/applications/shop/overview",
    title: "Overview",
    arrive: async (page) => {
      await expect(page.getByText("Connections by state")).toBeVisible();
      await expect(page.getByText("per minute while you look")).toBeVisible({
        timeout: 15_000,
      });
      // For the chart: one that succeeds, and one that fails.
      await refresh(healthy);
      await failRefresh(failing);
      const failures = page.getByRole("region", {
        name: "Refreshes per minute",
      });
      await expect(failures.getByText("PROVIDER_UNAVAILABLE")).toBeVisible();
    },
  },
  {
    name: "providers",
    path: () => "/applications/shop/providers",
    title: "OAuth Providers",
  },
  {
    name: "providers-empty",
    path: () => "/applications/hostile/providers",
    title: "OAuth Providers",
  },
  {
    name: "catalog",
    path: () => "/applications/shop/add-provider",
    title: "Add Provider",
  },
  {
    name: "add-pinterest",
    path: () => "/applications/shop/add-provider/pinterest",
    title: "Pinterest",
    arrive: async (page) => {
      await page.getByText(/Advanced scopes/).click();
      await page.getByText("What is known and what is assumed").click();
      await page.getByRole("button", { name: "Save" }).click();
      await expect(page.getByText("Not saved yet")).toBeVisible();
    },
  },
  {
    name: "add-your-own",
    path: () => "/applications/shop/definitions",
    title: "Add your own",
    arrive: async (page) => {
      await page.getByLabel("Begin from").selectOption({ index: 2 });
      await expect(
        page.getByRole("region", { name: "What it would send" }),
      ).toContainText("shoes.acme.example");
    },
  },
  {
    name: "provider",
    path: () => "/applications/shop/providers/pinterest",
    title: "Pinterest",
    arrive: async (page) => {
      await page.getByText("Three steps").click();
    },
  },
  {
    name: "connections",
    path: () => "/applications/shop/connections",
    title: "Connections",
  },
  {
    name: "connections-attention",
    path: () => "/applications/shop/connections?attention=1",
    title: "Connections",
  },
  {
    name: "connections-none-found",
    path: () => "/applications/shop/connections?q=nobody",
    title: "Connections",
  },
  {
    name: "connection",
    path: () => `/${healthy}`,
    title: "c-",
    arrive: async (page) => {
      await page
        .getByRole("button", { name: "Make a re-authorize link" })
        .click();
      await expect(
        page.getByRole("group", { name: "Re-authorize link" }),
      ).toBeVisible();
    },
  },
  {
    name: "events",
    path: () => "/applications/shop/events",
    title: "Events",
    arrive: async (page) => {
      await expect(page.getByText("Live: events are shown")).toBeVisible();
      await refresh(healthy);
      await expect(
        page.getByRole("log").getByText("Refreshed").first(),
      ).toBeVisible();
    },
  },
  {
    name: "keys",
    path: () => "/applications/shop",
    title: "Keys and settings",
  },
  {
    name: "create-key",
    path: () => "/applications/shop",
    title: "Keys and settings",
    arrive: async (page) => {
      await page.getByRole("button", { name: "Create key" }).click();
      await expect(page.getByRole("dialog")).toBeVisible();
    },
  },
  {
    name: "not-found",
    path: () => "/applications/shop/nothing",
    title: "There is no such page",
  },
  {
    name: "connection-not-found",
    path: () => "/applications/shop/connections/c-nothing",
    title: "c-nothing",
    arrive: async (page) => {
      await expect(
        page.getByText("There is no such connection", { exact: true }),
      ).toBeVisible();
    },
  },
];

/** Takes the picture, and holds the page to what is said above. */
async function check(
  page: Page,
  found: string[],
  picture: string,
): Promise<void> {
  await page.screenshot({
    path: join(pictures, `${picture}.png`),
    fullPage: true,
    animations: "disabled",
  });
  const wide = await page.evaluate(
    () =>
      document.documentElement.scrollWidth -
      document.documentElement.clientWidth,
  );
  // Soft: one run tells of all pages.
  expect.soft(wide, `${picture}: wider than the window`).toBe(0);
  expect.soft(await violations(page), picture).toEqual([]);
  expect.soft(found, picture).toEqual([]);
  found.length = 0;
}

for (const look of looks) {
  test(look.name, async ({ browser }) => {
    test.setTimeout(240_000);
    const context = await openAs(browser, stack, look);
    const page = await context.newPage();
    const found = complaints(page);

    await page.goto("/");
    await expect(page.getByLabel("API key")).toBeVisible();
    await check(page, found, `sign-in-${look.name}`);
    await signIn(page, stack.adminKey);

    for (const { name, path, title, arrive } of pages) {
      await test.step(name, async () => {
        await page.goto(path());
        await expect(page.getByRole("heading", { level: 1 })).toContainText(
          title,
        );
        await expect(page.getByText("Loading…")).toHaveCount(0);
        await arrive?.(page);
        await check(page, found, `${name}-${look.name}`);
        await expect(page).not.toHaveTitle("owned");
        await expect(page.locator("img[src=x]")).toHaveCount(0);
      });
    }
    if (look.touch)
      await test.step("menu", () => useMenu(page, found, look.name));
    await context.close();
  });
}

/** On a phone the navigation is behind a button. */
async function useMenu(
  page: Page,
  found: string[],
  look: string,
): Promise<void> {
  await page.goto("/applications/shop/overview");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
  await expect(
    page.getByRole("link", { name: "Events", exact: true }),
  ).toBeHidden();
  await page.getByRole("button", { name: "Menu" }).click();
  await expect(
    page.getByRole("link", { name: "Events", exact: true }),
  ).toBeVisible();
  await check(page, found, `menu-${look}`);
  await page.getByRole("link", { name: "Events", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Events");
  await expect(page.getByRole("navigation", { name: "Main" })).toBeHidden();
}
