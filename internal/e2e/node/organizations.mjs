import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, connect, has, lists, organization, refused, user } from './usher.mjs'

const { organizations } = clerk
let ada, bob, atlas

test('organizations.createOrganization', async () => {
  ada = await user('ada@atlas.example', { firstName: 'Ada', lastName: 'King' })
  bob = await user('bob@atlas.example', { firstName: 'Bob', lastName: 'Stone' })
  atlas = await organization('Atlas', {
    slug: 'atlas', createdBy: ada.id, maxAllowedMemberships: 7, publicMetadata: { teamName: 'red' }, privateMetadata: { cost_centre: 1 },
  })
  has(atlas, {
    name: 'Atlas', slug: 'atlas', createdBy: ada.id, maxAllowedMemberships: 7, hasImage: false,
    publicMetadata: { teamName: 'red' }, privateMetadata: { cost_centre: 1 },
  })
  assert.match(atlas.id, /^org_/)
  assert.ok(Math.abs(atlas.createdAt - Date.now()) < 60_000, `created at ${atlas.createdAt}`)
})

test('organizations.getOrganization', async () => {
  const byID = await organizations.getOrganization({ organizationId: atlas.id, includeMembersCount: true })
  has(byID, { id: atlas.id, name: 'Atlas', membersCount: 1 })
  has(await organizations.getOrganization({ slug: 'atlas' }), { id: atlas.id, membersCount: undefined })
  await refused(organizations.getOrganization({ organizationId: 'org_none' }), 404, 'resource_not_found')
  await refused(connect('sk_test_wrong').organizations.getOrganization({ slug: 'atlas' }), 401, 'clerk_key_invalid')
})

test('organizations.getOrganizationList', async () => {
  const beacon = await organization('Beacon')
  lists(await organizations.getOrganizationList({ query: 'tla' }), [atlas.id])
  lists(await organizations.getOrganizationList({ organizationId: [atlas.id, 'org_none'] }), [atlas.id])
  const page = await organizations.getOrganizationList({ orderBy: '+name', limit: 2, includeMembersCount: true })
  assert.deepEqual(page.data.map(o => [o.name, o.membersCount]), [['Acme', 1], ['Atlas', 1]])
  assert.equal(page.totalCount, 3)
  lists(await organizations.getOrganizationList({ orderBy: '-created_at', limit: 1 }), [beacon.id], 3)
  lists(await organizations.getOrganizationList({ orderBy: '-created_at', limit: 1, offset: 1 }), [atlas.id], 3)
  await organizations.deleteOrganization(beacon.id)
  await refused(organizations.getOrganizationList({ orderBy: 'colour' }), 422, 'form_param_value_invalid', { paramName: 'order_by' })
})

test('organizations.updateOrganization', async () => {
  has(await organizations.updateOrganization(atlas.id, { name: 'Atlas Two', adminDeleteEnabled: false }), {
    id: atlas.id, name: 'Atlas Two', slug: 'atlas', adminDeleteEnabled: false, publicMetadata: { teamName: 'red' },
  })
  await refused(organizations.updateOrganization(atlas.id, { slug: 'acme' }), 422, 'form_already_exists', { paramName: 'slug' })
  await refused(organizations.updateOrganization('org_none', { name: 'x' }), 404, 'resource_not_found')
})

test('organizations.updateOrganizationMetadata', async () => {
  has(await organizations.updateOrganizationMetadata(atlas.id, { publicMetadata: { size: 2, teamName: null } }), {
    publicMetadata: { size: 2 }, privateMetadata: { cost_centre: 1 },
  })
})

test('organizations.replaceOrganizationMetadata', async () => {
  has(await organizations.replaceOrganizationMetadata(atlas.id, { publicMetadata: { floor: 3 }, privateMetadata: {} }), {
    publicMetadata: { floor: 3 }, privateMetadata: {},
  })
  await refused(organizations.replaceOrganizationMetadata(atlas.id, { publicMetadata: { text: 'x'.repeat(8192) } }), 422, 'form_param_exceeds_allowed_size', { paramName: 'public_metadata' })
})

