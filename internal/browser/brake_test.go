package browser

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"usher/internal/invite"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// waits returns for how many seconds a refusal says to wait; 0 where there is none.
func waits(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*invite.Error](err)
	if !ok || e.Kind != invite.TooManyRequests {
		t.Fatalf("got %v, want %s", err, invite.TooManyRequests)
	}
	return e.Limit
}

func TestABrakeLetsSomeThroughAtOnce(t *testing.T) {
	var b brake
	three := pace{3, 10 * time.Second}
	at := func(after time.Duration, want int) {
		t.Helper()
		if got := waits(t, b.take("a", three, began.Add(after))); got != want {
			t.Errorf("after %v: told to wait for %d seconds, want %d", after, got, want)
		}
	}
	for range 3 {
		at(0, 0)
	}
	at(0, 10)
	at(4500*time.Millisecond, 6)
	at(10*time.Second, 0)
	at(10*time.Second, 10)
	if got := waits(t, b.take("b", three, began)); got != 0 {
		t.Errorf("another key waits for %d seconds", got)
	}
	b.giveBack("a", three, began.Add(10*time.Second))
	at(10*time.Second, 0)
	b.release("a")
	for range 3 {
		at(10*time.Second, 0)
	}
	at(time.Hour, 0)
}

func TestABrakeForgetsWhoTriedLongestAgo(t *testing.T) {
	var b brake
	once := pace{1, time.Hour}
	if b.take("old", once, began) != nil || b.take("busy", once, began) != nil {
		t.Fatal("the first try is refused")
	}
	for n := range 4 * maxTried {
		if err := b.take(fmt.Sprint(n), once, began); err != nil {
			t.Fatalf("try of %d: %v", n, err)
		}
		if n%(maxTried/2) == 0 && waits(t, b.take("busy", once, began)) == 0 {
			t.Fatalf("who goes on is forgotten after %d others", n)
		}
	}
	if got := len(b.recent) + len(b.older); got > 2*maxTried {
		t.Errorf("%d keys are remembered, want %d at most", got, 2*maxTried)
	}
	if waits(t, b.take("old", once, began)) != 0 {
		t.Error("who tried longest ago is remembered still")
	}
}
