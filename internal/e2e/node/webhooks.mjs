// Verifies deliveries that usher made, as those who receive them do.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { verifyWebhook } from '@clerk/backend/webhooks'
import { Webhook } from 'svix'

const { deliveries, secrets } = JSON.parse(readFileSync(process.env.USHER_DELIVERIES))
const invitation = deliveries.find(({ body }) => JSON.parse(body).type === 'organizationInvitation.created')

const request = ({ headers, body }) => new Request('https://app.example/hooks', { method: 'POST', headers, body })

test('svix', () => {
  const webhook = new Webhook(secrets[0])
  for (const { headers, body } of deliveries) assert.deepEqual(webhook.verify(body, headers), JSON.parse(body))
  assert.throws(() => webhook.verify(invitation.body.replace('heidi', 'mallory'), invitation.headers))
})

test('svix with the secret that came after', () => {
  const webhook = new Webhook(secrets[1])
  webhook.verify(invitation.body, invitation.headers)
})

test('verifyWebhook', async () => {
  for (const delivery of deliveries) {
    const event = await verifyWebhook(request(delivery), { signingSecret: secrets[0] })
    assert.equal(event.object, 'event')
    assert.ok(event.type && event.data && event.event_attributes && event.instance_id, delivery.body)
  }
  const { data } = await verifyWebhook(request(invitation), { signingSecret: secrets[1] })
  assert.equal(data.email_address, 'heidi@example.com')
  const forged = { ...invitation, headers: { ...invitation.headers, 'svix-id': 'msg_other' } }
  await assert.rejects(verifyWebhook(request(forged), { signingSecret: secrets[1] }))
})
