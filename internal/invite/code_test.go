package invite_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"usher/internal/invite"
)

func TestACodeIsItsSubjectsAlone(t *testing.T) {
	ring := func(b byte) *invite.Keyring {
		k, err := invite.NewKeyring(bytes.Repeat([]byte{b}, invite.MinMasterKey))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	subject := invite.CodeSubject{InstanceID: "ins_1", ID: "sia_1", Number: 1}
	code := ring(1).Code(subject)
	if len(code) != 6 || ring(1).Code(subject) != code {
		t.Fatalf("codes %q and %q, want the same six digits", code, ring(1).Code(subject))
	}
	for name, other := range map[string]string{
		"another instance": ring(1).Code(invite.CodeSubject{InstanceID: "ins_2", ID: "sia_1", Number: 1}),
		"another attempt":  ring(1).Code(invite.CodeSubject{InstanceID: "ins_1", ID: "sia_2", Number: 1}),
		"another number":   ring(1).Code(invite.CodeSubject{InstanceID: "ins_1", ID: "sia_1", Number: 2}),
		"shifted fields":   ring(1).Code(invite.CodeSubject{InstanceID: "ins_1s", ID: "ia_1", Number: 1}),
		"another key":      ring(2).Code(subject),
	} {
		if other == code {
			t.Errorf("%s has the code %s too", name, code)
		}
	}
}

// Each of the digits stands at each place about as often as the others.
func TestCodesAreSpread(t *testing.T) {
	k, err := invite.NewKeyring(bytes.Repeat([]byte{1}, invite.MinMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	var seen [6][10]int
	for i := range n {
		for place, digit := range []byte(k.Code(invite.CodeSubject{InstanceID: "ins_1", ID: "sia_1", Number: i})) {
			seen[place][digit-'0']++
		}
	}
	for place, digits := range seen {
		for digit, times := range digits {
			if times < n/10*8/10 || times > n/10*12/10 {
				t.Errorf("%d stands %d times at place %d of %d codes", digit, times, place, n)
			}
		}
	}
}

func TestACodeTakesFewAnswersForAShortTime(t *testing.T) {
	const now = invite.Instant(1_000)
	var c invite.Code
	if err := c.Answer("424242", "424242", now); !errors.Is(err, invite.Err(invite.CodeMissing)) {
		t.Errorf("before any was sent: %v", err)
	}
	for range invite.MaxCodes {
		if err := c.Next(now); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Next(now); !errors.Is(err, invite.Err(invite.TooManyRequests)) {
		t.Errorf("one code more: %v", err)
	}
	if err := c.Answer("424242", "424242", now.Add(invite.CodeLifetime)); !errors.Is(err, invite.Err(invite.CodeExpired)) {
		t.Errorf("after its time: %v", err)
	}
	if err := c.Answer("424242", "424242", now.Add(invite.CodeLifetime-time.Millisecond)); err != nil {
		t.Errorf("at its last instant: %v", err)
	}
	for range invite.MaxCodeAttempts {
		if err := c.Answer("424242", "", now); !errors.Is(err, invite.Err(invite.CodeIncorrect)) {
			t.Errorf("a wrong answer: %v", err)
		}
	}
	if err := c.Answer("424242", "424242", now); !errors.Is(err, invite.Err(invite.CodeFailed)) {
		t.Errorf("after too many wrong ones: %v", err)
	}
}

func TestWhichAddressesTestsUse(t *testing.T) {
	for _, row := range []struct {
		environment invite.Environment
		testMode    *bool
		address     string
		want        bool
	}{
		{invite.Test, nil, "ada+clerk_test@example.com", true},
		{invite.Test, nil, "ada@example.com", false},
		{invite.Test, nil, "clerk_test@example.com", false},
		{invite.Test, nil, "ada+clerk_test.b@example.com", false},
		{invite.Test, new(false), "ada+clerk_test@example.com", false},
		{invite.Live, nil, "ada+clerk_test@example.com", false},
		{invite.Live, new(true), "ada+clerk_test@example.com", true},
	} {
		in := invite.Instance{Environment: row.environment, Settings: invite.Settings{TestMode: row.testMode}}
		email, _ := invite.ParseEmail(row.address)
		if got := in.Pretends(email); got != row.want {
			t.Errorf("%s in a %s instance: %v, want %v", row.address, row.environment, got, row.want)
		}
	}
	if (&invite.Instance{Environment: invite.Test}).Pretends(invite.Email{}) {
		t.Error("no address is one that tests use")
	}
}
