// A small web page that connects its visitor's account at a provider.
//
//   node connect.js pinterest 8080
//
// then open http://127.0.0.1:8080/. The provider's redirect URI must be this
// page's own, http://127.0.0.1:8080/callback.
//
// The address, the API key and the application come from the environment:
// VALETKEY_ADDRESS, VALETKEY_API_KEY, VALETKEY_APPLICATION.
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { Client, ConsentDeniedError, ValetKeyError } from "@valetkey/client";

const [, , provider = "pinterest", port = "8080"] = process.argv;
// Whoever is signed in; here there is only one.
const subject = "ann";

const client = new Client();
// The states of those who were sent away; a real site keeps them in the
// visitor's session.
const begun = new Set<string>();

async function connect(response: http.ServerResponse): Promise<void> {
  const { authorizationUri, state } = await client.authorize({
    provider,
    subject,
  });
  begun.add(state);
  response.writeHead(303, { location: authorizationUri }).end();
}

async function comeBack(
  query: URLSearchParams,
  response: http.ServerResponse,
): Promise<void> {
  const state = query.get("state") ?? "";
  if (!begun.delete(state)) {
    response.writeHead(400).end("This did not begin here.\n");
    return;
  }
  const done = await client.exchange({
    state,
    code: query.get("code") ?? undefined,
    issuer: query.get("iss") ?? undefined,
    error: query.get("error") ?? undefined,
    errorDescription: query.get("error_description") ?? undefined,
  });
  response.end(`Connected: ${done.connection}\n`);
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  try {
    if (url.pathname === "/connect") {
      await connect(response);
    } else if (url.pathname === "/callback") {
      await comeBack(url.searchParams, response);
    } else if (url.pathname === "/") {
      response.setHeader("content-type", "text/html");
      response.end('<a href="/connect">Connect your account</a>\n');
    } else {
      response.writeHead(404).end();
    }
  } catch (error) {
    if (!(error instanceof ValetKeyError)) throw error;
    const denied = error instanceof ConsentDeniedError;
    response
      .writeHead(denied ? 200 : 502)
      .end(denied ? "Not connected, as you wish.\n" : `${error.message}\n`);
  }
}

const server = http.createServer((request, response) => {
  void answer(request, response);
});
server.listen(Number(port), "127.0.0.1", () => {
  const { port: chosen } = server.address() as AddressInfo;
  console.log(`http://127.0.0.1:${String(chosen)}/`);
});
process.once("SIGINT", () => {
  server.close();
  server.closeAllConnections();
  void client.close();
});
