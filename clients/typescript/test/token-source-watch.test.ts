import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectionRevokedError, NotFoundError } from "../src/errors.js";
import {
  EventType,
  type WatchEventsRequest,
} from "../src/gen/valetkey/v1/event_service_pb.js";
import type { TokenSource } from "../src/source/token-source.js";
import {
  failure,
  HOUR,
  MINUTE,
  settle,
  stage,
  type Stage,
  until,
  untilAsync,
} from "./support/harness.js";

/** A source that holds a token and hears of events. */
async function watching(
  t: TestContext,
): Promise<Stage & { source: TokenSource }> {
  const on = await stage(t);
  on.fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = on.client.tokenSource("c-7");
  await source.token();
  await until(() => on.fake.watchers === 1);
  return { ...on, source };
}

test("nothing is opened before the first read", async (t) => {
  const { client, fake } = await stage(t);
  client.tokenSource("c-7");
  await settle();
  assert.equal(fake.calls("WatchEvents"), 0);
});

test("sources of an application share one stream", async (t) => {
  const { client, fake } = await stage(t);
  for (const name of ["c-1", "c-2", "other/c-3"]) fake.setToken(name, name);
  const sources = ["c-1", "c-2", "other/c-3"].map((name) =>
    client.tokenSource(name),
  );
  for (const source of sources) await source.token();
  assert.equal(fake.calls("WatchEvents"), 2);
  await until(() => fake.watchers === 2);
  sources[0]?.close();
  await settle();
  assert.equal(fake.watchers, 2);
  sources[1]?.close();
  await until(() => fake.watchers === 1);
  sources[2]?.close();
  await until(() => fake.watchers === 0);
});

test("the source asks for the types that it acts on", async (t) => {
  const { fake } = await watching(t);
  const [request] = fake.requests("WatchEvents") as WatchEventsRequest[];
  assert.equal(request?.parent, "applications/shop");
  assert.deepEqual(
    [...request.types].sort(),
    [
      EventType.REAUTHORIZED,
      EventType.REFRESHED,
      EventType.REAUTHORIZATION_REQUIRED,
      EventType.REVOKED,
      EventType.DELETED,
    ].sort(),
  );
});

test("a stream that does not come is waited for 1 s", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const release = fake.stall("WatchEvents");
  const token = client.tokenSource("c-7").token();
  await until(() => fake.calls("WatchEvents") === 1);
  clock.advance(999);
  await settle();
  assert.equal(fake.calls("GetToken"), 0);
  clock.advance(1);
  assert.equal((await token).accessToken, "one");
  // What happened before the stream began may have been missed.
  release();
  await until(() => fake.calls("GetToken") === 2);
});

test("nor is what a fetch under way may have missed", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const stream = fake.stall("WatchEvents");
  const answers = fake.stall("GetToken", "answers");
  const token = client.tokenSource("c-7").token();
  await until(() => fake.calls("WatchEvents") === 1);
  clock.advance(1000);
  await until(() => fake.calls("GetToken") === 1);
  stream();
  await until(() => fake.watchers === 1);
  await settle();
  answers();
  assert.equal((await token).accessToken, "one");
  await until(() => fake.calls("GetToken") === 2);
  await settle();
  assert.equal(fake.calls("GetToken"), 2);
});

test("REFRESHED of a newer generation is fetched in the background", async (t) => {
  const { fake, fetches, source } = await watching(t);
  fake.setToken("c-7", "two", { expiresInMs: HOUR });
  await until(() => source.current()?.accessToken === "two");
  assert.deepEqual(
    fetches().map((request) => request.minGeneration),
    [0n, 2n],
  );
  fake.emit({ type: EventType.REFRESHED, connection: "c-7", generation: 2n });
  fake.emit({ type: EventType.REFRESHED, connection: "c-7", generation: 1n });
  fake.emit({ type: EventType.REFRESHED, connection: "c-8", generation: 9n });
  await settle();
  assert.equal(fake.calls("GetToken"), 2);
});

test("readers have the old token while the new one is fetched", async (t) => {
  const { fake, source } = await watching(t);
  const release = fake.stall("GetToken");
  fake.setToken("c-7", "two", { expiresInMs: HOUR });
  await until(() => fake.calls("GetToken") === 2);
  assert.equal((await source.token()).accessToken, "one");
  release();
  await until(() => source.current()?.accessToken === "two");
});

test("an event while a fetch is under way is not lost", async (t) => {
  const { fake, fetches, source } = await watching(t);
  const release = fake.stall("GetToken");
  fake.setToken("c-7", "two", { expiresInMs: HOUR });
  await until(() => fake.calls("GetToken") === 2);
  fake.setToken("c-7", "three", { expiresInMs: HOUR });
  await settle();
  release();
  await until(() => source.current()?.accessToken === "three");
  await settle();
  // The answer was of the third already: nobody has to ask for it again.
  assert.equal(fetches().length, 2);
});

for (const [type, expected] of [
  [EventType.REVOKED, ConnectionRevokedError],
  [EventType.DELETED, NotFoundError],
] as const) {
  test(`${EventType[type]} drops the token at once`, async (t) => {
    const { fake, source } = await watching(t);
    if (type === EventType.REVOKED) fake.revoke("c-7");
    else fake.delete("c-7");
    await until(() => source.current() === undefined);
    assert.ok((await failure(source.token())) instanceof expected);
  });
}

