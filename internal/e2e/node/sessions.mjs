import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { verifyToken } from '@clerk/backend'
import { clerk, connect, has, lists, organization, refused, url, user } from './usher.mjs'

const { sessions } = clerk
const secretKey = process.env.USHER_KEY
const publishableKey = 'pk_test_' + Buffer.from('clerk.app.example$').toString('base64')
let ada, atlas, session, jwt, jwtKey

test('sessions.createSession', async () => {
  ada = await user('ada@sessions.example')
  atlas = await organization('Sessions', { slug: 'sessions', createdBy: ada.id })
  session = await sessions.createSession({ userId: ada.id, activeOrganizationId: atlas.id })
  has(session, { userId: ada.id, status: 'active', lastActiveOrganizationId: atlas.id })
  assert.match(session.id, /^sess_/)
  await refused(sessions.createSession({ userId: 'user_none' }), 404, 'resource_not_found')
})

test('sessions.getSession', async () => {
  assert.deepEqual(await sessions.getSession(session.id), session)
  await refused(sessions.getSession('sess_none'), 404, 'resource_not_found')
})

test('sessions.getSessionList', async () => {
  lists(await sessions.getSessionList({ userId: ada.id, status: 'active', limit: 5 }), [session.id])
  lists(await sessions.getSessionList({ userId: ada.id, status: 'revoked' }), [])
})

test('sessions.getToken', async () => {
  ({ jwt } = await sessions.getToken(session.id))
  assert.equal(jwt.split('.').length, 3)
  const longer = await sessions.getToken(session.id, undefined, 600)
  const { exp, iat } = await verifyToken(longer.jwt, { secretKey, apiUrl: url })
  assert.equal(exp - iat, 600)
})

test('jwks.getJwks', async () => {
  const { keys } = await clerk.jwks.getJwks()
  has(keys[0], { use: 'sig', kty: 'RSA', alg: 'RS256' })
  jwtKey = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' })
})

test('verifyToken', async () => {
  const claims = await verifyToken(jwt, { secretKey, apiUrl: url })
  has(claims, { sub: ada.id, sid: session.id, v: 2 })
  has(claims.o, { id: atlas.id, rol: 'admin', slg: 'sessions' })
  assert.deepEqual(await verifyToken(jwt, { jwtKey }), claims)
  const forged = jwt.slice(0, -4) + (jwt.endsWith('AAAA') ? 'BBBB' : 'AAAA')
  await assert.rejects(verifyToken(forged, { jwtKey }))
})

test('authenticateRequest', async () => {
  const request = new Request('https://app.example/', { headers: { Authorization: `Bearer ${jwt}` } })
  for (const options of [{ publishableKey, jwtKey }, { publishableKey }]) {
    const state = await clerk.authenticateRequest(request, options)
    assert.equal(state.isAuthenticated, true, state.reason)
    const auth = state.toAuth()
    has(auth, { userId: ada.id, sessionId: session.id, orgId: atlas.id, orgSlug: 'sessions', orgRole: 'org:admin' })
    assert.equal(auth.has({ role: 'org:admin' }), true)
    assert.equal(auth.has({ role: 'org:member' }), false)
  }
})

test('permissions of a role in a token', async () => {
  const permissions = []
  for (const key of ['org:invoices:read', 'org:invoices:manage', 'org:reports:read']) {
    permissions.push(await clerk.organizationPermissions.createOrganizationPermission({ name: key, key }))
  }
  const role = await clerk.organizationRoles.createOrganizationRole({
    name: 'Bookkeeper', key: 'org:bookkeeper', permissions: [permissions[0].id, permissions[2].id], includeInInitialRoleSet: true,
  })
  const bob = await user('bob@sessions.example')
  await clerk.organizations.createOrganizationMembership({ organizationId: atlas.id, userId: bob.id, role: role.key })
  const { id } = await sessions.createSession({ userId: bob.id, activeOrganizationId: atlas.id })
  const request = new Request('https://app.example/', { headers: { Authorization: `Bearer ${(await sessions.getToken(id)).jwt}` } })
  const auth = (await clerk.authenticateRequest(request, { publishableKey, jwtKey })).toAuth()
  assert.deepEqual([auth.orgRole, auth.orgPermissions.toSorted()], ['org:bookkeeper', ['org:invoices:read', 'org:reports:read']])
  assert.equal(auth.has({ permission: 'org:invoices:read' }), true)
  assert.equal(auth.has({ permission: 'org:invoices:manage' }), false)
})

test('sessions.refreshSession', async () => {
  const asking = { expired_token: jwt, refresh_token: 'none', request_origin: 'https://app.example', format: 'token' }
  await refused(sessions.refreshSession(session.id, asking), 401, 'authentication_invalid') // the Backend API gives nobody a refresh token
})

test('sessions.revokeSession', async () => {
  has(await sessions.revokeSession(session.id), { id: session.id, status: 'revoked' })
  await assert.rejects(sessions.getToken(session.id), { clerkError: true })
  await refused(connect('sk_test_wrong').sessions.getSession(session.id), 401, 'clerk_key_invalid')
})

test('testingTokens.createTestingToken', async () => {
  const { token, expires_at: end } = await clerk.testingTokens.createTestingToken() // the client has no class for it
  assert.ok(token && end * 1000 > Date.now(), `${token} until ${end}`)
})
