import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, organization, user } from './usher.mjs'

// usher's own address: cookies are named after it.
const url = process.env.USHER_DIRECT
// A page of a server-rendered application, and the key that leads its SDK to usher.
const page = 'http://localhost:3000/dashboard?tab=1'
const publishableKey = 'pk_test_' + Buffer.from(new URL(url).host + '$').toString('base64')
const options = { publishableKey, proxyUrl: url }
const form = fields => ({ method: 'POST', body: new URLSearchParams(fields) })
const document = (cookies, at = page) => new Request(at, { headers: { 'Sec-Fetch-Dest': 'document', Cookie: cookies } })
const jar = lines => lines.map(line => line.split(';')[0]).filter(pair => !pair.endsWith('=')).join('; ')

let ada, atlas, browser

// The round trip of a document request: to usher, and back to the page.
const handshake = async (cookies, at) => {
  const away = await clerk.authenticateRequest(document(cookies, at), options)
  assert.equal(away.status, 'handshake', away.reason)
  const back = await fetch(away.headers.get('location'), { redirect: 'manual', headers: { Cookie: browser } })
  assert.equal(back.status, 307)
  const returned = await clerk.authenticateRequest(document(cookies, back.headers.get('location')), options)
  return { returned, cookies: jar(returned.headers.getSetCookie()), location: returned.headers.get('location') }
}

test('a browser signs in', async () => {
  ada = await user('ada@handshake.example', { password: 'correct horse' })
  atlas = await organization('Handshake', { slug: 'handshake', createdBy: ada.id })
  const answer = await fetch(`${url}/v1/client/sign_ins?_clerk_js_version=6`, form({ strategy: 'password', identifier: 'ada@handshake.example', password: 'correct horse' }))
  assert.equal(answer.status, 200)
  browser = jar(answer.headers.getSetCookie())
})

test('authenticateRequest asks usher who is signed in', async () => {
  const { returned, cookies, location } = await handshake('')
  assert.equal(returned.status, 'signed-in', returned.reason)
  has(returned.toAuth(), { userId: ada.id })
  assert.equal(location, page)
  const next = await clerk.authenticateRequest(document(cookies), options)
  assert.equal(next.status, 'signed-in', next.reason)
  has(next.toAuth(), { userId: ada.id, orgId: undefined })
})

test('authenticateRequest asks for the organization of a path', async () => {
  const { cookies } = await handshake('')
  const at = 'http://localhost:3000/orgs/handshake'
  const away = await clerk.authenticateRequest(document(cookies, at), { ...options, organizationSyncOptions: { organizationPatterns: ['/orgs/:slug'] } })
  assert.equal(away.status, 'handshake', away.reason)
  const back = await fetch(away.headers.get('location'), { redirect: 'manual', headers: { Cookie: browser } })
  const returned = await clerk.authenticateRequest(document(cookies, back.headers.get('location')), options)
  has(returned.toAuth(), { userId: ada.id, orgId: atlas.id, orgRole: 'org:admin' })
})

test('authenticateRequest knows when nobody is signed in', async () => {
  browser = ''
  const { returned, cookies } = await handshake('')
  assert.equal(returned.status, 'signed-out')
  const next = await clerk.authenticateRequest(document(cookies), options)
  assert.equal(next.status, 'signed-out', next.reason)
})
