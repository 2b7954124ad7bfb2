-- Instants are Unix milliseconds. Metadata is JSON text, kept byte for byte in
-- key order. Empty text stands for "none". Ids sort by the moment they were
-- made (see newID), so a list in creation order walks an index on the id.

-- +goose Up

CREATE TABLE instances (
    instance_id             TEXT NOT NULL PRIMARY KEY,
    environment             TEXT NOT NULL, -- test | live
    name                    TEXT NOT NULL,
    home_url                TEXT NOT NULL,
    frontend_host           TEXT NOT NULL, -- where its Frontend API is; empty = at the server's own name
    master_key              TEXT NOT NULL, -- its mark: what the secrets here were made with
    max_allowed_memberships INTEGER NOT NULL, -- of a new organization; 0 = no limit
    mail_proof_only         INTEGER NOT NULL,
    settings                TEXT NOT NULL, -- JSON, invite.Settings
    catalog_version         INTEGER NOT NULL DEFAULT 0, -- counts changes of its permissions, roles and role sets
    users                   INTEGER NOT NULL DEFAULT 0, -- counter
    organizations           INTEGER NOT NULL DEFAULT 0, -- counter
    memberships             INTEGER NOT NULL DEFAULT 0, -- counter
    organization_domains    INTEGER NOT NULL DEFAULT 0, -- counter
    events_forgotten        TEXT NOT NULL DEFAULT '', -- the newest event that is not kept any more
    redirect_urls           INTEGER NOT NULL DEFAULT 0, -- counter
    pending                 INTEGER NOT NULL DEFAULT 0, -- counters of application_invitations, one for each status
    accepted                INTEGER NOT NULL DEFAULT 0,
    revoked                 INTEGER NOT NULL DEFAULT 0,
    expired                 INTEGER NOT NULL DEFAULT 0,
    declined                INTEGER NOT NULL DEFAULT 0,
    created_at              INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX instances_by_own_host ON instances (frontend_host) WHERE frontend_host <> '';
CREATE INDEX instances_by_host ON instances (frontend_host, created_at, instance_id);

-- A secret key selects its instance, so its hash alone is the key here.
CREATE TABLE keys (
    key_hash    TEXT NOT NULL PRIMARY KEY, -- SHA-256, hex
    instance_id TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_by_instance ON keys (instance_id);

-- Where invitations may lead; anywhere while there are none.
CREATE TABLE redirect_urls (
    instance_id TEXT NOT NULL,
    id          TEXT NOT NULL,
    url         TEXT NOT NULL,
    origin      TEXT NOT NULL, -- its scheme, host and port
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE UNIQUE INDEX redirect_urls_by_origin ON redirect_urls (instance_id, origin, url);

-- What members may be and do. All of an instance's is read at once and kept in
-- memory, so that nothing here is searched for (see invite.Catalog).
CREATE TABLE permissions (
    instance_id    TEXT NOT NULL,
    id             TEXT NOT NULL,
    permission_key TEXT NOT NULL,
    name           TEXT NOT NULL,
    description    TEXT NOT NULL,
    type           TEXT NOT NULL, -- system | user
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE UNIQUE INDEX permissions_by_key ON permissions (instance_id, permission_key);

CREATE TABLE roles (
    instance_id TEXT NOT NULL,
    id          TEXT NOT NULL,
    role_key    TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    deleted_at  INTEGER NOT NULL DEFAULT 0, -- 0 = never; a deleted role stays for the invitations that ended with it
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE UNIQUE INDEX roles_by_key ON roles (instance_id, role_key) WHERE deleted_at = 0;

CREATE TABLE role_permissions (
    instance_id   TEXT NOT NULL,
    role_id       TEXT NOT NULL,
    permission_id TEXT NOT NULL,
    PRIMARY KEY (instance_id, role_id, permission_id)
) STRICT;

CREATE TABLE role_sets (
    instance_id     TEXT NOT NULL,
    id              TEXT NOT NULL,
    role_set_key    TEXT NOT NULL,
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    type            TEXT NOT NULL, -- initial | custom
    default_role_id TEXT NOT NULL,
    creator_role_id TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE UNIQUE INDEX role_sets_by_key ON role_sets (instance_id, role_set_key);
CREATE UNIQUE INDEX role_sets_initial ON role_sets (instance_id) WHERE type = 'initial';

CREATE TABLE role_set_roles (
    instance_id TEXT NOT NULL,
    role_set_id TEXT NOT NULL,
    role_id     TEXT NOT NULL,
    PRIMARY KEY (instance_id, role_set_id, role_id)
) STRICT;

-- Who may come in, and who may not: addresses and domains.
CREATE TABLE list_identifiers (
    instance_id    TEXT NOT NULL,
    list           TEXT NOT NULL, -- allowlist | blocklist
    id             TEXT NOT NULL,
    identifier     TEXT NOT NULL,
    identifier_key TEXT NOT NULL, -- what identifiers are compared by
    invitation_id  TEXT NOT NULL, -- to the application
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    PRIMARY KEY (instance_id, list, id)
) STRICT;
CREATE UNIQUE INDEX list_identifiers_by_key ON list_identifiers (instance_id, identifier_key, list);

CREATE TABLE users (
    instance_id                TEXT NOT NULL,
    id                         TEXT NOT NULL,
    external_id                TEXT NOT NULL,
    username                   TEXT NOT NULL,
    username_key               TEXT NOT NULL, -- what usernames are compared and searched by (invite.Fold)
    first_name                 TEXT NOT NULL,
    last_name                  TEXT NOT NULL,
    name_key                   TEXT NOT NULL, -- what names are searched by
    locale                     TEXT NOT NULL,
    primary_email_address_id   TEXT NOT NULL,
    public_metadata            TEXT NOT NULL,
    private_metadata           TEXT NOT NULL,
    unsafe_metadata            TEXT NOT NULL,
    password_digest            TEXT NOT NULL, -- package password; empty = none
    password_changed_at        INTEGER NOT NULL, -- 0 = never, as in those below
    banned                     INTEGER NOT NULL,
    locked                     INTEGER NOT NULL, -- by the application
    guesses                    INTEGER NOT NULL DEFAULT 0, -- wrong passwords and codes since the last right one
    locked_until               INTEGER NOT NULL DEFAULT 0, -- for them
    delete_self                INTEGER NOT NULL,
    create_organizations       INTEGER NOT NULL,
    create_organizations_limit INTEGER NOT NULL, -- 0 = no limit, -1 = the instance's
    bypass_client_trust        INTEGER NOT NULL,
    legal_accepted_at          INTEGER NOT NULL,
    last_sign_in_at            INTEGER NOT NULL DEFAULT 0,
    last_active_at             INTEGER NOT NULL DEFAULT 0,
    created_at                 INTEGER NOT NULL,
    updated_at                 INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE INDEX users_by_creation ON users (instance_id, created_at, id);
CREATE UNIQUE INDEX users_by_external_id ON users (instance_id, external_id) WHERE external_id <> '';
CREATE UNIQUE INDEX users_by_username ON users (instance_id, username_key) WHERE username_key <> '';

CREATE TABLE email_addresses (
    instance_id   TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    id            TEXT NOT NULL,
    email_address TEXT NOT NULL,
    email_key     TEXT NOT NULL,    -- what addresses are compared by
    email_domain  TEXT NOT NULL,    -- the end of email_key
    verified      TEXT NOT NULL,    -- strategy that proved it; empty = unverified
    reserved      INTEGER NOT NULL, -- unverified, and yet nobody else's
    loose         TEXT NOT NULL,    -- empty while verified or reserved, else the id
    code_number   INTEGER NOT NULL DEFAULT 0, -- of the mailed codes the newest; 0 = none
    code_attempts INTEGER NOT NULL DEFAULT 0,
    code_expires_at INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (instance_id, user_id, id)
) STRICT;
CREATE UNIQUE INDEX email_addresses_by_id ON email_addresses (instance_id, id);
-- One owner for each address, and the way to all who claim it.
CREATE UNIQUE INDEX email_addresses_by_key ON email_addresses (instance_id, email_key, loose);
CREATE INDEX email_addresses_by_domain ON email_addresses (instance_id, email_domain, id) WHERE verified <> '';

CREATE TABLE organizations (
    instance_id             TEXT NOT NULL,
    id                      TEXT NOT NULL,
    name                    TEXT NOT NULL,
    name_key                TEXT NOT NULL, -- what names are searched and ordered by (invite.Fold)
    slug                    TEXT NOT NULL,
    max_allowed_memberships INTEGER NOT NULL, -- 0 = no limit
    admin_delete_enabled    INTEGER NOT NULL,
    members                 INTEGER NOT NULL DEFAULT 0, -- counters: one for members, one for each status;
    pending                 INTEGER NOT NULL DEFAULT 0, -- before the metadata, so that summing them reads none
    accepted                INTEGER NOT NULL DEFAULT 0,
    revoked                 INTEGER NOT NULL DEFAULT 0,
    expired                 INTEGER NOT NULL DEFAULT 0,
    declined                INTEGER NOT NULL DEFAULT 0,
    domains                 INTEGER NOT NULL DEFAULT 0, -- counters of domains and pending membership requests
    requests                INTEGER NOT NULL DEFAULT 0,
    public_metadata         TEXT NOT NULL,
    private_metadata        TEXT NOT NULL,
    created_by              TEXT NOT NULL,
    logo                    TEXT NOT NULL DEFAULT '', -- the name of its file
    role_set_key            TEXT NOT NULL,
    created_at              INTEGER NOT NULL,
    updated_at              INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE UNIQUE INDEX organizations_by_slug ON organizations (instance_id, slug);
CREATE INDEX organizations_by_creation ON organizations (instance_id, created_at, id);
CREATE INDEX organizations_by_name ON organizations (instance_id, name_key, id);
CREATE INDEX organizations_by_role_set ON organizations (instance_id, role_set_key, id);
CREATE INDEX organizations_by_creator ON organizations (instance_id, created_by) WHERE created_by <> '';

-- Those that are gone while some of their members and invitations are not. These
-- are nobody's, and deleted little by little.
CREATE TABLE deleted_organizations (
    instance_id TEXT NOT NULL,
    id          TEXT NOT NULL,
    deleted_at  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;

CREATE TABLE organization_logos (
    instance_id     TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    name            TEXT NOT NULL, -- from the content's digest
    type            TEXT NOT NULL, -- media type
    content         BLOB NOT NULL,
    uploader_id     TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, organization_id)
) STRICT;

CREATE TABLE organization_domains (
    instance_id     TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    id              TEXT NOT NULL,
    name            TEXT NOT NULL,
    name_key        TEXT NOT NULL, -- what domains are compared by
    enrollment_mode TEXT NOT NULL,
    verified        TEXT NOT NULL, -- strategy; empty = unverified
    owned_at        INTEGER NOT NULL, -- 0 = ownership not confirmed
    affiliation     TEXT NOT NULL DEFAULT '', -- the address where the newest code went; empty without one
    code_number     INTEGER NOT NULL DEFAULT 0, -- codes are derived from it, and never stored
    code_attempts   INTEGER NOT NULL DEFAULT 0,
    code_expires_at INTEGER NOT NULL DEFAULT 0,
    invitations     INTEGER NOT NULL DEFAULT 0, -- counters of pending enrollments, one for each kind
    suggestions     INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, organization_id, id)
) STRICT;
CREATE UNIQUE INDEX organization_domains_once ON organization_domains (instance_id, name_key, organization_id);
CREATE UNIQUE INDEX organization_domains_verified ON organization_domains (instance_id, name_key) WHERE verified <> '';
CREATE INDEX organization_domains_by_creation ON organization_domains (instance_id, id);
CREATE INDEX organization_domains_by_name ON organization_domains (instance_id, name, id);

-- What a domain has made for the owner of one of its addresses: an invitation,
-- which only its user sees and which holds no seat, or a suggestion. Who has
-- accepted a suggestion has a membership request. One whose domain is gone is
-- void, and deleted little by little.
CREATE TABLE enrollments (
    instance_id      TEXT NOT NULL,
    domain_id        TEXT NOT NULL,
    kind             TEXT NOT NULL, -- invitation | suggestion
    user_id          TEXT NOT NULL,
    id               TEXT NOT NULL,
    organization_id  TEXT NOT NULL,
    email_address_id TEXT NOT NULL,
    status           TEXT NOT NULL, -- pending | accepted | rejected
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (instance_id, domain_id, kind, user_id)
) STRICT;
CREATE INDEX enrollments_by_user ON enrollments (instance_id, user_id, organization_id);

-- Enrollments to be made or deleted for many users, little by little. Those to
-- be deleted come first, so that what is made afterwards stays.
CREATE TABLE enrollment_jobs (
    instance_id     TEXT NOT NULL,
    domain_id       TEXT NOT NULL,
    step            INTEGER NOT NULL, -- 0 delete, 1 make
    kind            TEXT NOT NULL,    -- what to delete
    organization_id TEXT NOT NULL,
    reached         TEXT NOT NULL,    -- the last address that was looked at
    PRIMARY KEY (instance_id, domain_id, step, kind)
) STRICT;

-- Who wants to become a member. A user asks an organization once at a time.
CREATE TABLE membership_requests (
    instance_id     TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    id              TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    status          INTEGER NOT NULL, -- invite.Status
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, organization_id, id)
) STRICT;
CREATE UNIQUE INDEX membership_requests_pending ON membership_requests (instance_id, user_id, organization_id) WHERE status = 0;
CREATE INDEX membership_requests_by_status ON membership_requests (instance_id, organization_id, status, id);
CREATE INDEX membership_requests_by_user ON membership_requests (instance_id, user_id, organization_id, id);

CREATE TABLE memberships (
    instance_id      TEXT NOT NULL,
    organization_id  TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    id               TEXT NOT NULL,
    role_id          TEXT NOT NULL,
    public_metadata  TEXT NOT NULL,
    private_metadata TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (instance_id, organization_id, user_id)
) STRICT;
CREATE INDEX memberships_by_creation ON memberships (instance_id, organization_id, id);
CREATE INDEX memberships_by_role ON memberships (instance_id, role_id, organization_id, id);
CREATE INDEX memberships_by_user ON memberships (instance_id, user_id, id, organization_id);
CREATE INDEX memberships_of_instance ON memberships (instance_id, id);

-- Counters: the members of an organization who have a role.
CREATE TABLE role_members (
    instance_id     TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    role_id         TEXT NOT NULL,
    members         INTEGER NOT NULL,
    PRIMARY KEY (instance_id, organization_id, role_id)
) STRICT;
CREATE INDEX role_members_by_role ON role_members (instance_id, role_id, organization_id, members);

CREATE TABLE invitations (
    instance_id      TEXT NOT NULL,
    organization_id  TEXT NOT NULL,
    id               TEXT NOT NULL,
    email_address    TEXT NOT NULL,
    email_key        TEXT NOT NULL,
    role_id          TEXT NOT NULL,
    inviter_id       TEXT NOT NULL,
    status           INTEGER NOT NULL, -- invite.Status
    closed           TEXT NOT NULL,    -- empty while pending, then the id
    public_metadata  TEXT NOT NULL,
    private_metadata TEXT NOT NULL,
    redirect_url     TEXT NOT NULL,
    generation       INTEGER NOT NULL,
    user_id          TEXT NOT NULL,    -- who accepted
    forgotten        INTEGER NOT NULL DEFAULT 0, -- its address was replaced (invite.Keyring.Placeholder)
    expires_at       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (instance_id, organization_id, id)
) STRICT;
CREATE INDEX invitations_by_status ON invitations (instance_id, organization_id, status, id, expires_at);
-- One pending invitation for each organization and address, and the way to all of an
-- address, whatever the organization.
CREATE UNIQUE INDEX invitations_by_email ON invitations (instance_id, email_key, organization_id, closed);
-- The instance's in creation order. A new one goes to the end of the pending ones, a
-- page that all creations of the moment share.
CREATE INDEX invitations_of_instance ON invitations (instance_id, status, id, organization_id, expires_at);
CREATE INDEX invitations_by_expiry ON invitations (instance_id, expires_at, organization_id, id) WHERE status = 0;
-- Those that have ended, by when; a new one goes to the end.
CREATE INDEX invitations_by_end ON invitations (instance_id, updated_at, organization_id, id) WHERE status <> 0 AND forgotten = 0;

-- Invitations to have an account, without an organization.
CREATE TABLE application_invitations (
    instance_id     TEXT NOT NULL,
    id              TEXT NOT NULL,
    email_address   TEXT NOT NULL,
    email_key       TEXT NOT NULL,
    status          INTEGER NOT NULL, -- invite.Status
    template        TEXT NOT NULL,    -- the mail it is sent with
    public_metadata TEXT NOT NULL,
    redirect_url    TEXT NOT NULL,
    generation      INTEGER NOT NULL,
    user_id         TEXT NOT NULL,    -- who accepted
    forgotten       INTEGER NOT NULL DEFAULT 0, -- as above
    expires_at      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE INDEX application_invitations_by_status ON application_invitations (instance_id, status, id, expires_at);
CREATE INDEX application_invitations_by_email ON application_invitations (instance_id, email_key, id);
CREATE INDEX application_invitations_by_end ON application_invitations (instance_id, expires_at, id);
CREATE INDEX application_invitations_by_change ON application_invitations (instance_id, updated_at, id) WHERE status <> 0 AND forgotten = 0;
CREATE INDEX application_invitations_by_expiry ON application_invitations (instance_id, expires_at, id) WHERE status = 0;

-- Each lets its user sign in once.
CREATE TABLE sign_in_tokens (
    instance_id     TEXT NOT NULL,
    id              TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    organization_id TEXT NOT NULL, -- to be active afterwards
    status          INTEGER NOT NULL, -- invite.Status
    expires_at      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE INDEX sign_in_tokens_by_user ON sign_in_tokens (instance_id, user_id);
CREATE INDEX sign_in_tokens_by_expiry ON sign_in_tokens (instance_id, expires_at);

-- A browser, or what stands for one. The token in its cookie changes when
-- somebody signs in.
CREATE TABLE clients (
    instance_id    TEXT NOT NULL,
    id             TEXT NOT NULL,
    token_hash     TEXT NOT NULL, -- SHA-256, hex; empty without a browser
    active_session TEXT NOT NULL, -- the one that was used last
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL, -- of any change of what the browser sees
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE INDEX clients_by_change ON clients (instance_id, updated_at, id);

-- What a browser is doing to sign in. It has one such attempt at a time.
CREATE TABLE sign_ins (
    instance_id      TEXT NOT NULL,
    client_id        TEXT NOT NULL,
    id               TEXT NOT NULL,
    identifier       TEXT NOT NULL, -- as it was typed
    user_id          TEXT NOT NULL, -- whom it names
    strategy         TEXT NOT NULL, -- of the proof that was begun, or that was given
    email_address_id TEXT NOT NULL, -- where the code went; empty without one
    code_number      INTEGER NOT NULL, -- codes are derived from it, and never stored
    code_attempts    INTEGER NOT NULL,
    code_expires_at  INTEGER NOT NULL,
    needs_password   INTEGER NOT NULL, -- the code was right, and a new password is wanted
    session_id       TEXT NOT NULL, -- empty until it is complete
    abandon_at       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (instance_id, client_id)
) STRICT;
CREATE UNIQUE INDEX sign_ins_by_id ON sign_ins (instance_id, id);

-- What a browser is doing to sign up: the same for those who have no account.
CREATE TABLE sign_ups (
    instance_id     TEXT NOT NULL,
    client_id       TEXT NOT NULL,
    id              TEXT NOT NULL,
    email_address   TEXT NOT NULL,
    verified        TEXT NOT NULL, -- strategy that proved the address; empty = unverified
    first_name      TEXT NOT NULL,
    last_name       TEXT NOT NULL,
    username        TEXT NOT NULL,
    locale          TEXT NOT NULL,
    unsafe_metadata TEXT NOT NULL,
    password_digest TEXT NOT NULL,
    legal_accepted_at INTEGER NOT NULL, -- 0 = not
    ticket          TEXT NOT NULL, -- what the ticket says, without its signature; empty without one
    code_number     INTEGER NOT NULL,
    code_attempts   INTEGER NOT NULL,
    code_expires_at INTEGER NOT NULL,
    session_id      TEXT NOT NULL, -- empty until it is complete
    user_id         TEXT NOT NULL,
    abandon_at      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, client_id)
) STRICT;
CREATE UNIQUE INDEX sign_ups_by_id ON sign_ups (instance_id, id);

CREATE TABLE sessions (
    instance_id     TEXT NOT NULL,
    id              TEXT NOT NULL,
    client_id       TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    closed          TEXT NOT NULL, -- how it was ended; empty while it was not
    organization_id TEXT NOT NULL, -- the active one
    last_active_at  INTEGER NOT NULL,
    expire_at       INTEGER NOT NULL,
    abandon_at      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE INDEX sessions_by_user ON sessions (instance_id, user_id, id);
CREATE INDEX sessions_by_client ON sessions (instance_id, client_id, id);
CREATE INDEX sessions_by_end ON sessions (instance_id, expire_at);

-- What session tokens are signed with.
CREATE TABLE signing_keys (
    instance_id TEXT NOT NULL,
    id          TEXT NOT NULL, -- kid
    private_key BLOB NOT NULL, -- PKCS #8, sealed
    until       INTEGER NOT NULL, -- when it is no longer published; 0 for the one that signs
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE UNIQUE INDEX signing_keys_signing ON signing_keys (instance_id) WHERE until = 0;

CREATE TABLE events (
    instance_id     TEXT NOT NULL,
    id              TEXT NOT NULL,
    type            TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    data            TEXT NOT NULL, -- JSON, without anything that can be replayed
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;

-- Where an instance's events are posted. An endpoint has read the log up to
-- read_to; what it wants of that has become a delivery.
CREATE TABLE webhook_endpoints (
    instance_id   TEXT NOT NULL,
    id            TEXT NOT NULL,
    url           TEXT NOT NULL,
    description   TEXT NOT NULL,
    types         TEXT NOT NULL, -- separated by spaces; empty = all of the contract
    secrets       BLOB NOT NULL, -- sealed
    status        TEXT NOT NULL, -- enabled | disabled | failed
    failing_since INTEGER NOT NULL DEFAULT 0,
    read_to       TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;

-- The history of what was posted. A pending delivery has a message in the outbox.
CREATE TABLE deliveries (
    instance_id TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    type        TEXT NOT NULL,
    status      INTEGER NOT NULL, -- invite.DeliveryStatus
    attempts    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, event_id, endpoint_id)
) STRICT;
CREATE INDEX deliveries_by_status ON deliveries (instance_id, endpoint_id, status, event_id);

CREATE TABLE attempts (
    instance_id TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    number      INTEGER NOT NULL,
    status_code INTEGER NOT NULL, -- 0 = no answer
    response    TEXT NOT NULL,    -- the beginning of its body
    error       TEXT NOT NULL,
    took        INTEGER NOT NULL, -- milliseconds
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, event_id, endpoint_id, number)
) STRICT;

-- Messages to be sent. A claim moves due_at behind its lease and counts the
-- attempt, which fences whoever held the lease before. A message to an endpoint
-- has the id of the event it tells of.
CREATE TABLE outbox (
    instance_id     TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    bucket          INTEGER NOT NULL, -- keeps claiming on one shard
    endpoint_id     TEXT NOT NULL,    -- empty for mail
    id              TEXT NOT NULL,
    kind            TEXT NOT NULL,
    subject_id      TEXT NOT NULL,    -- of an invitation, or of what a code is for; empty for an event
    code_number     INTEGER NOT NULL DEFAULT 0, -- which of its codes; 0 = none
    parked          INTEGER NOT NULL DEFAULT 0,
    attempt         INTEGER NOT NULL DEFAULT 0,
    due_at          INTEGER NOT NULL,
    last_error      TEXT NOT NULL DEFAULT '',
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, bucket, endpoint_id, id)
) STRICT;
CREATE INDEX outbox_due ON outbox (bucket, due_at, id) WHERE parked = 0 AND endpoint_id = '';
CREATE INDEX outbox_parked ON outbox (instance_id, id) WHERE parked = 1 AND endpoint_id = '';
CREATE INDEX outbox_by_endpoint ON outbox (instance_id, endpoint_id, due_at, id) WHERE endpoint_id <> '';

-- Mail that was kept instead of sent. Its ticket or code is left out and derived
-- again when the message is read.
CREATE TABLE inbox (
    instance_id     TEXT NOT NULL,
    id              TEXT NOT NULL,
    email_key       TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    subject_id      TEXT NOT NULL, -- as in the outbox
    code_number     INTEGER NOT NULL,
    message         TEXT NOT NULL, -- JSON
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, id)
) STRICT;
CREATE INDEX inbox_by_email ON inbox (instance_id, email_key, id);

CREATE TABLE idempotency_keys (
    instance_id     TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint     TEXT NOT NULL, -- of method, path and body (invite.Keyring.Fingerprint)
    response        BLOB NOT NULL, -- sealed: it may carry a ticket
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_id, idempotency_key)
) STRICT;
CREATE INDEX idempotency_keys_by_creation ON idempotency_keys (instance_id, created_at);

-- Has its row while usher copy fills the database, which nobody serves until then.
CREATE TABLE unfinished_copies (
    id INTEGER NOT NULL PRIMARY KEY
) STRICT;
