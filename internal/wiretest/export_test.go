package wiretest

import "testing"

// Play plays the text of a file and returns each exchange's problems, in order, and the
// text that -update would write.
func Play(t testing.TB, text string, o Options, update bool) (problems []string, written string) {
	t.Helper()
	script, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	session := newSession(t, o)
	for _, x := range script.exchanges {
		problems = append(problems, session.play(t.Context(), x, update)...)
	}
	return problems, script.text()
}

// ParseError is what is wrong with the text of a file.
func ParseError(text string) error {
	_, err := parse(text)
	return err
}

// What TestMask needs of the masks.
var (
	NewMask  = newMask
	Reformat = reformat
)
