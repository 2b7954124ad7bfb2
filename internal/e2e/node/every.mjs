import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAbsent } from './absent.mjs'
import { called, methodsOf, parts } from './usher.mjs'

const exceptions = {
  'sessions.refreshSession': ['refused'], // nobody has a refresh token
}

// Every method that the client has was served once and refused once, or is known to be absent.
for (const part of parts) {
  test(`every method of ${part} was called, with success and in vain`, () => {
    for (const method of methodsOf(part)) {
      const want = exceptions[method] ?? (isAbsent(method) ? ['refused'] : ['refused', 'served'])
      assert.deepEqual([...called.get(method) ?? []].sort(), want, method)
    }
  })
}
