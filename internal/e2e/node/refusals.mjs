import { test } from 'node:test'
import { clerk, intruder, refused } from './usher.mjs'

const { emailAddresses, instance, invitations, organizations, redirectUrls, sessions, users } = clerk
const { allowlistIdentifiers, blocklistIdentifiers, organizationPermissions, organizationRoles, roleSets, signInTokens } = clerk

const organizationId = 'org_none'
const userId = 'user_none'
const limit = 501 // one more than a page may have
const file = new Blob([Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')])

// Calls in vain of what the other tests call with success only.
const calls = {
  'a key that is none': [401, 'clerk_key_invalid', [
    () => intruder.allowlistIdentifiers.getAllowlistIdentifierList(),
    () => intruder.blocklistIdentifiers.getBlocklistIdentifierList(),
    () => intruder.instance.get(),
    () => intruder.instance.getOrganizationSettings(),
    () => intruder.jwks.getJwks(),
    () => intruder.redirectUrls.getRedirectUrlList(),
    () => intruder.testingTokens.createTestingToken(),
  ]],
  'something that does not exist': [404, 'resource_not_found', [
    () => allowlistIdentifiers.deleteAllowlistIdentifier('alid_none'),
    () => emailAddresses.updateEmailAddress('idn_none', { verified: true }),
    () => emailAddresses.deleteEmailAddress('idn_none'),
    () => organizations.updateOrganizationLogo(organizationId, { file }),
    () => organizations.deleteOrganizationLogo(organizationId),
    () => organizations.updateOrganizationMetadata(organizationId, { publicMetadata: {} }),
    () => organizations.deleteOrganization(organizationId),
    () => organizations.getOrganizationMembershipList({ organizationId }),
    () => organizations.updateOrganizationMembershipMetadata({ organizationId, userId, publicMetadata: {} }),
    () => organizations.getOrganizationInvitationList({ organizationId }),
    () => organizations.getOrganizationDomainList({ organizationId }),
    () => organizations.updateOrganizationDomain({ organizationId, domainId: 'orgdm_none', enrollmentMode: 'manual_invitation' }),
    () => organizations.deleteOrganizationDomain({ organizationId, domainId: 'orgdm_none' }),
    () => organizationPermissions.updateOrganizationPermission({ permissionId: 'perm_none', name: 'x' }),
    () => organizationPermissions.deleteOrganizationPermission('perm_none'),
    () => organizationRoles.updateOrganizationRole({ organizationRoleId: 'role_none', name: 'x' }),
    () => organizationRoles.assignPermissionToOrganizationRole({ organizationRoleId: 'role_none', permissionId: 'perm_none' }),
    () => organizationRoles.removePermissionFromOrganizationRole({ organizationRoleId: 'role_none', permissionId: 'perm_none' }),
    () => redirectUrls.deleteRedirectUrl('ru_none'),
    () => roleSets.updateRoleSet({ roleSetKeyOrId: 'none', name: 'x' }),
    () => roleSets.addRolesToRoleSet({ roleSetKeyOrId: 'none', roleKeys: ['org:member'] }),
    () => roleSets.replaceRoleInRoleSet({ roleSetKeyOrId: 'none', roleKey: 'org:member', toRoleKey: 'org:admin' }),
    () => roleSets.replaceRoleSet({ roleSetKeyOrId: 'none', destRoleSetKey: 'role_set:default', reassignmentMappings: {} }),
    () => sessions.revokeSession('sess_none'),
    () => signInTokens.revokeSignInToken('sit_none'),
    () => users.replaceUserEmailAddress(userId, { emailAddress: 'x@example.com', identificationStatus: 'verified' }),
    () => users.updateUserMetadata(userId, { publicMetadata: {} }),
    () => users.replaceUserMetadata(userId, { publicMetadata: {} }),
    () => users.deleteUser(userId),
    () => users.getOrganizationMembershipList({ userId }),
    () => users.getOrganizationInvitationList({ userId }),
    () => users.removePassword(userId),
    () => users.unbanUser(userId),
    () => users.lockUser(userId),
    () => users.unlockUser(userId),
  ]],
  'a page too large': [422, 'form_param_value_invalid', [
    () => organizations.getInstanceOrganizationMembershipList({ limit }),
    () => organizationPermissions.getOrganizationPermissionList({ limit }),
    () => organizationRoles.getOrganizationRoleList({ limit }),
    () => invitations.getInvitationList({ limit }),
    () => roleSets.getRoleSetList({ limit }),
    () => sessions.getSessionList({ userId, limit }),
    () => users.getUserList({ limit }),
  ]],
  'something malformed': [422, 'form_param_format_invalid', [
    () => allowlistIdentifiers.createAllowlistIdentifier({ identifier: 'nobody', notify: false }),
    () => invitations.createInvitationBulk([{ emailAddress: 'nobody' }]),
    () => redirectUrls.createRedirectUrl({ url: 'home' }),
    () => roleSets.createRoleSet({ name: 'x', key: 'x', roles: ['org:member'], defaultRoleKey: 'org:member', creatorRoleKey: 'org:member' }),
    () => organizationRoles.createOrganizationRole({ name: 'x', key: 'x' }),
  ]],
  'nothing': [422, 'form_param_missing', [() => organizations.createOrganization({})]],
  'what is not possible': [422, 'form_param_value_invalid', [
    () => instance.updateOrganizationSettings({ domainsEnrollmentModes: ['none'] }),
    () => users.getCount({ createdAtAfter: 'yesterday' }),
  ]],
  'what nobody knows': [422, 'form_param_unknown', [() => instance.updateRestrictions({ colour: 'red' })]],
}

for (const [what, [status, code, requests]] of Object.entries(calls)) {
  for (const request of requests) {
    test(`${what}: ${request}`, () => refused(request(), status, code))
  }
}
