package storetest

import (
	"fmt"
	"slices"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// endpoint adds an endpoint that wants the given types.
func (w *World) endpoint(types ...invite.EventType) (*invite.Endpoint, *store.Line) {
	w.Helper()
	e := must(w.DB.CreateEndpoint(w.Context(), w.Instance, invite.NewEndpoint{URL: "https://example.com/hook", Types: types}))(w.T)
	return e, w.DB.Line(store.EndpointKey{InstanceID: w.Instance.ID, ID: e.ID})
}

func (w *World) take(l *store.Line, limit int) []store.Message {
	w.Helper()
	list, _ := must2(l.Claim(w.Context(), limit, time.Minute))(w.T)
	return list
}

func (w *World) wantDelivery(e *invite.Endpoint, event string, status invite.DeliveryStatus, attempts int) store.DeliveryHistory {
	w.Helper()
	h := must(w.DB.Delivery(w.Context(), w.Instance, e.ID, event))(w.T)
	if h.Status != status || h.Delivery.Attempts != attempts || len(h.Attempts) != attempts {
		w.Errorf("delivery of %s: got status %d after %d attempts, %d written down; want status %d after %d",
			event, h.Status, h.Delivery.Attempts, len(h.Attempts), status, attempts)
	}
	return h
}

func testEndpoints(w *World) {
	ctx, in := w.Context(), w.Instance
	e, _ := w.endpoint(invite.UserCreatedEvent)
	if key, ok := invite.SigningKey(e.Secrets[0].Secret); !ok || len(key) != 32 {
		w.Errorf("got secret %q, want whsec_ and 32 bytes", e.Secrets[0].Secret)
	}
	own := invite.NewSigningSecret()
	second := must(w.DB.CreateEndpoint(ctx, in, invite.NewEndpoint{URL: "https://example.com/2", Secret: own}))(w.T)
	if list, total, err := w.DB.Endpoints(ctx, in, invite.Page{Limit: 1}); err != nil || total != 2 || len(list) != 1 || list[0].ID != second.ID || list[0].Secrets != nil {
		w.Errorf("got %+v of %d, error %v; want the second of 2 without its secrets", list, total, err)
	}
	read := must(w.DB.Endpoint(ctx, in, second.ID))(w.T)
	if len(read.Secrets) != 1 || read.Secrets[0].Secret != own {
		w.Errorf("got secrets %v, want the one that was given", read.Secrets)
	}
	rotated := must(w.DB.RotateSecret(ctx, in, second.ID, "", time.Hour))(w.T)
	if list := rotated.SigningAt(w.DB.Now()); len(list) != 2 || list[0].Secret == own || list[1].Secret != own {
		w.Errorf("after a rotation %v sign, want a new one and the one before", list)
	}
	w.Clock.Add(time.Hour)
	if list := must(w.DB.Endpoint(ctx, in, second.ID))(w.T).SigningAt(w.DB.Now()); len(list) != 1 || list[0].Secret == own {
		w.Errorf("after the grace %v sign, want the new one alone", list)
	}
	off, types := false, invite.EventTypes{}
	changed := must(w.DB.UpdateEndpoint(ctx, in, e.ID, invite.EndpointChange{Enabled: &off, Types: &types}))(w.T)
	if changed.Status != invite.EndpointOff || len(changed.Types) != 0 {
		w.Errorf("got %+v, want it disabled and to want everything", changed)
	}
	keys := must(w.DB.EnabledEndpoints(ctx))(w.T)
	if want := []store.EndpointKey{{InstanceID: in.ID, ID: second.ID}}; !slices.Equal(keys, want) {
		w.Errorf("got enabled endpoints %v, want %v", keys, want)
	}
	other, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test}, ""))(w.T)
	w.unchanged("another tenant", func() {
		_, err := w.DB.Endpoint(ctx, other, e.ID)
		w.refused("reading", err, invite.EndpointNotFound)
		_, err = w.DB.UpdateEndpoint(ctx, other, e.ID, invite.EndpointChange{})
		w.refused("changing", err, invite.EndpointNotFound)
		_, err = w.DB.RotateSecret(ctx, other, e.ID, "", 0)
		w.refused("rotating", err, invite.EndpointNotFound)
		_, err = w.DB.DeleteEndpoint(ctx, other, e.ID)
		w.refused("deleting", err, invite.EndpointNotFound)
		_, err = w.DB.TestEndpoint(ctx, other, e.ID)
		w.refused("testing", err, invite.EndpointNotFound)
		_, err = w.DB.ReplayFailed(ctx, other, e.ID)
		w.refused("replaying what failed", err, invite.EndpointNotFound)
		w.refused("replaying since", w.DB.ReplaySince(ctx, other, e.ID, 0), invite.EndpointNotFound)
		_, err = w.DB.Delivery(ctx, other, e.ID, "msg_x")
		w.refused("looking at a delivery", err, invite.EndpointNotFound)
		_, _, err = w.DB.Deliveries(ctx, other, e.ID, store.DeliveryFilter{Limit: 1})
		w.refused("listing deliveries", err, invite.EndpointNotFound)
	})
	w.unchanged("a disabled endpoint", func() {
		_, err := w.DB.TestEndpoint(ctx, in, e.ID)
		w.refused("testing", err, invite.EndpointDisabled)
		_, err = w.DB.ReplayFailed(ctx, in, e.ID)
		w.refused("replaying what failed", err, invite.EndpointDisabled)
		w.refused("replaying since", w.DB.ReplaySince(ctx, in, e.ID, 0), invite.EndpointDisabled)
	})
	must(w.DB.DeleteEndpoint(ctx, in, e.ID))(w.T)
	_, err := w.DB.DeleteEndpoint(ctx, in, e.ID)
	w.refused("deleting twice", err, invite.EndpointNotFound)
	for range invite.MaxEndpoints - 1 {
		w.endpoint()
	}
	_, err = w.DB.CreateEndpoint(ctx, in, invite.NewEndpoint{URL: "https://example.com"})
	w.refused("one endpoint too many", err, invite.TooManyEndpoints)
}

