// A certified authorization server (oidc-provider) for tests: PKCE required,
// refresh tokens rotated and revoked as a family when one is used twice, JWT
// access tokens, RFC 7009 revocation, RFC 9207 issuer.
//
//   node provider.mjs PORT CALLBACK_URI ACCESS_TTL_SECONDS
//
// Prints "ready" when it listens.

import Provider from 'oidc-provider';

const [port, callback, accessTtl] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const resource = 'https://api.example.com';

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'valetkey',
    client_secret: 'canary-interop-secret-0123456789',
    redirect_uris: [callback],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    application_type: 'native',
  }],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: {
    AccessToken: Number(accessTtl),
    RefreshToken: 3600,
    AuthorizationCode: 60,
    Grant: 3600,
    Session: 3600,
    Interaction: 600,
    IdToken: 600,
  },
  scopes: ['openid', 'offline_access', 'things:read'],
  claims: { openid: ['sub'] },
  findAccount: async (ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id }),
  }),
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'things:read',
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: Number(accessTtl),
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
