// Fails if what a browser fetches for the whole portal, all pages together and
// compressed with gzip, is above the budget: node budget.js FOLDER
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const budget = 300 * 1024;
const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: budget.js FOLDER");

let total = 0;
for (const entry of readdirSync(folder, { recursive: true })) {
  const path = join(folder, entry);
  if (/\.(br|gz)$/.test(entry) || statSync(path).isDirectory()) continue;
  const sent = existsSync(`${path}.gz`) ? `${path}.gz` : path;
  total += statSync(sent).size;
}
const kilobytes = (total / 1024).toFixed(0);
if (total > budget) {
  console.error(
    `the portal has ${kilobytes} KB compressed; its budget is ${String(budget / 1024)} KB`,
  );
  process.exit(1);
}
console.log(`portal: ${kilobytes} KB compressed`);
