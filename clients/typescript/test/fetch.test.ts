import assert from "node:assert/strict";
import { test } from "node:test";
import { authorizedFetch } from "../src/adapters/fetch.js";
import { Code, NotFoundError } from "../src/errors.js";
import { Token } from "../src/token.js";
import { failure, HOUR, stage } from "./support/harness.js";
import { FakeSource, Provider } from "./support/provider.js";

test("each request carries the token", async (t) => {
  const provider = await Provider.start(t);
  const send = authorizedFetch(new FakeSource("one"));
  const response = await send(`${provider.url}/pins`, {
    headers: { "x-mine": "1", authorization: "Basic of the user's" },
  });
  assert.equal(await response.text(), "welcome");
  await send(new URL(provider.url));
  await send(new Request(provider.url, { headers: { "x-mine": "2" } }));
  assert.deepEqual(
    provider.seen.map(({ authorization }) => authorization),
    ["Bearer one", "Bearer one", "Bearer one"],
  );
});

test("the headers of a Request are kept", async (t) => {
  const provider = await Provider.start(t);
  let headers: Headers | undefined;
  const send = authorizedFetch(new FakeSource("one"), {
    fetch: (input, init) => {
      headers = new Headers(init?.headers);
      return fetch(input, init);
    },
  });
  await send(new Request(provider.url, { headers: { "x-mine": "2" } }));
  assert.equal(headers?.get("x-mine"), "2");
  assert.equal(headers.get("authorization"), "Bearer one");
});

test("the token's type, where it is another", async () => {
  const token = new Token({
    accessToken: "x",
    tokenType: "MAC",
    generation: 1n,
  });
  const source = {
    token: () => Promise.resolve(token),
    invalidate: () => undefined,
  };
  let sent: string | null | undefined;
  const send = authorizedFetch(source, {
    fetch: (_input, init) => {
      sent = new Headers(init?.headers).get("authorization");
      return Promise.resolve(new Response());
    },
  });
  await send("http://provider.test/");
  assert.equal(sent, "MAC x");
});

type Body = NonNullable<Parameters<typeof fetch>[1]>["body"];
const repeatable: [string, () => Body | undefined][] = [
  ["no body", () => undefined],
  ["a string", () => "body"],
  ["bytes", () => new TextEncoder().encode("body")],
  ["a buffer", () => new TextEncoder().encode("body").buffer],
  ["a blob", () => new Blob(["body"])],
  ["parameters", () => new URLSearchParams({ body: "" })],
];
for (const [what, body] of repeatable) {
  test(`a 401 is repeated once with a new token: ${what}`, async (t) => {
    const provider = await Provider.start(t);
    provider.valid = "two";
    const source = new FakeSource("one", "two");
    const sent = body();
    const response = await authorizedFetch(source)(provider.url, {
      method: sent === undefined ? "GET" : "POST",
      ...(sent !== undefined && { body: sent }),
    });
    assert.equal(response.status, 200);
    assert.deepEqual(source.invalidated, [1n]);
    assert.deepEqual(
      provider.seen.map(({ authorization }) => authorization),
      ["Bearer one", "Bearer two"],
    );
    const [first, second] = provider.seen;
    assert.equal(second?.body, first?.body);
    if (sent !== undefined) assert.match(second?.body ?? "", /body/);
  });
}

test("a second 401 is returned", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "three";
  const source = new FakeSource("one", "two", "three");
  const response = await authorizedFetch(source)(provider.url);
  assert.equal(response.status, 401);
  assert.equal(provider.seen.length, 2);
  assert.deepEqual(source.invalidated, [1n]);
});

test("a body that cannot be sent again: the 401 is returned", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "two";
  const stream = () => new Blob(["body"]).stream();
  const attempts: Parameters<typeof fetch>[] = [
    [provider.url, { method: "POST", body: stream(), duplex: "half" }],
    [new Request(provider.url, { method: "POST", body: "body" })],
  ];
  for (const attempt of attempts) {
    const source = new FakeSource("one", "two");
    const response = await authorizedFetch(source)(...attempt);
    assert.equal(response.status, 401);
    assert.equal(await response.text(), "who?");
    // The next request has the new token all the same.
    assert.deepEqual(source.invalidated, [1n]);
  }
  assert.deepEqual(
    provider.seen.map(({ body }) => body),
    ["body", "body"],
  );
});

test("no new token is to be had: the 401 is returned", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "none";
  const response = await authorizedFetch(new FakeSource("one"))(provider.url);
  assert.equal(response.status, 401);
  assert.equal(await response.text(), "who?");
  assert.equal(provider.seen.length, 1);
});

test("no token follows a redirect to another host", async (t) => {
  const provider = await Provider.start(t);
  const stranger = await Provider.start(t);
  const source = new FakeSource("one", "two");
  const send = authorizedFetch(source);
  const elsewhere = await send(`${provider.url}/to?${stranger.url}/`);
  // Its 401 says nothing of a token that it has not seen.
  assert.equal(elsewhere.status, 401);
  assert.deepEqual(
    stranger.seen.map(({ authorization }) => authorization),
    [undefined],
  );
  assert.deepEqual(source.invalidated, []);
  const own = await send(`${provider.url}/to?${provider.url}/`);
  assert.equal(own.status, 200);
});

test("a signal ends the wait for the token, as it ends a fetch", async () => {
  const controller = new AbortController();
  const send = authorizedFetch(new FakeSource("one"));
  controller.abort(new Error("enough"));
  const { signal } = controller;
  await assert.rejects(send("http://provider.test/", { signal }), /enough/);
});

test("with a source of the real client", async (t) => {
  const { client, fake } = await stage(t);
  const provider = await Provider.start(t);
  provider.valid = "fake-token-2";
  fake.setToken("c-7", "one", { expiresInMs: HOUR });
  const source = client.tokenSource("c-7");
  const send = authorizedFetch(source);
  const responses = await Promise.all(
    Array.from({ length: 20 }, () => send(provider.url)),
  );
  assert.ok(responses.every(({ status }) => status === 200));
  assert.equal(fake.calls("GetToken"), 2);
  const none = authorizedFetch(client.tokenSource("c-8"));
  const error = await failure(none(provider.url));
  assert.ok(error instanceof NotFoundError);
  source.close();
  assert.equal((await failure(send(provider.url))).code, Code.Canceled);
});
