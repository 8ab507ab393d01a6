/**
 * The client of ValetKey, the OAuth token broker: see `Client`, and
 * `Client.tokenSource` for a token that is always there.
 *
 * @packageDocumentation
 */
export { authorizedFetch, type FetchOptions } from "./adapters/fetch.js";
export type { TokenReader } from "./adapters/token-reader.js";
export type {
  Admin,
  ApplicationFields,
  KeyFields,
  OfApplication,
  ProviderFields,
} from "./admin.js";
export { Client, type ListConnectionsOptions } from "./client.js";
export type { ClientOptions } from "./config.js";
export {
  Code,
  ConfigError,
  ConnectionRevokedError,
  ConsentDeniedError,
  CursorExpiredError,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
  ReauthorizationRequiredError,
  ScopeNotGrantedError,
  UnauthenticatedError,
  UnavailableError,
  ValetKeyError,
} from "./errors.js";
export {
  type Application,
  type CreateKeyResponse,
  type Key,
  type ListApplicationsResponse,
  type ListKeysResponse,
  Right,
} from "./gen/valetkey/v1/application_service_pb.js";
export {
  type Connection,
  ConnectionState,
  type ListConnectionsResponse,
} from "./gen/valetkey/v1/connection_service_pb.js";
export {
  type Event,
  EventType,
  type WatchEventsResponse,
} from "./gen/valetkey/v1/event_service_pb.js";
export {
  type CatalogEntry,
  type ListCatalogEntriesResponse,
  type ListProvidersResponse,
  PkceMode,
  type Provider,
  ProviderState,
} from "./gen/valetkey/v1/provider_service_pb.js";
export {
  type AuthorizeResponse,
  type ExchangeResponse,
  RevocationResult,
  type RevokeResponse,
  TokenKind,
  type TokenRevocation,
} from "./gen/valetkey/v1/token_service_pb.js";
export type { Pager } from "./pager.js";
export type {
  AuthorizeParams,
  CallOptions,
  EtagOptions,
  ExchangeParams,
  GetTokenOptions,
  ListOptions,
  RefreshOptions,
} from "./params.js";
export type { TokenSource, TokenSourceOptions } from "./source/token-source.js";
export { Token, type TokenFields } from "./token.js";
export type { Watch, WatchOptions } from "./watch.js";
