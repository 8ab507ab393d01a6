// What an operator does once there are connections: finding one, seeing what
// was before, changing a secret, adding a provider of their own.
import type { BrowserContext, Page } from "@playwright/test";
import { expect, test } from "@playwright/test";
import { readFileSync } from "node:fs";
import { complaints, signIn } from "./page.js";
import { clientId, clientSecret, Stack } from "./stack.js";

test.describe.configure({ mode: "serial" });

let stack: Stack;
let context: BrowserContext;
let page: Page;
let found: string[];
const names: string[] = [];

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  stack = await Stack.start(3600);
  await stack.valetkey("system", "applications", "create", "shop");
  await stack.call("ProviderService/CreateProvider", {
    parent: "applications/shop",
    providerId: "pinterest",
    provider: {
      catalogEntry: "catalog/pinterest",
      displayName: "Pinterest",
      clientId,
      clientSecret,
      scopes: ["boards:read", "user_accounts:read"],
    },
  });
  for (let index = 0; index < 55; index += 1) {
    names.push(
      await stack.connect(
        "applications/shop/providers/pinterest",
        `person ${index}`,
        { team: index % 2 === 0 ? "red" : "blue" },
      ),
    );
  }
  context = await browser.newContext({ baseURL: stack.http });
  page = await context.newPage();
  found = complaints(page);
  await page.goto("/");
  await signIn(page, stack.adminKey);
});

test.afterAll(async () => {
  await context.close();
  await stack.stop();
});

test.afterEach(() => {
  expect(found).toEqual([]);
});

/** How a list says how much of it is shown. */
function status(text: string) {
  return page.getByRole("status").filter({ hasText: text });
}

test("tokens served are those that were served", async () => {
  for (let count = 0; count < 3; count += 1)
    await stack.call("TokenService/GetToken", { name: names[0] });
  await page.goto("/applications/shop/overview");
  const section = page.getByRole("region", { name: "Tokens served" });
  await expect(section.getByText("3", { exact: true })).toBeVisible();
});

test("the Overview counts, and tells of refreshes before it was opened", async () => {
  await stack.call("TokenService/Refresh", { name: names[1] });
  await page.goto("/applications/shop/overview");
  const states = page.getByRole("region", { name: "Connections by state" });
  await expect(states).toContainText("55 in all");
  await expect(page.getByText(/: 1 succeeded, 0 failed/)).toBeAttached();
});

test("a connection is found by part of its user, and by what ails it", async () => {
  await page.goto("/applications/shop/connections");
  await expect(status("Page 1, 50 of 55 connections")).toBeVisible();
  // Across a word of the account's name; digits alone are in ids as well.
  await page.getByLabel("Search").fill("N42_P");
  await expect(status("Page 1, 1 connection")).toBeVisible();
  await expect(page.getByRole("row", { name: /person 42/ })).toBeVisible();
  await expect(page.getByLabel("Search")).toBeFocused();

  await stack.control("faults", {
    endpoint: "token",
    kind: "http_error",
    grant: "refresh_token",
    times: 1,
  });
  await stack
    .call("TokenService/Refresh", { name: names[7] })
    .catch(() => undefined);
  await page.goto("/applications/shop/overview");
  await page.getByRole("link", { name: "All that need attention" }).click();
  await expect(status("Page 1, 1 of 1 connection")).toBeVisible();
  await expect(page.getByRole("row", { name: /person 7/ })).toBeVisible();
});

test("who goes back finds the list, and the place in it", async () => {
  await page.goto("/applications/shop/connections?labels=team%3Dred");
  await expect(status("Page 1, 28 connections")).toBeVisible();
  await page.evaluate(() => {
    window.scrollTo(0, 600);
  });
  const depth = () => page.evaluate(() => window.scrollY);
  await expect.poll(depth).toBe(600);
  await page
    .getByRole("row")
    .nth(20)
    .getByRole("link")
    .first()
    .evaluate((link: HTMLElement) => {
      link.click();
    });
  await expect(page.getByRole("heading", { level: 1 })).toContainText("c-");
  await expect.poll(depth).toBe(0);
  await page.goBack();
  await expect(status("Page 1, 28 connections")).toBeVisible();
  await expect.poll(depth).toBe(600);
});

