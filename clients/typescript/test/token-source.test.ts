import assert from "node:assert/strict";
import { test } from "node:test";
import { EventType } from "../src/gen/valetkey/v1/event_service_pb.js";
import {
  Code,
  ConnectionRevokedError,
  NotFoundError,
  ScopeNotGrantedError,
} from "../src/errors.js";
import { failure, HOUR, settle, stage, until } from "./support/harness.js";

test("the first read fetches, later ones are of memory", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR, scopes: ["pins:read"] });
  const source = client.tokenSource("c-7");
  assert.equal(source.current(), undefined);
  assert.equal(fake.calls("GetToken"), 0);
  const token = await source.token();
  assert.equal(token.accessToken, "one");
  assert.deepEqual(token.scopes, ["pins:read"]);
  assert.equal(token.generation, 1n);
  for (let read = 0; read < 1000; ++read) {
    assert.equal(await source.token(), token);
  }
  assert.equal(source.current(), token);
  assert.equal(fake.calls("GetToken"), 1);
});

test("a hundred first readers share one fetch", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  const readers = Array.from({ length: 100 }, () => source.token());
  const tokens = new Set(await Promise.all(readers));
  assert.equal(tokens.size, 1);
  assert.equal(fake.calls("GetToken"), 1);
  assert.equal(fake.calls("WatchEvents"), 1);
});

test("a reader that gives up does not end the fetch of others", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  const controller = new AbortController();
  const first = failure(source.token({ signal: controller.signal }));
  const second = source.token();
  controller.abort(new Error("no more"));
  const error = await first;
  assert.equal(error.code, Code.Canceled);
  assert.equal((error.cause as Error).message, "no more");
  assert.equal((await second).accessToken, "one");
  assert.equal(fake.calls("GetToken"), 1);
  const late = client.tokenSource("c-7");
  const { signal } = controller;
  assert.equal((await failure(late.token({ signal }))).code, Code.Canceled);
});

test("a token that ends in 2 s is not given out again", async (t) => {
  const { client, clock, fake, fetches } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR, refreshesInMs: HOUR });
  const source = client.tokenSource("c-7");
  await source.token();
  clock.advance(HOUR - 2001);
  assert.equal(source.current()?.accessToken, "one");
  clock.advance(1);
  assert.equal(source.current(), undefined);
  // ValetKey still gives it out: those who waited have it, nobody else.
  assert.equal((await source.token()).accessToken, "one");
  assert.equal(source.current(), undefined);
  assert.equal(fetches().length, 2);
  clock.advance(2000);
  assert.equal((await source.token()).accessToken, "fake-token-2");
});

test("readers that ask again at once are answered", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: 1500, refreshesInMs: 1500 });
  const source = client.tokenSource("c-7");
  for (let read = 0; read < 20; ++read) {
    assert.equal((await source.token()).accessToken, "one");
  }
  assert.equal(fake.calls("GetToken"), 20);
});

