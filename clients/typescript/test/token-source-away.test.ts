import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, UnavailableError } from "../src/errors.js";
import {
  failure,
  HOUR,
  MINUTE,
  settle,
  stage,
  until,
} from "./support/harness.js";

test("the held token is served to its end", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  await source.token();
  await fake.goAway();
  for (let minute = 0; minute < 59; ++minute) {
    clock.advance(MINUTE);
    assert.equal((await source.token()).accessToken, "one");
  }
  clock.advance(MINUTE);
  assert.equal(source.current(), undefined);
});

test("also for less than the 2 s that are wanted otherwise", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  await source.token();
  await fake.goAway();
  clock.advance(HOUR - 1000);
  assert.equal(source.current(), undefined);
  assert.equal((await source.token()).accessToken, "one");
  clock.advance(1000);
  const error = await failure(source.token({ timeoutMs: 50 }));
  assert.ok(error instanceof UnavailableError);
});

test("but not a rejected one", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  source.invalidate((await source.token()).generation);
  await fake.goAway();
  const error = await failure(source.token({ timeoutMs: 50 }));
  assert.ok(error instanceof UnavailableError);
});

test("then it fails with Unavailable and a delay, in the deadline", async (t) => {
  const { client, clock, fake } = await stage(t);
  await fake.goAway();
  const source = client.tokenSource("c-7");
  const began = clock.monotonic();
  const reader = failure(source.token({ timeoutMs: 350 }));
  // Tries at 0, 100 and 300 ms; the next would be at 700.
  await until(() => clock.backgroundTimers.includes(100));
  clock.advance(100);
  await until(() => clock.backgroundTimers.includes(200));
  clock.advance(200);
  const error = await reader;
  assert.ok(error instanceof UnavailableError);
  assert.equal(error.code, Code.Unavailable);
  assert.equal(error.reason, "");
  assert.equal(error.retryDelayMs, 400);
  assert.equal(clock.monotonic() - began, 300);
});

test("a reader is answered when ValetKey is back", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  await fake.goAway();
  const source = client.tokenSource("c-7");
  const reader = source.token();
  await until(() => clock.backgroundTimers.includes(100));
  await fake.comeBack();
  clock.advance(100);
  await settle();
  clock.advance(200);
  assert.equal((await reader).accessToken, "one");
});

test("a new reader does not sit out the wait of others", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  fake.fail("GetToken", "", { times: 1 });
  const source = client.tokenSource("c-7");
  const first = source.token();
  await until(() => fake.calls("GetToken") === 1);
  await settle();
  assert.equal((await source.token()).accessToken, "one");
  assert.equal((await first).accessToken, "one");
  assert.equal(fake.calls("GetToken"), 2);
});

test("after a long time away its waits are short again", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR, refreshesInMs: 0 });
  fake.fail("WatchEvents", "RIGHT_MISSING");
  const source = client.tokenSource("c-7");
  await source.token();
  fake.fail("GetToken", "", { times: 100 });
  clock.advance(HOUR / 10);
  for (const wait of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
    await until(() => clock.backgroundTimers[0] === wait, String(wait));
    clock.advance(wait);
  }
  await until(() => clock.backgroundTimers[0] === 5000);
  clock.advance(HOUR - 60_000);
  await until(() => clock.backgroundTimers[0] === 5000);
  clock.advance(4999);
  const reader = failure(source.token({ timeoutMs: 250 }));
  await until(() => clock.backgroundTimers[0] === 100);
  clock.advance(100);
  assert.equal((await reader).retryDelayMs, 200);
});

test("RetryInfo is the wait, and each reader has its own deadline", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  fake.fail("GetToken", "PROVIDER_THROTTLED", { retryDelayMs: 7000 });
  const source = client.tokenSource("c-7");
  const patient = source.token({ timeoutMs: 10_000 });
  const hasty = await failure(source.token({ timeoutMs: 5000 }));
  assert.equal(hasty.reason, "PROVIDER_THROTTLED");
  assert.equal(hasty.retryDelayMs, 7000);
  const late = source.token({ timeoutMs: 10_000 });
  clock.advance(6999);
  await settle();
  assert.equal(fake.calls("GetToken"), 1);
  clock.advance(1);
  assert.equal((await patient).accessToken, "one");
  assert.equal((await late).accessToken, "one");
});

test("an UNAVAILABLE is not remembered", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const source = client.tokenSource("c-7");
  fake.fail("GetToken", "PROVIDER_UNAVAILABLE", { retryDelayMs: 60_000 });
  assert.ok((await failure(source.token())) instanceof UnavailableError);
  assert.equal((await source.token()).accessToken, "one");
});

test("the deadline during a try", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const release = fake.stall("GetToken");
  const source = client.tokenSource("c-7");
  const reader = failure(source.token({ timeoutMs: 500 }));
  await until(() => fake.calls("GetToken") === 1);
  clock.advance(500);
  assert.equal((await reader).code, Code.DeadlineExceeded);
  // The try goes on for others.
  const other = source.token();
  release();
  assert.equal((await other).accessToken, "one");
  assert.equal(fake.calls("GetToken"), 1);
});

test("the deadline during a try, after an UNAVAILABLE", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  fake.fail("GetToken", "STORE_UNAVAILABLE");
  const source = client.tokenSource("c-7");
  const reader = failure(source.token({ timeoutMs: 500 }));
  await until(() => clock.backgroundTimers.includes(100));
  const release = fake.stall("GetToken");
  clock.advance(100);
  await until(() => fake.calls("GetToken") === 2);
  clock.advance(400);
  const error = await reader;
  assert.equal(error.reason, "STORE_UNAVAILABLE");
  assert.equal(error.retryDelayMs, 100);
  release();
});

test("background fetches are repeated with growing waits", async (t) => {
  const { client, clock, fake } = await stage(t, { random: 0.5 });
  fake.fail("WatchEvents", "RIGHT_MISSING");
  fake.setToken("c-7", "one", { expiresInMs: HOUR, refreshesInMs: HOUR / 2 });
  const source = client.tokenSource("c-7");
  await source.token();
  fake.fail("GetToken", "", { times: 3 });
  clock.advance(0.525 * HOUR);
  for (const [calls, wait] of [
    [2, 100],
    [3, 200],
    [4, 400],
  ] as const) {
    await until(() => clock.backgroundTimers[0] === wait);
    assert.equal(fake.calls("GetToken"), calls);
    assert.equal(source.current()?.accessToken, "one");
    clock.advance(wait);
  }
  await until(() => fake.calls("GetToken") === 5);
});

test("without readers and a token it gives up", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.fail("WatchEvents", "RIGHT_MISSING");
  fake.fail("GetToken", "", { times: 1000 });
  const source = client.tokenSource("c-7");
  const controller = new AbortController();
  const reader = failure(source.token({ signal: controller.signal }));
  await until(() => clock.backgroundTimers.includes(100));
  controller.abort();
  assert.equal((await reader).code, Code.Canceled);
  clock.advance(100);
  await settle();
  clock.advance(HOUR);
  await settle();
  assert.equal(fake.calls("GetToken"), 1);
});

test("a try that hangs ends, and is repeated", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const release = fake.stall("GetToken");
  const source = client.tokenSource("c-7");
  const reader = source.token({ timeoutMs: MINUTE });
  await until(() => fake.calls("GetToken") === 1);
  clock.advance(30_000);
  release();
  await until(() => clock.backgroundTimers.includes(100));
  clock.advance(100);
  assert.equal((await reader).accessToken, "one");
  assert.equal(fake.calls("GetToken"), 2);
});
