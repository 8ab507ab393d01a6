import { ConfigError } from "./errors.js";

const APPLICATIONS = "applications/";

/** `applications/shop` of `shop`; what begins with `applications/` is kept. */
export function applicationName(application: string): string {
  return application.startsWith(APPLICATIONS)
    ? application
    : `${APPLICATIONS}${application}`;
}

/** Makes full names of short ones. */
export class Names {
  readonly #application: string | undefined;

  /** @param application - short or full; undefined if it is not known. */
  constructor(application: string | undefined) {
    this.#application =
      application === undefined ? undefined : applicationName(application);
  }

  /** @throws ConfigError if neither is given. */
  application(given?: string): string {
    const name =
      given === undefined || given === ""
        ? this.#application
        : applicationName(given);
    if (name === undefined) {
      throw new ConfigError(
        "no application: name one in the call, in the client's options or in VALETKEY_APPLICATION",
      );
    }
    return name;
  }

  /** @throws ConfigError if a short name cannot be completed. */
  connection(name: string): string {
    return this.#resource(name, "connections");
  }

  /** @throws ConfigError if a short name cannot be completed. */
  provider(name: string): string {
    return this.#resource(name, "providers");
  }

  /** @throws ConfigError if a short name cannot be completed. */
  key(name: string): string {
    return this.#resource(name, "keys");
  }

  #resource(name: string, collection: string): string {
    if (name.startsWith(APPLICATIONS)) return name;
    const parts = name.split("/");
    const [first = "", second = ""] = parts;
    if (parts.length === 2 && first !== "" && second !== "") {
      return `${APPLICATIONS}${first}/${collection}/${second}`;
    }
    if (parts.length !== 1 || first === "") {
      throw new ConfigError(
        `"${name}" is not a name: give ${APPLICATIONS}{a}/${collection}/{id}, {a}/{id} or {id}`,
      );
    }
    return `${this.application()}/${collection}/${first}`;
  }
}

/** The application of a full name. */
export function applicationOf(name: string): string {
  return name.split("/").slice(0, 2).join("/");
}
