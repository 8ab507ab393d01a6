// What it costs to open the portal, and what its answers forbid.
import type { Request } from "@playwright/test";
import { expect, test } from "@playwright/test";
import { complaints, signIn } from "./page.js";
import { Stack } from "./stack.js";

let stack: Stack;

test.beforeAll(async () => {
  stack = await Stack.start(3600);
});

test.afterAll(async () => {
  await stack.stop();
});

test("the first paint comes within a second, from less than 300 KB", async ({
  page,
}) => {
  const found = complaints(page);
  const requests: Request[] = [];
  page.on("requestfinished", (request) => requests.push(request));
  await page.goto(stack.http);
  await expect(page.getByLabel("API key")).toBeVisible();
  let bytes = 0;
  for (const request of requests)
    bytes += (await request.sizes()).responseBodySize;
  const painted = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  );
  console.log(
    `first paint after ${painted?.toFixed(0) ?? "?"} ms, ${(bytes / 1024).toFixed(0)} KB`,
  );
  expect(painted).toBeLessThan(1000);
  expect(bytes).toBeLessThan(300 * 1024);
  expect(bytes).toBeGreaterThan(10 * 1024);
  expect(found).toEqual([]);
});

test("nothing is allowed that is not this server's own", async ({
  request,
}) => {
  const answer = await request.get(stack.http);
  const policy = answer.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("style-src 'self'");
  expect(policy).not.toContain("unsafe");
});

test("it goes by keyboard alone", async ({ page }) => {
  await page.goto(`${stack.http}/applications`);
  await expect(page.getByLabel("API key")).toBeFocused();
  await page.keyboard.insertText(stack.adminKey);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Sign out" })).toBeVisible();
  await expect(
    page.getByRole("button", { name: "Create application" }),
  ).toBeVisible();
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the page" });
  await expect(skip).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expect(
    page.getByRole("button", { name: "Create application" }),
  ).toBeFocused();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Display name")).toBeFocused();
  await page.keyboard.type("Keys only");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(
    page.getByRole("button", { name: "Create application" }),
  ).toBeFocused();
});

test("a key without the right to administer is sent away", async ({ page }) => {
  await stack.valetkey("system", "applications", "create", "shop");
  const made = await stack.call("ApplicationService/CreateKey", {
    parent: "applications/shop",
    displayName: "reader",
    rights: ["RIGHT_READ_METADATA"],
  });
  await page.goto(stack.http);
  await page.getByLabel("API key").fill(String(made["secret"]));
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText(/administer/i);
});

test("a key of one application sees that one", async ({ page }) => {
  const made = await stack.call("ApplicationService/CreateKey", {
    parent: "applications/shop",
    displayName: "owner",
    rights: ["RIGHT_READ_METADATA", "RIGHT_ADMINISTER"],
  });
  await page.goto(stack.http);
  await signIn(page, String(made["secret"]));
  await expect(page).toHaveURL(/\/applications\/shop\/overview$/);
  await expect(page.getByText("Begin with a provider")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Servers" })).toHaveCount(0);
});
