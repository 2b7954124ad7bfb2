package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"usher/internal/invite"
)

// Erased is how many rows of a kind were erased.
type Erased struct {
	What string
	Rows int
}

// erasePage is how many events are read at once in search of a person.
const erasePage = 1000

// Erase forgets, at once and as a whole, what an instance knows of the person behind an
// address: the user who has claimed it, with all that is the user's, and what was kept
// about each of the user's claimed addresses. Invitations to these stay with a
// placeholder (invite.Keyring.Placeholder), those pending are revoked, and all lose their
// metadata and redirect URL. Other users who had entered the address lose it. Events that
// hold one of the addresses or the user's id go, with their deliveries; a user.deleted
// that has the id alone is the last of the user's. What others have keeps the user's id,
// which leads nowhere.
//
// It returns how much of what was erased, nothing for an address that is not known. A
// rehearsal returns the same and changes nothing.
func (db *DB) Erase(ctx context.Context, in *invite.Instance, email invite.Email, rehearsal bool) ([]Erased, error) {
	for {
		e, err := db.mentioned(ctx, in, email)
		if err != nil {
			return nil, err
		}
		if err = db.write(ctx, func(t *tx) error { return t.erase(in, email, *e, rehearsal) }); err == nil || errors.Is(err, errRehearsed) {
			return e.list(), nil
		}
		if !errors.Is(err, errBecameAnother) {
			return nil, err
		}
	}
}

var (
	errRehearsed     = refusal{errors.New("this was a rehearsal")}
	errBecameAnother = refusal{errors.New("the user was changed meanwhile")}
)

// erasure is the work of erasing a person.
type erasure struct {
	user   *invite.User // nil without one
	emails []invite.Email
	events []string // that mention the person
	read   string   // the last event that was looked at
	rows   map[string]int
}

// kinds are what is counted, in the order in which it is told.
var kinds = []string{
	"users", "email addresses", "memberships", "sessions", "sign-ins", "sign-ups", "sign-in tokens", "membership requests", "enrollments",
	"invitations", "application invitations", "list identifiers", "domain verifications", "mails", "stored answers", "events",
}

func (e *erasure) list() []Erased {
	var list []Erased
	for _, what := range kinds {
		if n := e.rows[what]; n > 0 {
			list = append(list, Erased{what, n})
		}
	}
	return list
}

