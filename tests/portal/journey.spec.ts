// From an empty installation to a connected Pinterest account, a refresh seen
// as it happens, and a revocation: the steps that the documentation tells, in
// its words.
import type { BrowserContext, Page } from "@playwright/test";
import { expect, test } from "@playwright/test";
import { complaints, signIn } from "./page.js";
import { clientId, clientSecret, Stack } from "./stack.js";

test.describe.configure({ mode: "serial" });

let stack: Stack;
let context: BrowserContext;
let page: Page;
let found: string[];

test.beforeAll(async ({ browser }) => {
  // Long enough that no refresh but ours happens.
  stack = await Stack.start(3600);
  context = await browser.newContext({ baseURL: stack.http });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  page = await context.newPage();
  found = complaints(page);
});

test.afterAll(async () => {
  await context.close();
  await stack.stop();
});

test.afterEach(() => {
  expect(found).toEqual([]);
});

test("a wrong key is refused, and the place is remembered", async () => {
  await page.goto("/applications?from=a-link");
  await page.getByLabel("API key").fill("vk_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("You are not signed in");
  await signIn(page, stack.adminKey);
  await expect(page).toHaveURL(/\/applications\?from=a-link$/);
  const kept = await page.evaluate(
    () => JSON.stringify(localStorage) + document.cookie,
  );
  expect(kept).not.toContain("vk_");
});

test("an application is created", async () => {
  await page.getByRole("button", { name: "Create application" }).click();
  const dialog = page.getByRole("dialog", { name: "Create application" });
  await dialog.getByLabel("Display name").fill("My Shop");
  await expect(dialog.getByLabel("Id")).toHaveValue("my-shop");
  await dialog.getByLabel("Id").fill("9 lives");
  await dialog.getByRole("button", { name: "Create" }).click();
  await expect(dialog.getByText("a letter first")).toBeVisible();
  await dialog.getByLabel("Id").fill("shop");
  await dialog.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(
    "OAuth Providers",
  );
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
});

test("OAuth Providers, Add Provider, Pinterest", async () => {
  await page.getByRole("link", { name: "Add Provider" }).click();
  await page.getByLabel("Search").fill("pint");
  await expect(
    page.getByRole("status").filter({ hasText: "1 provider" }),
  ).toBeVisible();
  await page.getByRole("link", { name: "Pinterest" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Pinterest");
  const properties = page.getByRole("region", { name: "Properties" });
  for (const [name, value] of [
    ["Provider ID", "pinterest"],
    ["Category", "Social"],
    ["PKCE", "Supported"],
    ["Token refresh", "Automatic"],
  ] as const) {
    await expect(
      properties
        .locator("dt", { hasText: name })
        .locator("xpath=following-sibling::dd"),
    ).toHaveText(value);
  }
  const steps = page.getByRole("region", {
    name: "Set up the app at Pinterest",
  });
  await expect(steps.getByRole("listitem")).toHaveCount(5);
  await expect(steps.getByRole("listitem").first()).toContainText(
    "business account",
  );
  await steps.getByRole("button", { name: "Copy redirect uri" }).click();
  await expect(steps.getByText("Copied")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
    `${stack.http}/oauth/callback`,
  );
});

test("nothing is saved without a client id and secret", async () => {
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The client id is needed.")).toBeVisible();
  await expect(page.getByText("The client secret is needed.")).toBeVisible();
  await expect(page.getByLabel("Client ID")).toBeFocused();
});

test("client id, client secret and scopes; Save: it is active", async () => {
  await page.getByLabel("Client ID").fill(clientId);
  await page.getByLabel(/^Client secret/).fill(clientSecret);
  const ads = page.getByRole("checkbox", { name: /ads:read/ });
  await expect(ads).toHaveAccessibleName(/needs approval/);
  await expect(
    page.getByRole("checkbox", { name: "boards:read_secret" }),
  ).toBeHidden();
  await page.getByText(/Advanced scopes/).click();
  await expect(
    page.getByRole("checkbox", { name: "boards:read_secret" }),
  ).toBeVisible();
  for (const scope of ["boards:read", "pins:read", "user_accounts:read"]) {
    await page.getByRole("checkbox", { name: scope, exact: true }).check();
  }
  await page.getByRole("button", { name: "Save" }).click();
  await expect(
    page.getByRole("status").filter({ hasText: "Pinterest is active" }),
  ).toBeVisible();
  await expect(page.getByLabel(/^Client secret/)).toHaveValue("");
  await expect(
    page.getByText("One is stored, and is never shown again."),
  ).toBeVisible();
});

test("Test connection opens the real consent and shows what came back", async () => {
  const opening = context.waitForEvent("page");
  await page.getByRole("button", { name: "Test connection" }).click();
  const consent = await opening;
  await consent.waitForURL(`${stack.http}/connect/**`);
  await expect(consent.getByText("My Shop").first()).toBeVisible();
  await consent.getByRole("link", { name: /continue/i }).click();
  await consent.waitForURL(`${stack.emulator.www}/oauth/**`);
  await consent.getByRole("button", { name: "Give access" }).click();
  await expect(consent.getByText(/connected/i).first()).toBeVisible();
  await consent.close();
  const section = page.getByRole("region", { name: "Test connection" });
  await expect(section.getByText("The test succeeded")).toBeVisible();
  await expect(section).toContainText("boards:read");
  for (const [name, value] of [
    ["Account", /_pins/],
    ["Missing scopes", "none"],
    ["Access token", /expires in/],
    ["Refresh", /by itself, next in/],
  ] as const) {
    await expect(
      section
        .locator("dt", { hasText: new RegExp(`^${name}$`) })
        .locator("xpath=following-sibling::dd"),
    ).toHaveText(value);
  }
  await section.getByRole("link", { name: /To this connection/ }).click();
  await expect(page.getByText("Healthy")).toBeVisible();
});

test("a refresh is seen as it happens", async () => {
  const address = page.url();
  const watcher = await context.newPage();
  await watcher.goto("/applications/shop/events");
  await expect(
    watcher.getByText("Live: events are shown as they happen."),
  ).toBeVisible();
  await page.getByRole("button", { name: "Refresh now" }).click();
  await expect(page.getByText("Refreshed: generation 2")).toBeVisible();
  const log = watcher.getByRole("log", { name: "Events" });
  await expect(log.getByRole("row", { name: /Refreshed/ })).toBeVisible();
  const history = page.getByRole("region", { name: "History" });
  await expect(history.getByText("Refreshed")).toBeVisible();

  await watcher.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Refresh now" }).click();
  await expect(watcher.getByText("Paused; 1 new since.")).toBeVisible();
  await expect(log.getByRole("row", { name: /Refreshed/ })).toHaveCount(1);
  await watcher.getByRole("button", { name: "Continue" }).click();
  await expect(log.getByRole("row", { name: /Refreshed/ })).toHaveCount(2);
  await watcher.close();
  expect(page.url()).toBe(address);
});

test("a re-authorize link leads to the page that tells who asks", async () => {
  await page.getByRole("button", { name: "Make a re-authorize link" }).click();
  const link = page.getByRole("group", { name: "Re-authorize link" });
  await expect(link).toContainText(`${stack.http}/connect/`);
  const other = await context.newPage();
  await other.goto(await link.innerText());
  await expect(other.getByText("My Shop").first()).toBeVisible();
  await other.close();
});

test("revoking tells what became of each token", async () => {
  await page.getByRole("button", { name: "Revoke" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  const result = page
    .getByRole("status")
    .filter({ hasText: "The result of the revocation" });
  await expect(result).toContainText(
    "Refresh token: The provider cannot revoke it",
  );
  await expect(result).toContainText("Our copy of the tokens is destroyed");
  await expect(page.getByRole("button", { name: "Refresh now" })).toBeHidden();
});

test("a key is shown once, and revoked", async () => {
  await page.getByRole("link", { name: "Keys and settings" }).click();
  await page.getByRole("button", { name: "Create key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Display name").fill("checkout");
  await dialog.getByRole("button", { name: "Create" }).click();
  const secret = await dialog
    .getByRole("group", { name: "API key" })
    .innerText();
  expect(secret).toMatch(/^vk_.{43}$/);
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  expect(await page.content()).not.toContain(secret);
  const row = page.getByRole("row", { name: /checkout/ });
  await expect(row).toContainText("active");
  await row.getByRole("button", { name: "Revoke checkout" }).click();
  await page
    .getByRole("dialog")
    .getByRole("button", { name: "Revoke" })
    .click();
  await expect(row).toContainText("revoked");
});

test("return URIs are kept, and bad ones explained", async () => {
  const uris = page.getByLabel("Return URIs");
  await uris.fill("http://shop.example/back");
  await page.getByRole("button", { name: "Save settings" }).click();
  await expect(page.getByRole("alert")).toContainText("FIELD_INVALID");
  await uris.fill("https://shop.example/back");
  await page.getByRole("button", { name: "Save settings" }).click();
  await expect(page.getByRole("alert")).toBeHidden();
  await page.reload();
  await expect(page.getByLabel("Return URIs")).toHaveValue(
    "https://shop.example/back",
  );
});

test("an ended session leads to the sign-in page and back", async () => {
  await context.clearCookies();
  await page.getByRole("link", { name: "Connections" }).click();
  await expect(
    page.getByRole("heading", { name: "Sign in to ValetKey" }),
  ).toBeVisible();
  await signIn(page, stack.adminKey);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(
    "Connections",
  );
});

test("no secret is in the server's log", () => {
  const log = stack.log("valetkeyd");
  for (const secret of [clientSecret, stack.adminKey])
    expect(log).not.toContain(secret);
});
