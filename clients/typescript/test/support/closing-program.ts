import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { Client } from "../../src/client.js";

const [, , what, address] = process.argv;
const client = new Client({
  address,
  application: "shop",
  timeoutMs: 2000,
});
const before = resources();

function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/^(Immediate|PipeWrap|TTYWrap|CloseReq)$/.test(name))
    .sort();
}

/** Sources with timers and fetches, streams and calls, all at once. */
async function busy(): Promise<void> {
  const sources = ["c-7", "c-8", "other/c-9"].map((name) =>
    client.tokenSource(name),
  );
  const watch = client.watch();
  const waiting = [
    ...sources.map((source) => source.token()),
    ...["c-7", "c-8"].map((name) => client.getToken(name)),
    watch.next().then(() => watch.next()),
  ];
  await Promise.race([Promise.allSettled(waiting), setTimeout(300)]);
  for (const call of waiting) call.catch(() => undefined);
}

switch (what) {
  case "closed":
  case "away":
    await busy();
    assert.notDeepEqual(resources(), before);
    await client.close();
    // The timer of `busy` itself is none of the client's.
    await setTimeout(300);
    assert.deepEqual(resources(), before);
    break;
  case "forgotten":
    await client.tokenSource("c-7").token();
    await client.getToken("c-7");
    break;
  case "reader":
    // Waits in the background for what will not come.
    await client
      .tokenSource("c-8")
      .token()
      .catch(() => undefined);
    break;
  case "watch": {
    const watch = client.watch();
    await watch.next();
    const second = watch.next();
    await Promise.race([second, setTimeout(200, undefined, { ref: false })]);
    await client.close();
    break;
  }
}
process.stdout.write("done\n");
