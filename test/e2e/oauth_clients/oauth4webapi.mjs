// SPDX-License-Identifier: Apache-2.0
// Tenon as oauth4webapi sees it.
import { refusal, run, say, settings, visit } from './talk.mjs'

const oauth = await import('oauth4webapi')
const insecure = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(settings.issuer)

async function authorize(as, client, redirect, scope, press) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirect,
    response_type: 'code',
    scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const back = new URL(await visit(url, press))
  return { verifier, params: oauth.validateAuthResponse(as, client, back, state) }
}

async function tokens(as, client, auth, redirect, { verifier, params }) {
  const response = await oauth.authorizationCodeGrantRequest(as, client, auth, params, redirect, verifier, insecure)
  return oauth.processAuthorizationCodeResponse(as, client, response)
}

async function look(as, client, auth, token) {
  const response = await oauth.introspectionRequest(as, client, auth, token, insecure)
  return oauth.processIntrospectionResponse(as, client, response)
}

await run(async () => {
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  const as = await oauth.processDiscoveryResponse(issuer, found)
  say('discovered', as.issuer)

  for (const [kind, auth] of [['post', oauth.ClientSecretPost], ['basic', oauth.ClientSecretBasic]]) {
    const client = { client_id: 'web' }
    const shown = auth(settings.secret)
    const leave = await authorize(as, client, settings.web, 'notes:read notes:create')
    const first = await tokens(as, client, shown, settings.web, leave)
    say(`${kind}: scope`, first.scope)

    const headers = new Headers({ authorization: `Bearer ${first.access_token}` })
    const request = new Request(new URL('/auth/me', issuer), { headers })
    const claims = await oauth.validateJwtAccessToken(as, request, settings.audience, insecure)
    say(`${kind}: subject`, claims.sub)

    const me = await oauth.protectedResourceRequest(first.access_token, 'GET', new URL('/auth/me', issuer), undefined, undefined, insecure)
    say(`${kind}: me`, (await me.json()).data.permissions)

    const again = await oauth.processRefreshTokenResponse(as, client,
      await oauth.refreshTokenGrantRequest(as, client, shown, first.refresh_token, insecure))
    say(`${kind}: refreshed`, again.refresh_token !== first.refresh_token)
    say(`${kind}: active`, (await look(as, client, shown, again.access_token)).active)
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, shown, again.refresh_token, insecure))
    say(`${kind}: revoked`, !(await look(as, client, shown, again.access_token)).active)

    say(`${kind}: replayed`, await refusal(() => tokens(as, client, shown, settings.web, leave)))
    say(`${kind}: denied`, await refusal(() => authorize(as, client, settings.web, 'notes:delete', 'Deny')))
    say(`${kind}: scope refused`, await refusal(() => authorize(as, client, settings.web, 'users:read')))
  }

  const native = { client_id: 'native' }
  const leave = await authorize(as, native, settings.native, 'notes:read')
  const mine = await tokens(as, native, oauth.None(), settings.native, leave)
  say('native: scope', mine.scope)

  const robot = { client_id: 'robot' }
  const own = await oauth.processClientCredentialsResponse(as, robot,
    await oauth.clientCredentialsGrantRequest(as, robot, oauth.ClientSecretBasic(settings.secret), new URLSearchParams({ scope: 'notes:read' }), insecure))
  say('robot: scope', own.scope)
  say('robot: wrong secret', await refusal(async () => oauth.processClientCredentialsResponse(as, robot,
    await oauth.clientCredentialsGrantRequest(as, robot, oauth.ClientSecretPost('wrong'), new URLSearchParams(), insecure))))
})
