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

// keys are a hook's secrets, ready for comparing.
type keys struct {
	hmac   [][]byte
	tokens [][]byte // GitLab's secret tokens, hashed to one length
}

// signingToken is how GitLab's signing tokens begin. What follows is the key in
// base64: https://docs.gitlab.com/user/project/integrations/webhooks/#signing-tokens
const signingToken = "whsec_"

// newKeys refuses a hook without a secret: anyone can sign with an empty key.
func newKeys(forge Forge, secrets []string) (keys, error) {
	var k keys
	for _, s := range secrets {
		switch {
		case s == "":
			return keys{}, errors.New("a secret is empty: anybody could sign with it")
		case forge == GitLab && strings.HasPrefix(s, signingToken):
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, signingToken))
			if err != nil || len(key) == 0 {
				return keys{}, fmt.Errorf("a secret begins with %q and is not base64 after it: copy GitLab's signing token whole", signingToken)
			}
			k.hmac = append(k.hmac, key)
		case forge == GitLab:
			sum := sha256.Sum256([]byte(s))
			k.tokens = append(k.tokens, sum[:])
		default:
			k.hmac = append(k.hmac, []byte(s))
		}
	}
	if len(k.hmac)+len(k.tokens) == 0 {
		return keys{}, errors.New("there is no secret: set the one that the forge signs with")
	}
	return k, nil
}

// proof is what a request's headers offer to show whom it is from. The body is not
// read for it.
type proof struct {
	// given: a secret token among the headers is right; no body is signed.
	given bool
	// sums are signatures, one of which has to be that of prefix and body.
	sums   [][]byte
	prefix []byte
}

// unsigned says why a request can be refused without reading its body. It tells a
// person who sets up a hook what to look at, and a stranger nothing.
type unsigned string

func (u unsigned) Error() string { return string(u) }

func (k keys) proof(forge Forge, h http.Header, now time.Time) (proof, error) {
	switch forge {
	case GitHub:
		return sha256Header(h, "X-Hub-Signature-256", "sha256=")
	case GitLab:
		return k.gitlab(h, now)
	}
	for _, name := range []string{"X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature"} {
		if h.Get(name) != "" {
			return sha256Header(h, name, "")
		}
	}
	return sha256Header(h, "X-Hub-Signature-256", "sha256=")
}

func sha256Header(h http.Header, name, prefix string) (proof, error) {
	value, err := single(h, name)
	if err != nil {
		return proof{}, err
	}
	sum, err := hex.DecodeString(strings.TrimPrefix(value, prefix))
	if err != nil || !strings.HasPrefix(value, prefix) || len(sum) != sha256.Size {
		return proof{}, unsigned(name + " is no SHA-256 signature")
	}
	return proof{sums: [][]byte{sum}}, nil
}

// single returns a header that came exactly once: of two, a proxy may have judged
// one and we the other.
func single(h http.Header, name string) (string, error) {
	switch v := h.Values(name); {
	case len(v) == 0 || len(v) == 1 && v[0] == "":
		return "", unsigned("no " + name + ": set the webhook's secret")
	case len(v) > 1:
		return "", unsigned("more than one " + name)
	default:
		return v[0], nil
	}
}

// gitlab takes a secret token or a signature by a signing token, whichever kinds
// of secret the hook has. GitLab sends both where both are set.
func (k keys) gitlab(h http.Header, now time.Time) (proof, error) {
	var refused error
	if len(k.tokens) > 0 {
		token, err := single(h, "X-Gitlab-Token")
		switch {
		case err != nil:
			refused = err
		case k.knows(token):
			return proof{given: true}, nil
		default:
			refused = unsigned("X-Gitlab-Token is wrong")
		}
	}
	if len(k.hmac) > 0 {
		p, err := standardWebhook(h, now)
		if err == nil {
			return p, nil
		}
		refused = err
	}
	return proof{}, refused
}

// knows compares hashes, so that neither the time nor the length says anything.
func (k keys) knows(token string) bool {
	sum := sha256.Sum256([]byte(token))
	right := 0
	for _, t := range k.tokens {
		right |= subtle.ConstantTimeCompare(sum[:], t)
	}
	return right == 1
}

// clockSkew is how old or how new a signed time may be: what the specification of
// Standard Webhooks advises and its libraries enforce.
const clockSkew = 5 * time.Minute

// maxSignatures bounds what one header can have us compare: a sender that changes
// its key sends two.
const maxSignatures = 8

// standardWebhook reads the three headers of https://www.standardwebhooks.com:
// HMAC-SHA256 of "id.time.body", as space-separated "v1,base64".
func standardWebhook(h http.Header, now time.Time) (proof, error) {
	id, err := single(h, "Webhook-Id")
	if err != nil {
		return proof{}, err
	}
	stamp, err := single(h, "Webhook-Timestamp")
	if err != nil {
		return proof{}, err
	}
	signatures, err := single(h, "Webhook-Signature")
	if err != nil {
		return proof{}, err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return proof{}, unsigned("Webhook-Timestamp is no time")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > clockSkew || age < -clockSkew {
		return proof{}, unsigned("Webhook-Timestamp is more than 5 minutes off: set this machine's clock")
	}
	p := proof{prefix: []byte(id + "." + stamp + ".")}
	for _, s := range strings.Fields(signatures) {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "v1,"))
		if err == nil && strings.HasPrefix(s, "v1,") && len(sum) == sha256.Size && len(p.sums) < maxSignatures {
			p.sums = append(p.sums, sum)
		}
	}
	if len(p.sums) == 0 {
		return proof{}, unsigned("Webhook-Signature holds no v1 signature")
	}
	return p, nil
}

// proves compares every signature with that of every key, in a time that says
// nothing of which was right, or nearly.
func (k keys) proves(p proof, body []byte) bool {
	right := 0
	for _, key := range k.hmac {
		mac := hmac.New(sha256.New, key)
		mac.Write(p.prefix)
		mac.Write(body)
		want := mac.Sum(nil)
		for _, sum := range p.sums {
			right |= subtle.ConstantTimeCompare(sum, want)
		}
	}
	return p.given || right == 1
}
