// An authorization server for the tests, on loopback: oidc-provider and one resource.
//
// Environment: PORT (0: a free one), ACCESS_TTL and REFRESH_TTL in seconds, ROTATE=0
// (a refresh answers with the refresh token it was sent). Prints "ready ISSUER" once it
// serves, and ends when its standard input does, so that it cannot outlive a test run
// which was killed. All state lives in memory.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

if (!URL.parse) {
  console.log(`unusable Node.js ${process.version}: it has no URL.parse, which`
    + ' oidc-provider calls; put Node.js 22 (or a late 20) first on PATH');
  process.exit();
}

const {
  PORT = '0', ACCESS_TTL = '3', REFRESH_TTL = '3600', ROTATE = '1',
} = process.env;
const accessTtl = Number(ACCESS_TTL);

// The issuer names the port, so the socket is bound before the server is configured.
const listener = createServer().listen(Number(PORT), '127.0.0.1');
await once(listener, 'listening');
const issuer = `http://127.0.0.1:${listener.address().port}`;

const userGrants = [
  'authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code',
];
const client = { response_types: ['code'], scope: 'openid offline_access read write' };
const confidential = {
  ...client,
  // Wrong in HTTP Basic unless form-encoded first (RFC 6749 section 2.3.1).
  client_secret: 'a+b:c%20&d=~e',
  grant_types: [...userGrants, 'client_credentials'],
  redirect_uris: ['http://127.0.0.1:8765/callback'],
};
const clients = [
  {
    ...confidential,
    client_id: 'web',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  {
    ...confidential,
    client_id: 'web-post',
    token_endpoint_auth_method: 'client_secret_post',
  },
  {
    ...client,
    client_id: 'native',
    token_endpoint_auth_method: 'none',
    application_type: 'native', // any port on loopback (RFC 8252 section 7.3)
    grant_types: userGrants,
    redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
  },
];

const provider = new Provider(issuer, {
  clients,
  scopes: ['openid', 'offline_access', 'read', 'write'],
  pkce: { required: () => true },
  rotateRefreshToken: () => ROTATE !== '0',
  clockTolerance: 0, // with the default of 15 seconds tokens outlive their expires_in
  ttl: {
    AccessToken: accessTtl,
    ClientCredentials: accessTtl,
    RefreshToken: Number(REFRESH_TTL),
  },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
});

// The server's own resource, userinfo, wants tokens of a user; this one takes any.
provider.use(async (ctx, next) => {
  if (ctx.path !== '/resource') return next();
  const [, token] = /^bearer +(\S+)$/i.exec(ctx.get('authorization')) ?? [];
  const found = token && (await provider.ClientCredentials.find(token)
    ?? await provider.AccessToken.find(token));
  if (found) {
    ctx.body = { client: found.clientId, sub: found.accountId, scope: found.scope };
    return undefined;
  }
  ctx.status = 401;
  // Without a token there is no error code to name (RFC 6750 section 3.1).
  ctx.set('WWW-Authenticate', token ? 'Bearer error="invalid_token"' : 'Bearer');
  ctx.body = { error: token ? 'invalid_token' : 'missing' };
  return undefined;
});
provider.on('server_error', (_ctx, error) => console.error(error));

listener.on('request', provider.callback());
process.stdin.on('end', () => process.exit()).resume();
console.log(`ready ${issuer}`);
