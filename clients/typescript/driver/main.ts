// Does what the conformance suite tells it, line by line.
import { setMaxListeners } from "node:events";
import { createInterface } from "node:readline";
import { Reader } from "./fields.js";
import { Operations } from "./operations.js";
import { DriverError, errorOut, type Fields } from "./protocol.js";

const operations = new Operations();
const running = new Map<unknown, AbortController>();

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function answer(line: string): Promise<void> {
  const fields = JSON.parse(line) as Fields;
  const { id, op } = fields;
  const controller = new AbortController();
  // As many as there are readers.
  setMaxListeners(0, controller.signal);
  running.set(id, controller);
  try {
    if (op === "cancel") {
      running.get(fields["request"])?.abort();
      say({ id, result: {} });
      return;
    }
    if (typeof op !== "string") throw new DriverError("the request has no op");
    const request = new Reader(fields);
    const result = await operations.run(id, op, request, controller.signal);
    say({ id, result });
  } catch (error) {
    say({ id, error: errorOut(error) });
  } finally {
    running.delete(id);
  }
}

const answers = new Set<Promise<void>>();
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  const pending = answer(line).finally(() => answers.delete(pending));
  answers.add(pending);
}
await operations.close();
await Promise.all(answers);
