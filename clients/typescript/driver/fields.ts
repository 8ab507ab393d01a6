import { DriverError, type Fields } from "./protocol.js";

/** Reads the fields of a request, each of the type that it must have. */
export class Reader {
  readonly #fields: Fields;

  constructor(fields: Fields) {
    this.#fields = fields;
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.#missing(name);
  }

  optionalText(name: string): string | undefined {
    const value = this.#of(name);
    return typeof value === "string" ? value : undefined;
  }

  number(name: string): number {
    return this.optionalNumber(name) ?? this.#missing(name);
  }

  optionalNumber(name: string): number | undefined {
    const value = this.#of(name);
    return typeof value === "number" ? value : undefined;
  }

  optionalGeneration(name: string): bigint | undefined {
    const value = this.optionalNumber(name);
    return value === undefined ? undefined : BigInt(value);
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#of(name);
    return typeof value === "boolean" ? value : otherwise;
  }

  texts(name: string): string[] | undefined {
    const value = this.#of(name);
    return Array.isArray(value) ? value.map(String) : undefined;
  }

  map(name: string): Record<string, string> | undefined {
    const value = this.#of(name);
    if (typeof value !== "object" || value === null) return undefined;
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [key, String(field)]),
    );
  }

  reader(name: string): Reader {
    const value = this.#of(name);
    return new Reader(
      typeof value === "object" && value !== null ? { ...value } : {},
    );
  }

  #of(name: string): unknown {
    return this.#fields[name];
  }

  #missing(name: string): never {
    throw new DriverError(`the request has no ${name}`);
  }
}
