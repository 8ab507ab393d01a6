import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FakeValetKey } from "../src/testing/index.js";
import { Provider } from "./support/provider.js";

const run = promisify(execFile);
const build = new URL("../../", import.meta.url);
const home = new URL("../../../clients/typescript/", build);
const readme = readFileSync(new URL("README.md", home), "utf8");
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, block = ""]) => block,
);

test("the README's first example runs as it stands", async (t) => {
  const fake = await FakeValetKey.start();
  const provider = await Provider.start(t);
  t.after(() => fake.close());
  fake.setToken("c-7", "one");
  const [example = ""] = blocks;
  assert.ok(example.trim().split("\n").length <= 10);
  const program = new URL("readme-example.mjs", build);
  writeFileSync(
    program,
    example.replace("https://api.pinterest.com", provider.url),
  );
  const { stdout } = await run(process.execPath, [fileURLToPath(program)], {
    env: { VALETKEY_ADDRESS: fake.address },
    timeout: 20_000,
  });
  assert.equal(stdout, "200\n");
  assert.equal(provider.seen[0]?.url, "/v5/user_account");
});

// What the other blocks take for granted.
const PRELUDE = `
import {
  Client, EventType, ReauthorizationRequiredError, UnavailableError,
} from "@valetkey/client";
const client = new Client();
const source = client.tokenSource("c-7");
async function save(cursor: string): Promise<void> {}
`;

test("and the others compile against what is published", async () => {
  const folder = new URL("readme/", build);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  blocks.forEach((block, index) => {
    const imports = block.match(/^import .*$/gm) ?? [];
    const rest = block.replace(/^import .*\n/gm, "");
    const file = new URL(`block-${String(index)}.ts`, folder);
    const prelude = index === 0 ? "" : PRELUDE;
    writeFileSync(file, `${prelude}${imports.join("\n")}\n{\n${rest}\n}\n`);
  });
  const options = {
    extends: fileURLToPath(new URL("tsconfig.json", home)),
    compilerOptions: {
      noUnusedLocals: false,
      noUnusedParameters: false,
      paths: {},
      types: ["node"],
      typeRoots: [fileURLToPath(new URL("node_modules/@types", home))],
    },
    include: ["*.ts"],
  };
  const config = new URL("tsconfig.json", folder);
  writeFileSync(config, JSON.stringify(options));
  const tsc = new URL("node_modules/typescript/bin/tsc", home);
  await run(
    process.execPath,
    [fileURLToPath(tsc), "-p", fileURLToPath(config)],
    { timeout: 120_000 },
  ).catch((error: unknown) => {
    assert.fail((error as { stdout: string }).stdout);
  });
});
