import { timestampMs } from "@bufbuild/protobuf/wkt";
import { required } from "./errors.js";
import type { Token as TokenMessage } from "./gen/valetkey/v1/token_service_pb.js";

/** What a token is made of. */
export interface TokenFields {
  readonly accessToken: string;
  /** As the provider named it. Default: "bearer". */
  readonly tokenType?: string | undefined;
  /** Absent: it does not expire, as far as anyone knows. */
  readonly expiresAt?: Date | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly generation: bigint;
  /** When ValetKey means to renew it. */
  readonly refreshesAt?: Date | undefined;
}

/** An access token. Immutable; not shown by console.log, nor in JSON. */
export class Token {
  /** Usually "bearer". */
  readonly tokenType: string;
  /** Absent: it does not expire, as far as anyone knows. */
  readonly expiresAt: Date | undefined;
  /** The scopes granted. */
  readonly scopes: readonly string[];
  /** One more at every change of the connection's tokens. */
  readonly generation: bigint;
  /** When ValetKey means to renew it. Absent: never. */
  readonly refreshesAt: Date | undefined;
  readonly #accessToken: string;

  constructor(fields: TokenFields) {
    this.#accessToken = fields.accessToken;
    this.tokenType = fields.tokenType || "bearer";
    this.expiresAt = fields.expiresAt;
    this.scopes = Object.freeze([...(fields.scopes ?? [])]);
    this.generation = fields.generation;
    this.refreshesAt = fields.refreshesAt;
  }

  /** The secret. */
  get accessToken(): string {
    return this.#accessToken;
  }

  /** The value of an `Authorization` header. */
  get authorization(): string {
    const scheme =
      this.tokenType.toLowerCase() === "bearer" ? "Bearer" : this.tokenType;
    return `${scheme} ${this.#accessToken}`;
  }

  /** Without the secret. */
  toJSON(): object {
    return {
      tokenType: this.tokenType,
      expiresAt: this.expiresAt,
      scopes: this.scopes,
      generation: Number(this.generation),
    };
  }
}

/** @internal */
export function tokenOf(message: TokenMessage | undefined): Token {
  const { expireTime, refreshTime, ...fields } = required(message);
  return new Token({
    ...fields,
    expiresAt: expireTime && new Date(timestampMs(expireTime)),
    refreshesAt: refreshTime && new Date(timestampMs(refreshTime)),
  });
}
