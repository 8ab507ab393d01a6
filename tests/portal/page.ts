// What tests of pages share.
import type { Browser, BrowserContext, Page } from "@playwright/test";
import { expect } from "@playwright/test";
import axe from "axe-core";
import type { AxeResults } from "axe-core";
import type { Stack } from "./stack.js";

export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("button", { name: "Sign out" })).toBeVisible();
}

/**
 * What goes wrong without anybody seeing it: errors of the page's scripts, and
 * what its Content-Security-Policy forbade. Fills the list as it happens.
 */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("pageerror", (error) => found.push(String(error)));
  page.on("console", (message) => {
    // A refused call shows as an error, too; tests that want one say so.
    if (
      message.type() === "error" &&
      !message.text().includes("Failed to load resource")
    ) {
      found.push(message.text());
    }
  });
  page.on("request", (request) => {
    const { hostname } = new URL(request.url());
    if (hostname !== "127.0.0.1") found.push(`a request to ${request.url()}`);
  });
  return found;
}

/** The violations of WCAG 2.2 A and AA, and of axe's best practices. */
export async function violations(page: Page): Promise<string[]> {
  // The script comes by the debugger, which the page's policy does not govern.
  await page.evaluate(axe.source);
  const results = (await page.evaluate(() =>
    (window as unknown as { axe: { run: () => Promise<unknown> } }).axe.run(),
  )) as AxeResults;
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) =>
        `${id}: ${help}: ${target.join(" ")}: ${failureSummary ?? ""}`,
    ),
  );
}

/** How a person may look at the portal. */
export const looks = [
  {
    name: "desktop-light",
    scheme: "light",
    width: 1280,
    height: 800,
    touch: false,
  },
  {
    name: "desktop-dark",
    scheme: "dark",
    width: 1280,
    height: 800,
    touch: false,
  },
  {
    name: "phone-light",
    scheme: "light",
    width: 390,
    height: 844,
    touch: true,
  },
  { name: "phone-dark", scheme: "dark", width: 390, height: 844, touch: true },
] as const;

export async function openAs(
  browser: Browser,
  stack: Stack,
  look: (typeof looks)[number],
): Promise<BrowserContext> {
  return browser.newContext({
    baseURL: stack.http,
    colorScheme: look.scheme,
    viewport: { width: look.width, height: look.height },
    hasTouch: look.touch,
    reducedMotion: "reduce",
  });
}
