// Writes a .br and a .gz beside each file of a folder that gains by it, so that
// the server compresses nothing: node compress.js FOLDER
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: compress.js FOLDER");

for (const entry of readdirSync(folder, { recursive: true })) {
  if (!/\.(html|js|css|svg|json)$/.test(entry)) continue;
  const path = join(folder, entry);
  const bytes = readFileSync(path);
  const compressed = {
    br: brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
    }),
    gz: gzipSync(bytes, { level: 9 }),
  };
  for (const [suffix, smaller] of Object.entries(compressed)) {
    if (smaller.length < bytes.length) {
      writeFileSync(`${path}.${suffix}`, smaller);
    }
  }
}
