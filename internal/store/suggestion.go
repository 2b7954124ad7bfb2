package store

import (
	"context"

	"usher/internal/invite"
)

// suggestionsOf selects the suggestions to one user, of domains that still bring people
// in. There are few: each is of a domain that the user has an address of.
const suggestionsOf = ` FROM enrollments e
	JOIN organization_domains d ON d.instance_id = e.instance_id AND d.organization_id = e.organization_id AND d.id = e.domain_id
	WHERE e.instance_id = $1 AND e.user_id = $2 AND e.kind = 'suggestion' AND d.verified <> ''`

const suggestionColumns = `e.id, e.organization_id, e.domain_id, e.status, e.created_at, e.updated_at`

func scanSuggestion(row scanner, instance string) (*invite.Suggestion, error) {
	var s invite.Suggestion
	err := row.Scan(&s.ID, &s.Organization.ID, &s.Domain.ID, &s.Status, &s.CreatedAt, &s.UpdatedAt)
	s.Domain.InstanceID, s.Domain.OrganizationID = instance, s.Organization.ID
	return &s, err
}

// Suggestions returns one page, newest first, of the organizations suggested to a
// user, and their number. There are none where domains are switched off.
func (db *DB) Suggestions(ctx context.Context, in *invite.Instance, user string, statuses []invite.SuggestionStatus, p invite.Page) ([]*invite.Suggestion, int, error) {
	if !in.Settings.Suggests() {
		return nil, 0, nil
	}
	var list []*invite.Suggestion
	var total int
	err := db.read(ctx, func(t *tx) error {
		list = nil
		q := where{args: []any{in.ID, user}}
		names := make([]string, len(statuses))
		for i, s := range statuses {
			names[i] = string(s)
		}
		q.in(`e.status`, names)
		if err := t.row(`SELECT count(*)`+suggestionsOf+q.more(), q.args...).Scan(&total); err != nil {
			return err
		}
		query := `SELECT ` + suggestionColumns + suggestionsOf + q.more() + order(`e.id`, `e.id`, true) + q.limit(p)
		if err := t.each(query, q.args, func(row scanner) error {
			s, err := scanSuggestion(row, in.ID)
			list = append(list, s)
			return err
		}); err != nil {
			return err
		}
		organizations := t.organizations(in.ID)
		for _, s := range list {
			o, err := organizations.get(s.Organization.ID)
			if err != nil {
				return err
			}
			s.Organization = *o
		}
		return nil
	})
	return list, total, err
}

// AcceptSuggestion makes a user ask the suggested organization for a membership. It
// refuses with SuggestionNotFound what is not suggested to the user, and with
// SuggestionUsed what the user has accepted before.
func (db *DB) AcceptSuggestion(ctx context.Context, in *invite.Instance, user, id string) (*invite.Suggestion, error) {
	if !in.Settings.Suggests() {
		return nil, invite.Err(invite.SuggestionNotFound, id)
	}
	var s *invite.Suggestion
	err := db.write(ctx, func(t *tx) (err error) {
		if s, err = scanSuggestion(t.row(`SELECT `+suggestionColumns+suggestionsOf+` AND e.id = $3 AND e.status <> $4`,
			in.ID, user, id, invite.SuggestionRejected), in.ID); err != nil {
			return missing(err, invite.Err(invite.SuggestionNotFound, id))
		}
		if err := s.Accept(t.now); err != nil {
			return err
		}
		t.changed = []string{} // lists of invitations do not show suggestions
		if err := t.later(`
			UPDATE enrollments
			SET status = $5, updated_at = $6
			WHERE instance_id = $1 AND domain_id = $2 AND kind = $3 AND user_id = $4`,
			in.ID, s.Domain.ID, invite.SuggestedByDomain, user, s.Status, s.UpdatedAt); err != nil {
			return err
		}
		if err := t.countEnrollments(&s.Domain, invite.SuggestedByDomain, -1); err != nil {
			return err
		}
		o, err := t.organization(in.ID, s.Organization.ID)
		if err := t.unswept(o, err); err != nil {
			return err
		}
		s.Organization = *o
		return t.request(o, user)
	})
	return s, err
}

// rejectSuggestions ends what the user has accepted of an organization's suggestions,
// so that they are not made again.
func (t *tx) rejectSuggestions(o *invite.Organization, user string) error {
	err := t.later(`
		UPDATE enrollments
		SET status = $4, updated_at = $5
		WHERE instance_id = $1 AND user_id = $2 AND organization_id = $3 AND status = $6`,
		o.InstanceID, user, o.ID, invite.SuggestionRejected, t.now, invite.SuggestionAccepted)
	return err
}
