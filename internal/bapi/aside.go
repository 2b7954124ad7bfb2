package bapi

import "context"

// results are what was worked out aside for a request whose operation runs in one
// transaction with its Idempotency-Key; nil for the others.
type results map[string]result

type result struct {
	value string
	err   error
}

// errAside ends such an operation before it has changed anything: what it needs
// takes long, and everybody waits for a transaction. It is begun again with the
// result.
type errAside struct {
	name string
	work func(context.Context) result
}

func (e *errAside) Error() string { return "needs a result first" }

// aside returns what work does, which never runs inside a transaction. The name
// tells the results of one request apart. An operation must call it before it
// changes anything.
func aside(r *request, name string, work func(context.Context) (string, error)) (string, error) {
	if r.results == nil {
		return work(r.Context())
	}
	if known, ok := r.results[name]; ok {
		return known.value, known.err
	}
	return "", &errAside{name, func(ctx context.Context) result {
		value, err := work(ctx)
		return result{value, err}
	}}
}