func testDeliveries(w *World) {
	w.invite("before@example.com")
	all, line := w.endpoint()
	_, narrow := w.endpoint(invite.InvitationRevokedEvent)
	if list := w.take(line, 10); len(list) != 0 {
		w.Errorf("claimed %+v of what was before the endpoint, want nothing", list)
	}
	i := w.invite("a@example.com")
	w.ok("declining", w.decline(i))
	list := w.take(line, 10)
	events, _ := w.events(list[0].ID)
	if len(list) != 2 || list[0].Kind != store.WebhookKind || list[0].EndpointID != all.ID || list[0].Attempt != 1 || len(events) != 1 || events[0].ID != list[1].ID {
		w.Fatalf("claimed %+v, want the creation and the revocation in order", list)
	}
	if other := w.take(narrow, 10); len(other) != 1 || other[0].ID != list[1].ID {
		w.Errorf("claimed %+v for an endpoint that wants revocations, want the same event", other)
	}
	if p, ok, err := w.DB.Posting(w.Context(), list[0]); err != nil || !ok || p.Event.Type != invite.InvitationCreatedEvent || p.Endpoint.URL != all.URL {
		w.Errorf("got posting %+v, %v, %v", p, ok, err)
	}
	if mail := w.claim(10); len(mail) != 2 {
		w.Errorf("claimed %d mails, want 2: endpoints are not among them", len(mail))
	}
	w.ok("delivering", w.DB.Delivered(w.Context(), list[0], store.Receipt{StatusCode: 200, Response: "ok", Took: 12 * time.Millisecond}))
	h := w.wantDelivery(all, list[0].ID, invite.DeliverySucceeded, 1)
	if a := h.Attempts[0]; a != (invite.Attempt{Number: 1, StatusCode: 200, Response: "ok", Took: 12 * time.Millisecond, At: w.DB.Now()}) {
		w.Errorf("got attempt %+v", a)
	}

	later := w.DB.Now().Add(time.Hour)
	w.ok("retrying", w.DB.Retry(w.Context(), list[1], later, "status 500", store.Receipt{StatusCode: 500}))
	if h := w.wantDelivery(all, list[1].ID, invite.DeliveryPending, 1); h.NextAttemptAt != later || h.Attempts[0].Error != "status 500" {
		w.Errorf("got %+v, want the next attempt at %d", h, later)
	}
	if _, next := must2(line.Claim(w.Context(), 10, time.Minute))(w.T); next != later {
		w.Errorf("the next message is due at %d, want %d", next, later)
	}
	if h := must(w.DB.ReplayEvent(w.Context(), w.Instance, all.ID, list[1].ID))(w.T); h.NextAttemptAt != w.DB.Now() {
		w.Errorf("replaying what waits: got the next attempt at %d, want it now", h.NextAttemptAt)
	}
	again := w.take(line, 10)
	if len(again) != 1 || again[0].Attempt != 2 {
		w.Fatalf("claimed %+v, want the second attempt at once", again)
	}
	w.ok("giving up", w.DB.Park(w.Context(), again[0], "status 500", store.Receipt{StatusCode: 500}))
	w.wantDelivery(all, list[1].ID, invite.DeliveryFailed, 2)
	if stats := must(w.DB.OutboxStats(w.Context()))(w.T); stats.Parked != 0 {
		w.Errorf("got %+v, want no mail parked", stats)
	}

	for f, want := range map[*store.DeliveryFilter][]string{
		{Limit: 10}:                     {list[1].ID, list[0].ID},
		{Limit: 1}:                      {list[1].ID},
		{Limit: 10, Before: list[1].ID}: {list[0].ID},
		{Limit: 10, Statuses: []invite.DeliveryStatus{invite.DeliveryFailed, invite.DeliveryPending}}: {list[1].ID},
	} {
		found, next, err := w.DB.Deliveries(w.Context(), w.Instance, all.ID, *f)
		var got []string
		for _, d := range found {
			got = append(got, d.EventID)
		}
		if err != nil || !slices.Equal(got, want) || (next != "") != (f.Limit == 1) {
			w.Errorf("deliveries %+v: got %v, next %q, %v; want %v", f, got, next, err, want)
		}
	}
	_, err := w.DB.Delivery(w.Context(), w.Instance, all.ID, "msg_x")
	w.refused("a delivery that never was", err, invite.DeliveryNotFound)

	if n := must(w.DB.ReplayFailed(w.Context(), w.Instance, all.ID))(w.T); n != 1 {
		w.Errorf("replayed %d, want the failed one", n)
	}
	w.wantDelivery(all, list[1].ID, invite.DeliveryPending, 2)
	replayed := w.take(line, 10)
	if len(replayed) != 1 || replayed[0].ID != list[1].ID || replayed[0].Attempt != 1 {
		w.Fatalf("claimed %+v after the replay, want the same event from its first attempt", replayed)
	}
	w.ok("delivering", w.DB.Delivered(w.Context(), replayed[0], store.Receipt{StatusCode: 204}))
	w.wantDelivery(all, list[1].ID, invite.DeliverySucceeded, 3)

	h = must(w.DB.ReplayEvent(w.Context(), w.Instance, all.ID, list[0].ID))(w.T)
	if again := w.take(line, 10); len(again) != 1 || again[0].ID != list[0].ID || h.Status != invite.DeliveryPending {
		w.Errorf("replaying one: claimed %+v of %+v", again, h.Delivery)
	}
	_, err = w.DB.ReplayEvent(w.Context(), w.Instance, all.ID, "msg_x")
	w.refused("replaying what never was", err, invite.EventNotFound)
	tested := must(w.DB.TestEndpoint(w.Context(), w.Instance, all.ID))(w.T)
	if list := w.take(line, 10); len(list) != 1 || list[0].ID != tested.EventID || tested.Type != invite.EndpointTestedEvent {
		w.Errorf("testing: claimed %+v, want %s alone", list, tested.EventID)
	}
}

