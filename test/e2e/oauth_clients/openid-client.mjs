// SPDX-License-Identifier: Apache-2.0
// Tenon as openid-client sees it.
import { refusal, run, say, settings, visit } from './talk.mjs'

const { Issuer, generators } = (await import('openid-client')).default

async function authorize(client, redirect, scope, press) {
  const verifier = generators.codeVerifier()
  const state = generators.state()
  const url = client.authorizationUrl({
    scope, state, redirect_uri: redirect, code_challenge: generators.codeChallenge(verifier), code_challenge_method: 'S256',
  })
  return { verifier, state, params: client.callbackParams(await visit(url, press)) }
}

const tokens = (client, redirect, { verifier, state, params }) =>
  client.oauthCallback(redirect, params, { state, code_verifier: verifier, response_type: 'code' })

await run(async () => {
  const issuer = await Issuer.discover(`${settings.issuer}/.well-known/oauth-authorization-server`)
  say('discovered', issuer.issuer)

  for (const kind of ['client_secret_post', 'client_secret_basic']) {
    const client = new issuer.Client({
      client_id: 'web', client_secret: settings.secret, redirect_uris: [settings.web], response_types: ['code'], token_endpoint_auth_method: kind,
    })
    const leave = await authorize(client, settings.web, 'notes:read notes:create')
    const first = await tokens(client, settings.web, leave)
    say(`${kind}: scope`, first.scope)
    const me = await client.requestResource(`${settings.issuer}/auth/me`, first)
    say(`${kind}: me`, JSON.parse(me.body).data.permissions)
    const again = await client.refresh(first)
    say(`${kind}: refreshed`, again.refresh_token !== first.refresh_token)
    say(`${kind}: active`, (await client.introspect(again.access_token)).active)
    await client.revoke(again.access_token)
    say(`${kind}: revoked`, !(await client.introspect(again.refresh_token)).active)
    say(`${kind}: replayed`, await refusal(() => tokens(client, settings.web, leave)))
    say(`${kind}: denied`, await refusal(async () => tokens(client, settings.web, await authorize(client, settings.web, 'notes:delete', 'Deny'))))
  }

  const native = new issuer.Client({
    client_id: 'native', redirect_uris: [settings.native], response_types: ['code'], token_endpoint_auth_method: 'none',
  })
  const mine = await tokens(native, settings.native, await authorize(native, settings.native, 'notes:read'))
  say('native: scope', mine.scope)

  const robot = new issuer.Client({ client_id: 'robot', client_secret: settings.secret, token_endpoint_auth_method: 'client_secret_basic' })
  say('robot: scope', (await robot.grant({ grant_type: 'client_credentials', scope: 'notes:read' })).scope)
  const wrong = new issuer.Client({ client_id: 'robot', client_secret: 'wrong', token_endpoint_auth_method: 'client_secret_post' })
  say('robot: wrong secret', await refusal(() => wrong.grant({ grant_type: 'client_credentials' })))
})
