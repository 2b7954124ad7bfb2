package store

import (
	"context"

	"usher/internal/invite"
)

// SendAffiliationCode mails a code to an address of a domain, with which a member can
// verify it. Codes sent before are worth nothing from then on. A domain that is
// verified stays as it is. It refuses as Domain and [invite.Domain.Affiliate] do.
func (db *DB) SendAffiliationCode(ctx context.Context, in *invite.Instance, organization, id, address string) (*invite.Domain, error) {
	return db.affiliate(ctx, in, organization, id, func(t *tx, d *invite.Domain) error {
		if err := d.Affiliate(address, t.now); err != nil {
			return err
		}
		s := Subject{OrganizationID: d.OrganizationID, SubjectID: d.ID, CodeNumber: d.Code.Number}
		if err := t.sendCode(in, d.Affiliation, s); err != nil {
			return err
		}
		return t.saveAffiliation(d)
	})
}

// VerifyAffiliation verifies a domain by the code that was mailed, and begins to
// enroll the owners of its addresses. A domain that is verified stays as it is. It
// refuses with CodeIncorrect a wrong answer, which is counted nevertheless, with
// CodeMissing, CodeExpired or CodeFailed, with DomainTaken when another organization
// was faster, and as Domain does.
func (db *DB) VerifyAffiliation(ctx context.Context, in *invite.Instance, organization, id, answer string) (*invite.Domain, error) {
	var wrong error
	d, err := db.affiliate(ctx, in, organization, id, func(t *tx, d *invite.Domain) error {
		if wrong = d.Code.Answer(t.codeOf(in, d.Affiliation, d.ID, d.Code), answer, t.now); wrong != nil {
			return t.saveAffiliation(d)
		}
		d.Prove()
		if err := t.updateDomain(d); err != nil {
			return err
		}
		if err := t.saveAffiliation(d); err != nil {
			return err
		}
		if err := t.beginEnrolling(in, d); err != nil {
			return err
		}
		return t.event(in.ID, d.OrganizationID, invite.DomainUpdatedEvent, d)
	})
	if err == nil {
		err = wrong
	}
	return d, err
}

// affiliate changes a domain that nothing has verified yet.
func (db *DB) affiliate(ctx context.Context, in *invite.Instance, organization, id string, change func(*tx, *invite.Domain) error) (*invite.Domain, error) {
	if err := in.Settings.CheckDomains(); err != nil {
		return nil, err
	}
	var d *invite.Domain
	err := db.write(ctx, func(t *tx) (err error) {
		if err := t.mayIn(in.ID, organization, invite.DomainsManage); err != nil {
			return err
		}
		if d, err = t.domain(in.ID, organization, id); err != nil || d.Verified != invite.Unverified {
			return err
		}
		d.UpdatedAt, t.changed = t.now, []string{} // lists of invitations do not show domains
		return change(t, d)
	})
	return d, err
}

func (t *tx) saveAffiliation(d *invite.Domain) error {
	err := t.later(`
		UPDATE organization_domains
		SET affiliation = $4, code_number = $5, code_attempts = $6, code_expires_at = $7, updated_at = $8
		WHERE instance_id = $1 AND organization_id = $2 AND id = $3`,
		d.InstanceID, d.OrganizationID, d.ID, d.Affiliation.Address, d.Code.Number, d.Code.Attempts, d.Code.ExpiresAt, d.UpdatedAt)
	return err
}
