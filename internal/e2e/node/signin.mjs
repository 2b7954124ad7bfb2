import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, refused, user } from './usher.mjs'

const { signInTokens } = clerk

test('signInTokens', async () => {
  const ada = await user('ada@tickets.example')
  const made = await signInTokens.createSignInToken({ userId: ada.id, expiresInSeconds: 60 })
  has(made, { userId: ada.id, status: 'pending' })
  assert.ok(made.token && made.url, 'a token and a link to it')
  has(await signInTokens.revokeSignInToken(made.id), { id: made.id, status: 'revoked' })
  await refused(signInTokens.createSignInToken({ userId: 'user_none', expiresInSeconds: 60 }), 404, 'resource_not_found')
  await clerk.users.deleteUser(ada.id)
})
