// The services of the server that this page came from. The session's cookie
// says who calls; the page never holds a key.
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { ApplicationService } from "../gen/valetkey/v1/application_service_pb";
import { ConnectionService } from "../gen/valetkey/v1/connection_service_pb";
import { EventService } from "../gen/valetkey/v1/event_service_pb";
import { ProviderService } from "../gen/valetkey/v1/provider_service_pb";
import { StatusService } from "../gen/valetkey/v1/status_service_pb";
import { TokenService } from "../gen/valetkey/v1/token_service_pb";
import { isSignedOut } from "./errors";

export type Clients = ReturnType<typeof makeClients>;

export function makeClients(transport: Transport) {
  return {
    applications: createClient(ApplicationService, transport),
    connections: createClient(ConnectionService, transport),
    events: createClient(EventService, transport),
    providers: createClient(ProviderService, transport),
    status: createClient(StatusService, transport),
    tokens: createClient(TokenService, transport),
  };
}

/** Tells when a call, or a stream while it runs, finds the session ended. */
export function watchSession(onSignedOut: () => void): Interceptor {
  const told = (error: unknown) => {
    if (isSignedOut(error)) onSignedOut();
    return error;
  };
  async function* watched<T>(messages: AsyncIterable<T>) {
    try {
      yield* messages;
    } catch (error) {
      throw told(error);
    }
  }
  return (next) => async (request) => {
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: watched(response.message) };
    } catch (error) {
      throw told(error);
    }
  };
}

export function makeTransport(onSignedOut: () => void): Transport {
  return createConnectTransport({
    baseUrl: window.location.origin,
    useBinaryFormat: true,
    defaultTimeoutMs: 30_000,
    interceptors: [watchSession(onSignedOut)],
  });
}