// testReplaySince goes back to the beginning, before the endpoint was there, while
// a message waits.
func testReplaySince(w *World) {
	w.invite("a@example.com")
	w.Clock.Add(time.Minute)
	e, line := w.endpoint(invite.InvitationCreatedEvent)
	w.invite("b@example.com")
	first := w.take(line, 10)
	w.ok("delivering", w.DB.Delivered(w.Context(), first[0], store.Receipt{StatusCode: 200}))
	w.invite("c@example.com")
	waiting := w.take(line, 10)
	w.Clock.Add(time.Second)
	w.ok("replaying since later", w.DB.ReplaySince(w.Context(), w.Instance, e.ID, w.DB.Now().Add(day)))
	if list := w.take(line, 10); len(list) != 0 {
		w.Errorf("claimed %+v of the future, want nothing", list)
	}
	w.ok("replaying since the beginning of time", w.DB.ReplaySince(w.Context(), w.Instance, e.ID, 0))
	if list := w.take(line, 10); len(list) != 2 || list[1].ID != first[0].ID {
		w.Errorf("claimed %+v, want the two events that do not wait already", list)
	}
	w.wantDelivery(e, waiting[0].ID, invite.DeliveryPending, 0)
	w.Clock.Add(2 * time.Minute)
	if list := w.take(line, 10); len(list) != 3 {
		w.Errorf("claimed %d events after their leases, want all 3", len(list))
	}
}

