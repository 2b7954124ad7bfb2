import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, refused, user } from './usher.mjs'

const { emailAddresses, users } = clerk
let ada, second

test('emailAddresses.createEmailAddress', async () => {
  ada = await user('ada@emails.example')
  second = await emailAddresses.createEmailAddress({ userId: ada.id, emailAddress: 'Second@emails.example', verified: true })
  has(second, { emailAddress: 'second@emails.example', linkedTo: [] })
  assert.equal(second.verification.status, 'verified')
  await refused(emailAddresses.createEmailAddress({ userId: ada.id, emailAddress: 'ada@emails.example' }), 422, 'form_identifier_exists', { paramName: 'email_address' })
  await refused(emailAddresses.createEmailAddress({ userId: 'user_none', emailAddress: 'x@emails.example' }), 404, 'resource_not_found')
})

test('emailAddresses.getEmailAddress', async () => {
  assert.deepEqual(await emailAddresses.getEmailAddress(second.id), second)
  await refused(emailAddresses.getEmailAddress('idn_none'), 404, 'resource_not_found')
})

test('emailAddresses.updateEmailAddress', async () => {
  has(await emailAddresses.updateEmailAddress(second.id, { primary: true }), { id: second.id })
  assert.equal((await users.getUser(ada.id)).primaryEmailAddressId, second.id)
})

test('emailAddresses.deleteEmailAddress', async () => {
  const { emailAddresses: all } = await users.getUser(ada.id)
  const first = all.find(address => address.id !== second.id)
  has(await emailAddresses.deleteEmailAddress(first.id), { id: first.id, deleted: true })
  await refused(emailAddresses.getEmailAddress(first.id), 404, 'resource_not_found')
})

test('users.replaceUserEmailAddress', async () => {
  has(await users.replaceUserEmailAddress(ada.id, { emailAddress: 'only@emails.example' }), { emailAddress: 'only@emails.example' })
  assert.deepEqual((await users.getUser(ada.id)).emailAddresses.map(address => address.emailAddress), ['only@emails.example'])
  await users.deleteUser(ada.id)
})