// mentioned finds the person and, in portions, the events that mention them, so that
// the writer need not read the log.
func (db *DB) mentioned(ctx context.Context, in *invite.Instance, email invite.Email) (*erasure, error) {
	e := &erasure{rows: make(map[string]int)}
	if err := db.read(ctx, func(t *tx) error { return t.behind(in, email, e) }); err != nil {
		return nil, err
	}
	for more := true; more; {
		if err := db.query(ctx, func(t *tx) (err error) {
			more, err = t.mentions(in.ID, e)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// behind finds out whom e is about.
func (t *tx) behind(in *invite.Instance, email invite.Email, e *erasure) error {
	e.emails = []invite.Email{email}
	var id string
	err := t.row(`
		SELECT user_id
		FROM email_addresses
		WHERE instance_id = $1 AND email_key = $2 AND loose = ''`, in.ID, email.Key).Scan(&id)
	if err != nil {
		return missing(err, nil)
	}
	if e.user, err = t.user(in.ID, id); err != nil {
		return err
	}
	for k := range e.user.EmailAddresses {
		if a := &e.user.EmailAddresses[k]; a.Claimed() && a.Email.Key != email.Key {
			e.emails = append(e.emails, a.Email)
		}
	}
	return nil
}

// mentions reads on in the log, and reports whether there may be more.
func (t *tx) mentions(instance string, e *erasure) (more bool, err error) {
	n := 0
	err = t.each(`
		SELECT id, data
		FROM events
		WHERE instance_id = $1 AND id > $2
		ORDER BY id
		LIMIT $3`, []any{instance, e.read, erasePage}, func(row scanner) error {
		var data []byte
		if err := row.Scan(&e.read, &data); err != nil {
			return err
		}
		if n++; e.in(data) {
			e.events = append(e.events, e.read)
		}
		return nil
	})
	return n == erasePage, err
}

// in reports whether a JSON text mentions the person.
func (e *erasure) in(data []byte) bool {
	lower := bytes.ToLower(data)
	if !slices.ContainsFunc(e.names(), func(name string) bool { return bytes.Contains(lower, encoded(name)) }) {
		return false // most of them
	}
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if text, ok := token.(string); ok && e.inText(text) {
			return true
		}
	}
}

// encoded is a name as JSON has it.
func encoded(name string) []byte {
	text, _ := json.Marshal(name) // never fails
	return bytes.ToLower(text[1 : len(text)-1])
}

// names are the texts by which the person is known.
func (e *erasure) names() []string {
	var list []string
	for _, email := range e.emails {
		list = append(list, email.Address, email.Key)
	}
	if e.user != nil {
		list = append(list, strings.ToLower(e.user.ID))
	}
	return list
}

// inText does not take a longer address, or the end of one, for the person's.
func (e *erasure) inText(text string) bool {
	text = strings.ToLower(text)
	for _, name := range e.names() {
		for rest := text; ; {
			before, after, found := strings.Cut(rest, name)
			if !found {
				break
			}
			start := len(text) - len(rest) + len(before)
			if !goesOn(text[:start], after) {
				return true
			}
			rest = rest[len(before)+1:]
		}
	}
	return false
}

// goesOn reports whether what stands around an address belongs to it.
func goesOn(before, after string) bool {
	const domain = "abcdefghijklmnopqrstuvwxyz0123456789-"
	const local = domain + ".!#$%&'*+/=?^_`{|}~"
	if before != "" && strings.IndexByte(local, before[len(before)-1]) >= 0 {
		return true
	}
	after = strings.TrimPrefix(after, ".") // of a longer domain, or of the sentence
	return after != "" && strings.IndexByte(domain, after[0]) >= 0
}

// readOn reads the log to its end.
func (t *tx) readOn(instance string, e *erasure) error {
	for more := true; more; {
		var err error
		if more, err = t.mentions(instance, e); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) erase(in *invite.Instance, email invite.Email, found erasure, rehearsal bool) error {
	e := erasure{rows: found.rows, events: found.events, read: found.read}
	clear(e.rows)
	if err := t.behind(in, email, &e); err != nil {
		return err
	}
	if !slices.Equal(e.names(), found.names()) {
		return errBecameAnother
	}
	if err := t.readOn(in.ID, &e); err != nil {
		return err
	}
	e.rows["events"], t.changedAll = len(e.events), true
	for _, step := range []func(*invite.Instance, *erasure) error{
		t.eraseInvitations, t.eraseApplicationInvitations, t.eraseAttempts, t.eraseUser, t.eraseClaims, t.eraseMails, t.eraseAnswers, t.eraseEvents,
	} {
		if err := step(in, &e); err != nil {
			return err
		}
	}
	if e.user != nil {
		if err := t.event(in.ID, "", invite.UserDeletedEvent, invite.Deleted{Object: "user", ID: e.user.ID}); err != nil {
			return err
		}
	}
	if rehearsal {
		return errRehearsed
	}
	return nil
}

// remove runs a statement of the instance and one value, and counts its rows.
func (t *tx) remove(e *erasure, what, query, instance, value string) error {
	n, err := t.exec(query, instance, value)
	e.rows[what] += int(n)
	return err
}

// keys are what invitations to the person may be found by.
func (t *tx) keys(in *invite.Instance, e *erasure) []string {
	var list []string
	for _, email := range e.emails {
		list = append(list, email.Key, t.db.opts.Keys.Placeholder(in.ID, email).Key)
	}
	return list
}

func (t *tx) eraseInvitations(in *invite.Instance, e *erasure) error {
	for _, key := range t.keys(in, e) {
		if err := t.remove(e, "invitations", `
			DELETE FROM invitations
			WHERE instance_id = $1 AND email_key = $2 AND organization_id IN (
				SELECT d.id FROM deleted_organizations d WHERE d.instance_id = $1)`, in.ID, key); err != nil {
			return err
		}
		list, err := t.ended(`
			SELECT organization_id, id, email_key
			FROM invitations
			WHERE instance_id = $1 AND email_key = $2 AND organization_id NOT IN (
				SELECT d.id FROM deleted_organizations d WHERE d.instance_id = $1)
				AND (forgotten = 0 OR redirect_url <> '' OR public_metadata <> '{}' OR private_metadata <> '{}')`, in.ID, key)
		if err != nil {
			return err
		}
		for k := range list {
			if err := t.eraseInvitation(in.ID, &list[k]); err != nil {
				return err
			}
		}
		e.rows["invitations"] += len(list)
	}
	return nil
}

// eraseInvitation revokes an invitation if it is pending, and tells of it without the
// address.
func (t *tx) eraseInvitation(instance string, found *ended) error {
	i, err := t.invitation(instance, found.organization, found.id)
	if err != nil {
		return err
	}
	to, pending := i.Email, i.Status == invite.Pending
	if !strings.HasSuffix(to.Key, "@erased.invalid") {
		to = t.db.opts.Keys.Placeholder(instance, to)
	}
	event := invite.InvitationRevokedEvent
	if pending && i.Revoke(t.now) != nil {
		i.Status, i.UpdatedAt, event = invite.Expired, t.now, invite.InvitationExpiredEvent
	}
	if pending {
		if err := t.end(i); err != nil {
			return err
		}
	}
	if err := t.later(`
		UPDATE invitations
		SET email_address = $4, email_key = $5, redirect_url = '', public_metadata = '{}', private_metadata = '{}', forgotten = 1
		WHERE instance_id = $1 AND organization_id = $2 AND id = $3`, instance, i.OrganizationID, i.ID, to.Address, to.Key); err != nil || !pending {
		return err
	}
	if i, err = t.invitation(instance, i.OrganizationID, i.ID); err != nil {
		return err
	}
	return t.event(instance, i.OrganizationID, event, i)
}

func (t *tx) eraseApplicationInvitations(in *invite.Instance, e *erasure) error {
	for _, key := range t.keys(in, e) {
		list, err := t.ended(`
			SELECT '', id, email_key
			FROM application_invitations
			WHERE instance_id = $1 AND email_key = $2 AND (forgotten = 0 OR redirect_url <> '' OR public_metadata <> '{}')`, in.ID, key)
		if err != nil {
			return err
		}
		for k := range list {
			if err := t.eraseApplicationInvitation(in.ID, &list[k]); err != nil {
				return err
			}
		}
		e.rows["application invitations"] += len(list)
	}
	return nil
}

func (t *tx) eraseApplicationInvitation(instance string, found *ended) error {
	i, err := t.applicationInvitation(instance, found.id)
	if err != nil {
		return err
	}
	to := i.Email
	if !strings.HasSuffix(to.Key, "@erased.invalid") {
		to = t.db.opts.Keys.Placeholder(instance, to)
	}
	if i.Status == invite.Pending {
		if err := i.Revoke(t.now); err != nil {
			return err
		}
		if err := t.endApplicationInvitation(i, invite.Pending); err != nil {
			return err
		}
	}
	err = t.later(`
		UPDATE application_invitations
		SET email_address = $3, email_key = $4, redirect_url = '', public_metadata = '{}', forgotten = 1
		WHERE instance_id = $1 AND id = $2`, instance, i.ID, to.Address, to.Key)
	return err
}

// eraseAttempts forgets what browsers were doing to sign in or up as the person.
func (t *tx) eraseAttempts(in *invite.Instance, e *erasure) error {
	for _, email := range e.emails {
		if err := t.remove(e, "sign-ups", `DELETE FROM sign_ups WHERE instance_id = $1 AND email_address = $2`, in.ID, email.Address); err != nil {
			return err
		}
		// The identifier is as it was typed.
		if err := t.remove(e, "sign-ins", `DELETE FROM sign_ins WHERE instance_id = $1 AND lower(identifier) = $2`, in.ID, email.Address); err != nil {
			return err
		}
	}
	if e.user == nil {
		return nil
	}
	if err := t.remove(e, "sign-ups", `DELETE FROM sign_ups WHERE instance_id = $1 AND user_id = $2`, in.ID, e.user.ID); err != nil {
		return err
	}
	return t.remove(e, "sign-ins", `DELETE FROM sign_ins WHERE instance_id = $1 AND user_id = $2`, in.ID, e.user.ID)
}

func (t *tx) eraseUser(in *invite.Instance, e *erasure) error {
	if e.user == nil {
		return nil
	}
	for _, count := range []struct{ what, query string }{
		{"memberships", `SELECT count(*) FROM memberships WHERE instance_id = $1 AND user_id = $2 AND organization_id NOT IN ` + left},
		{"sessions", `SELECT count(*) FROM sessions WHERE instance_id = $1 AND user_id = $2`},
		{"sign-in tokens", `SELECT count(*) FROM sign_in_tokens WHERE instance_id = $1 AND user_id = $2`},
		{"membership requests", `SELECT count(*) FROM membership_requests WHERE instance_id = $1 AND user_id = $2`},
		{"enrollments", `SELECT count(*) FROM enrollments WHERE instance_id = $1 AND user_id = $2`},
	} {
		var n int
		if err := t.row(count.query, in.ID, e.user.ID).Scan(&n); err != nil {
			return err
		}
		e.rows[count.what] += n
	}
	e.rows["users"], e.rows["email addresses"] = 1, len(e.user.EmailAddresses)
	if err := t.deleteUser(in.ID, e.user.ID); err != nil {
		return err
	}
	return t.remove(e, "memberships", `
		DELETE FROM memberships
		WHERE instance_id = $1 AND user_id = $2 AND organization_id IN (
			SELECT d.id FROM deleted_organizations d WHERE d.instance_id = $1)`, in.ID, e.user.ID)
}

// eraseClaims takes the addresses from where they were only named: users who never
// proved them, lists, domains that were to be verified.
func (t *tx) eraseClaims(in *invite.Instance, e *erasure) error {
	for _, email := range e.emails {
		claims, err := t.strings(`SELECT id FROM email_addresses WHERE instance_id = $1 AND email_key = $2`, in.ID, email.Key)
		if err != nil {
			return err
		}
		for _, id := range claims {
			if err := t.takeAddress(in, id); err != nil {
				return err
			}
		}
		e.rows["email addresses"] += len(claims)
		if err := t.remove(e, "list identifiers", `DELETE FROM list_identifiers WHERE instance_id = $1 AND identifier_key = $2`, in.ID, email.Key); err != nil {
			return err
		}
		if err := t.remove(e, "domain verifications", `
			UPDATE organization_domains
			SET affiliation = '', code_number = 0, code_attempts = 0, code_expires_at = 0
			WHERE instance_id = $1 AND affiliation = $2`, in.ID, email.Address); err != nil {
			return err
		}
	}
	return nil
}

// takeAddress takes from a user an address that is not proven to be the user's.
func (t *tx) takeAddress(in *invite.Instance, id string) error {
	a, err := t.address(in.ID, id)
	if err != nil {
		return err
	}
	u, err := t.user(in.ID, a.UserID)
	if err != nil {
		return err
	}
	u.EmailAddresses = slices.DeleteFunc(u.EmailAddresses, func(a invite.EmailAddress) bool { return a.ID == id })
	if u.PrimaryEmailAddressID == id {
		u.PrimaryEmailAddressID = ""
		if len(u.EmailAddresses) > 0 {
			u.PrimaryEmailAddressID = u.EmailAddresses[0].ID
		}
	}
	if err := t.later(`DELETE FROM email_addresses WHERE instance_id = $1 AND user_id = $2 AND id = $3`, in.ID, u.ID, id); err != nil {
		return err
	}
	if err := t.lose(in, u, id); err != nil {
		return err
	}
	return t.saveUser(in.ID, u)
}

// eraseMails drops the mails that were kept for the person or name them, and those of
// which a mail server said so.
func (t *tx) eraseMails(in *invite.Instance, e *erasure) error {
	for _, email := range e.emails {
		if err := t.remove(e, "mails", `DELETE FROM inbox WHERE instance_id = $1 AND email_key = $2`, in.ID, email.Key); err != nil {
			return err
		}
	}
	var kept []string
	if err := t.each(`SELECT id, message FROM inbox WHERE instance_id = $1`, []any{in.ID}, func(row scanner) error {
		var id string
		var message []byte
		err := row.Scan(&id, &message)
		if err == nil && (e.in(message) || e.signs(message)) {
			kept = append(kept, id)
		}
		return err
	}); err != nil {
		return err
	}
	for _, id := range kept {
		if err := t.remove(e, "mails", `DELETE FROM inbox WHERE instance_id = $1 AND id = $2`, in.ID, id); err != nil {
			return err
		}
	}
	return t.eraseFailures(in, e)
}

// signs reports whether a mail has the user's name.
func (e *erasure) signs(message []byte) bool {
	if e.user == nil {
		return false
	}
	name := strings.TrimSpace(e.user.FirstName + " " + e.user.LastName)
	return name != "" && bytes.Contains(bytes.ToLower(message), encoded(strings.ToLower(name)))
}

func (t *tx) eraseFailures(in *invite.Instance, e *erasure) error {
	var parked []string
	for bucket := range buckets {
		if err := t.each(`
			SELECT id, last_error
			FROM outbox
			WHERE instance_id = $1 AND bucket = $2 AND endpoint_id = '' AND last_error <> ''`, []any{in.ID, bucket}, func(row scanner) error {
			var id, reason string
			err := row.Scan(&id, &reason)
			if err == nil && e.inText(reason) {
				parked = append(parked, id)
			}
			return err
		}); err != nil {
			return err
		}
		for _, id := range parked {
			if err := t.later(`DELETE FROM outbox WHERE instance_id = $1 AND bucket = $2 AND endpoint_id = '' AND id = $3`, in.ID, bucket, id); err != nil {
				return err
			}
		}
		e.rows["mails"] += len(parked)
		parked = parked[:0]
	}
	return nil
}

// eraseAnswers forgets the answers kept for requests that are repeated. One that cannot
// be read, since it was sealed under another master key, is good for nothing.
func (t *tx) eraseAnswers(in *invite.Instance, e *erasure) error {
	var kept []string
	if err := t.each(`SELECT idempotency_key, response FROM idempotency_keys WHERE instance_id = $1`, []any{in.ID}, func(row scanner) error {
		var key string
		var sealed []byte
		if err := row.Scan(&key, &sealed); err != nil {
			return err
		}
		response, err := t.db.opts.Keys.Open(in.ID+"/"+key, sealed)
		if err != nil || e.inText(string(response)) || e.inText(key) {
			kept = append(kept, key)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, key := range kept {
		if err := t.remove(e, "stored answers", `DELETE FROM idempotency_keys WHERE instance_id = $1 AND idempotency_key = $2`, in.ID, key); err != nil {
			return err
		}
	}
	return nil
}

// eraseEvents reads the log to its end, what this transaction has added included. Of the
// messages of an event that is gone, those not yet posted are dropped in their turn.
func (t *tx) eraseEvents(in *invite.Instance, e *erasure) error {
	if err := t.readOn(in.ID, e); err != nil {
		return err
	}
	for _, id := range e.events {
		for _, query := range []string{
			`DELETE FROM attempts WHERE instance_id = $1 AND event_id = $2`,
			`DELETE FROM deliveries WHERE instance_id = $1 AND event_id = $2`,
			`DELETE FROM events WHERE instance_id = $1 AND id = $2`,
		} {
			if err := t.later(query, in.ID, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// errRead says why the log beside a file still has what was deleted.
var errRead = errors.New("another program reads the file for long, so that the log beside it is not emptied: stop that (Litestream, say) and repeat the command")

// Compact rewrites a SQLite file without what was deleted from it, of which free pages
// and the log beside the file hold the content until then. Writes wait meanwhile. It
// fails when somebody goes on reading what the file was before. On PostgreSQL, which does
// all that in its own time, it does nothing.
func (db *DB) Compact(ctx context.Context) (err error) {
	if db.opts.Database != "" {
		return nil
	}
	c, err := db.primary.readers.take(ctx)
	if err != nil {
		return err
	}
	defer func() { db.primary.readers.give(c) }()
	if _, err := c.sql.ExecContext(ctx, `PRAGMA query_only = 0`); err != nil {
		return db.classify(err)
	}
	defer func() {
		_, end := c.sql.ExecContext(context.WithoutCancel(ctx), `PRAGMA query_only = 1`)
		err = errors.Join(err, end)
	}()
	if _, err := c.sql.ExecContext(ctx, `VACUUM`); err != nil {
		return db.classify(err)
	}
	var busy, pages, moved int
	if err := c.sql.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return db.classify(err)
	}
	if busy != 0 {
		return errRead
	}
	return nil
}
