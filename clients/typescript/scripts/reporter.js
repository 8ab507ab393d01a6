// A reporter of node:test: failures in full, and how many there were of each.

/** @param {AsyncIterable<{type: string, data: any}>} source */
export default async function* reporter(source) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for await (const { type, data } of source) {
    if (type === "test:stderr" || type === "test:stdout") yield data.message;
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.skip !== undefined) {
      skipped += 1;
      yield `skipped: ${data.name} (${data.skip})\n`;
    } else if (type === "test:pass") {
      passed += 1;
    } else {
      failed += 1;
      const { cause } = data.details.error;
      const error = cause ?? data.details.error;
      yield `FAILED: ${data.name}\n${error?.stack ?? error}\n`;
    }
  }
  yield `${passed} passed, ${failed} failed, ${skipped} skipped\n`;
}
