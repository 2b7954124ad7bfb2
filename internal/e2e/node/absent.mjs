import { test } from 'node:test'
import { clerk, methodsOf, refused } from './usher.mjs'

// The parts of the client that usher does not serve.
const absent = [
  '__experimental_accountlessApplications', 'actorTokens', 'agentTasks', 'apiKeys', 'betaFeatures', 'billing', 'clients', 'domains', 'emails', 'enterpriseConnections',
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

/** What some methods insist on. */
const requestHeaders = new Headers()
const particular = {
  '__experimental_accountlessApplications.createAccountlessApplication': [{ requestHeaders }],
  '__experimental_accountlessApplications.completeAccountlessApplicationOnboarding': [{ requestHeaders }],
  'emails.createBatch': [[{ to: {}, from: {} }]],
  'users.getUserOauthAccessToken': ['none', 'google'],
}

/** A method is told that there is no such path. */
async function missing(method) {
  const [part, name] = method.split('.')
  await refused(clerk[part][name](...(particular[method] ?? [anything, anything])), 404, 'resource_not_found')
}

for (const part of absent) {
  test(`${part} is absent`, async () => {
    for (const method of methodsOf(part)) await missing(method)
  })
}

// Methods of parts that usher serves otherwise.
const absentMethods = [
  'invitations.deleteInvitation', 'sessions.verifySession',
  'users.deleteUserBackupCodes', 'users.deleteUserExternalAccount', 'users.deleteUserPasskey', 'users.deleteUserProfileImage',
  'users.deleteUserTOTP', 'users.deleteUserWeb3Wallet', 'users.disableUserMFA', 'users.getUserOauthAccessToken',
  'users.replaceUserPhoneNumber', 'users.setPasswordCompromised', 'users.unsetPasswordCompromised', 'users.updateUserProfileImage',
  'users.verifyTOTP',
]
for (const method of absentMethods) {
  test(`${method} is absent`, () => missing(method))
}

/** Reports whether usher does not serve a method. */
export const isAbsent = method => absent.includes(method.split('.')[0]) || absentMethods.includes(method)
