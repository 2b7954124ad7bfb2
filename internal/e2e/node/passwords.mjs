import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, refused, user } from './usher.mjs'

const { users } = clerk
let ada

test('users.verifyPassword', async () => {
  ada = await user('ada@access.example', { password: 'correct horse battery staple' })
  assert.equal(ada.passwordEnabled, true)
  assert.deepEqual(await users.verifyPassword({ userId: ada.id, password: 'correct horse battery staple' }), { verified: true })
  await assert.rejects(users.verifyPassword({ userId: ada.id, password: 'wrong' }), { status: 422 })
  const imported = await user('imported@access.example', {
    passwordDigest: '$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', passwordHasher: 'bcrypt',
  })
  assert.equal(imported.passwordEnabled, true)
  await users.deleteUser(imported.id)
})

test('users.banUser', async () => {
  has(await users.banUser(ada.id), { id: ada.id, banned: true })
  has(await users.unbanUser(ada.id), { id: ada.id, banned: false })
  await refused(users.banUser('user_none'), 404, 'resource_not_found')
})

test('users.lockUser', async () => {
  has(await users.lockUser(ada.id), { id: ada.id, locked: true })
  has(await users.unlockUser(ada.id), { id: ada.id, locked: false })
})

test('users.removePassword', async () => {
  has(await users.removePassword(ada.id, { signOutOfOtherSessions: true }), { id: ada.id, passwordEnabled: false })
})

test('users.deleteUser, locked and without a password', async () => {
  await users.lockUser(ada.id)
  has(await users.deleteUser(ada.id), { id: ada.id, deleted: true })
})
