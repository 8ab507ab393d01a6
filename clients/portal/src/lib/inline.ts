// The little Markdown of setup steps: **strong**, *emphasis*, `code` and
// [links](https://…). All else is text, so that nothing a definition holds
// becomes markup; a link leads to https only.

export type Inline =
  | {
      readonly kind: "text" | "strong" | "emphasis" | "code";
      readonly text: string;
    }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

const pattern =
  /\*\*(?<strong>[^*]+)\*\*|\*(?<emphasis>[^*]+)\*|`(?<code>[^`]+)`|\[(?<text>[^\]]+)\]\((?<href>https:\/\/[^\s()]+)\)/g;

export function parseInline(source: string): Inline[] {
  const found: Inline[] = [];
  let end = 0;
  for (const match of source.matchAll(pattern)) {
    if (match.index > end) {
      found.push({ kind: "text", text: source.slice(end, match.index) });
    }
    found.push(inlineOf(match.groups ?? {}));
    end = match.index + match[0].length;
  }
  if (end < source.length)
    found.push({ kind: "text", text: source.slice(end) });
  return found;
}

function inlineOf(groups: Record<string, string | undefined>): Inline {
  const { strong, emphasis, code, text = "", href = "" } = groups;
  if (strong !== undefined) return { kind: "strong", text: strong };
  if (emphasis !== undefined) return { kind: "emphasis", text: emphasis };
  if (code !== undefined) return { kind: "code", text: code };
  return { kind: "link", text, href };
}
