package clerk_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// now is odd in every unit, so that a truncation shows.
var now = invite.At(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC))

const publicURL = "https://invite.example.com"

func newEncoder(t testing.TB) *clerk.Encoder {
	t.Helper()
	keys, err := invite.NewKeyring([]byte(strings.Repeat("k", invite.MinMasterKey)))
	if err != nil {
		t.Fatal(err)
	}
	return &clerk.Encoder{PublicURL: publicURL, Keys: keys}
}

// newInvitation is pending at now, with everything an invitation can have.
func newInvitation() *invite.Invitation {
	return &invite.Invitation{
		ID: "orginv_2g7np7Hrk0SN6kj5EDMLDaKNL0S", InstanceID: "ins_2g7np7Hrk0SN6kj5EDMLDaKNL0S", OrganizationID: "org_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
		Email: invite.Email{Address: "jane.doe@example.com", Key: "jane.doe@example.com"},
		Role:  "org:member", RoleName: "Member", InviterID: "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
		Inviter:        &invite.Person{UserID: "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S", FirstName: "Ann", Identifier: "ann@example.com"},
		PublicMetadata: json.RawMessage(`{"team":"core"}`), PrivateMetadata: json.RawMessage(`{}`),
		RedirectURL: "https://app.example.com/welcome", Generation: 1,
		CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(30 * 24 * time.Hour),
	}
}

// wireInvitation is contract §3.2 for encoding/json, which AppendInvitation must
// agree with.
type wireInvitation struct {
	Object          string          `json:"object"`
	ID              string          `json:"id"`
	EmailAddress    string          `json:"email_address"`
	Role            string          `json:"role"`
	RoleName        string          `json:"role_name"`
	OrganizationID  string          `json:"organization_id"`
	InviterID       *string         `json:"inviter_id"`
	Inviter         *wireInviter    `json:"public_inviter_data"`
	Status          string          `json:"status"`
	PublicMetadata  json.RawMessage `json:"public_metadata"`
	PrivateMetadata json.RawMessage `json:"private_metadata"`
	URL             *string         `json:"url"`
	ExpiresAt       int64           `json:"expires_at"`
	CreatedAt       int64           `json:"created_at"`
	UpdatedAt       int64           `json:"updated_at"`
	UserID          string          `json:"user_id,omitempty"` // in events only
}

