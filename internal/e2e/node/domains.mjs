import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, organization, refused, user } from './usher.mjs'

const { organizations } = clerk
let ada, atlas, domain // as it is on the wire: the client has no class for its object

test('organizations.createOrganizationDomain', async () => {
  await clerk.instance.updateOrganizationSettings({ domainsEnabled: true, domainsEnrollmentModes: ['automatic_invitation', 'automatic_suggestion'] })
  ada = await user('ada@domains.example')
  atlas = await organization('Domains', { createdBy: ada.id, maxAllowedMemberships: 0 })
  domain = await organizations.createOrganizationDomain({ organizationId: atlas.id, name: 'joining.example', enrollmentMode: 'automatic_invitation', verified: true })
  has(domain, { organization_id: atlas.id, name: 'joining.example', enrollment_mode: 'automatic_invitation', total_pending_invitations: 0 })
  has(domain.verification, { status: 'verified' })
  await refused(organizations.createOrganizationDomain({ organizationId: 'org_none', name: 'x.example', enrollmentMode: 'manual_invitation' }), 404, 'resource_not_found')
})

test('organizations.getOrganizationDomainList', async () => {
  lists(await organizations.getOrganizationDomainList({ organizationId: atlas.id, limit: 5 }), [domain.id])
})

test('a new user of the domain is invited', async () => {
  const bob = await user('bob@joining.example')
  const { data: [{ total_pending_invitations: waiting }] } = await organizations.getOrganizationDomainList({ organizationId: atlas.id })
  assert.equal(waiting, 1)
  await clerk.users.deleteUser(bob.id)
})

test('organizations.updateOrganizationDomain', async () => {
  has(await organizations.updateOrganizationDomain({ organizationId: atlas.id, domainId: domain.id, enrollmentMode: 'manual_invitation' }), { enrollment_mode: 'manual_invitation' })
})

test('organizations.deleteOrganizationDomain', async () => {
  has(await organizations.deleteOrganizationDomain({ organizationId: atlas.id, domainId: domain.id }), { id: domain.id, deleted: true })
  await organizations.deleteOrganization(atlas.id)
  await clerk.users.deleteUser(ada.id)
})
