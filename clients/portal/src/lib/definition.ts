// The text of a provider's definition, as a person writes it.
import lasting from "../templates/lasting.textproto?raw";
import tenant from "../templates/tenant.textproto?raw";
import usual from "../templates/usual.textproto?raw";

export interface Template {
  readonly title: string;
  readonly text: string;
}

/** What one may begin from. */
export const templates: readonly Template[] = [
  { title: "The usual: codes and refresh tokens", text: usual },
  { title: "Each customer has an address of their own", text: tenant },
  { title: "Tokens that do not expire", text: lasting },
];

/** The contract's limit. */
const mostBytes = 64 * 1024;

/** Why a text cannot be checked at all; "" if it can. */
export function problemOfText(text: string): string {
  if (text.trim() === "")
    return "Write a definition, load a file, or begin from an example.";
  const { length } = new TextEncoder().encode(text);
  return problemOfSize(length);
}

/** Why a file of so many bytes is not a definition; "" if it may be one. */
export function problemOfSize(bytes: number): string {
  if (bytes <= mostBytes) return "";
  const kilobytes = Math.ceil(bytes / 1024);
  return `A definition has at most 64 KB; this has ${String(kilobytes)} KB.`;
}

/** Where a line, from 1, begins and ends in a text; the last for any beyond. */
export function rangeOfLine(text: string, line: number): [number, number] {
  let start = 0;
  for (let passed = 1; passed < line; passed += 1) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  return [start, end < 0 ? text.length : end];
}
