import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, refused, user } from './usher.mjs'

const { users } = clerk
let ada, bob

test('users.createUser', async () => {
  ada = await user('ada@users.example', { firstName: 'Ada', lastName: 'King', externalId: 'ext-ada', publicMetadata: { aB: 1 }, skipPasswordRequirement: true })
  bob = await user('bob@users.example', { firstName: 'Bob' })
  has(ada, { firstName: 'Ada', lastName: 'King', externalId: 'ext-ada', publicMetadata: { aB: 1 }, banned: false, passwordEnabled: false })
  assert.equal(ada.primaryEmailAddress.emailAddress, 'ada@users.example')
  assert.equal(ada.emailAddresses[0].verification.status, 'verified')
  await refused(user('ada@users.example'), 422, 'form_identifier_exists', { paramName: 'email_address' })
})

test('users.getUser', async () => {
  assert.deepEqual(await users.getUser(ada.id), ada)
  await refused(users.getUser('user_none'), 404, 'resource_not_found')
})

test('users.getUserList', async () => {
  lists(await users.getUserList({ emailAddress: ['ada@users.example', 'bob@users.example'], orderBy: '+created_at' }), [ada.id, bob.id])
  lists(await users.getUserList({ userId: [bob.id] }), [bob.id])
  lists(await users.getUserList({ externalId: ['ext-ada'] }), [ada.id])
  lists(await users.getUserList({ query: '@users.example', limit: 1, orderBy: '-created_at' }), [bob.id], 2)
  lists(await users.getUserList({ emailAddress: ['nobody@users.example'] }), [])
})

test('users.getCount', async () => {
  assert.equal(await users.getCount({ emailAddress: ['ada@users.example'] }), 1)
  assert.equal(await users.getCount({ query: '@users.example' }), 2)
})

test('users.updateUser', async () => {
  has(await users.updateUser(ada.id, { firstName: 'Augusta', externalId: 'ext-augusta' }), { id: ada.id, firstName: 'Augusta', lastName: 'King', externalId: 'ext-augusta' })
  await refused(users.updateUser('user_none', { firstName: 'x' }), 404, 'resource_not_found')
})

test('users.updateUserMetadata', async () => {
  has(await users.updateUserMetadata(ada.id, { publicMetadata: { aB: null, c: [1] }, unsafeMetadata: { d: 2 } }), {
    publicMetadata: { c: [1] }, privateMetadata: {}, unsafeMetadata: { d: 2 },
  })
})

test('users.replaceUserMetadata', async () => {
  has(await users.replaceUserMetadata(ada.id, { publicMetadata: { e: 3 } }), { publicMetadata: { e: 3 }, unsafeMetadata: { d: 2 } })
})

test('users.deleteUser', async () => {
  has(await users.deleteUser(ada.id), { id: ada.id, deleted: true })
  has(await users.deleteUser(bob.id), { deleted: true })
  await refused(users.getUser(ada.id), 404, 'resource_not_found')
})
