import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Client } from "../src/client.js";
import { FakeValetKey } from "../src/testing/index.js";
import { Token } from "../src/token.js";
import { failure, stage } from "./support/harness.js";

const KEY = "vk_canary-key";
const TOKEN = "canary-access-token";

/** All ways in which a value gets into a log. */
function shown(value: unknown): string {
  const options = { depth: Infinity, showHidden: true, getters: false };
  return [
    inspect(value, options),
    inspect(value),
    String(value),
    value instanceof Error ? (value.stack ?? "") : "",
    JSON.stringify(value, (_key, field: unknown) =>
      typeof field === "bigint" ? Number(field) : field,
    ),
  ].join("\n");
}

test("no secret is shown by what users hold", async (t) => {
  const { client, fake } = await stage(t, {
    fake: { apiKey: KEY },
  });
  fake.setToken("c-7", TOKEN, { expiresInMs: 3_600_000 });
  const source = client.tokenSource("c-7");
  const token = await source.token();
  assert.equal(token.accessToken, TOKEN);
  const watch = client.watch();
  const message = await watch.next();
  for (const value of [client, client.admin, source, token, watch, message]) {
    assert.ok(!shown(value).includes("canary"), inspect(value));
  }
  assert.match(JSON.stringify(token), /"generation":1/);
  watch.close();
});

test("nor by errors", async (t) => {
  const { client, fake } = await stage(t, { fake: { apiKey: KEY } });
  const errors: unknown[] = [await failure(client.getToken("c-7"))];
  fake.setToken("c-7", TOKEN);
  fake.fail("GetToken", "INTERNAL_FAULT");
  errors.push(await failure(client.getToken("c-7")));
  fake.fail("GetToken", "", { retryDelayMs: 60_000 });
  errors.push(await failure(client.getToken("c-7")));
  await fake.goAway();
  errors.push(await failure(client.refresh("c-7")));
  errors.push(await failure(client.getToken("c-7", { timeoutMs: 1 })));
  for (const error of errors) {
    assert.ok(!shown(error).includes("canary"), inspect(error));
  }
  assert.throws(
    () => new Client({ apiKey: `${KEY}\u0001` }),
    (error) => !shown(error).includes("canary"),
  );
});

test("nor by the fake and the tokens of tests", async (t) => {
  const fake = await FakeValetKey.start({ apiKey: KEY });
  t.after(() => fake.close());
  const token = new Token({ accessToken: TOKEN, generation: 1n });
  assert.ok(!shown(token).includes("canary"));
  assert.equal(token.authorization, `Bearer ${TOKEN}`);
  const mac = new Token({ accessToken: "x", tokenType: "MAC", generation: 1n });
  assert.equal(mac.authorization, "MAC x");
});
