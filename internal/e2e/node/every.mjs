import assert from 'node:assert/strict'
import { test } from 'node:test'
import { called, methodsOf } from './usher.mjs'

// The parts of the client of which every method was called, most to be served and the others to be refused.
const whole = [
  'allowlistIdentifiers', 'blocklistIdentifiers', 'emailAddresses', 'instance', 'invitations', 'jwks', 'organizationPermissions', 'organizationRoles', 'redirectUrls',
  'roleSets', 'sessions', 'signInTokens', 'testingTokens', 'users',
]

for (const name of whole) {
  test(`every method of ${name} was called`, () => {
    const methods = methodsOf(name)
    assert.ok(methods.length > 0)
    assert.deepEqual(methods.filter(method => !called.has(method)), [])
  })
}
