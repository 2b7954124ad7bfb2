import assert from 'node:assert/strict'
import { test } from 'node:test'
import { called, methodsOf } from './usher.mjs'

// The parts of the client that usher serves to the last method.
const whole = ['allowlistIdentifiers', 'blocklistIdentifiers', 'instance', 'invitations', 'organizationPermissions', 'organizationRoles', 'redirectUrls', 'roleSets', 'signInTokens']

for (const name of whole) {
  test(`every method of ${name} was called`, () => {
    const methods = methodsOf(name)
    assert.ok(methods.length > 0)
    assert.deepEqual(methods.filter(method => !called.has(method)), [])
  })
}
