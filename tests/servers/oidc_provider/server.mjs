// An authorization server for the tests, on loopback: oidc-provider and one resource.
//
// Environment: PORT (0: a free one), ACCESS_TTL and REFRESH_TTL in seconds, ROTATE=0
// (a refresh answers with the refresh token it was sent). MACHINES names a directory that
// a test has filled: jwks.json (public keys of the client "keyed"), server.pem,
// server.key and ca.pem for a second port that speaks TLS and asks for a certificate,
// and own.json (the JWK of a self-signed certificate). Prints "ready ISSUER" once it
// serves, and ends when its standard input does, so that it cannot outlive a test run
// which was killed. All state lives in memory.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Provider } from 'oidc-provider';

if (!URL.parse) {
  console.log(`unusable Node.js ${process.version}: it has no URL.parse, which`
    + ' oidc-provider calls; put Node.js 22 (or a late 20) first on PATH');
  process.exit();
}

const {
  PORT = '0', ACCESS_TTL = '3', REFRESH_TTL = '3600', ROTATE = '1', MACHINES,
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

// Clients that prove themselves by keys and certificates, and where the latter are shown.
const given = (name) => readFileSync(`${MACHINES}/${name}`);
const peer = (ctx) => ctx.socket.getPeerX509Certificate?.();
let tlsListener;
let aliases;
if (MACHINES) {
  tlsListener = createTlsServer({
    key: given('server.key'),
    cert: given('server.pem'),
    ca: given('ca.pem'),
    requestCert: true,
    rejectUnauthorized: false, // what is shown is judged by the server, per client
  }).listen(0, '127.0.0.1');
  await once(tlsListener, 'listening');
  const base = `https://127.0.0.1:${tlsListener.address().port}`;
  aliases = {
    token_endpoint: `${base}/token`,
    revocation_endpoint: `${base}/token/revocation`,
    introspection_endpoint: `${base}/token/introspection`,
    device_authorization_endpoint: `${base}/device/auth`,
  };
  const machine = { ...confidential, client_secret: undefined };
  clients.push(
    {
      ...confidential,
      client_id: 'web-secret-jwt',
      client_secret: 'Hq7-0123456789-abcdefghij-KLMNOPQ',
      token_endpoint_auth_method: 'client_secret_jwt',
    },
    {
      ...machine,
      client_id: 'keyed',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: JSON.parse(given('jwks.json')),
    },
    {
      ...machine,
      client_id: 'tls',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: 'CN=client',
    },
    {
      ...machine,
      client_id: 'tls-self-signed',
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [JSON.parse(given('own.json'))] },
    },
  );
}

const provider = new Provider(issuer, {
  clients,
  ...(MACHINES && {
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'client_secret_jwt',
      'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth', 'none',
    ],
    discovery: { mtls_endpoint_aliases: aliases },
  }),
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
    ...(MACHINES && {
      mTLS: {
        enabled: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: peer,
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => (
          property === 'tls_client_auth_subject_dn' && peer(ctx)?.subject === expected
        ),
      },
    }),
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
tlsListener?.on('request', provider.callback());
process.stdin.on('end', () => process.exit()).resume();
console.log(`ready ${issuer}`);