// testFailing holds an endpoint that never answers to its bounds, and disables it
// in the end.
func testFailing(w *World) {
	e, line := w.endpoint()
	w.invite("a@example.com")
	fail := func(m store.Message) {
		w.Helper()
		w.ok("retrying", w.DB.Retry(w.Context(), m, w.DB.Now().Add(10*day), "no answer", store.Receipt{}))
	}
	fail(w.take(line, 10)[0])
	since := w.DB.Now()
	w.Clock.Add(invite.FailedAfter - time.Millisecond)
	w.invite("b@example.com")
	fail(w.take(line, 10)[0])
	if got := must(w.DB.Endpoint(w.Context(), w.Instance, e.ID))(w.T); got.Status != invite.EndpointEnabled || got.FailingSince != since {
		w.Errorf("got %+v, want it enabled and failing since %d", got, since)
	}
	w.invite("c@example.com")
	w.ok("a success", w.DB.Delivered(w.Context(), w.take(line, 10)[0], store.Receipt{StatusCode: 200}))
	if got := must(w.DB.Endpoint(w.Context(), w.Instance, e.ID))(w.T); got.FailingSince != 0 {
		w.Errorf("got %+v, want one success to make good", got)
	}
	w.invite("d@example.com")
	fail(w.take(line, 10)[0])
	w.Clock.Add(invite.FailedAfter)
	w.invite("e@example.com")
	changed := w.DB.EndpointsChanged()
	fail(w.take(line, 10)[0])
	select {
	case <-changed:
	default:
		w.Error("nobody was told that the endpoint was disabled")
	}
	if stats := must(w.DB.OutboxStats(w.Context()))(w.T); stats.Endpoints.Failed != 1 || stats.Endpoints.Enabled+stats.Endpoints.Failing != 0 {
		w.Errorf("got %+v, want one endpoint failed", stats.Endpoints)
	}
	if got := must(w.DB.Endpoint(w.Context(), w.Instance, e.ID))(w.T); got.Status != invite.EndpointFailed {
		w.Errorf("got %+v, want it disabled", got)
	}
	w.invite("f@example.com")
	w.Clock.Add(10 * day)
	if list := w.take(line, 10); len(list) != 0 {
		w.Errorf("claimed %d for a disabled endpoint, want nothing", len(list))
	}
	on := true
	must(w.DB.UpdateEndpoint(w.Context(), w.Instance, e.ID, invite.EndpointChange{Enabled: &on}))(w.T)
	if list := w.take(line, 10); len(list) != 4 {
		w.Errorf("claimed %d after it was enabled, want the 4 that wait", len(list))
	}
	if list := w.take(line, 10); len(list) != 1 {
		w.Errorf("claimed %d more, want what happened while it was disabled", len(list))
	}
}

