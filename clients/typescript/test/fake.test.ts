import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../src/client.js";
import { Code } from "../src/errors.js";
import { ConnectionState } from "../src/gen/valetkey/v1/connection_service_pb.js";
import { EventType } from "../src/gen/valetkey/v1/event_service_pb.js";
import { FakeValetKey } from "../src/testing/index.js";
import { failure, stage, until } from "./support/harness.js";

test("tokens, their generations and events", async (t) => {
  const { client, fake } = await stage(t);
  const watch = client.watch();
  await watch.next();
  const first = fake.setToken("c-7", "one", { scopes: ["a"] });
  assert.equal(first.generation, 1n);
  assert.equal(fake.setToken("shop/c-7", "two").generation, 2n);
  fake.requireReauthorization("c-7");
  fake.setToken("c-7", "three");
  fake.revoke("c-7");
  fake.revoke("c-7");
  fake.delete("c-7");
  fake.emit({ type: EventType.EXPIRING, connection: "c-9", reason: "SOON" });
  const told: [string, bigint][] = [];
  while (told.length < 7) {
    const { value } = await watch.next();
    assert.ok(value?.message.case === "event");
    const { type, generation } = value.message.value;
    told.push([EventType[type], generation]);
  }
  assert.deepEqual(told, [
    ["CONNECTED", 1n],
    ["REFRESHED", 2n],
    ["REAUTHORIZATION_REQUIRED", 2n],
    ["REFRESHED", 3n],
    ["REVOKED", 3n],
    ["DELETED", 3n],
    ["EXPIRING", 0n],
  ]);
});

test("an expired or rejected token is renewed by itself", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: 1000, scopes: ["a"] });
  clock.advance(1000);
  const renewed = await client.getToken("c-7");
  assert.equal(renewed.generation, 2n);
  assert.equal(renewed.accessToken, "fake-token-2");
  assert.deepEqual(renewed.scopes, ["a"]);
  assert.equal(renewed.expiresAt?.getTime(), clock.now() + 1000);
  const long = await client.getToken("c-7", { minLifetimeMs: 1000 });
  assert.equal(long.generation, 3n);
});

test("calls that fail, in their order, and how often there were any", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  fake.fail("Refresh", "ENCRYPTION_KEY_MISSING", { times: 2 });
  fake.fail("Refresh", "REFRESH_UNSUPPORTED");
  const reasons: string[] = [];
  for (let call = 0; call < 3; ++call) {
    const error = await failure(client.refresh("c-7"));
    assert.equal(error.code, Code.FailedPrecondition);
    reasons.push(error.reason);
  }
  await client.refresh("c-7");
  assert.deepEqual(reasons, [
    "ENCRYPTION_KEY_MISSING",
    "ENCRYPTION_KEY_MISSING",
    "REFRESH_UNSUPPORTED",
  ]);
  assert.equal(fake.calls("Refresh"), 4);
  assert.equal(fake.calls("Revoke"), 0);
});

test("a cursor of nowhere is refused", async (t) => {
  const { client } = await stage(t);
  for (const cursor of ["7", "-1", "x"]) {
    const error = await failure(client.watch({ cursor }).next());
    assert.equal(error.reason, "CURSOR_INVALID");
  }
});

test("the calls of operators are not there", async (t) => {
  const { client } = await stage(t);
  const error = await failure(client.admin.getProvider("pinterest"));
  assert.equal(error.code, Code.Unimplemented);
});

test("it comes back at its address, with what it knew", async (t) => {
  const fake = await FakeValetKey.start();
  const { address } = fake;
  fake.setToken("c-7", "one");
  await fake.goAway();
  await fake.goAway();
  await fake.comeBack();
  await fake.comeBack();
  assert.equal(fake.address, address);
  const client = new Client(fake.options);
  const connection = await client.getConnection("c-7");
  assert.equal(connection.state, ConnectionState.ACTIVE);
  t.after(async () => {
    await client.close();
    await fake.close();
    await fake.close();
  });
  await until(() => fake.connections === 1);
});
