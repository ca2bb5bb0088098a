// SPDX-License-Identifier: Apache-2.0
// A provider made of npm's oidc-provider: node provider.mjs REDIRECT_URI. Prints {"url": …} when it listens; ends with its standard input.
// Clients: one for each algorithm of ID tokens and each way to show the secret; "lean" gets an ID token without an address, which the
// userinfo then says. Whoever logs in as NAME is the subject NAME with the address NAME@example.org, verified unless NAME begins with "u".
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [redirect] = process.argv.slice(2);
const kinds = {
  RS256: ['rsa', { modulusLength: 2048 }], PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}],
};
const keys = Object.entries(kinds).map(([alg, [kind, options]]) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg,
}));
const client = (id, alg, method) => ({
  client_id: id, client_secret: `${id} secret: 100% + more`, redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code'],
  id_token_signed_response_alg: alg, token_endpoint_auth_method: method,
});
const clients = [
  ...Object.keys(kinds).map((alg) => client(alg, alg, 'client_secret_basic')),
  client('lean', 'RS256', 'client_secret_basic'),
];

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    clients, jwks: { keys }, cookies: { keys: ['a key of cookies'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'nickname'] },
    enabledJWA: { idTokenSigningAlgValues: Object.keys(kinds) },
    pkce: { required: () => true, methods: ['S256'] },
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: (use) => {
        const isLean = use === 'id_token' && ctx.oidc.client?.clientId === 'lean';
        return isLean ? { sub: id } : { sub: id, email: `${id}@example.org`, email_verified: !id.startsWith('u'), name: `I am ${id}`, nickname: id };
      },
    }),
    conformIdTokenClaims: false,
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ url }));
});
process.stdin.resume().on('end', () => process.exit(0));