// testBacklog lets more wait than may, and then one line of many readers claim it.
func testBacklog(w *World) {
	e, line := w.endpoint(invite.InvitationCreatedEvent)
	const events = 1200
	for k := 0; k < events; k += 10 {
		var news []invite.NewInvitation
		for n := range 10 {
			news = append(news, asking(fmt.Sprintf("u%d@example.com", k+n)))
		}
		must(w.DB.CreateInvitations(w.Context(), w.Instance, w.Org.ID, news))(w.T)
	}
	waiting := 0
	for list := w.take(line, 64); len(list) > 0; list = w.take(line, 64) {
		for _, m := range list {
			w.ok("retrying", w.DB.Retry(w.Context(), m, w.DB.Now().Add(time.Hour), "no answer", store.Receipt{}))
		}
		waiting += len(list)
	}
	if waiting < 1000 || waiting >= 1064 {
		w.Errorf("%d messages wait for an endpoint that does not answer, want a thousand", waiting)
	}
	w.Clock.Add(time.Hour)
	seen := make(map[string]bool)
	for list := w.take(line, 64); len(list) > 0; list = w.take(line, 64) {
		for _, m := range list {
			w.ok("delivering", w.DB.Delivered(w.Context(), m, store.Receipt{StatusCode: 200}))
			seen[m.ID] = true
		}
	}
	if len(seen) != events {
		w.Errorf("%d events were delivered in the end, want %d", len(seen), events)
	}
	w.Clock.Add(40 * day)
	must(w.DB.ForgetEvents(w.Context(), 30*day, 2*events))(w.T)
	if list, _, err := w.DB.Deliveries(w.Context(), w.Instance, e.ID, store.DeliveryFilter{Limit: 10}); err != nil || len(list) != 0 {
		w.Errorf("got %d deliveries of forgotten events, error %v; want none", len(list), err)
	}
}

// testLinesShareTheLog claims with several lines of one endpoint at once, as two
// servers would during an upgrade.
func testLinesShareTheLog(w *World) {
	e, _ := w.endpoint(invite.InvitationCreatedEvent)
	const events = 200
	left := make(chan struct{}, events)
	got := make(chan string, 2*events)
	together(6, func(k int) {
		line := w.DB.Line(store.EndpointKey{InstanceID: w.Instance.ID, ID: e.ID})
		if k < 2 {
			for n := range events / 2 {
				_, err := w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("u%d-%d@example.com", k, n)))
				w.ok("inviting", err)
				left <- struct{}{}
			}
			return
		}
		for idle := false; !idle; {
			idle = len(left) == events
			list, _, err := line.Claim(w.Context(), 5, time.Minute)
			w.ok("claiming", err)
			for _, m := range list {
				w.ok("delivering", w.DB.Delivered(w.Context(), m, store.Receipt{StatusCode: 200}))
				got <- m.ID
				idle = false
			}
		}
	})
	close(got)
	times := make(map[string]int)
	for id := range got {
		times[id]++
	}
	for id, n := range times {
		if n != 1 {
			w.Errorf("%s was claimed %d times", id, n)
		}
	}
	if len(times) != events {
		w.Errorf("%d events were claimed, want %d", len(times), events)
	}
}
