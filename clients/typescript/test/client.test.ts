import assert from "node:assert/strict";
import { test } from "node:test";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConfigError,
  ConsentDeniedError,
  NotFoundError,
} from "../src/errors.js";
import {
  type ListConnectionsRequest,
  ConnectionState,
} from "../src/gen/valetkey/v1/connection_service_pb.js";
import {
  type AuthorizeRequest,
  type ExchangeRequest,
  RevocationResult,
} from "../src/gen/valetkey/v1/token_service_pb.js";
import { failure, HOUR, settle, stage } from "./support/harness.js";

const C7 = "applications/shop/connections/c-7";

test("consent", async (t) => {
  const { client, fake } = await stage(t);
  const begun = await client.authorize({
    provider: "pinterest",
    subject: "ann",
    scopes: ["pins:read"],
    returnUri: "https://shop.example/done",
    extraParameters: { login_hint: "ann" },
    labels: { tier: "gold" },
    inputs: { subdomain: "acme" },
  });
  const [request] = fake.requests("Authorize") as AuthorizeRequest[];
  const { $typeName: _, ...fields } = request ?? assert.fail();
  assert.deepEqual(fields, {
    provider: "applications/shop/providers/pinterest",
    subject: "ann",
    scopes: ["pins:read"],
    connection: "",
    returnUri: "https://shop.example/done",
    extraParameters: { login_hint: "ann" },
    labels: { tier: "gold" },
    inputs: { subdomain: "acme" },
  });
  assert.match(begun.authorizationUri, /state=/);
  const answer = { state: begun.state, code: "x", issuer: "https://iss" };
  const done = await client.exchange(answer);
  assert.equal(done.connection, begun.connection);
  assert.deepEqual(done.scopes, ["pins:read"]);
  assert.deepEqual(await client.exchange(answer), done);
  const [exchange] = fake.requests("Exchange") as ExchangeRequest[];
  assert.equal(exchange?.issuer, "https://iss");
  const connection = await client.getConnection(done.connection);
  assert.deepEqual(connection.labels, { tier: "gold" });
  assert.equal(connection.state, ConnectionState.ACTIVE);
  const again = await client.authorize({ provider: "p", connection: "c-1" });
  const declined = client.exchange({
    state: again.state,
    error: "access_denied",
  });
  assert.ok((await failure(declined)) instanceof ConsentDeniedError);
});

test("tokens", async (t) => {
  const { client, clock, fake, fetches } = await stage(t);
  fake.setToken("c-7", "one", {
    expiresInMs: HOUR,
    refreshesInMs: HOUR / 2,
    scopes: ["a"],
    tokenType: "MAC",
  });
  const token = await client.getToken("shop/c-7", {
    requiredScopes: ["a"],
    minLifetimeMs: 1500,
    minGeneration: 1n,
  });
  assert.equal(token.accessToken, "one");
  assert.equal(token.tokenType, "MAC");
  assert.deepEqual(token.scopes, ["a"]);
  assert.equal(token.generation, 1n);
  assert.equal(token.expiresAt?.getTime(), clock.now() + HOUR);
  assert.equal(token.refreshesAt?.getTime(), clock.now() + HOUR / 2);
  const [request] = fetches();
  assert.equal(request?.name, C7);
  assert.deepEqual(request.minLifetime, durationFromMs(1500));
  const second = await client.getToken("c-7", { rejectedGeneration: 1n });
  assert.equal(second.generation, 2n);
  assert.equal((await client.refresh("c-7")).generation, 3n);
  const same = await client.refresh("c-7", { generation: 2n });
  assert.equal(same.generation, 3n);
  fake.setToken("c-8", "forever");
  assert.equal((await client.getToken("c-8")).expiresAt, undefined);
});

test("revoking and deleting", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const revoked = await client.revoke("c-7");
  assert.ok(revoked.copyDestroyed);
  assert.equal(revoked.tokens[0]?.result, RevocationResult.REVOKED);
  const { etag } = await client.getConnection("c-7");
  const stale = client.deleteConnection("c-7", { etag: "e-none" });
  assert.equal((await failure(stale)).reason, "ETAG_MISMATCH");
  await client.deleteConnection("c-7", { etag });
  assert.ok(
    (await failure(client.getConnection("c-7"))) instanceof NotFoundError,
  );
});

