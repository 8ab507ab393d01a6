import type { CallOptions } from "../params.js";
import type { Token } from "../token.js";

/** What an adapter needs of a TokenSource. */
export interface TokenReader {
  token(options?: CallOptions): Promise<Token>;
  invalidate(generation: bigint): void;
}

/** A new token in place of one that was refused; undefined if none is had. */
export async function replacementFor(
  source: TokenReader,
  refused: Token,
  signal: AbortSignal | undefined,
): Promise<Token | undefined> {
  source.invalidate(refused.generation);
  try {
    return await source.token({ signal });
  } catch {
    return undefined;
  }
}
