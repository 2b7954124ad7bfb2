import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, refused, user } from './usher.mjs'

const { instance, allowlistIdentifiers, blocklistIdentifiers } = clerk

test('instance.get', async () => {
  const got = await instance.get()
  assert.match(got.id, /^ins_/)
  assert.equal(got.environmentType, 'development')
})

test('instance.update', async () => {
  await instance.update({ supportEmail: 'help@example.com', allowedOrigins: ['http://localhost:3000'] }) // 204, no body
  assert.deepEqual((await instance.get()).allowedOrigins, ['http://localhost:3000'])
  await refused(instance.update({ supportEmail: 'help' }), 422, 'form_param_format_invalid', { paramName: 'support_email' })
})

test('instance.updateRestrictions', async () => {
  has(await instance.updateRestrictions({ allowlist: false, blocklist: true, blockEmailSubaddresses: true }), {
    allowlist: false, blocklist: true, blockEmailSubaddresses: true, blockDisposableEmailDomains: false,
  })
})

test('blocklistIdentifiers.createBlocklistIdentifier', async () => {
  const entry = await blocklistIdentifiers.createBlocklistIdentifier({ identifier: '*@spam.example' })
  has(entry, { identifier: '*@spam.example', identifierType: 'email_address' })
  assert.match(entry.id, /^blid_/)
  await assert.rejects(user('somebody@spam.example'), { status: 403 })
  await assert.rejects(user('somebody+else@fine.example'), { status: 403 })
  await refused(blocklistIdentifiers.createBlocklistIdentifier({ identifier: 'not an identifier' }), 422, 'form_param_format_invalid', { paramName: 'identifier' })
})

test('blocklistIdentifiers.getBlocklistIdentifierList', async () => {
  const page = await blocklistIdentifiers.getBlocklistIdentifierList()
  assert.deepEqual(page.data.map(entry => entry.identifier), ['*@spam.example'])
  assert.equal(page.totalCount, 1)
})

test('blocklistIdentifiers.deleteBlocklistIdentifier', async () => {
  const { data: [entry] } = await blocklistIdentifiers.getBlocklistIdentifierList()
  has(await blocklistIdentifiers.deleteBlocklistIdentifier(entry.id), { id: entry.id, deleted: true })
  await refused(blocklistIdentifiers.deleteBlocklistIdentifier(entry.id), 404, 'resource_not_found')
  await instance.updateRestrictions({ blocklist: false, blockEmailSubaddresses: false })
})

test('allowlistIdentifiers.createAllowlistIdentifier', async () => {
  const entry = await allowlistIdentifiers.createAllowlistIdentifier({ identifier: 'ok@allowed.example', notify: false })
  has(entry, { identifier: 'ok@allowed.example', identifierType: 'email_address' })
  assert.match(entry.id, /^alid_/)
})

test('allowlistIdentifiers.getAllowlistIdentifierList', async () => {
  const page = await allowlistIdentifiers.getAllowlistIdentifierList({ limit: 5 })
  assert.deepEqual(page.data.map(entry => entry.identifier), ['ok@allowed.example'])
  assert.equal(page.totalCount, 1)
})

test('allowlistIdentifiers.deleteAllowlistIdentifier', async () => {
  const { data: [entry] } = await allowlistIdentifiers.getAllowlistIdentifierList()
  has(await allowlistIdentifiers.deleteAllowlistIdentifier(entry.id), { id: entry.id, deleted: true })
  lists(await allowlistIdentifiers.getAllowlistIdentifierList(), [])
})

test('instance.getOrganizationSettings', async () => {
  has(await instance.getOrganizationSettings(), { enabled: true, creatorRole: 'org:admin', domainsDefaultRole: 'org:member' })
})

test('instance.updateOrganizationSettings', async () => {
  const before = await instance.getOrganizationSettings()
  has(await instance.updateOrganizationSettings({ maxAllowedMemberships: 9, domainsEnabled: true, domainsEnrollmentModes: ['automatic_invitation'] }), {
    maxAllowedMemberships: 9, domainsEnabled: true, domainsEnrollmentModes: ['manual_invitation', 'automatic_invitation'],
  })
  await instance.updateOrganizationSettings({ maxAllowedMemberships: before.maxAllowedMemberships })
})
