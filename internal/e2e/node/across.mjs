import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, organization, user } from './usher.mjs'

const { organizations, users } = clerk
let ada

test('organizations.getInstanceOrganizationMembershipList', async () => {
  ada = await user('ada@across.example')
  const atlas = await organization('Across', { createdBy: ada.id, maxAllowedMemberships: 0 })
  const all = await organizations.getInstanceOrganizationMembershipList({ orderBy: '-created_at', limit: 1 })
  assert.equal(all.data[0].organization.id, atlas.id)
  assert.ok(all.totalCount > 1, `${all.totalCount} of all organizations`)
})

test('users.getOrganizationMembershipList', async () => {
  const page = await users.getOrganizationMembershipList({ userId: ada.id, limit: 10 })
  assert.deepEqual(page.data.map(m => [m.organization.name, m.role]), [['Across', 'org:admin']])
  assert.equal(page.totalCount, 1)
})

test('users.getOrganizationInvitationList', async () => {
  const { data: [{ organization: { id: organizationId } }] } = await users.getOrganizationMembershipList({ userId: ada.id })
  const grace = await user('grace@across.example')
  const invited = await organizations.createOrganizationInvitation({ organizationId, emailAddress: 'grace@across.example', role: 'org:member' })
  const page = await users.getOrganizationInvitationList({ userId: grace.id, status: 'pending', limit: 10 })
  lists(page, [invited.id])
  has(page.data[0].publicOrganizationData, { id: organizationId, name: 'Across' })
  lists(await users.getOrganizationInvitationList({ userId: grace.id, status: 'revoked' }), [])
  await organizations.deleteOrganization(organizationId)
  await users.deleteUser(grace.id)
  await users.deleteUser(ada.id)
})
