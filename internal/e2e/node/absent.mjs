import { test } from 'node:test'
import { clerk, methodsOf, refused } from './usher.mjs'

// The parts of the client that usher does not serve.
const absent = [
  'actorTokens', 'agentTasks', 'apiKeys', 'betaFeatures', 'billing', 'clients', 'domains', 'emails', 'enterpriseConnections',
  'idPOAuthAccessToken', 'jwtTemplates', 'm2m', 'machines', 'oauthApplications', 'phoneNumbers', 'proxyChecks', 'samlConnections',
  'signUps', 'waitlistEntries', 'webhooks',
]

/** Stands for any argument: an id, or an object whose members are ids; but no other key to ask with. */
const anything = new Proxy({}, {
  get(_, name) {
    if (name === Symbol.toPrimitive || name === 'toString') return () => 'none'
    return typeof name === 'symbol' || name === 'machineSecretKey' ? undefined : 'none'
  },
})

/** What one method wants to be given. */
const arguments_ = { 'emails.createBatch': [[{ to: {}, from: {} }]] }

/** A method is told that there is no such path. */
async function missing(method) {
  const [part, name] = method.split('.')
  await refused(clerk[part][name](...(arguments_[method] ?? [anything, anything])), 404, 'resource_not_found')
}

for (const part of absent) {
  test(`${part} is absent`, async () => {
    for (const method of methodsOf(part)) await missing(method)
  })
}

// Methods of parts that usher serves otherwise.
for (const method of ['invitations.deleteInvitation']) {
  test(`${method} is absent`, () => missing(method))
}
