import { Code } from "@mantine/core";
import { parseInline } from "../lib/inline";
import { ExternalLink } from "./Links";

/** A line of a definition with the little markup that it may have. */
export function Inlines({ text }: { readonly text: string }) {
  return parseInline(text).map((part, index) => {
    // Parts never move: their place names them.
    const key = String(index);
    switch (part.kind) {
      case "strong":
        return <strong key={key}>{part.text}</strong>;
      case "emphasis":
        return <em key={key}>{part.text}</em>;
      case "code":
        return <Code key={key}>{part.text}</Code>;
      case "link":
        return (
          <ExternalLink key={key} href={part.href}>
            {part.text}
          </ExternalLink>
        );
      default:
        return <span key={key}>{part.text}</span>;
    }
  });
}
