/** How waits grow. */
export interface BackoffShape {
  /** The first wait in milliseconds. */
  readonly firstMs: number;
  readonly factor: number;
  /** No wait is longer than this, jitter aside. */
  readonly capMs: number;
  /** Each wait is multiplied by a random number in [low, high). */
  readonly jitter: readonly [low: number, high: number];
}

/** Between the tries of a call, and of a stream. */
export const RETRY_SHAPE: BackoffShape = {
  firstMs: 100,
  factor: 2,
  capMs: 5000,
  jitter: [0.5, 1.5],
};

/** Between the attempts to connect. */
export const CONNECT_SHAPE: BackoffShape = {
  firstMs: 200,
  factor: 1.6,
  capMs: 5000,
  jitter: [0.8, 1.2],
};

/** Waits that grow, until something has gone well. */
export class Backoff {
  readonly #shape: BackoffShape;
  readonly #random: () => number;
  #nextMs: number;

  constructor(shape: BackoffShape, random: () => number) {
    this.#shape = shape;
    this.#random = random;
    this.#nextMs = shape.firstMs;
  }

  /** The next wait in whole milliseconds. */
  next(): number {
    const [low, high] = this.#shape.jitter;
    const wait = Math.floor(
      this.#nextMs * (low + this.#random() * (high - low)),
    );
    this.#nextMs = Math.min(
      this.#nextMs * this.#shape.factor,
      this.#shape.capMs,
    );
    return wait;
  }

  reset(): void {
    this.#nextMs = this.#shape.firstMs;
  }
}
