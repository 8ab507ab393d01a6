// A million reads of a TokenSource from memory, against the fake.
import { Client } from "@valetkey/client";
import { FakeValetKey } from "@valetkey/client/testing";

const READS = 1_000_000;

const fake = await FakeValetKey.start();
fake.setToken("c-7", "token", { expiresInMs: 3_600_000 });
const client = new Client(fake.options);
const source = client.tokenSource("c-7");

async function read(count: number): Promise<void> {
  for (let done = 0; done < count; ++done) await source.token();
}

await read(READS / 10);
const began = process.hrtime.bigint();
await read(READS);
const elapsed = Number(process.hrtime.bigint() - began);
await client.close();
await fake.close();
console.log(
  JSON.stringify({
    name: "token_source_read",
    language: "typescript",
    ns_per_read: Math.round((elapsed / READS) * 10) / 10,
    readers: 1,
  }),
);
