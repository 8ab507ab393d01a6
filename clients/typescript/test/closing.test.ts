import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FakeValetKey } from "../src/testing/index.js";
import { failure, HOUR, stage, until } from "./support/harness.js";

const program = fileURLToPath(
  new URL("support/closing-program.js", import.meta.url),
);
const run = promisify(execFile);

// Each runs in a process of its own, whose resources are nobody else's.
for (const [what, name] of [
  ["after closing nothing is left", "closed"],
  ["nor when ValetKey is away", "away"],
  ["a program that forgets to close ends all the same", "forgotten"],
  ["a reader keeps the program alive", "reader"],
  ["a watch keeps the program alive", "watch"],
] as const) {
  test(what, async (t) => {
    const fake = await FakeValetKey.start();
    t.after(() => fake.close());
    fake.setToken("c-7", "one", { expiresInMs: 3_600_000 });
    const address = name === "away" ? "127.0.0.1:1" : fake.address;
    const { stdout } = await run(process.execPath, [program, name, address], {
      timeout: 20_000,
    });
    assert.equal(stdout, "done\n");
  });
}

// What does not keep a process alive is not among its resources: the clock and
// the server know of it.
for (const away of [false, true]) {
  const where = away ? "away" : "there";
  test(`no timer and no socket is left, ValetKey ${where}`, async (t) => {
    const { client, clock, fake } = await stage(t);
    fake.setToken("c-7", "one", { expiresInMs: HOUR });
    fake.setToken("other/c-9", "one", { expiresInMs: HOUR });
    const held = client.tokenSource("c-7");
    await held.token();
    await client.tokenSource("other/c-9").token();
    await until(() => fake.watchers === 2);
    const watch = client.watch();
    await watch.next();
    if (away) await fake.goAway();
    const waiting = [
      failure(client.tokenSource("c-8").token({ timeoutMs: HOUR })),
      failure(client.getToken("c-8", { timeoutMs: HOUR })),
      watch.next(),
    ];
    if (away) await until(() => clock.timers.includes(100));
    assert.notDeepEqual(clock.backgroundTimers, []);
    await client.close();
    await Promise.all(waiting);
    assert.deepEqual(clock.timers, []);
    assert.deepEqual(clock.backgroundTimers, []);
    await until(() => fake.connections === 0);
  });
}

test("a source that is closed leaves no timer, and no stream", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  await source.token();
  await until(() => fake.watchers === 1);
  source.close();
  await until(() => fake.watchers === 0);
  await until(() => clock.backgroundTimers.length === 0);
});
