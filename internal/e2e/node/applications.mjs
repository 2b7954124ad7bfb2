import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, refused, url } from './usher.mjs'

const { invitations } = clerk
let grace, many

test('invitations.createInvitation', async () => {
  grace = await invitations.createInvitation({
    emailAddress: 'Grace@tickets.example', publicMetadata: { teamName: 'red' }, redirectUrl: 'https://app.example/welcome', expiresInDays: 2, notify: true,
  })
  has(grace, { emailAddress: 'grace@tickets.example', status: 'pending', publicMetadata: { teamName: 'red' } })
  assert.match(grace.id, /^inv_/)
  assert.ok(grace.url.startsWith(url.replace(/:\d+$/, '')), grace.url)
  await refused(invitations.createInvitation({ emailAddress: 'grace@tickets.example' }), 400, 'duplicate_record')
  const again = await invitations.createInvitation({ emailAddress: 'grace@tickets.example', ignoreExisting: true, notify: false })
  await invitations.revokeInvitation(again.id)
  await refused(invitations.createInvitation({ emailAddress: 'nobody' }), 422, 'form_param_format_invalid', { paramName: 'email_address' })
})

test('invitations.createInvitationBulk', async () => {
  many = await invitations.createInvitationBulk(['a', 'b'].map(name => ({ emailAddress: `${name}@tickets.example`, notify: false })))
  assert.deepEqual(many.map(i => [i.emailAddress, i.status]), [['a@tickets.example', 'pending'], ['b@tickets.example', 'pending']])
})

test('invitations.revokeInvitation', async () => {
  has(await invitations.revokeInvitation(many[0].id), { id: many[0].id, status: 'revoked', revoked: true })
  await refused(invitations.revokeInvitation('inv_none'), 404, 'resource_not_found')
})

test('invitations.getInvitationList', async () => {
  lists(await invitations.getInvitationList({ status: 'pending', orderBy: '+email_address' }), [many[1].id, grace.id])
  lists(await invitations.getInvitationList({ query: 'grace@', status: 'pending' }), [grace.id])
  lists(await invitations.getInvitationList({ status: 'pending', limit: 1, offset: 1 }), [grace.id], 2)
})
