package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"
)

func keysOf(t *testing.T, name Forge, secrets ...string) keys {
	t.Helper()
	f, _ := find(name)
	k, err := newKeys(f, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func proofOf(k keys, name Forge, h http.Header, now time.Time) (proof, error) {
	f, _ := find(name)
	return f.proof(k, h, now)
}

// The vector on GitHub's page "Validating webhook deliveries".
func TestGitHubVector(t *testing.T) {
	k := keysOf(t, GitHub, "another", "It's a Secret to Everybody")
	const sum = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	h := http.Header{"X-Hub-Signature-256": {"sha256=" + sum}}
	p, err := proofOf(k, GitHub, h, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !k.verify(p, []byte("Hello, World!")) {
		t.Error("GitHub's own vector is refused")
	}
	if k.verify(p, []byte("Hello, World?")) {
		t.Error("another body is accepted")
	}
	// Gitea sends the same digits without a prefix.
	p, err = proofOf(k, Gitea, http.Header{"X-Gitea-Signature": {sum}}, time.Now())
	if err != nil || !k.verify(p, []byte("Hello, World!")) {
		t.Errorf("Gitea: %v", err)
	}
}

// The vector of the Standard Webhooks libraries, which GitLab's signing tokens follow.
func TestStandardWebhooksVector(t *testing.T) {
	k := keysOf(t, GitLab, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	h := http.Header{
		"Webhook-Id":        {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1a,AAAA v1,bm9uZQ== v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	sent := time.Unix(1614265330, 0)
	p, err := proofOf(k, GitLab, h, sent.Add(4*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if !k.verify(p, []byte(`{"test": 2432232314}`)) {
		t.Error("the vector is refused")
	}
	if k.verify(p, []byte(`{"test": 2432232315}`)) {
		t.Error("another body is accepted")
	}
	few := h.Clone()
	few.Set("Webhook-Signature", strings.Repeat(h.Get("Webhook-Signature")+" ", 1000))
	if p, err := proofOf(k, GitLab, few, sent); err != nil || len(p.sums) > maxSignatures {
		t.Errorf("%d signatures are compared, %v", len(p.sums), err)
	}
	for _, off := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
		if _, err := proofOf(k, GitLab, h, sent.Add(off)); err == nil {
			t.Errorf("a time that is %s off is accepted", off)
		}
	}
	h.Set("Webhook-Id", "msg_other")
	if p, err = proofOf(k, GitLab, h, sent); err != nil || k.verify(p, []byte(`{"test": 2432232314}`)) {
		t.Errorf("another id is accepted, %v", err)
	}
}

// Without a key nothing is verified, not even an HMAC with an empty key, which
// anyone can make.
func TestNoSecret(t *testing.T) {
	for _, s := range []string{"whsec_", "whsec_%%%"} {
		if _, err := gitlabKey(s); err == nil || strings.Contains(err.Error(), "%%%") {
			t.Errorf("a signing token %q: %v", s, err)
		}
	}
	var none keys
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte("body"))
	for _, f := range []Forge{GitHub, Gitea} {
		p, err := proofOf(
			none,
			f,
			http.Header{"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}},
			time.Now(),
		)
		if err != nil || none.verify(p, []byte("body")) {
			t.Errorf("%s without a secret: %v, accepted", f, err)
		}
	}
	if p, _ := proofOf(none, GitLab, http.Header{"X-Gitlab-Token": {""}}, time.Now()); p.token {
		t.Error("an empty token is accepted")
	}
}

// A request without a well-formed signature is refused before its body is read.
func TestSignatureHeaders(t *testing.T) {
	good := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		forge  Forge
		header http.Header
	}{
		"none":             {GitHub, http.Header{}},
		"empty":            {Gitea, http.Header{"X-Gitea-Signature": {""}}},
		"no prefix":        {GitHub, http.Header{"X-Hub-Signature-256": {good}}},
		"the prefix alone": {GitHub, http.Header{"X-Hub-Signature-256": {"sha256="}}},
		"SHA-1":            {GitHub, http.Header{"X-Hub-Signature": {"sha1=" + good[:40]}}},
		"too short":        {GitHub, http.Header{"X-Hub-Signature-256": {"sha256=" + good[2:]}}},
		"not hexadecimal":  {Gitea, http.Header{"X-Gitea-Signature": {"z" + good[1:]}}},
		"two":              {GitHub, http.Header{"X-Hub-Signature-256": {"sha256=" + good, "sha256=" + good}}},
		"no time": {GitLab, http.Header{"Webhook-Id": {"a"}, "Webhook-Timestamp": {"soon"},
			"Webhook-Signature": {"v1,AAAA"}}},
		"an endless time": {GitLab, http.Header{"Webhook-Id": {"a"}, "Webhook-Timestamp": {"9223372036854775807"},
			"Webhook-Signature": {"v1,AAAA"}}},
		"another version": {GitLab, http.Header{"Webhook-Id": {"a"}, "Webhook-Timestamp": {"100"},
			"Webhook-Signature": {"v2," + base64.StdEncoding.EncodeToString(make([]byte, 32))}}},
		"an unknown token":         {GitLab, http.Header{"X-Gitlab-Token": {"guess"}}},
		"a signing token as it is": {GitLab, http.Header{"X-Gitlab-Token": {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}},
	} {
		k := keysOf(t, c.forge, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "token")
		if p, err := proofOf(k, c.forge, c.header, time.Unix(100, 0)); err == nil {
			t.Errorf("%s: %+v is accepted", name, p)
		}
	}
}
