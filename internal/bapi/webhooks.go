package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// What this file serves is our own: the contract leaves webhooks to a dashboard.

func (r *request) endpoint() string { return r.PathValue("endpoint_id") }

// plainEndpoints reports whether the instance's events may travel unencrypted.
func (s *Server) plainEndpoints(r *request) bool {
	return s.PrivateWebhooks || r.instance.Environment == invite.Test
}

func endpoint(e *invite.Endpoint, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.EndpointOf(e))
}

func secretEndpoint(e *invite.Endpoint, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.SecretEndpointOf(e))
}

func delivery(h store.DeliveryHistory, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.DeliveryHistoryOf(h.Delivery, h.Event, h.Attempts))
}

// listEndpoints serves GET /usher/v1/webhooks, newest first.
func (s *Server) listEndpoints(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.Endpoints(r.Context(), r.instance, page)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, clerk.EndpointOf))
}

// createEndpoint serves POST /usher/v1/webhooks and shows the signing secret.
func (s *Server) createEndpoint(r *request) ([]byte, error) {
	var body clerk.CreateEndpoint
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	n := body.Endpoint()
	n.Insecure = s.plainEndpoints(r)
	return secretEndpoint(s.DB.CreateEndpoint(r.Context(), r.instance, n))
}

// getEndpoint serves GET /usher/v1/webhooks/{endpoint_id}.
func (s *Server) getEndpoint(r *request) ([]byte, error) {
	return endpoint(s.DB.Endpoint(r.Context(), r.instance, r.endpoint()))
}

// updateEndpoint serves PATCH /usher/v1/webhooks/{endpoint_id}, with which an
// endpoint is also enabled and disabled.
func (s *Server) updateEndpoint(r *request) ([]byte, error) {
	var body clerk.UpdateEndpoint
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	c := body.Change()
	c.Insecure = s.plainEndpoints(r)
	return endpoint(s.DB.UpdateEndpoint(r.Context(), r.instance, r.endpoint(), c))
}

// deleteEndpoint serves DELETE /usher/v1/webhooks/{endpoint_id}.
func (s *Server) deleteEndpoint(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteEndpoint(r.Context(), r.instance, r.endpoint()))
}

// getSigningSecrets serves GET /usher/v1/webhooks/{endpoint_id}/secrets.
func (s *Server) getSigningSecrets(r *request) ([]byte, error) {
	e, err := s.DB.Endpoint(r.Context(), r.instance, r.endpoint())
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.SigningSecretsOf(e.SigningAt(s.DB.Now())))
}

// rotateSecret serves POST /usher/v1/webhooks/{endpoint_id}/rotate and shows the
// new secret.
func (s *Server) rotateSecret(r *request) ([]byte, error) {
	var body clerk.RotateSecret
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	secret, grace, err := body.Rotation()
	if err != nil {
		return nil, err
	}
	return secretEndpoint(s.DB.RotateSecret(r.Context(), r.instance, r.endpoint(), secret, grace))
}

// testEndpoint serves POST /usher/v1/webhooks/{endpoint_id}/test: an event for this
// endpoint alone. Its delivery tells how it went.
func (s *Server) testEndpoint(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return delivery(s.DB.TestEndpoint(r.Context(), r.instance, r.endpoint()))
}

// listDeliveries serves GET /usher/v1/webhooks/{endpoint_id}/deliveries, those of the
// newest events first, before the cursor.
func (s *Server) listDeliveries(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	names, err := clerk.ParseValues(r.query, "status")
	if err != nil {
		return nil, err
	}
	f := store.DeliveryFilter{Before: r.query.Get("before"), Limit: page.Limit}
	for _, name := range names {
		status, ok := clerk.ParseDeliveryStatus(name)
		if !ok {
			return nil, invite.ParamErr(invite.ParamValue, "status", name)
		}
		f.Statuses = append(f.Statuses, status)
	}
	if err := r.unsupported("offset"); err != nil {
		return nil, err
	}
	list, next, err := s.DB.Deliveries(r.Context(), r.instance, r.endpoint(), f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.FeedOf(list, next, clerk.DeliveryOf))
}

// getDelivery serves GET /usher/v1/webhooks/{endpoint_id}/deliveries/{event_id}.
func (s *Server) getDelivery(r *request) ([]byte, error) {
	return delivery(s.DB.Delivery(r.Context(), r.instance, r.endpoint(), r.PathValue("event_id")))
}

// replayEvent serves POST …/deliveries/{event_id}/replay.
func (s *Server) replayEvent(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return delivery(s.DB.ReplayEvent(r.Context(), r.instance, r.endpoint(), r.PathValue("event_id")))
}

// replay serves POST /usher/v1/webhooks/{endpoint_id}/replay: all that failed, or all
// that happened since an instant.
func (s *Server) replay(r *request) ([]byte, error) {
	var body clerk.Replay
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	failed, since, err := body.Wanted()
	if err != nil {
		return nil, err
	}
	if failed {
		n, err := s.DB.ReplayFailed(r.Context(), r.instance, r.endpoint())
		if err != nil {
			return nil, err
		}
		return clerk.Marshal(clerk.Replayed{Object: "webhook_replay", Replayed: &n})
	}
	if err := s.DB.ReplaySince(r.Context(), r.instance, r.endpoint(), since); err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.Replayed{Object: "webhook_replay", Since: &since})
}
