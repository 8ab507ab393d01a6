import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { FakeValetKey } from "../src/testing/index.js";
import { Provider } from "./support/provider.js";

interface Example {
  readonly process: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

/** Runs an example against the fake, as a user would. */
function run(
  t: TestContext,
  fake: FakeValetKey,
  name: string,
  ...args: string[]
): Example {
  const path = new URL(`../examples/${name}.js`, import.meta.url);
  const child = spawn(process.execPath, [fileURLToPath(path), ...args], {
    env: {
      VALETKEY_ADDRESS: fake.address,
      VALETKEY_APPLICATION: "shop",
      VALETKEY_API_KEY: "vk_example",
    },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 20_000,
  });
  t.after(() => child.kill());
  const lines = createInterface({ input: child.stdout });
  return { process: child, lines: lines[Symbol.asyncIterator]() };
}

async function line({ lines }: Example): Promise<string> {
  const next = await lines.next();
  assert.ok(next.done !== true, "the example has ended");
  return next.value;
}

/** Ends it as Ctrl-C does; it must end well. */
async function interrupt({ process: child }: Example): Promise<void> {
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [0, null]);
}

async function start(t: TestContext): Promise<FakeValetKey> {
  const fake = await FakeValetKey.start({ apiKey: "vk_example" });
  t.after(() => fake.close());
  return fake;
}

test("example: get_token", async (t) => {
  const fake = await start(t);
  const provider = await Provider.start(t);
  fake.setToken("c-7", "one");
  const example = run(t, fake, "get_token", "c-7", provider.url);
  assert.equal(await line(example), "generation 1, valid for ever");
  assert.equal(await line(example), "200 welcome");
  assert.deepEqual(await once(example.process, "exit"), [0, null]);
});

test("example: connect", async (t) => {
  const fake = await start(t);
  const example = run(t, fake, "connect", "pinterest", "0");
  const page = await line(example);
  assert.match(await (await fetch(page)).text(), /href="\/connect"/);
  const sent = await fetch(`${page}connect`, { redirect: "manual" });
  assert.equal(sent.status, 303);
  const location = new URL(sent.headers.get("location") ?? "");
  const state = location.searchParams.get("state") ?? "";
  const back = await fetch(`${page}callback?state=${state}&code=any`);
  assert.match(await back.text(), /^Connected: applications\/shop\//);
  const replayed = await fetch(`${page}callback?state=${state}&code=any`);
  assert.equal(replayed.status, 400);
  await interrupt(example);
});

test("example: watch", async (t) => {
  const fake = await start(t);
  fake.setToken("c-7", "one");
  const example = run(t, fake, "watch");
  const name = "applications/shop/connections/c-7";
  assert.equal(await line(example), `${name} ACTIVE`);
  assert.equal(await line(example), "up to date 1");
  fake.revoke("c-7");
  assert.equal(await line(example), `${name} REVOKED 2`);
  await interrupt(example);
});
