import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { text } from "node:stream/consumers";
import type { TokenReader } from "../../src/adapters/token-reader.js";
import { Token } from "../../src/token.js";

/** A request that the provider has seen. */
export interface Seen {
  readonly authorization: string | undefined;
  readonly body: string;
  readonly url: string;
}

/** A provider's API: takes one token at a time, and redirects from /to?uri. */
export class Provider {
  readonly seen: Seen[] = [];
  valid = "one";
  url = "";

  static async start(t: TestContext): Promise<Provider> {
    const provider = new Provider();
    const server = http.createServer((request, response) => {
      void provider.#answer(request, response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    provider.url = `http://127.0.0.1:${String(port)}`;
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return provider;
  }

  async #answer(
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    const { authorization } = request.headers;
    const url = request.url ?? "";
    this.seen.push({ authorization, url, body: await text(request) });
    const [, target] = url.split("/to?");
    if (target !== undefined) {
      response.writeHead(307, { location: target }).end();
      return;
    }
    const known = authorization === `Bearer ${this.valid}`;
    response.writeHead(known ? 200 : 401).end(known ? "welcome" : "who?");
  }
}

/** A source of the tokens of a list, one after the other. */
export class FakeSource implements TokenReader {
  readonly invalidated: bigint[] = [];
  readonly #tokens: Token[];

  constructor(...accessTokens: string[]) {
    this.#tokens = accessTokens.map(
      (accessToken, index) =>
        new Token({ accessToken, generation: BigInt(index + 1) }),
    );
  }

  token(): Promise<Token> {
    const [token] = this.#tokens;
    return token === undefined
      ? Promise.reject(new Error("no token is to be had"))
      : Promise.resolve(token);
  }

  invalidate(generation: bigint): void {
    this.invalidated.push(generation);
    if (this.#tokens[0]?.generation === generation) this.#tokens.shift();
  }
}
