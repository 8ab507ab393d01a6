import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Client } from "../src/client.js";
import {
  Code,
  CursorExpiredError,
  PermissionDeniedError,
} from "../src/errors.js";
import {
  EventService,
  EventType,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from "../src/gen/valetkey/v1/event_service_pb.js";
import { failureWith } from "../src/testing/failures.js";
import type { Watch } from "../src/watch.js";
import { FakeClock } from "./support/fake-clock.js";
import { serve } from "./support/server.js";
import {
  failure,
  runtimeOf,
  settle,
  stage,
  type Stage,
  until,
} from "./support/harness.js";

async function next(watch: Watch): Promise<WatchEventsResponse> {
  const result = await watch.next();
  assert.ok(!result.done, "the watch has ended");
  return result.value;
}

function cursors(on: Stage): string[] {
  const requests = on.fake.requests("WatchEvents") as WatchEventsRequest[];
  return requests.map(({ cursor }) => cursor);
}

test("a checkpoint comes at once, then events", async (t) => {
  const { client, fake } = await stage(t);
  const watch = client.watch();
  const first = await next(watch);
  assert.equal(first.message.case, "checkpoint");
  assert.equal(first.cursor, "0");
  fake.setToken("c-7", "one");
  const { message, cursor } = await next(watch);
  assert.equal(cursor, "1");
  assert.ok(message.case === "event");
  assert.equal(message.value.type, EventType.CONNECTED);
  assert.equal(message.value.connection, "applications/shop/connections/c-7");
  assert.equal(message.value.generation, 1n);
});

test("what to watch is asked for by full names", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  fake.setToken("c-8", "one");
  const watch = client.watch({
    connection: "c-8",
    provider: "pinterest",
    subject: "ann",
    labels: { tier: "gold" },
    types: [EventType.CONNECTED],
    cursor: "1",
  });
  await next(watch);
  const [request] = fake.requests("WatchEvents") as WatchEventsRequest[];
  const { $typeName: _, ...fields } = request ?? assert.fail();
  assert.deepEqual(fields, {
    parent: "applications/shop",
    connection: "applications/shop/connections/c-8",
    provider: "applications/shop/providers/pinterest",
    subject: "ann",
    labels: { tier: "gold" },
    types: [EventType.CONNECTED],
    cursor: "1",
    snapshot: false,
  });
});

test("a stream that breaks is resumed after the last cursor", async (t) => {
  const on = await stage(t);
  const { client, clock, fake } = on;
  const watch = client.watch();
  await next(watch);
  fake.setToken("c-7", "one");
  await next(watch);
  await fake.goAway();
  fake.setToken("c-7", "two");
  const message = next(watch);
  await until(() => clock.timers[0] === 100);
  await fake.comeBack();
  clock.advance(100);
  assert.equal((await message).cursor, "2");
  assert.deepEqual(cursors(on), ["", "1"]);
});

test("it is resumed after what was yielded, not after what came", async (t) => {
  const on = await stage(t);
  const { client, clock, fake } = on;
  const watch = client.watch();
  await next(watch);
  for (const token of ["one", "two", "three"]) fake.setToken("c-7", token);
  assert.equal((await next(watch)).cursor, "1");
  await settle();
  await fake.goAway();
  await fake.comeBack();
  const seen = [];
  while (seen.length < 2) {
    const message = next(watch);
    await settle();
    clock.advance(100);
    seen.push((await message).cursor);
  }
  assert.deepEqual(seen, ["2", "3"]);
});

test("WATCH_LAGGED is resumed, and waits grow until a message", async (t) => {
  const on = await stage(t);
  const { client, clock, fake } = on;
  const watch = client.watch();
  await next(watch);
  fake.fail("WatchEvents", "SERVER_SHUTTING_DOWN", { retryDelayMs: 1000 });
  fake.fail("WatchEvents", "", { times: 2 });
  fake.lag();
  const message = next(watch);
  for (const wait of [100, 1000, 200, 400]) {
    await until(() => clock.timers[0] === wait, String(wait));
    clock.advance(wait);
  }
  assert.equal((await message).message.case, "checkpoint");
  assert.deepEqual(cursors(on), ["", "0", "0", "0", "0"]);
  fake.lag();
  void watch.next();
  await until(() => clock.timers[0] === 100);
});

