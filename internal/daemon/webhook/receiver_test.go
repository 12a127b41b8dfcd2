package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	githubSecret = "a secret of GitHub's"
	giteaSecret  = "a secret of Gitea's"
	gitlabToken  = "a token of GitLab's"
	gitlabKeyHex = "testtesttesttesttesttesttesttest"
	gitlabSecret = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="
)

// receiver is a handler behind a real server. It records what the handler reports.
type receiver struct {
	*httptest.Server
	t       testing.TB
	handler *handler

	mu       sync.Mutex
	accepted []Push
	results  []Result
	lines    bytes.Buffer
	refuse   error // returned by Accept
}

// ids are [Deliveries] in memory.
type ids struct {
	mu  sync.Mutex
	set map[string]bool
}

func (i *ids) Seen(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.set[id]
}

func (i *ids) Remember(id string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set[id] = true
	return nil
}

func receive(t testing.TB, opt Options) *receiver {
	t.Helper()
	r := &receiver{t: t}
	if opt.Hooks == nil {
		opt.Hooks = []Hook{
			{Path: "/github", Forge: GitHub, Secrets: []string{"the next one", githubSecret}},
			{Path: "/github/blog", Forge: GitHub, Secrets: []string{"blog's"}, Remotes: []string{"git@github.com:me/blog.git"}},
			{Path: "/github/shop", Forge: GitHub, Secrets: []string{"shop's"}, Remotes: []string{"git@github.com:me/shop.git"}},
			{Path: "/gitlab", Forge: GitLab, Secrets: []string{gitlabToken, gitlabSecret}},
			{Path: "/gitlab/signed", Forge: GitLab, Secrets: []string{gitlabSecret}},
			{Path: "/gitea", Forge: Gitea, Secrets: []string{giteaSecret}},
		}
	}
	if opt.Deliveries == nil {
		opt.Deliveries = &ids{set: map[string]bool{}}
	}
	if opt.Accept == nil {
		opt.Accept = r.accept
	}
	opt.Observe = func(_ Forge, res Result) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.results = append(r.results, res)
	}
	opt.Log = slog.New(slog.NewTextHandler(&r.lines, nil))
	h, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	r.handler = h.(*handler)
	r.Server = httptest.NewServer(h)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) accept(_ context.Context, p Push) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return false, r.refuse
	}
	known := !p.Of("git@github.com:me/unknown.git")
	if known {
		r.accepted = append(r.accepted, p)
	}
	return known, nil
}

func (r *receiver) pushes() []Push {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted
}

// request returns a POST with headers, each "Name: value". The length of a body
// that is not a bytes.Reader is not sent.
func request(t testing.TB, address string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return req
}

// send posts a body and returns the status and the text of the answer.
func (r *receiver) send(path string, body []byte, headers ...string) (int, string) {
	r.t.Helper()
	return r.do(request(r.t, r.URL+path, bytes.NewReader(body), headers...))
}

// sendChunked is send without a Content-Length.
func (r *receiver) sendChunked(path string, body []byte, headers ...string) (int, string) {
	r.t.Helper()
	return r.do(request(r.t, r.URL+path, io.NopCloser(bytes.NewReader(body)), headers...))
}

func (r *receiver) do(req *http.Request) (int, string) {
	r.t.Helper()
	res, err := r.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sum(secret string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func hexSum(secret string, body []byte) string { return hex.EncodeToString(sum(secret, body)) }

func github(secret string, body []byte, event, id string) []string {
	return []string{
		"X-GitHub-Event: " + event,
		"X-GitHub-Delivery: " + id,
		"X-Hub-Signature-256: sha256=" + hexSum(secret, body),
	}
}

// githubPush is github with the secret of the default hooks.
func githubPush(body []byte, id string) []string { return github(githubSecret, body, "push", id) }

func gitea(secret string, body []byte, event, id string) []string {
	signature := hexSum(secret, body)
	return []string{"X-Gitea-Event: " + event, "X-Gitea-Delivery: " + id, "X-Gitea-Signature: " + signature,
		"X-GitHub-Event: " + event, "X-GitHub-Delivery: " + id, "X-Hub-Signature-256: sha256=" + signature}
}

// gitlab signs with a key as it is before its encoding as a signing token.
func gitlab(key string, body []byte, event, id string) []string {
	return gitlabAt(time.Now(), key, body, event, id)
}

func gitlabAt(at time.Time, key string, body []byte, event, id string) []string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	s := sum(key, []byte(id+"."+stamp+"."), body)
	return []string{"X-Gitlab-Event: " + event, "Idempotency-Key: " + id, "webhook-id: " + id,
		"webhook-timestamp: " + stamp, "webhook-signature: v1," + base64.StdEncoding.EncodeToString(s)}
}

func form(body []byte) []byte {
	return []byte(url.Values{"payload": {string(body)}}.Encode())
}

const formType = "Content-Type: application/x-www-form-urlencoded"
