import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, refused } from './usher.mjs'

const { redirectUrls } = clerk

test('redirectUrls', async () => {
  const made = await redirectUrls.createRedirectUrl({ url: 'https://app.example/callback' })
  assert.equal(made.url, 'https://app.example/callback')
  assert.deepEqual(await redirectUrls.getRedirectUrl(made.id), made)
  lists(await redirectUrls.getRedirectUrlList(), [made.id])
  has(await redirectUrls.deleteRedirectUrl(made.id), { id: made.id })
  await refused(redirectUrls.getRedirectUrl(made.id), 404, 'resource_not_found')
})
