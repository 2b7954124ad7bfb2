package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"usher/internal/invite"
)

// sign sets the headers by which a receiver knows the sender, and a repetition:
// each secret signs id, moment and body (contract §7.4). They stand there under
// Svix's names and under those of Standard Webhooks.
func sign(h http.Header, secrets []invite.SigningSecret, id string, at invite.Instant, body []byte) {
	timestamp := strconv.FormatInt(at.Time().Unix(), 10)
	var signatures []string
	for _, s := range secrets {
		key, _ := invite.SigningKey(s.Secret)
		signatures = append(signatures, signature(key, id, timestamp, body))
	}
	for _, prefix := range []string{"svix-", "webhook-"} {
		h.Set(prefix+"id", id)
		h.Set(prefix+"timestamp", timestamp)
		h.Set(prefix+"signature", strings.Join(signatures, " "))
	}
}

func signature(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{id, ".", timestamp, "."} {
		_, _ = mac.Write([]byte(part)) // never fails
	}
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