type wireInviter struct {
	UserID     string  `json:"user_id"`
	FirstName  *string `json:"first_name"`
	LastName   *string `json:"last_name"`
	ImageURL   string  `json:"image_url"`
	HasImage   bool    `json:"has_image"`
	Identifier string  `json:"identifier"`
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// wireOf translates i by itself; only the link and the picture's address are e's.
func wireOf(e *clerk.Encoder, i *invite.Invitation) wireInvitation {
	names := map[invite.Status]string{
		invite.Pending: "pending", invite.Accepted: "accepted", invite.Revoked: "revoked", invite.Declined: "revoked", invite.Expired: "expired",
	}
	w := wireInvitation{
		Object: "organization_invitation", ID: i.ID, EmailAddress: i.Email.Address, Role: i.Role, RoleName: i.RoleName,
		OrganizationID: i.OrganizationID, InviterID: nullable(i.InviterID), Status: names[i.StatusAt(now)],
		PublicMetadata: i.PublicMetadata, PrivateMetadata: i.PrivateMetadata,
		ExpiresAt: int64(i.ExpiresAt), CreatedAt: int64(i.CreatedAt), UpdatedAt: int64(i.UpdatedAt),
	}
	if p := i.Inviter; p != nil {
		image := e.User(&invite.User{ID: p.UserID, FirstName: p.FirstName, LastName: p.LastName, Username: p.Identifier}, now).ImageURL
		w.Inviter = &wireInviter{UserID: p.UserID, FirstName: nullable(p.FirstName), LastName: nullable(p.LastName), ImageURL: image, Identifier: p.Identifier}
	}
	if w.Status == "pending" {
		link := invite.TicketFor(i, invite.ByAPI).Link(publicURL, e.Keys)
		w.URL = &link
	}
	return w
}

// parse reads what was encoded, refusing fields that are not the contract's.
func parse(t rapid.TB, body []byte) wireInvitation {
	t.Helper()
	var w wireInvitation
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return w
}

// wild draws a text with everything that JSON escapes or cannot hold.
func wild() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"\x00", "\x1f", "\b\f\n\r\t", "\x7f", "\u2028", "\u2029", "\u202a", `"`, `\`, `\u0041`, "<&>", "\xff", "\xc3", "\xed\xa0\x80", "\ufffd", "日本", "🙂", "é"}),
		rapid.StringN(0, 4, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) string { return string(b) }),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 6), func(pieces []string) string { return strings.Join(pieces, "") })
}

func wildInvitation(t *rapid.T) *invite.Invitation {
	text := func(name string) string { return wild().Draw(t, name) }
	instant := func(name string) invite.Instant { return invite.Instant(rapid.Int64().Draw(t, name)) }
	i := &invite.Invitation{
		ID: text("id"), InstanceID: "ins_1", OrganizationID: "org_1", Email: invite.Email{Address: text("address")},
		Role: text("role"), RoleName: text("role name"), InviterID: text("inviter id"),
		Status:          rapid.SampledFrom([]invite.Status{invite.Pending, invite.Accepted, invite.Revoked, invite.Expired, invite.Declined}).Draw(t, "status"),
		PublicMetadata:  json.RawMessage(rapid.SampledFrom([]string{`{}`, `{"a":[1,{"b":"<&>"}]}`, `{"é":"\u2028\"","n":1e3}`}).Draw(t, "public")),
		PrivateMetadata: json.RawMessage(`{"x":null}`),
		ExpiresAt:       instant("expires"), CreatedAt: instant("created"), UpdatedAt: instant("updated"),
	}
	if i.StatusAt(now) == invite.Pending {
		i.ID = "orginv_1" // goes into the ticket, where ids are the server's own
	}
	if rapid.Bool().Draw(t, "has an inviter") {
		i.Inviter = &invite.Person{UserID: text("user id"), FirstName: text("first"), LastName: text("last"), Identifier: text("identifier")}
	}
	return i
}

func TestAppendInvitationIsWhatEncodingJSONWrites(t *testing.T) {
	e := newEncoder(t)
	rapid.Check(t, func(t *rapid.T) {
		i := wildInvitation(t)
		want, err := clerk.Marshal(wireOf(e, i))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.AppendInvitation([]byte("before"), i, now); string(got) != "before"+string(want) {
			t.Fatalf("got  %s\nwant before%s", got, want)
		}
	})
}

func TestAppendInvitations(t *testing.T) {
	e := newEncoder(t)
	first, second := newInvitation(), newInvitation()
	second.ID = "orginv_2"
	one, two := string(e.AppendInvitation(nil, first, now)), string(e.AppendInvitation(nil, second, now))
	tests := []struct {
		name  string
		page  []*invite.Invitation
		total int
		want  string
	}{
		{"none", nil, 0, `{"data":[],"total_count":0}`},
		{"none on this page", nil, 7, `{"data":[],"total_count":7}`},
		{"one", []*invite.Invitation{first}, 1, `{"data":[` + one + `],"total_count":1}`},
		{"two of many", []*invite.Invitation{first, second}, 12345, `{"data":[` + one + `,` + two + `],"total_count":12345}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(e.AppendInvitations(nil, tt.page, tt.total, now)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestStatusAndLink(t *testing.T) {
	e := newEncoder(t)
	expiry := newInvitation().ExpiresAt
	tests := []struct {
		name   string
		stored invite.Status
		at     invite.Instant
		want   string
		link   bool
	}{
		{"pending", invite.Pending, now, "pending", true},
		{"pending in its last millisecond", invite.Pending, expiry - 1, "pending", true},
		{"over but not written down", invite.Pending, expiry, "expired", false},
		{"expired", invite.Expired, now, "expired", false},
		{"accepted", invite.Accepted, now, "accepted", false},
		{"accepted long ago", invite.Accepted, expiry + 1, "accepted", false},
		{"revoked", invite.Revoked, now, "revoked", false},
		{"declined shows as revoked", invite.Declined, now, "revoked", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := newInvitation()
			i.Status, i.UserID = tt.stored, "user_joined"
			got := parse(t, e.AppendInvitation(nil, i, tt.at))
			if got.Status != tt.want || (got.URL != nil) != tt.link {
				t.Errorf("got %s with url %v, want %s with a link: %v", got.Status, got.URL, tt.want, tt.link)
			}
			if got.UserID != "" {
				t.Errorf("user_id %s is shown, which the contract's object does not have", got.UserID)
			}
		})
	}
}

func TestLinkCarriesATicketOfTheAPI(t *testing.T) {
	e := newEncoder(t)
	i := newInvitation()
	link := parse(t, e.AppendInvitation(nil, i, now)).URL
	if link == nil {
		t.Fatal("a pending invitation has no url")
	}
	raw, ok := strings.CutPrefix(*link, publicURL+"/v1/tickets/accept?ticket=")
	if !ok {
		t.Fatalf("%s does not lead to the accept page", *link)
	}
	if escaped := url.QueryEscape(raw); escaped != raw {
		t.Errorf("the ticket would have to be escaped: %s", raw)
	}
	got, err := invite.ParseTicket(raw, e.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(invite.TicketFor(i, invite.ByAPI), got); diff != "" {
		t.Errorf("ticket (-want +got):\n%s", diff)
	}
	if got.Channel != invite.ByAPI {
		t.Errorf("channel %s: an answer of the API proves no mailbox", got.Channel)
	}
}

func BenchmarkPageOf10(b *testing.B) {
	const n = 10
	e := newEncoder(b)
	page := make([]*invite.Invitation, n)
	for k := range page {
		page[k] = newInvitation()
		page[k].Inviter = page[0].Inviter
	}
	buf := e.AppendInvitations(nil, page, n, now)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendInvitations(buf[:0], page, n, now)
	}
}

func BenchmarkAppendInvitation(b *testing.B) {
	e := newEncoder(b)
	pending, accepted := newInvitation(), newInvitation()
	accepted.Status = invite.Accepted
	for _, i := range []*invite.Invitation{pending, accepted} {
		b.Run(parse(b, e.AppendInvitation(nil, i, now)).Status, func(b *testing.B) {
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = e.AppendInvitation(buf[:0], i, now)
			}
		})
	}
}

func BenchmarkTicketAppend(b *testing.B) {
	e := newEncoder(b)
	ticket := invite.TicketFor(newInvitation(), invite.ByAPI)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = ticket.Append(buf[:0], e.Keys)
	}
}
