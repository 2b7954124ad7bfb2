import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clerk, has, lists, organization, refused, user } from './usher.mjs'

const { organizations, organizationPermissions, organizationRoles, roleSets } = clerk
let read, manage, editor

test('organizationPermissions.createOrganizationPermission', async () => {
  read = await organizationPermissions.createOrganizationPermission({ name: 'Read invoices', key: 'org:invoices:read', description: 'May look' })
  manage = await organizationPermissions.createOrganizationPermission({ name: 'Manage invoices', key: 'org:invoices:manage' })
  has(read, { name: 'Read invoices', key: 'org:invoices:read', description: 'May look' })
  await refused(organizationPermissions.createOrganizationPermission({ name: 'x', key: 'org:sys_x:read' }), 422, 'form_param_format_invalid', { paramName: 'key' })
})

test('organizationPermissions.getOrganizationPermission', async () => {
  assert.deepEqual(await organizationPermissions.getOrganizationPermission(read.id), read)
  await refused(organizationPermissions.getOrganizationPermission('perm_none'), 404, 'resource_not_found')
})

test('organizationPermissions.getOrganizationPermissionList', async () => {
  lists(await organizationPermissions.getOrganizationPermissionList({ query: 'invoices', orderBy: '+key' }), [manage.id, read.id])
})

test('organizationPermissions.updateOrganizationPermission', async () => {
  has(await organizationPermissions.updateOrganizationPermission({ permissionId: read.id, name: 'See invoices' }), { name: 'See invoices', key: 'org:invoices:read' })
})

test('organizationRoles.createOrganizationRole', async () => {
  editor = await organizationRoles.createOrganizationRole({ name: 'Editor', key: 'org:editor', description: 'Edits', permissions: [read.id], includeInInitialRoleSet: true })
  has(editor, { name: 'Editor', key: 'org:editor', description: 'Edits' })
  assert.deepEqual(editor.permissions.map(p => p.key), ['org:invoices:read'])
})

test('organizationRoles.getOrganizationRole', async () => {
  assert.deepEqual(await organizationRoles.getOrganizationRole(editor.id), editor)
  await refused(organizationRoles.getOrganizationRole('role_none'), 404, 'resource_not_found')
})

test('organizationRoles.getOrganizationRoleList', async () => {
  lists(await organizationRoles.getOrganizationRoleList({ query: 'edit' }), [editor.id])
  const page = await organizationRoles.getOrganizationRoleList({ orderBy: '+key', limit: 2 })
  assert.deepEqual(page.data.map(r => r.key), ['org:admin', 'org:editor'])
  assert.equal(page.totalCount, 3)
})

test('organizationRoles.assignPermissionToOrganizationRole', async () => {
  const role = await organizationRoles.assignPermissionToOrganizationRole({ organizationRoleId: editor.id, permissionId: manage.id })
  assert.deepEqual(role.permissions.map(p => p.key).sort(), ['org:invoices:manage', 'org:invoices:read'])
})

test('organizationRoles.removePermissionFromOrganizationRole', async () => {
  const role = await organizationRoles.removePermissionFromOrganizationRole({ organizationRoleId: editor.id, permissionId: manage.id })
  assert.deepEqual(role.permissions.map(p => p.key), ['org:invoices:read'])
})

test('organizationRoles.updateOrganizationRole', async () => {
  has(await organizationRoles.updateOrganizationRole({ organizationRoleId: editor.id, name: 'Chief editor' }), { name: 'Chief editor', key: 'org:editor' })
})

test('a custom role invites and is held', async () => {
  const ada = await user('ada@roles.example')
  const atlas = await organization('Roles', { createdBy: ada.id })
  has(await organizations.createOrganizationInvitation({ organizationId: atlas.id, emailAddress: 'grace@roles.example', role: 'org:editor' }), {
    role: 'org:editor', roleName: 'Chief editor',
  })
  await assert.rejects(organizationRoles.deleteOrganizationRole(editor.id), { clerkError: true })
  await organizations.deleteOrganization(atlas.id)
  await clerk.users.deleteUser(ada.id)
})

let wide
test('roleSets.createRoleSet', async () => {
  wide = await roleSets.createRoleSet({ name: 'Wide', key: 'role_set:wide', defaultRoleKey: 'org:member', creatorRoleKey: 'org:admin', roles: ['org:admin', 'org:member'] })
  has(wide, { name: 'Wide', key: 'role_set:wide', type: 'custom' })
})

test('roleSets.getRoleSet', async () => {
  has(await roleSets.getRoleSet('role_set:wide'), { id: wide.id })
  await refused(roleSets.getRoleSet('role_set:none'), 404, 'resource_not_found')
})

test('roleSets.getRoleSetList', async () => {
  lists(await roleSets.getRoleSetList({ query: 'wide' }), [wide.id])
})

test('roleSets.updateRoleSet', async () => {
  has(await roleSets.updateRoleSet({ roleSetKeyOrId: wide.id, name: 'Wider' }), { name: 'Wider' })
})

test('roleSets.addRolesToRoleSet', async () => {
  const set = await roleSets.addRolesToRoleSet({ roleSetKeyOrId: wide.id, roleKeys: ['org:editor'] })
  assert.equal(set.roles.length, 3)
})

test('roleSets.replaceRoleInRoleSet', async () => {
  const set = await roleSets.replaceRoleInRoleSet({ roleSetKeyOrId: wide.id, roleKey: 'org:editor', toRoleKey: 'org:member' })
  assert.equal(set.roles.length, 2)
})

test('roleSets.replaceRoleSet', async () => {
  const initial = (await roleSets.getRoleSetList()).data.find(set => set.type === 'initial')
  has(await roleSets.replaceRoleSet({ roleSetKeyOrId: wide.id, destRoleSetKey: initial.key, reassignmentMappings: {} }), { id: wide.id, deleted: true })
})

test('organizationRoles.deleteOrganizationRole', async () => {
  const initial = (await roleSets.getRoleSetList()).data.find(set => set.type === 'initial')
  await roleSets.replaceRoleInRoleSet({ roleSetKeyOrId: initial.id, roleKey: 'org:editor', toRoleKey: 'org:member' })
  has(await organizationRoles.deleteOrganizationRole(editor.id), { id: editor.id, deleted: true })
})

test('organizationPermissions.deleteOrganizationPermission', async () => {
  has(await organizationPermissions.deleteOrganizationPermission(read.id), { id: read.id, deleted: true })
  await organizationPermissions.deleteOrganizationPermission(manage.id)
})
