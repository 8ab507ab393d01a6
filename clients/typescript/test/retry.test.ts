import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectError } from "@connectrpc/connect";
import { Client } from "../src/client.js";
import { Code, UnavailableError, type ValetKeyError } from "../src/errors.js";
import { TokenService } from "../src/gen/valetkey/v1/token_service_pb.js";
import { failureWith } from "../src/testing/failures.js";
import { FakeClock } from "./support/fake-clock.js";
import {
  failure,
  runtimeOf,
  settle,
  stage,
  type Stage,
  until,
} from "./support/harness.js";
import { serve } from "./support/server.js";

/** Lets the client wait, and tells for how long it does. */
async function nextWait(on: Stage): Promise<number> {
  // Beside the call's own deadline.
  await until(() => on.clock.timers.length > 1);
  const [wait = NaN] = on.clock.timers;
  on.clock.advance(wait);
  return wait;
}

test("UNAVAILABLE without RetryInfo: waits that double to 5 s", async (t) => {
  const on = await stage(t, { client: { timeoutMs: 60_000 } });
  on.fake.setToken("c-7", "one");
  on.fake.fail("GetToken", "", { times: 8 });
  const call = on.client.getToken("c-7");
  const waits: number[] = [];
  for (let wait = 0; wait < 8; ++wait) waits.push(await nextWait(on));
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  assert.equal((await call).accessToken, "one");
  assert.equal(on.fake.calls("GetToken"), 9);
});

for (const [random, wait] of [
  [0, 50],
  [0.9, 140],
] as const) {
  test(`the wait is jittered: ${String(wait)} ms`, async (t) => {
    const on = await stage(t, { random });
    on.fake.setToken("c-7", "one");
    on.fake.fail("GetToken", "");
    const call = on.client.getToken("c-7");
    assert.equal(await nextWait(on), wait);
    await call;
  });
}

test("UNAVAILABLE with RetryInfo: waits that long, without jitter", async (t) => {
  const on = await stage(t, { random: 0 });
  on.fake.setToken("c-7", "one");
  const retryDelayMs = 1234;
  on.fake.fail("GetToken", "PROVIDER_THROTTLED", { times: 2, retryDelayMs });
  const call = on.client.getToken("c-7");
  assert.equal(await nextWait(on), 1234);
  assert.equal(await nextWait(on), 1234);
  assert.equal((await call).accessToken, "one");
});

test("a wait past the deadline: fails at once, naming the wait", async (t) => {
  const on = await stage(t);
  const retryDelayMs = 5001;
  on.fake.fail("GetToken", "PROVIDER_THROTTLED", { retryDelayMs });
  const error = await failure(on.client.getToken("c-7", { timeoutMs: 5000 }));
  assert.ok(error instanceof UnavailableError);
  assert.equal(error.retryDelayMs, 5001);
  on.fake.fail("GetToken", "");
  const own = await failure(on.client.getToken("c-7", { timeoutMs: 99 }));
  assert.equal(own.retryDelayMs, 100);
  assert.equal(on.fake.calls("GetToken"), 2);
});

test("any other code: fails at once", async (t) => {
  const on = await stage(t);
  for (const reason of [
    "FIELD_INVALID",
    "ETAG_MISMATCH",
    "INTERNAL_FAULT",
    "CONNECTION_REVOKED",
  ]) {
    on.fake.fail("GetToken", reason);
    assert.equal((await failure(on.client.getToken("c-7"))).reason, reason);
  }
  assert.equal(on.fake.calls("GetToken"), 4);
});

test("which calls are repeated", async (t) => {
  const on = await stage(t);
  const { client, fake } = on;
  fake.setToken("c-7", "one");
  const { state } = await client.authorize({ provider: "p", subject: "ann" });
  for (const [method, call] of [
    ["GetToken", () => client.getToken("c-7")],
    ["Exchange", () => client.exchange({ state, code: "x" })],
    ["Authorize", () => client.authorize({ provider: "p", subject: "ann" })],
    ["Refresh", () => client.refresh("c-7", { generation: 1n })],
    ["GetConnection", () => client.getConnection("c-7")],
    ["ListConnections", () => client.listConnections().pages().next()],
    ["Revoke", () => client.revoke("c-7")],
  ] as const) {
    const before = fake.calls(method);
    fake.fail(method, "");
    const done = call();
    await nextWait(on);
    await done;
    assert.equal(fake.calls(method), before + 2, method);
  }
});

