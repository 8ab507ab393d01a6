import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import axios, {
  type AxiosAdapter,
  AxiosError,
  type AxiosInstance,
} from "axios";
import { authorizeAxios } from "../src/adapters/axios.js";
import { FakeSource, Provider } from "./support/provider.js";

function instanceOf(provider: Provider, source: FakeSource): AxiosInstance {
  const instance = axios.create({ baseURL: provider.url });
  authorizeAxios(instance, source);
  return instance;
}

async function status(call: Promise<{ status: number }>): Promise<number> {
  return call.then(
    (response) => response.status,
    (error: unknown) => {
      assert.ok(error instanceof AxiosError, String(error));
      return error.response?.status ?? 0;
    },
  );
}

test("each request carries the token", async (t) => {
  const provider = await Provider.start(t);
  const instance = instanceOf(provider, new FakeSource("one"));
  assert.equal((await instance.get<string>("/pins")).data, "welcome");
  assert.equal(provider.seen[0]?.authorization, "Bearer one");
  assert.equal(provider.seen[0].url, "/pins");
});

for (const [what, data, expected] of [
  ["JSON", { name: "a" }, '{"name":"a"}'],
  ["a string", "text", "text"],
  ["a JSON string", '{"b":1}', '{"b":1}'],
  ["bytes", Buffer.from("bytes"), "bytes"],
  ["parameters", new URLSearchParams({ c: "2" }), "c=2"],
  ["no body", undefined, ""],
] as const) {
  test(`a 401 is repeated once with a new token: ${what}`, async (t) => {
    const provider = await Provider.start(t);
    provider.valid = "two";
    const source = new FakeSource("one", "two");
    const instance = instanceOf(provider, source);
    assert.equal(await status(instance.post("/pins", data)), 200);
    assert.deepEqual(provider.seen, [
      { authorization: "Bearer one", url: "/pins", body: expected },
      { authorization: "Bearer two", url: "/pins", body: expected },
    ]);
    assert.deepEqual(source.invalidated, [1n]);
  });
}

test("a form is sent again whole", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "two";
  const form = new FormData();
  form.set("field", "content");
  const instance = instanceOf(provider, new FakeSource("one", "two"));
  assert.equal(await status(instance.post("/", form)), 200);
  for (const { body } of provider.seen) assert.match(body, /content/);
  assert.equal(provider.seen.length, 2);
});

test("what axios makes of the body is made once", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "two";
  const instance = instanceOf(provider, new FakeSource("one", "two"));
  const transformRequest = (data: string): string => `<${data}>`;
  assert.equal(
    await status(instance.post("/", "x", { transformRequest })),
    200,
  );
  assert.deepEqual(
    provider.seen.map(({ body }) => body),
    ["<x>", "<x>"],
  );
});

test("also where a 401 is no error", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "two";
  const instance = instanceOf(provider, new FakeSource("one", "two"));
  const response = await instance.get("/", { validateStatus: () => true });
  assert.equal(response.status, 200);
});

test("also with axios's fetch adapter", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "two";
  const instance = instanceOf(provider, new FakeSource("one", "two"));
  instance.defaults.adapter = "fetch";
  assert.equal(await status(instance.post("/", { a: 1 })), 200);
  assert.equal(provider.seen[1]?.body, '{"a":1}');
});

test("a second 401 stands", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "three";
  const source = new FakeSource("one", "two", "three");
  assert.equal(await status(instanceOf(provider, source).get("/")), 401);
  assert.equal(provider.seen.length, 2);
  assert.deepEqual(source.invalidated, [1n]);
});

test("a stream cannot be sent again: the 401 stands", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "two";
  const source = new FakeSource("one", "two");
  const instance = instanceOf(provider, source);
  assert.equal(await status(instance.post("/", Readable.from(["body"]))), 401);
  assert.equal(provider.seen.length, 1);
  assert.deepEqual(source.invalidated, [1n]);
});

test("no new token is to be had: the 401 stands", async (t) => {
  const provider = await Provider.start(t);
  provider.valid = "none";
  const instance = instanceOf(provider, new FakeSource("one"));
  assert.equal(await status(instance.get("/")), 401);
  assert.equal(provider.seen.length, 1);
});

test("no token follows a redirect to another host", async (t) => {
  const provider = await Provider.start(t);
  const stranger = await Provider.start(t);
  const source = new FakeSource("one", "two");
  const instance = instanceOf(provider, source);
  const hops: string[] = [];
  const answer = status(
    instance.get(`/to?${stranger.url}/`, {
      beforeRedirect: (options: { href?: string }) => {
        hops.push(options.href ?? "");
      },
    }),
  );
  assert.equal(await answer, 401);
  assert.deepEqual(hops, [`${stranger.url}/`]);
  assert.deepEqual(
    stranger.seen.map(({ authorization }) => authorization),
    [undefined],
  );
  assert.deepEqual(source.invalidated, []);
});

test("nor one to a subdomain, which some axios take for the same host", async () => {
  const instance = axios.create({ baseURL: "https://provider.test" });
  authorizeAxios(instance, new FakeSource("one"));
  const seen: Record<string, string>[] = [];
  const adapter: AxiosAdapter = (config) => {
    for (const href of [
      "https://provider.test/2",
      "https://a.provider.test/",
    ]) {
      const headers = { Authorization: "Bearer one", other: "1" };
      const details = { headers: {}, statusCode: 307 as never };
      config.beforeRedirect?.({ href, headers }, details, {
        headers: {},
        url: "",
        method: "GET",
      });
      seen.push(headers);
    }
    return Promise.resolve({
      data: "",
      status: 200,
      statusText: "",
      headers: {},
      config,
    });
  };
  await instance.get("/", { adapter });
  assert.deepEqual(seen, [
    { Authorization: "Bearer one", other: "1" },
    { other: "1" },
  ]);
});

test("it can be undone", async (t) => {
  const provider = await Provider.start(t);
  const instance = axios.create({ baseURL: provider.url });
  authorizeAxios(instance, new FakeSource("one"))();
  assert.equal(await status(instance.get("/")), 401);
  assert.equal(provider.seen[0]?.authorization, undefined);
});
