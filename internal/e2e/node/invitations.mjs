import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, organization, refused, user } from './usher.mjs'

const { organizations } = clerk
const day = 24 * 60 * 60 * 1000
let ada, atlas, grace, many

test('organizations.createOrganizationInvitation', async () => {
  ada = await user('ada@invites.example', { firstName: 'Ada' })
  atlas = await organization('Invites', { createdBy: ada.id, maxAllowedMemberships: 6 })
  const made = {
    organizationId: atlas.id, emailAddress: 'Grace@Invites.example', role: 'org:admin', inviterUserId: ada.id, expiresInDays: 3,
    redirectUrl: 'https://app.invites.example/welcome', publicMetadata: { teamName: 'red', nested: { aB: 1 } }, privateMetadata: { cost_centre: 7 },
  }
  grace = await organizations.createOrganizationInvitation(made)
  has(grace, {
    emailAddress: 'grace@invites.example', role: 'org:admin', roleName: 'Admin', organizationId: atlas.id, status: 'pending',
    publicMetadata: made.publicMetadata, privateMetadata: made.privateMetadata, expiresAt: grace.createdAt + 3 * day,
  })
  assert.match(grace.id, /^orginv_/)
  assert.equal(new URL(grace.url).pathname, '/v1/tickets/accept')
  await refused(organizations.createOrganizationInvitation(made), 400, 'organization_invitation_not_unique')
  await refused(organizations.createOrganizationInvitation({ ...made, emailAddress: 'ada@invites.example' }), 400, 'already_a_member_in_organization')
  await refused(organizations.createOrganizationInvitation({ ...made, emailAddress: 'nobody' }), 422, 'form_param_format_invalid', { paramName: 'email_address' })
  await refused(organizations.createOrganizationInvitation({ ...made, emailAddress: undefined }), 422, 'form_param_missing', { paramName: 'email_address' })
  await refused(organizations.createOrganizationInvitation({ ...made, emailAddress: 'x@invites.example', role: 'org:king' }), 404, 'resource_not_found')
})

test('organizations.createOrganizationInvitationBulk', async () => {
  const invited = ['a@invites.example', 'b@invites.example'].map(emailAddress => ({ emailAddress, role: 'org:member' }))
  const page = await organizations.createOrganizationInvitationBulk(atlas.id, invited)
  assert.deepEqual(page.data.map(i => [i.emailAddress, i.status]), [['a@invites.example', 'pending'], ['b@invites.example', 'pending']])
  assert.equal(page.totalCount, 2)
  many = page.data
  await refused(organizations.createOrganizationInvitationBulk(atlas.id, invited), 400, 'duplicate_record', { emailAddresses: ['a@invites.example', 'b@invites.example'] })
  const seven = Array.from({ length: 3 }, (_, k) => ({ emailAddress: `seat${k}@invites.example`, role: 'org:member' }))
  await refused(organizations.createOrganizationInvitationBulk(atlas.id, seven), 403, 'organization_membership_quota_exceeded')
  const eleven = Array.from({ length: 11 }, (_, k) => ({ emailAddress: `seat${k}@invites.example`, role: 'org:member' }))
  await refused(organizations.createOrganizationInvitationBulk(atlas.id, eleven), 400, 'bulk_size_exceeded')
})

test('organizations.getOrganizationInvitation', async () => {
  assert.deepEqual(await organizations.getOrganizationInvitation({ organizationId: atlas.id, invitationId: grace.id }), grace)
  await refused(organizations.getOrganizationInvitation({ organizationId: atlas.id, invitationId: 'orginv_none' }), 404, 'resource_not_found')
})

test('organizations.revokeOrganizationInvitation', async () => {
  const revoking = { organizationId: atlas.id, invitationId: many[0].id }
  await refused(organizations.revokeOrganizationInvitation({ ...revoking, requestingUserId: 'user_none' }), 404, 'resource_not_found')
  has(await organizations.revokeOrganizationInvitation({ ...revoking, requestingUserId: ada.id }), { id: many[0].id, status: 'revoked' })
  await refused(organizations.revokeOrganizationInvitation(revoking), 404, 'organization_invitation_not_pending')
  // Without a user the client sends a POST with no body at all.
  has(await organizations.revokeOrganizationInvitation({ organizationId: atlas.id, invitationId: many[1].id }), { status: 'revoked' })
})

test('organizations.getOrganizationInvitationList', async () => {
  lists(await organizations.getOrganizationInvitationList({ organizationId: atlas.id, status: ['pending'] }), [grace.id])
  lists(await organizations.getOrganizationInvitationList({ organizationId: atlas.id, status: ['pending', 'revoked'], limit: 2 }), [many[1].id, many[0].id], 3)
  lists(await organizations.getOrganizationInvitationList({ organizationId: atlas.id, limit: 2, offset: 2 }), [grace.id], 3)
  lists(await organizations.getOrganizationInvitationList({ organizationId: atlas.id, status: ['accepted'] }), [])
})

test('an invitation is accepted', async () => {
  const link = await fetch(grace.url, { redirect: 'manual' })
  assert.equal(link.status, 303)
  const landed = new URL(link.headers.get('location'))
  assert.equal(landed.origin + landed.pathname, 'https://app.invites.example/welcome')
  const redeemed = await fetch(`${process.env.USHER_URL}/v1/tickets/redeem`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${process.env.USHER_KEY}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ ticket: landed.searchParams.get('__clerk_ticket'), first_name: 'Grace', last_name: 'Hopper' }),
  })
  assert.equal(redeemed.status, 200, await redeemed.text())
  has(await organizations.getOrganizationInvitation({ organizationId: atlas.id, invitationId: grace.id }), { status: 'accepted', url: null })
  const members = await organizations.getOrganizationMembershipList({ organizationId: atlas.id, role: ['org:admin'], orderBy: '-created_at' })
  has(members.data[0], { role: 'org:admin', publicMetadata: grace.publicMetadata, privateMetadata: grace.privateMetadata })
  has(members.data[0].publicUserData, { identifier: 'grace@invites.example', firstName: 'Grace' })
  await clerk.users.deleteUser(members.data[0].publicUserData.userId)
  await organizations.deleteOrganization(atlas.id)
  await clerk.users.deleteUser(ada.id)
})
