// Whatever people or providers call things is shown as text, and however long
// it is, the page keeps its shape.
import type { Page } from "@playwright/test";
import { expect, test } from "@playwright/test";
import { complaints, looks, openAs, signIn } from "./page.js";
import { clientId, clientSecret, Stack } from "./stack.js";

const markup = `<img src=x onerror="document.title='owned'"><b>x</b>`;
const script = `"><script>document.title='owned'</script>\${7*7}{{7*7}}`;
const long = "W".repeat(120);

let stack: Stack;
let connection: string;

test.beforeAll(async () => {
  stack = await Stack.start(3600);
  await stack.call("ApplicationService/CreateApplication", {
    applicationId: "hostile",
    application: { displayName: markup },
  });
  for (const [providerId, displayName] of [
    ["marked", markup],
    ["l".repeat(63), long],
  ] as const) {
    await stack.call("ProviderService/CreateProvider", {
      parent: "applications/hostile",
      providerId,
      provider: {
        catalogEntry: "catalog/pinterest",
        displayName,
        clientId,
        clientSecret,
        scopes: ["boards:read", "user_accounts:read"],
      },
    });
  }
  const provider = "applications/hostile/providers/marked";
  await stack.control("logins", { login: "mallory", username: markup });
  connection = await stack.connect(
    provider,
    markup,
    { note: script, long },
    "mallory",
  );
  await stack.control("logins", { login: "longname", username: long });
  await stack.connect(provider, long, {}, "longname");
});

test.afterAll(async () => {
  await stack.stop();
});

/** Nothing of it became an element, and nothing sticks out. */
async function expectText(page: Page): Promise<void> {
  await expect(page).not.toHaveTitle("owned");
  await expect(page.locator("img[src=x]")).toHaveCount(0);
  const wide = await page.evaluate(
    () =>
      document.documentElement.scrollWidth -
      document.documentElement.clientWidth,
  );
  expect(wide, `${page.url()} is wider than the window`).toBe(0);
}

for (const look of [looks[0], looks[2]]) {
  test(`markup and long names on a ${look.name}`, async ({ browser }) => {
    const context = await openAs(browser, stack, look);
    const page = await context.newPage();
    const found = complaints(page);
    await page.goto("/");
    await signIn(page, stack.adminKey);
    for (const [path, shown] of [
      ["/applications", [markup]],
      ["/applications/hostile", [markup]],
      ["/applications/hostile/overview", [markup]],
      ["/applications/hostile/providers", [markup, long]],
      ["/applications/hostile/providers/marked", [markup]],
      [`/applications/hostile/providers/${"l".repeat(63)}`, [long]],
      ["/applications/hostile/connections", [markup, long]],
      ["/applications/hostile/events", [markup, long]],
      [`/${connection}`, [markup, script, long]],
    ] as const) {
      await page.goto(path);
      for (const text of shown) {
        await expect(
          page.getByRole("main").getByText(text).first(),
          `${path} shows ${text}`,
        ).toBeAttached();
      }
      await expectText(page);
    }
    expect(found).toEqual([]);
    await context.close();
  });
}

test("what comes with a callback is text, and so is the connect page", async ({
  page,
}) => {
  const begun = await stack.call("TokenService/Authorize", {
    provider: "applications/hostile/providers/marked",
    subject: "ann",
  });
  await page.goto(String(begun["connectUri"]));
  await expect(page.getByText(markup).first()).toBeAttached();
  await expectText(page);
  for (const query of [
    { state: markup, code: script },
    {
      state: String(begun["state"]),
      error: "access_denied",
      error_description: markup,
    },
    { error: script, error_description: `${markup}${long.repeat(10)}` },
  ]) {
    const parameters = new URLSearchParams(
      Object.entries(query).map(([name, value]) => [name, String(value)]),
    );
    await page.goto(`${stack.http}/oauth/callback?${parameters.toString()}`);
    await expectText(page);
  }
});

test("an address full of markup is a page that does not exist", async ({
  page,
}) => {
  await page.goto(stack.http);
  await signIn(page, stack.adminKey);
  const evil = encodeURIComponent(markup);
  for (const path of [
    `/applications/${evil}/overview`,
    `/applications/hostile/connections/${evil}`,
    `/applications/hostile/connections?q=${evil}&labels=${evil}&page=${evil}`,
    `/applications/hostile/add-provider/${evil}`,
    `/applications/hostile/definitions/${evil}`,
    `/applications/hostile/events?q=${evil}&type=${evil}`,
  ]) {
    await page.goto(`${stack.http}${path}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expectText(page);
  }
});