test("which calls are not", async (t) => {
  const { client, fake } = await stage(t);
  const { admin } = client;
  for (const [method, call] of [
    ["Refresh", () => client.refresh("c-7")],
    ["UpdateConnection", () => client.updateLabels("c-7", {})],
    ["DeleteConnection", () => client.deleteConnection("c-7")],
  ] as const) {
    fake.fail(method, "STORE_UNAVAILABLE", { retryDelayMs: 1 });
    const error = await failure(call());
    assert.ok(error instanceof UnavailableError, method);
    assert.equal(error.retryDelayMs, 1);
    assert.equal(fake.calls(method), 1, method);
  }
  await fake.goAway();
  for (const call of [
    () => admin.createProvider("p", {}),
    () => admin.updateProvider("p", {}),
    () => admin.deleteProvider("p"),
    () => admin.createApplication("a"),
    () => admin.updateApplication("a", {}),
    () => admin.deleteApplication("a"),
    () => admin.createKey({ rights: [] }),
  ]) {
    const error = await failure(call());
    assert.equal(error.code, Code.Unavailable);
    assert.equal(error.retryDelayMs, undefined);
  }
});

test("the deadline during the first try: DEADLINE_EXCEEDED", async (t) => {
  const { client, clock, fake } = await stage(t);
  const release = fake.stall("GetToken");
  const call = failure(client.getToken("c-7", { timeoutMs: 700 }));
  await until(() => fake.calls("GetToken") === 1);
  clock.advance(699);
  await settle();
  clock.advance(1);
  const error = await call;
  assert.equal(error.code, Code.DeadlineExceeded);
  assert.equal(error.reason, "");
  release();
});

test("the deadline during a later try: the UNAVAILABLE", async (t) => {
  const on = await stage(t);
  const { client, clock, fake } = on;
  fake.fail("GetToken", "STORE_UNAVAILABLE");
  const call = failure(client.getToken("c-7", { timeoutMs: 700 }));
  await until(() => clock.timers[0] === 100);
  const release = fake.stall("GetToken");
  clock.advance(100);
  await until(() => fake.calls("GetToken") === 2);
  clock.advance(600);
  const error = await call;
  assert.ok(error instanceof UnavailableError);
  assert.equal(error.reason, "STORE_UNAVAILABLE");
  release();
});

test("the same if it is the server that says so", async (t) => {
  const clock = new FakeClock();
  let calls = 0;
  const address = await serve(t, (router) => {
    router.service(TokenService, {
      getToken() {
        calls += 1;
        if (calls === 1) throw failureWith("STORE_UNAVAILABLE");
        throw new ConnectError("too late", Code.DeadlineExceeded);
      },
    });
  });
  const client = new Client({ address }, runtimeOf(clock));
  t.after(() => client.close());
  const call = failure(client.getToken("shop/c-7"));
  await until(() => clock.timers[0] === 100);
  clock.advance(100);
  assert.equal((await call).reason, "STORE_UNAVAILABLE");
  const first = await failure(client.getToken("shop/c-7"));
  assert.equal(first.code, Code.DeadlineExceeded);
});

test("the server is told what is left of the time", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  fake.fail("GetToken", "");
  const call = client.getToken("c-7", { timeoutMs: 4000 });
  await until(() => clock.timers[0] === 100);
  clock.advance(100);
  await call;
  assert.deepEqual(fake.timeouts("GetToken"), [4000, 3900]);
});

test("without a timeout of the caller's it is the client's", async (t) => {
  const { client, clock, fake } = await stage(t, {
    client: { timeoutMs: 250 },
  });
  const release = fake.stall("GetToken");
  const call = failure(client.getToken("c-7"));
  await until(() => fake.calls("GetToken") === 1);
  clock.advance(250);
  assert.equal((await call).code, Code.DeadlineExceeded);
  release();
});

test("a server that refuses connections is UNAVAILABLE at once", async (t) => {
  const { client, fake } = await stage(t);
  await fake.goAway();
  const error: ValetKeyError = await failure(client.refresh("c-7"));
  assert.equal(error.code, Code.Unavailable);
  assert.match(error.message, /cannot reach ValetKey: .*ECONNREFUSED/);
});

for (const [moment, tries] of [
  ["before", 0],
  ["during", 1],
] as const) {
  test(`a signal that is aborted ${moment} the call`, async (t) => {
    const { client, fake } = await stage(t);
    const release = fake.stall("GetToken");
    const controller = new AbortController();
    if (moment === "before") controller.abort();
    const { signal } = controller;
    const call = failure(client.getToken("c-7", { signal }));
    await until(() => fake.calls("GetToken") === tries);
    controller.abort();
    assert.equal((await call).code, Code.Canceled);
    release();
  });
}

test("a signal ends the wait between two tries", async (t) => {
  const clock = new FakeClock();
  const client = new Client({ address: "127.0.0.1:1" }, runtimeOf(clock));
  t.after(() => client.close());
  const controller = new AbortController();
  const { signal } = controller;
  const call = failure(client.getToken("shop/c-7", { signal }));
  await until(() => clock.timers[0] === 100);
  controller.abort();
  assert.equal((await call).code, Code.Canceled);
  assert.deepEqual(clock.timers, []);
});
