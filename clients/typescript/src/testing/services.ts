import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import {
  ConnectionService,
  ConnectionState,
} from "../gen/valetkey/v1/connection_service_pb.js";
import {
  EventService,
  EventType,
} from "../gen/valetkey/v1/event_service_pb.js";
import {
  RevocationResult,
  TokenKind,
  TokenSchema,
  TokenService,
} from "../gen/valetkey/v1/token_service_pb.js";
import type { Token } from "../token.js";
import type { Broker } from "./broker.js";
import { failureWith } from "./failures.js";

const STATE_LIFETIME_MS = 15 * 60_000;

/** The calls that the fake answers, by what the broker knows. */
export function routes(router: ConnectRouter, broker: Broker): void {
  router.service(TokenService, {
    authorize(request) {
      const { state, connection } = broker.authorize(request);
      return {
        state,
        connection,
        authorizationUri: `https://provider.example/authorize?state=${state}`,
        expireTime: timestampFromMs(Date.now() + STATE_LIFETIME_MS),
      };
    },
    exchange(request) {
      const { name, scopes, missingScopes, generation } =
        broker.exchange(request);
      return { connection: name, scopes, missingScopes, generation };
    },
    getToken: (request) => ({ token: messageOf(broker.getToken(request)) }),
    refresh: (request) => ({ token: messageOf(broker.refresh(request)) }),
    revoke(request) {
      broker.revoke(request.name);
      const kinds = [TokenKind.ACCESS_TOKEN, TokenKind.REFRESH_TOKEN];
      const result = RevocationResult.REVOKED;
      const tokens = kinds.map((kind) => ({ kind, result }));
      return { tokens, copyDestroyed: true };
    },
  });
  router.service(EventService, {
    watchEvents: (request, context) =>
      broker.events.watch(request, () => broker.connections, context.signal),
  });
  router.service(ConnectionService, {
    getConnection: (request) => ({
      connection: broker.connection(request.name),
    }),
    listConnections(request) {
      const { parent, provider, subject, state, labels } = request;
      const all = broker.connections.filter(
        (connection) =>
          connection.name.startsWith(`${parent}/`) &&
          (provider === "" || provider === connection.provider) &&
          (subject === "" || subject === connection.subject) &&
          (state === ConnectionState.UNSPECIFIED ||
            state === connection.state) &&
          Object.entries(labels).every(
            ([key, value]) => connection.labels[key] === value,
          ),
      );
      const begin = Number(request.pageToken);
      const end = begin + (request.pageSize || 100);
      return {
        connections: all.slice(begin, end),
        nextPageToken: end < all.length ? String(end) : "",
        cursor: broker.events.cursor,
      };
    },
    updateConnection(request) {
      const { name = "", labels = {}, etag = "" } = request.connection ?? {};
      const connection = broker.connection(name);
      checkEtag(etag, connection.etag);
      connection.labels = labels;
      broker.tell(connection, EventType.UPDATED);
      return { connection };
    },
    deleteConnection(request) {
      checkEtag(request.etag, broker.connection(request.name).etag);
      broker.delete(request.name);
      return {};
    },
  });
}

function checkEtag(given: string, current: string): void {
  if (given !== "" && given !== current) throw failureWith("ETAG_MISMATCH");
}

function messageOf(token: Token): MessageInitShape<typeof TokenSchema> {
  const { expiresAt, refreshesAt } = token;
  return create(TokenSchema, {
    accessToken: token.accessToken,
    tokenType: token.tokenType,
    scopes: [...token.scopes],
    generation: token.generation,
    ...(expiresAt && { expireTime: timestampFromDate(expiresAt) }),
    ...(refreshesAt && { refreshTime: timestampFromDate(refreshesAt) }),
  });
}