test("a token without an expiry has no timer", async (t) => {
  const { client, clock, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const source = client.tokenSource("c-7");
  await source.token();
  clock.advance(1000 * 24 * HOUR);
  await settle();
  assert.equal(source.current()?.accessToken, "one");
  assert.equal(fake.calls("GetToken"), 1);
});

test("it is fetched in the background at its refresh time", async (t) => {
  const { client, clock, fake } = await stage(t, { random: 0 });
  fake.setToken("c-7", "one", { expiresInMs: HOUR, refreshesInMs: HOUR / 2 });
  const source = client.tokenSource("c-7");
  const token = await source.token();
  clock.advance(HOUR / 2 - 1);
  await settle();
  assert.equal(fake.calls("GetToken"), 1);
  clock.advance(1);
  await until(() => fake.calls("GetToken") === 2);
  assert.equal(source.current(), token);
  await settle();
  // Nothing new: again after a tenth of what is left, 3 min of 30.
  clock.advance(HOUR / 20 - 1);
  await settle();
  assert.equal(fake.calls("GetToken"), 2);
  clock.advance(1);
  await until(() => fake.calls("GetToken") === 3);
});

test("required scopes and the token's name are sent", async (t) => {
  const { client, fake, fetches } = await stage(t);
  fake.setToken("c-7", "one", { scopes: ["a"] });
  const source = client.tokenSource("c-7", { requiredScopes: ["a", "b"] });
  const error = await failure(source.token());
  assert.ok(error instanceof ScopeNotGrantedError);
  assert.deepEqual(error.missingScopes, ["b"]);
  const other = client.tokenSource("c-7", { token: "user" });
  assert.equal((await failure(other.token())).reason, "TOKEN_NOT_FOUND");
  assert.equal(fetches()[1]?.token, "user");
});

test("an invalidated token is not given out, and is named once", async (t) => {
  const { client, fake, fetches } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  await source.token();
  source.invalidate(9n);
  assert.equal(source.current()?.accessToken, "one");
  source.invalidate(1n);
  source.invalidate(1n);
  assert.equal(source.current(), undefined);
  const readers = Array.from({ length: 100 }, () => source.token());
  const tokens = new Set(await Promise.all(readers));
  assert.deepEqual(
    [...tokens].map((token) => token.generation),
    [2n],
  );
  assert.deepEqual(
    fetches().map((request) => request.rejectedGeneration),
    [0n, 1n],
  );
  source.invalidate(1n);
  assert.equal(source.current()?.generation, 2n);
});

test("an answer that was rejected while under way is not given", async (t) => {
  const { client, clock, fake, fetches } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR, refreshesInMs: HOUR / 2 });
  const source = client.tokenSource("c-7");
  await source.token();
  clock.advance(0.6 * HOUR);
  await until(() => fake.calls("GetToken") === 2);
  source.invalidate(1n);
  assert.equal((await source.token()).generation, 2n);
  assert.deepEqual(
    fetches().map((request) => request.rejectedGeneration),
    [0n, 0n, 1n],
  );
});

test("an answer about the grant is remembered for a second", async (t) => {
  const { client, clock, fake } = await stage(t);
  const source = client.tokenSource("c-8");
  const error = await failure(source.token());
  assert.ok(error instanceof NotFoundError);
  assert.equal(error.reason, "CONNECTION_NOT_FOUND");
  clock.advance(999);
  assert.equal(await failure(source.token()), error);
  assert.equal(fake.calls("GetToken"), 1);
  clock.advance(1);
  assert.notEqual(await failure(source.token()), error);
  assert.equal(fake.calls("GetToken"), 2);
});

test("other errors are not remembered", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const source = client.tokenSource("c-7");
  fake.fail("GetToken", "RIGHT_MISSING");
  assert.equal((await failure(source.token())).reason, "RIGHT_MISSING");
  assert.equal((await source.token()).accessToken, "one");
});

test("without events a background fetch tells of the end", async (t) => {
  const { client, clock, fake } = await stage(t, { random: 0 });
  fake.fail("WatchEvents", "RIGHT_MISSING", { times: 100 });
  fake.setToken("c-7", "one", { expiresInMs: HOUR, refreshesInMs: HOUR / 2 });
  const source = client.tokenSource("c-7");
  await source.token();
  fake.revoke("c-7");
  clock.advance(HOUR / 2);
  await until(() => source.current() === undefined);
  const error = await failure(source.token());
  assert.ok(error instanceof ConnectionRevokedError);
});

test("a broken promise of ValetKey is an error, not a loop", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  await source.token();
  await until(() => fake.watchers === 1);
  // An event of a generation that GetToken does not know.
  fake.emit({ type: EventType.REFRESHED, connection: "c-7", generation: 9n });
  await until(() => fake.calls("GetToken") === 2);
  await settle();
  assert.equal(fake.calls("GetToken"), 2);
  assert.equal(source.current()?.accessToken, "one");
});