test("a break within a snapshot begins the snapshot anew", async (t) => {
  const requests: WatchEventsRequest[] = [];
  const address = await serve(t, (router) => {
    router.service(EventService, {
      async *watchEvents(request) {
        requests.push(request);
        if (request.snapshot) {
          yield connection("c-7");
          if (requests.length === 1) throw failureWith("STORE_UNAVAILABLE");
          yield connection("c-8");
        }
        yield { message: { case: "checkpoint", value: {} }, cursor: "5" };
        await setImmediate();
        throw failureWith("SERVER_SHUTTING_DOWN");
      },
    });
  });
  const clock = new FakeClock();
  const client = new Client({ address, application: "a" }, runtimeOf(clock));
  t.after(() => client.close());
  const watch = client.watch({ snapshot: true });
  const seen: string[] = [];
  while (seen.length < 5) {
    const message = next(watch);
    const wait = seen.length === 1 || seen.length === 4;
    if (wait) {
      await until(() => clock.timers[0] === 100);
      clock.advance(100);
    }
    const { message: told, cursor } = await message;
    seen.push(told.case === "connection" ? told.value.name : cursor);
  }
  assert.deepEqual(seen, ["c-7", "c-7", "c-8", "5", "5"]);
  assert.deepEqual(
    requests.map(({ snapshot, cursor }) => [snapshot, cursor]),
    [
      [true, ""],
      [true, ""],
      [false, "5"],
    ],
  );
});

function connection(name: string) {
  return { message: { case: "connection" as const, value: { name } } };
}

test("any other error ends it", async (t) => {
  const { client, fake } = await stage(t);
  fake.fail("WatchEvents", "CURSOR_EXPIRED");
  const expired = client.watch({ cursor: "0" });
  assert.ok((await failure(expired.next())) instanceof CursorExpiredError);
  assert.deepEqual(await expired.next(), { done: true, value: undefined });
  fake.fail("WatchEvents", "RIGHT_MISSING");
  const denied = client.watch();
  await assert.rejects(async () => {
    for await (const { cursor } of denied) assert.fail(cursor);
  }, PermissionDeniedError);
});

test("a loop that is left closes it", async (t) => {
  const { client, fake } = await stage(t);
  for await (const { message } of client.watch()) {
    assert.equal(message.case, "checkpoint");
    await until(() => fake.watchers === 1);
    break;
  }
  await until(() => fake.watchers === 0);
});

test("closing it ends the loop that waits", async (t) => {
  const { client, fake } = await stage(t);
  const watch = client.watch();
  await next(watch);
  const waiting = watch.next();
  await until(() => fake.watchers === 1);
  watch.close();
  watch.close();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.deepEqual(await watch.next(), { done: true, value: undefined });
  await until(() => fake.watchers === 0);
  const unused = client.watch();
  unused.close();
  assert.deepEqual(await unused.next(), { done: true, value: undefined });
});

test("so does the client's end", async (t) => {
  const { client } = await stage(t);
  const watch = client.watch();
  await next(watch);
  const waiting = watch.next();
  await client.close();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.throws(() => client.watch(), { code: Code.Canceled });
});

test("a signal ends it with CANCELED, also between two tries", async (t) => {
  const { client, clock, fake } = await stage(t);
  for (const away of [false, true]) {
    const controller = new AbortController();
    const watch = client.watch({ signal: controller.signal });
    await next(watch);
    const waiting = failure(watch.next());
    if (away) {
      await fake.goAway();
      await until(() => clock.timers[0] === 100);
    }
    controller.abort(new Error("enough"));
    const error = await waiting;
    assert.equal(error.code, Code.Canceled);
    assert.equal((error.cause as Error).message, "enough");
    assert.deepEqual(clock.timers, []);
  }
});