test("events begin with what was before, and go on", async () => {
  await page.goto("/applications/shop/events");
  const log = page.getByRole("log", { name: "Events" });
  await expect(log.getByRole("row", { name: /Refresh failed/ })).toBeVisible();
  const connected = log.getByRole("row", { name: /Connected/ });
  await expect(connected).not.toHaveCount(55);
  await page.getByRole("button", { name: "Show older" }).click();
  await expect(connected).toHaveCount(55);
  await stack.call("TokenService/Revoke", { name: names[9] });
  await expect(log.getByRole("row").nth(1)).toContainText("Revoked");
  await page.getByLabel("Event", { exact: true }).selectOption("Refreshed");
  await expect(
    log.getByRole("row", { name: /Refreshed/ }).first(),
  ).toBeVisible();
  await expect(connected).toHaveCount(0);
  await page.goto(`/${names[9]}`);
  const history = page.getByRole("region", { name: "History" });
  await expect(history.getByRole("row").nth(1)).toContainText("Revoked");
  await expect(history.getByRole("row").last()).toContainText("Connected");
});

test("the client secret changes without a failed call", async () => {
  await page.goto("/applications/shop/providers/pinterest");
  const section = page.getByRole("region", {
    name: "Change the client secret",
  });
  await section.getByText("Three steps").click();
  await section
    .getByLabel("New client secret", { exact: true })
    .fill("canary-second-secret");
  await section.getByRole("button", { name: "Store as the second" }).click();
  await expect(section.getByText("two secrets are stored")).toBeVisible();
  await section
    .getByLabel("The new client secret once more", { exact: true })
    .fill("canary-second-secret");
  await section.getByRole("button", { name: "Make it the only one" }).click();
  await expect(
    section.getByText("The new client secret is the only one"),
  ).toBeVisible();
  await expect(section.getByText("two secrets are stored")).toBeHidden();
  expect(await page.content()).not.toContain("canary");
  expect(stack.log("valetkeyd")).not.toContain("canary");
});

test("each example can be used as it is, and one is added", async () => {
  await page.goto("/applications/shop/add-provider");
  await page.getByRole("link", { name: "Add your own" }).click();
  const examples = page.getByLabel("Begin from");
  await expect(examples).toBeVisible();
  const count = await examples.locator("option").count();
  expect(count).toBeGreaterThan(3);
  page.on("dialog", (dialog) => void dialog.accept());
  for (let index = 1; index < count; index += 1) {
    await examples.selectOption({ index });
    await expect(page.getByText("Usable", { exact: true })).toBeVisible();
  }
  const text = page.getByLabel("Text", { exact: true });
  const usual = await text.inputValue();
  await text.fill(usual.replace("authorization {", "authorisation {"));
  await expect(page.getByText(/Not usable yet/)).toBeVisible();
  await expect(page.getByRole("button", { name: /^Line \d+$/ })).toBeVisible();
  await text.fill(
    usual.replaceAll("Acme", "Zzyzx").replaceAll("acme", "zzyzx"),
  );
  await expect(page.getByText("Usable", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Zzyzx");
  await page.getByRole("link", { name: "see or change it" }).click();
  await expect(text).toHaveValue(/zzyzx/);
  await page.getByRole("button", { name: "Delete definition" }).click();
  await page
    .getByRole("dialog")
    .getByRole("button", { name: "Delete definition" })
    .click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(
    "Add Provider",
  );
  await page.getByLabel("Search").fill("zzyzx");
  await expect(status("0 providers")).toBeVisible();
});

test("a definition is loaded from a file", async () => {
  await page.goto("/applications/shop/definitions");
  const file = new URL(
    "../../service/catalog/definitions/zendesk.textproto",
    import.meta.url,
  );
  await page.locator("input[type=file]").setInputFiles({
    name: "zendesk.textproto",
    mimeType: "text/plain",
    buffer: readFileSync(file),
  });
  await expect(page.getByLabel("Text", { exact: true })).toHaveValue(
    /id: "zendesk"/,
  );
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByText("The id is taken")).toBeVisible();
});