test('organizations.updateOrganizationLogo', async () => {
  const pixel = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
  const { hasImage, imageUrl } = await organizations.updateOrganizationLogo(atlas.id, { file: new Blob([pixel]), uploaderUserId: ada.id })
  assert.equal(hasImage, true)
  const served = await fetch(imageUrl)
  assert.equal(served.headers.get('Content-Type'), 'image/gif')
  assert.deepEqual(Buffer.from(await served.arrayBuffer()), pixel)
  await refused(organizations.updateOrganizationLogo(atlas.id, { file: new Blob(['<svg/>'], { type: 'image/png' }) }), 400, 'image_type_not_supported')
})

test('organizations.deleteOrganizationLogo', async () => {
  has(await organizations.deleteOrganizationLogo(atlas.id), { id: atlas.id, hasImage: false })
})

test('organizations.createOrganizationMembership', async () => {
  const membership = await organizations.createOrganizationMembership({ organizationId: atlas.id, userId: bob.id, role: 'org:member' })
  has(membership, { role: 'org:member', publicMetadata: {}, privateMetadata: {} })
  assert.equal(membership.organization.id, atlas.id)
  has(membership.publicUserData, { userId: bob.id, identifier: 'bob@atlas.example', firstName: 'Bob', lastName: 'Stone' })
  assert.ok(Array.isArray(membership.permissions))
  await refused(organizations.createOrganizationMembership({ organizationId: atlas.id, userId: bob.id, role: 'org:member' }), 400, 'already_a_member_in_organization')
  await refused(organizations.createOrganizationMembership({ organizationId: atlas.id, userId: 'user_none', role: 'org:member' }), 404, 'resource_not_found')
})

test('organizations.getOrganizationMembershipList', async () => {
  const page = await organizations.getOrganizationMembershipList({ organizationId: atlas.id, orderBy: '+created_at', limit: 10 })
  assert.deepEqual(page.data.map(m => [m.publicUserData.userId, m.role]), [[ada.id, 'org:admin'], [bob.id, 'org:member']])
  assert.equal(page.totalCount, 2)
  const admins = await organizations.getOrganizationMembershipList({ organizationId: atlas.id, role: ['org:admin'], userId: [ada.id, bob.id] })
  assert.deepEqual(admins.data.map(m => m.publicUserData.userId), [ada.id])
  for (const [filter, want] of [
    [{ emailAddress: ['bob@atlas.example'] }, [bob.id]],
    [{ emailAddressQuery: 'BOB@' }, [bob.id]],
    [{ nameQuery: 'ada k' }, [ada.id]],
    [{ query: 'stone' }, [bob.id]],
    [{ createdAtBefore: Date.now() + 60_000, orderBy: '+first_name' }, [ada.id, bob.id]],
    [{ createdAtAfter: Date.now() + 60_000 }, []],
    [{ username: ['nobody'] }, []],
  ]) {
    const found = await organizations.getOrganizationMembershipList({ organizationId: atlas.id, ...filter })
    assert.deepEqual(found.data.map(m => m.publicUserData.userId), want, JSON.stringify(filter))
    assert.equal(found.totalCount, want.length)
  }
})

test('organizations.updateOrganizationMembership', async () => {
  const membership = await organizations.updateOrganizationMembership({ organizationId: atlas.id, userId: bob.id, role: 'org:admin' })
  assert.equal(membership.role, 'org:admin')
  await refused(organizations.updateOrganizationMembership({ organizationId: atlas.id, userId: bob.id, role: 'org:king' }), 404, 'resource_not_found')
})

test('organizations.updateOrganizationMembershipMetadata', async () => {
  const change = { publicMetadata: { deskNumber: 4 }, privateMetadata: { pay_grade: 'b' } }
  has(await organizations.updateOrganizationMembershipMetadata({ organizationId: atlas.id, userId: bob.id, ...change }), change)
})

test('organizations.deleteOrganizationMembership', async () => {
  const gone = await organizations.deleteOrganizationMembership({ organizationId: atlas.id, userId: bob.id })
  assert.equal(gone.publicUserData.userId, bob.id)
  await refused(organizations.deleteOrganizationMembership({ organizationId: atlas.id, userId: ada.id }), 400, 'organization_minimum_permissions_needed')
})

test('organizations.deleteOrganization', async () => {
  has(await organizations.deleteOrganization(atlas.id), { id: atlas.id, slug: 'atlas', deleted: true })
  await refused(organizations.getOrganization({ slug: 'atlas' }), 404, 'resource_not_found')
  await clerk.users.deleteUser(ada.id)
  await clerk.users.deleteUser(bob.id)
})
