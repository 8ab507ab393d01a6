import type { Token } from "../token.js";

// A token that ends sooner is not worth a request.
const MARGIN_MS = 2000;

/** The token that a source holds, which never goes back a generation. */
export class TokenSlot {
  #held: Token | undefined;
  // Apart from the token: this is read with every request.
  #usableUntilMs = -Infinity;
  #rejected = false;

  /** What is held, valid or not. */
  get held(): Token | undefined {
    return this.#held;
  }

  /** The generation that the provider refused; 0 for none. */
  get rejectedGeneration(): bigint {
    return this.#rejected && this.#held !== undefined
      ? this.#held.generation
      : 0n;
  }

  /** What may be given out at a time in milliseconds since 1970. */
  usable(nowMs: number): Token | undefined {
    return nowMs < this.#usableUntilMs ? this.#held : undefined;
  }

  /** What is held, to its very end, unless it was rejected. */
  alive(nowMs: number): Token | undefined {
    const held = this.#held;
    if (held === undefined || this.#rejected) return undefined;
    return nowMs < expiryMs(held) ? held : undefined;
  }

  /** Takes a token, unless what is held is as new. */
  offer(token: Token): "taken" | "as new" | "older" {
    const held = this.#held;
    if (held !== undefined) {
      if (token.generation < held.generation) return "older";
      if (
        token.generation === held.generation &&
        expiryMs(token) <= expiryMs(held)
      ) {
        return "as new";
      }
      this.#rejected &&= token.generation === held.generation;
    }
    this.#held = token;
    if (!this.#rejected) this.#usableUntilMs = expiryMs(token) - MARGIN_MS;
    return "taken";
  }

  /** The provider refused this generation. */
  reject(generation: bigint): void {
    if (this.#held?.generation !== generation) return;
    this.#rejected = true;
    this.#usableUntilMs = -Infinity;
  }

  /** The grant has ended: nothing is held any more. */
  drop(): void {
    this.#held = undefined;
    this.#rejected = false;
    this.#usableUntilMs = -Infinity;
  }
}

/** Infinity if it does not expire. */
export function expiryMs(token: Token): number {
  return token.expiresAt?.getTime() ?? Infinity;
}
