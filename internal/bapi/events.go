package bapi

import (
	"context"
	"strings"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// readEvents serves GET /usher/v1/events: the instance's events in the order in
// which they happened, after the cursor. With wait it answers as soon as there is
// one, or empty after that time.
func (s *Server) readEvents(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	wait, err := r.wait()
	if err != nil {
		return nil, err
	}
	types, err := r.eventTypes()
	if err != nil {
		return nil, err
	}
	if err := r.unsupported("offset"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	f := store.EventFilter{After: r.query.Get("after"), Types: types, Limit: page.Limit}
	for {
		happened := s.DB.Happened(r.instance.ID)
		list, next, err := s.DB.Events(r.Context(), r.instance, f)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 || ctx.Err() != nil {
			return clerk.Marshal(clerk.FeedOf(list, next, clerk.LoggedEventOf))
		}
		f.After = next
		select {
		case <-happened:
		case <-ctx.Done():
		case <-s.Stopping:
			cancel()
		}
	}
}

// eventTypes reads the filter types, repeatable and separated by commas.
func (r *request) eventTypes() (invite.EventTypes, error) {
	values, err := clerk.ParseValues(r.query, "types")
	if err != nil {
		return nil, err
	}
	var types invite.EventTypes
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			types = append(types, invite.EventType(name))
		}
	}
	if bad := invite.CheckEventTypes("types", types); bad != nil {
		return nil, bad
	}
	return types, nil
}
