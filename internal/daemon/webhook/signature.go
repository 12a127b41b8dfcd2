package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// key is a secret, ready for comparison. One of its fields is set.
type key struct {
	hmac  []byte
	token []byte // the hash of a token that is sent as it is
}

// keys are a hook's secrets, ready for comparison.
type keys []key

// newKeys refuses a hook without a secret: anyone can sign with an empty key.
func newKeys(f *forge, secrets []string) (keys, error) {
	var out keys
	for _, s := range secrets {
		if s == "" {
			return nil, errors.New("a secret is empty; anyone could sign with it")
		}
		k, err := f.key(s)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, errors.New("no secret; set the one that the forge signs with")
	}
	return out, nil
}

func hmacKey(secret string) (key, error) { return key{hmac: []byte(secret)}, nil }

// signingToken is the prefix of GitLab's signing tokens. The rest is the key in
// base64: https://docs.gitlab.com/user/project/integrations/webhooks/#signing-tokens
const signingToken = "whsec_"

// gitlabKey converts a signing token or a secret token.
func gitlabKey(secret string) (key, error) {
	encoded, signs := strings.CutPrefix(secret, signingToken)
	if !signs {
		sum := sha256.Sum256([]byte(secret))
		return key{token: sum[:]}, nil
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(b) == 0 {
		return key{}, fmt.Errorf(
			"a secret begins with %q, but the rest is not base64; copy the whole signing token from GitLab",
			signingToken,
		)
	}
	return key{hmac: b}, nil
}

// proof is the evidence in a request's headers of who sent it.
type proof struct {
	// token reports that a secret token in the headers is right. It does not cover
	// the body.
	token bool
	// sums are signatures. One of them must be the HMAC of prefix and body.
	sums   [][]byte
	prefix []byte
}

// unsignedError says why a request is refused before its body is read. It helps
// the person who sets up a hook, and reveals nothing secret.
type unsignedError string

func (e unsignedError) Error() string { return string(e) }

// sha256Proof reads an HMAC-SHA256 in hexadecimal from a header.
func sha256Proof(prefix, header string) func(keys, http.Header, time.Time) (proof, error) {
	return func(_ keys, h http.Header, _ time.Time) (proof, error) {
		value, err := single(h, header)
		if err != nil {
			return proof{}, err
		}
		digits, ok := strings.CutPrefix(value, prefix)
		sum, err := hex.DecodeString(digits)
		if err != nil || !ok || len(sum) != sha256.Size {
			return proof{}, unsignedError(header + " is not a SHA-256 signature")
		}
		return proof{sums: [][]byte{sum}}, nil
	}
}

// giteaProof reads the first of the forge's own signature headers, else GitHub's.
func giteaProof(k keys, h http.Header, now time.Time) (proof, error) {
	for _, name := range []string{"X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature"} {
		if h.Get(name) != "" {
			return sha256Proof("", name)(k, h, now)
		}
	}
	return sha256Proof("sha256=", "X-Hub-Signature-256")(k, h, now)
}

// single returns a header that is set exactly once. Of two values, a proxy could
// have checked one and kv-sync the other.
func single(h http.Header, name string) (string, error) {
	switch v := h.Values(name); {
	case len(v) == 0 || len(v) == 1 && v[0] == "":
		return "", unsignedError("no " + name + "; set the webhook's secret")
	case len(v) > 1:
		return "", unsignedError("more than one " + name)
	default:
		return v[0], nil
	}
}

// gitlabProof takes a secret token or a signature, whichever the hook's secrets
// allow. GitLab sends both if both are configured.
func (k keys) gitlabProof(h http.Header, now time.Time) (proof, error) {
	tokens, signs := false, false
	for _, each := range k {
		tokens, signs = tokens || each.token != nil, signs || each.hmac != nil
	}
	var refused error
	if tokens {
		token, err := single(h, "X-Gitlab-Token")
		switch {
		case err != nil:
			refused = err
		case k.hasToken(token):
			return proof{token: true}, nil
		default:
			refused = unsignedError("X-Gitlab-Token is wrong")
		}
	}
	if signs {
		p, err := standardWebhook(h, now)
		if err == nil {
			return p, nil
		}
		refused = err
	}
	return proof{}, refused
}

// hasToken compares hashes in constant time, so that neither the time nor the
// length reveals anything.
func (k keys) hasToken(token string) bool {
	sum := sha256.Sum256([]byte(token))
	matches := 0
	for _, each := range k {
		matches |= subtle.ConstantTimeCompare(sum[:], each.token)
	}
	return matches == 1
}

// clockSkew limits the age of a signed timestamp, in both directions. It is what
// the Standard Webhooks specification advises and its libraries enforce.
const clockSkew = 5 * time.Minute

// maxSignatures limits how many signatures of one header are compared. A sender
// that rotates its key sends two.
const maxSignatures = 8

// standardWebhook reads the three headers of https://www.standardwebhooks.com:
// HMAC-SHA256 of "id.time.body", as space-separated "v1,base64".
func standardWebhook(h http.Header, now time.Time) (proof, error) {
	var values [3]string
	for i, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		v, err := single(h, name)
		if err != nil {
			return proof{}, err
		}
		values[i] = v
	}
	id, stamp, signatures := values[0], values[1], values[2]
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return proof{}, unsignedError("Webhook-Timestamp is not a time")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > clockSkew || age < -clockSkew {
		return proof{}, unsignedError("Webhook-Timestamp is more than 5 minutes off; set this machine's clock")
	}
	p := proof{prefix: []byte(id + "." + stamp + ".")}
	for _, s := range strings.Fields(signatures) {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "v1,"))
		if err == nil && strings.HasPrefix(s, "v1,") && len(sum) == sha256.Size && len(p.sums) < maxSignatures {
			p.sums = append(p.sums, sum)
		}
	}
	if len(p.sums) == 0 {
		return proof{}, unsignedError("Webhook-Signature has no v1 signature")
	}
	return p, nil
}

// verify compares every signature with the HMAC of every key. Its time does not
// reveal which one matched, or nearly.
func (k keys) verify(p proof, body []byte) bool {
	matches := 0
	for _, each := range k {
		if each.hmac == nil {
			continue
		}
		mac := hmac.New(sha256.New, each.hmac)
		mac.Write(p.prefix)
		mac.Write(body)
		want := mac.Sum(nil)
		for _, sum := range p.sums {
			matches |= subtle.ConstantTimeCompare(sum, want)
		}
	}
	return p.token || matches == 1
}