test("a token that was fetched before REVOKED came is not kept", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  const release = fake.stall("GetToken", "answers");
  const reader = failure(source.token());
  await until(() => fake.calls("GetToken") === 1);
  fake.revoke("c-7");
  await settle();
  release();
  assert.ok((await reader) instanceof ConnectionRevokedError);
  assert.equal(source.current(), undefined);
});

test("REAUTHORIZATION_REQUIRED leaves the token to its end", async (t) => {
  const { clock, fake, source } = await watching(t);
  fake.requireReauthorization("c-7");
  await settle();
  assert.equal(source.current()?.accessToken, "one");
  assert.equal(fake.calls("GetToken"), 1);
  clock.advance(HOUR);
  const error = await failure(source.token());
  assert.equal(error.reason, "REAUTHORIZATION_REQUIRED");
  // The person consents again: an event ends what was remembered.
  fake.setToken("c-7", "two", { expiresInMs: HOUR });
  await untilAsync(async () => {
    const token = await source.token().catch(() => undefined);
    return token?.accessToken === "two";
  });
});

test("it never goes back a generation", async (t) => {
  const { clock, fake, source } = await watching(t);
  fake.setToken("c-7", "two", { expiresInMs: HOUR });
  fake.setToken("c-7", "three", { expiresInMs: HOUR });
  await until(() => source.current()?.generation === 3n);
  const calls = fake.calls("GetToken");
  fake.broker.connection(source.connection).generation = 1n;
  clock.advance(0.9 * HOUR);
  await until(() => fake.calls("GetToken") > calls);
  await settle();
  assert.equal(source.current()?.accessToken, "three");
  clock.advance(HOUR);
  const error = await failure(source.token());
  assert.equal(error.metadata["field"], "min_generation");
});

test("the stream is resumed from its cursor, and nothing is missed", async (t) => {
  const { clock, fake, source } = await watching(t);
  await fake.goAway();
  fake.setToken("c-7", "two", { expiresInMs: HOUR });
  await fake.comeBack();
  await settle();
  clock.advance(100);
  await until(() => source.current()?.accessToken === "two");
  const requests = fake.requests("WatchEvents") as WatchEventsRequest[];
  assert.deepEqual(
    requests.map(({ cursor }) => cursor),
    ["", "1"],
  );
});

test("after CURSOR_EXPIRED it begins anew, and fetches once", async (t) => {
  const { clock, fake, source } = await watching(t);
  fake.fail("WatchEvents", "CURSOR_EXPIRED");
  fake.lag();
  await until(() => clock.backgroundTimers[0] === 100);
  clock.advance(100);
  await until(() => fake.calls("WatchEvents") === 2);
  await until(() => clock.backgroundTimers[0] === 200);
  clock.advance(200);
  await until(() => fake.calls("GetToken") === 2);
  await settle();
  const requests = fake.requests("WatchEvents") as WatchEventsRequest[];
  assert.deepEqual(
    requests.map(({ cursor }) => cursor),
    ["", "1", ""],
  );
  assert.equal(fake.calls("GetToken"), 2);
  assert.equal(source.current()?.accessToken, "one");
});

test("WATCH_LAGGED is resumed like a break", async (t) => {
  const { clock, fake, source } = await watching(t);
  fake.lag();
  await until(() => clock.backgroundTimers[0] === 100);
  fake.setToken("c-7", "two", { expiresInMs: HOUR });
  clock.advance(100);
  await until(() => source.current()?.accessToken === "two");
});

test("without the right it is not tried again for 5 min", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.fail("WatchEvents", "RIGHT_MISSING");
  fake.setToken("c-7", "one");
  const source = client.tokenSource("c-7");
  assert.equal((await source.token()).accessToken, "one");
  clock.advance(5 * MINUTE - 1);
  await settle();
  assert.equal(fake.calls("WatchEvents"), 1);
  clock.advance(1);
  await until(() => fake.watchers === 1);
  // It has begun without a cursor.
  await until(() => fake.calls("GetToken") === 2);
});

test("the stream's waits grow, and shrink when it stands", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.fail("WatchEvents", "", { times: 8 });
  fake.setToken("c-7", "one");
  await client.tokenSource("c-7").token();
  const waits: (number | undefined)[] = [];
  for (let round = 1; round <= 8; ++round) {
    await until(() => fake.calls("WatchEvents") === round);
    await until(() => (clock.backgroundTimers[0] ?? MINUTE) < MINUTE / 2);
    const [wait = 0] = clock.backgroundTimers;
    waits.push(wait);
    clock.advance(wait);
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  await until(() => fake.watchers === 1);
  fake.lag();
  await until(() => clock.backgroundTimers[0] === 100);
});

test("a closed source fails those who wait", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const release = fake.stall("GetToken");
  const source = client.tokenSource("c-7");
  const readers = [failure(source.token()), failure(source.token())];
  await until(() => fake.calls("GetToken") === 1);
  source.close();
  source.close();
  for (const error of await Promise.all(readers)) {
    assert.equal(error.code, Code.Canceled);
  }
  assert.equal((await failure(source.token())).code, Code.Canceled);
  await until(() => fake.watchers === 0);
  release();
});