test("labels", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const updated = await client.updateLabels("c-7", { tier: "gold" });
  assert.deepEqual(updated.labels, { tier: "gold" });
});

test("lists fetch their pages as they are walked", async (t) => {
  const { client, fake } = await stage(t);
  for (const name of ["c-1", "c-2", "c-3", "c-4", "c-5"]) {
    fake.setToken(name, name);
  }
  const list = client.listConnections({
    pageSize: 2,
    provider: "fake",
    subject: "fake",
    state: ConnectionState.ACTIVE,
    labels: {},
  });
  assert.equal(fake.calls("ListConnections"), 0);
  const names: string[] = [];
  for await (const { name } of list) {
    names.push(name.slice(-3));
    if (names.length === 3) assert.equal(fake.calls("ListConnections"), 2);
  }
  assert.deepEqual(names, ["c-1", "c-2", "c-3", "c-4", "c-5"]);
  const pages = [];
  for await (const page of list.pages()) pages.push(page);
  assert.equal(pages.length, 3);
  assert.equal(pages[0]?.cursor, "5");
  const requests = fake.requests("ListConnections") as ListConnectionsRequest[];
  assert.deepEqual(
    requests.map(({ pageToken }) => pageToken),
    ["", "2", "4", "", "2", "4"],
  );
  assert.equal(requests[0]?.provider, "applications/shop/providers/fake");
});

test("a short name without an application is refused unsent", async (t) => {
  const { client, fake } = await stage(t, { client: { application: "" } });
  await assert.rejects(client.getToken("c-7"), ConfigError);
  await assert.rejects(
    client.authorize({ provider: "pinterest" }),
    ConfigError,
  );
  assert.throws(() => client.tokenSource("c-7"), ConfigError);
  assert.throws(() => client.watch(), ConfigError);
  assert.throws(() => client.listConnections(), ConfigError);
  assert.equal(fake.calls("GetToken"), 0);
  assert.ok(
    (await failure(client.getToken("shop/c-7"))) instanceof NotFoundError,
  );
});

test("the API key goes with each call", async (t) => {
  const { client } = await stage(t, { fake: { apiKey: "vk_right" } });
  assert.ok((await failure(client.getToken("c-7"))) instanceof NotFoundError);
  const wrong = await stage(t, {
    fake: { apiKey: "vk_right" },
    client: { apiKey: "vk_wrong" },
  });
  const error = await failure(wrong.client.getToken("c-7"));
  assert.equal(error.reason, "API_KEY_INVALID");
  const none = await stage(t, {
    fake: { apiKey: "vk_right" },
    client: { apiKey: "" },
  });
  const missing = await failure(none.client.getToken("c-7"));
  assert.equal(missing.reason, "API_KEY_MISSING");
});

test("closing ends what is under way; later calls are CANCELED", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const release = fake.stall("GetToken");
  const source = client.tokenSource("c-7");
  const reader = failure(source.token());
  const call = failure(client.getToken("c-7"));
  await client.getConnection("c-7");
  await Promise.all([client.close(), client.close()]);
  assert.equal((await reader).code, Code.Canceled);
  assert.equal((await call).code, Code.Canceled);
  const late = await failure(client.getToken("c-7"));
  assert.equal(late.code, Code.Canceled);
  assert.equal((await failure(source.token())).code, Code.Canceled);
  const after = client.tokenSource("c-7");
  assert.equal((await failure(after.token())).code, Code.Canceled);
  release();
});

test("many calls at a time are nothing to warn of", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one");
  const warnings: Error[] = [];
  const warn = (warning: Error): void => {
    warnings.push(warning);
  };
  process.on("warning", warn);
  t.after(() => process.off("warning", warn));
  const source = client.tokenSource("c-7");
  await Promise.all(
    Array.from({ length: 50 }, () => [
      client.getToken("c-7"),
      source.token(),
    ]).flat(),
  );
  await settle();
  assert.deepEqual(warnings, []);
});
