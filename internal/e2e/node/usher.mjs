// The official client, pointed at usher, and what the tests ask of its answers.
import assert from 'node:assert/strict'
import { createClerkClient } from '@clerk/backend'
import { isClerkAPIResponseError } from '@clerk/backend/errors'

export const url = process.env.USHER_URL

export const connect = secretKey => createClerkClient({ secretKey, apiUrl: url, telemetry: { disabled: true } })

const client = connect(process.env.USHER_KEY)

/** The methods that tests have called, as "organizations.getOrganization", each with what became of it: served, refused. */
export const called = new Map()

const counted = client => Object.fromEntries(Object.keys(client).map(name => [name, counting(name, client[name])]))

/** The client; it keeps count of what is called. */
export const clerk = counted(client)

/** The client with a key that is none; counted as well. */
export const intruder = counted(connect('sk_test_wrong'))

/** The parts of the client, as "organizations". */
export const parts = Object.keys(client).filter(name => typeof client[name]?.request === 'function')

function counting(name, api) {
  if (typeof api !== 'object') return api
  return new Proxy(api, {
    get(target, method) {
      const value = target[method]
      return typeof value === 'function' ? (...args) => noting(`${name}.${method}`, value.apply(target, args)) : value
    },
  })
}

function noting(method, promise) {
  const outcomes = called.get(method) ?? new Set()
  called.set(method, outcomes)
  promise.then(() => outcomes.add('served'), error => { if (isClerkAPIResponseError(error)) outcomes.add('refused') })
  return promise
}

/** Every method of one part of the client, those it keeps for itself aside. */
export function methodsOf(name) {
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(client[name]))
  return own.filter(method => method !== 'constructor' && typeof client[name][method] === 'function').map(method => `${name}.${method}`)
}

/** Compares only the members that want has. */
export function has(got, want) {
  assert.deepEqual(Object.fromEntries(Object.keys(want).map(key => [key, got[key]])), want)
}

/** A page holds exactly these ids, in this order, and counts total. */
export function lists(page, ids, total = ids.length) {
  assert.deepEqual(page.data.map(item => item.id), ids)
  assert.equal(page.totalCount, total)
}

/** The promise fails with usher's refusal; wants names meta by the client's camel case. */
export async function refused(promise, status, code, meta = {}) {
  const error = await promise.then(
    value => assert.fail(`got ${JSON.stringify(value)}, want ${status} ${code}`),
    reason => reason,
  )
  if (!isClerkAPIResponseError(error)) throw error
  assert.equal(`${error.status} ${error.errors[0]?.code}`, `${status} ${code}`)
  assert.ok(error.errors[0].message && error.errors[0].longMessage, 'an error has two messages')
  assert.ok(error.clerkTraceId, 'an error has a trace id')
  has(error.errors[0].meta, meta)
}

/** An organization of its own for one file of tests. */
export const organization = async (name, params = {}) => clerk.organizations.createOrganization({ name, ...params })

/** A user with one verified address. */
export const user = async (emailAddress, params = {}) => clerk.users.createUser({ emailAddress: [emailAddress], ...params })
