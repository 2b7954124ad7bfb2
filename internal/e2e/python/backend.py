"""The tests of clerk-backend-api: one line of JSON on stdout for each."""

import json
import os
import traceback
from urllib.parse import urlparse

from clerk_backend_api import Clerk, models
from clerk_backend_api.security import VerifyTokenOptions, verify_token

URL = os.environ["USHER_URL"] + "/v1"
clerk = Clerk(bearer_auth=os.environ["USHER_KEY"], server_url=URL)
invitations = clerk.organization_invitations
memberships = clerk.organization_memberships
organizations = clerk.organizations
users = clerk.users


def refused(call, status, code):
    """Make a call that fails with usher's refusal."""
    try:
        got = call()
    except models.ClerkErrors as error:
        first = error.data.errors[0]
        assert (error.status_code, first.code) == (status, code), f"got {error.status_code} {first}"
        assert first.message and first.long_message, first
    else:
        raise AssertionError(f"got {got}, want {status} {code}")


class Life:
    """One organization from its making to its end, a method of the client at a time."""

    def users_create(self):
        self.ada = users.create(email_address=["ada@py.example"], first_name="Ada", skip_password_requirement=True)
        self.bob = users.create(email_address=["bob@py.example"], first_name="Bob", skip_password_requirement=True)
        assert self.ada.email_addresses[0].email_address == "ada@py.example", self.ada
        refused(lambda: users.create(email_address=["ada@py.example"]), 422, "form_identifier_exists")

    def users_list(self):
        assert [u.id for u in users.list(request={"email_address": ["ada@py.example"]})] == [self.ada.id]
        assert users.count(request={"query": "@py.example"}).total_count == 2

    def users_get(self):
        assert users.get(user_id=self.ada.id) == self.ada
        refused(lambda: users.get(user_id="user_none"), 404, "resource_not_found")

    def users_update(self):
        # The client sends the defaults of parameters that nobody gave.
        assert users.update(user_id=self.ada.id, last_name="King").last_name == "King"
        assert users.update(user_id=self.ada.id, password="correct horse battery staple").password_enabled
        assert users.verify_password(user_id=self.ada.id, password="correct horse battery staple").verified
        assert users.ban(user_id=self.ada.id).banned and not users.unban(user_id=self.ada.id).banned
        assert users.lock(user_id=self.ada.id).locked and not users.unlock(user_id=self.ada.id).locked

    def email_addresses(self):
        emails = clerk.email_addresses
        made = emails.create(request={"user_id": self.ada.id, "email_address": "second@py.example", "verified": True})
        assert emails.get(email_address_id=made.id) == made
        emails.update(email_address_id=made.id, primary=False)
        assert emails.delete(email_address_id=made.id).deleted

    def users_update_metadata(self):
        assert users.update_metadata(user_id=self.ada.id, public_metadata={"aB": 1}).public_metadata == {"aB": 1}
        assert users.replace_metadata(user_id=self.ada.id, public_metadata={"c": 2}).public_metadata == {"c": 2}

    def organizations_create(self):
        self.atlas = organizations.create(request={"name": "Atlas", "slug": "py-atlas", "created_by": self.ada.id})
        assert (self.atlas.name, self.atlas.slug, self.atlas.created_by) == ("Atlas", "py-atlas", self.ada.id)

    def organizations_get(self):
        assert organizations.get(organization_id="py-atlas", include_members_count=True).members_count == 1
        refused(lambda: organizations.get(organization_id="org_none"), 404, "resource_not_found")

    def organizations_list(self):
        page = organizations.list(query="py-atl", include_members_count=True)
        assert ([o.id for o in page.data], page.total_count) == ([self.atlas.id], 1), page

    def organizations_update(self):
        assert organizations.update(organization_id=self.atlas.id, name="Atlas Two").name == "Atlas Two"
        merged = organizations.merge_metadata(organization_id=self.atlas.id, public_metadata={"a": 1})
        assert merged.public_metadata == {"a": 1}, merged
        replaced = organizations.replace_metadata(organization_id=self.atlas.id, public_metadata={"b": 2})
        assert replaced.public_metadata == {"b": 2}, replaced

    def organization_memberships_create(self):
        made = memberships.create(organization_id=self.atlas.id, user_id=self.bob.id, role="org:member")
        assert made.public_user_data.identifier == "bob@py.example", made

    def organization_memberships_list(self):
        page = memberships.list(organization_id=self.atlas.id, order_by="+created_at")
        assert [m.public_user_data.user_id for m in page.data] == [self.ada.id, self.bob.id], page

    def organization_memberships_update(self):
        assert memberships.update(organization_id=self.atlas.id, user_id=self.bob.id, role="org:admin").role == "org:admin"
        changed = memberships.update_metadata(organization_id=self.atlas.id, user_id=self.bob.id, public_metadata={"a": 1})
        assert changed.public_metadata == {"a": 1}, changed

    def organization_memberships_delete(self):
        gone = memberships.delete(organization_id=self.atlas.id, user_id=self.bob.id)
        assert gone.public_user_data.user_id == self.bob.id, gone

    def organization_invitations_create(self):
        make = {
            "organization_id": self.atlas.id,
            "email_address": "grace@py.example",
            "role": "org:member",
            "inviter_user_id": self.ada.id,
            "public_metadata": {"aB": {"c_d": 1}},
            "expires_in_days": 3,
        }
        self.grace = invitations.create(**make)
        assert (self.grace.status, self.grace.public_metadata) == ("pending", {"aB": {"c_d": 1}}), self.grace
        assert self.grace.expires_at - self.grace.created_at == 3 * 24 * 3600 * 1000, self.grace
        assert urlparse(self.grace.url).path == "/v1/tickets/accept", self.grace
        refused(lambda: invitations.create(**make), 400, "organization_invitation_not_unique")
        refused(lambda: invitations.create(**make | {"email_address": "grace"}), 422, "form_param_format_invalid")
        refused(lambda: invitations.create(**make | {"organization_id": "org_none"}), 404, "resource_not_found")

    def organization_invitations_bulk_create(self):
        items = [{"email_address": f"{name}@py.example", "role": "org:member"} for name in ("x", "y")]
        page = invitations.bulk_create(organization_id=self.atlas.id, request_body=items)
        assert [i.email_address for i in page.data] == ["x@py.example", "y@py.example"], page
        self.x, self.y = page.data
        refused(lambda: invitations.bulk_create(organization_id=self.atlas.id, request_body=items), 400, "duplicate_record")

    def organization_invitations_get(self):
        assert invitations.get(organization_id=self.atlas.id, invitation_id=self.grace.id) == self.grace

    def organization_invitations_revoke(self):
        done = invitations.revoke(organization_id=self.atlas.id, invitation_id=self.x.id, requesting_user_id=self.ada.id)
        assert done.status == "revoked", done
        invitations.revoke(organization_id=self.atlas.id, invitation_id=self.y.id)
        again = lambda: invitations.revoke(organization_id=self.atlas.id, invitation_id=self.x.id)
        refused(again, 404, "organization_invitation_not_pending")

    def organization_invitations_list(self):
        pending = invitations.list(organization_id=self.atlas.id, status="pending")
        assert ([i.id for i in pending.data], pending.total_count) == ([self.grace.id], 1), pending
        everything = invitations.list(organization_id=self.atlas.id, order_by="+created_at", limit=1, offset=1)
        assert ([i.id for i in everything.data], everything.total_count) == ([self.x.id], 3), everything

    def organization_invitations_list_pending(self):
        assert [i.id for i in invitations.list_pending(organization_id=self.atlas.id).data] == [self.grace.id]

    def organizations_delete(self):
        assert organizations.delete(organization_id=self.atlas.id).deleted
        assert users.delete(user_id=self.bob.id).deleted


