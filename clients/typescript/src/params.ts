/** How long a call may take, and how it is given up. */
export interface CallOptions {
  /**
   * For all tries and the waits between, in milliseconds. Default: the
   * client's.
   */
  timeoutMs?: number | undefined;
  /** Ends the call with a ValetKeyError of code CANCELED. */
  signal?: AbortSignal | undefined;
}

/** Begins consent. */
export interface AuthorizeParams {
  /** The configured provider: `pinterest`, or its full name. */
  provider: string;
  /** The application's own id of its user; needed for a new connection. */
  subject?: string | undefined;
  /** Default: the provider's configured set. */
  scopes?: readonly string[] | undefined;
  /** An existing connection, to renew its grant. */
  connection?: string | undefined;
  /** Where the browser goes at the end; registered with the application. */
  returnUri?: string | undefined;
  /** Further parameters of the authorization URI. */
  extraParameters?: Readonly<Record<string, string>> | undefined;
  /** Labels of the new connection. */
  labels?: Readonly<Record<string, string>> | undefined;
  /** Values for the provider's inputs that come from the person. */
  inputs?: Readonly<Record<string, string>> | undefined;
}

/** What came back in the query of the redirect. */
export interface ExchangeParams {
  state: string;
  /** Needed unless there is an error. */
  code?: string | undefined;
  /** The `iss` parameter. */
  issuer?: string | undefined;
  error?: string | undefined;
  errorDescription?: string | undefined;
  /** Further parameters that the provider's definition captures. */
  callbackParameters?: Readonly<Record<string, string>> | undefined;
}

export interface GetTokenOptions extends CallOptions {
  /** Fails with ScopeNotGrantedError unless all of these were granted. */
  requiredScopes?: readonly string[] | undefined;
  /** The token must live so long at least, in milliseconds. */
  minLifetimeMs?: number | undefined;
  /** At least this generation. */
  minGeneration?: bigint | undefined;
  /** Not this generation: the provider refused it. */
  rejectedGeneration?: bigint | undefined;
  /** Which of the connection's tokens. Default: the main one. */
  token?: string | undefined;
}

export interface RefreshOptions extends CallOptions {
  /**
   * Only if the connection is still at this generation. Without it the call is
   * not repeated when ValetKey is unavailable.
   */
  generation?: bigint | undefined;
  /** Which of the connection's tokens. Default: the main one. */
  token?: string | undefined;
}

/** For lists. The timeout is for each page. */
export interface ListOptions extends CallOptions {
  /** At most 1000. Default: 100. */
  pageSize?: number | undefined;
}

/** Give back the etag that was read to be sure that nothing came between. */
export interface EtagOptions extends CallOptions {
  etag?: string | undefined;
}
