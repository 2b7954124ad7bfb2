package invite

import (
	_ "embed"
	"strings"
	"sync"
)

// The domains, in ASCII, of those who give a mailbox to anybody: for a while, or
// for good. Both lists hold the well-known ones and are not complete.
var (
	//go:embed providers/disposable.txt
	disposableList string
	//go:embed providers/free.txt
	freeList string

	disposable = sync.OnceValue(func() map[string]bool { return lines(disposableList) })
	free       = sync.OnceValue(func() map[string]bool { return lines(freeList) })
)

func lines(text string) map[string]bool {
	set := make(map[string]bool)
	for line := range strings.FieldsSeq(text) {
		set[line] = true
	}
	return set
}

// isDisposable reports whether a domain, or one that it lies under, gives
// mailboxes that are thrown away.
func isDisposable(domain string) bool {
	for {
		if disposable()[domain] {
			return true
		}
		_, parent, ok := strings.Cut(domain, ".")
		if !ok {
			return false
		}
		domain = parent
	}
}