class Surroundings:
    """What an organization needs around it: one object of each kind, there and back."""

    def organization_permissions(self):
        made = clerk.organization_permissions.create(name="Read invoices", key="org:invoices:read", description="May look")
        self.permission = made
        assert clerk.organization_permissions.get(permission_id=made.id) == made
        changed = clerk.organization_permissions.update(permission_id=made.id, name="See invoices")
        assert changed.name == "See invoices", changed
        page = clerk.organization_permissions.list(query="invoices")
        assert ([p.id for p in page.data], page.total_count) == ([made.id], 1), page

    def organization_roles(self):
        roles = clerk.organization_roles
        made = roles.create(name="Clerk", key="org:clerk", permissions=[self.permission.id], include_in_initial_role_set=False)
        assert roles.get(organization_role_id=made.id) == made
        roles.remove_permission(organization_role_id=made.id, permission_id=self.permission.id)
        roles.assign_permission(organization_role_id=made.id, permission_id=self.permission.id)
        assert roles.update(organization_role_id=made.id, name="Chief").name == "Chief"
        assert [r.key for r in roles.list(order_by="+key", limit=2).data] == ["org:admin", "org:clerk"]
        self.role = made

    def role_sets(self):
        keys = {"default_role_key": "org:member", "creator_role_key": "org:admin"}
        made = clerk.role_sets.create(name="Wide", key="role_set:wide", roles=["org:admin", "org:member"], **keys)
        assert clerk.role_sets.get(role_set_key_or_id="role_set:wide").id == made.id
        assert len(clerk.role_sets.add_roles(role_set_key_or_id=made.id, role_keys=["org:clerk"]).roles) == 3
        clerk.role_sets.replace_role(role_set_key_or_id=made.id, role_key="org:clerk", to_role_key="org:member")
        initial = next(s for s in clerk.role_sets.list().data if s.id != made.id)
        clerk.role_sets.replace(role_set_key_or_id=made.id, dest_role_set_key=initial.key)
        assert clerk.organization_roles.delete(organization_role_id=self.role.id).deleted
        assert clerk.organization_permissions.delete(permission_id=self.permission.id).deleted

    def redirect_urls(self):
        made = clerk.redirect_urls.create(request={"url": "https://app.example/callback"})
        assert clerk.redirect_urls.get(id=made.id) == made
        assert [u.id for u in clerk.redirect_urls.list()] == [made.id]
        assert clerk.redirect_urls.delete(id=made.id).deleted

    def invitations(self):
        made = clerk.invitations.create(request={"email_address": "heidi@py.example", "public_metadata": {"a": 1}})
        assert (made.status, made.public_metadata) == ("pending", {"a": 1}), made
        many = clerk.invitations.bulk_create(request=[{"email_address": "ivan@py.example"}])
        assert [i.id for i in clerk.invitations.list(order_by="+created_at")] == [made.id, many[0].id]
        assert clerk.invitations.revoke(invitation_id=made.id).status == "revoked"

    def sign_in_tokens(self):
        ada = users.create(email_address=["ada@tokens.example"])
        made = clerk.sign_in_tokens.create(request={"user_id": ada.id, "expires_in_seconds": 60})
        assert (made.status, made.user_id) == ("pending", ada.id), made
        assert clerk.sign_in_tokens.revoke(sign_in_token_id=made.id).status == "revoked"

    def sessions(self):
        eve = users.create(email_address=["eve@tokens.example"])
        sessions = clerk.sessions
        made = sessions.create(request={"user_id": eve.id})
        assert sessions.get(session_id=made.id) == made
        assert [s.id for s in sessions.list(user_id=eve.id)] == [made.id]
        token = sessions.create_token(session_id=made.id).jwt
        claims = verify_token(token, VerifyTokenOptions(secret_key=os.environ["USHER_KEY"], api_url=os.environ["USHER_URL"]))
        assert (claims["sub"], claims["sid"]) == (eve.id, made.id), claims
        assert sessions.revoke(session_id=made.id).status == "revoked"
        assert clerk.jwks.get_jwks().keys[0].alg == "RS256"
        assert clerk.testing_tokens.create().token

    def instance_settings(self):
        settings = clerk.instance_settings
        assert settings.get().id.startswith("ins_")
        settings.update(request={"support_email": "help@example.com"})
        assert settings.update_restrictions(request={"blocklist": True}).blocklist
        assert settings.update_organization_settings(request={"domains_enabled": True}).domains_enabled
        assert settings.get_organization_settings().domains_enabled

    def organization_domains(self):
        atlas = organizations.create(request={"name": "Domains"})
        domains = clerk.organization_domains
        made = domains.create(organization_id=atlas.id, name="py-domain.example", enrollment_mode="manual_invitation", verified=False)
        owned = domains.verify_ownership(organization_id=atlas.id, domain_id=made.id)
        assert owned.ownership_verification.status == "verified", owned
        assert [d.id for d in domains.list(organization_id=atlas.id).data] == [made.id]
        assert [d.id for d in domains.list_all().data] == [made.id]
        domains.update(organization_id=atlas.id, domain_id=made.id, enrollment_mode="manual_invitation")
        assert domains.delete(organization_id=atlas.id, domain_id=made.id).deleted

    def allowlist_and_blocklist(self):
        blocked = clerk.blocklist_identifiers.create(request={"identifier": "*@spam.example"})
        assert [i.id for i in clerk.blocklist_identifiers.list().data] == [blocked.id]
        assert clerk.blocklist_identifiers.delete(identifier_id=blocked.id).deleted
        allowed = clerk.allowlist_identifiers.create(request={"identifier": "ok@example.com", "notify": False})
        assert [i.id for i in clerk.allowlist_identifiers.list()] == [allowed.id]
        assert clerk.allowlist_identifiers.delete(identifier_id=allowed.id).deleted

    def across_organizations(self):
        atlas = organizations.create(request={"name": "Across"})
        carol = users.create(email_address=["carol@py.example"])
        memberships.create(organization_id=atlas.id, user_id=carol.id, role="org:admin")
        dan = users.create(email_address=["dan@py.example"])
        invited = invitations.create(organization_id=atlas.id, email_address="dan@py.example", role="org:member")
        assert invited.id in [i.id for i in invitations.get_all(status="pending").data]
        assert [i.id for i in users.get_organization_invitations(user_id=dan.id).data] == [invited.id]
        assert [m.role for m in users.get_organization_memberships(user_id=carol.id).data] == ["org:admin"]
        assert users.get_instance_organization_memberships().total_count > 1


def main():
    for tests in (Life, Surroundings):
        told = tests()
        for name, test in vars(tests).items():
            if name.startswith("_"):
                continue
            try:
                test(told)
                print(json.dumps({"name": name}))
            except Exception:
                print(json.dumps({"name": name, "error": traceback.format_exc()}))


main()
