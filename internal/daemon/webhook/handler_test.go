package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	githubSecret = "a secret of GitHub's"
	giteaSecret  = "a secret of Gitea's"
	gitlabToken  = "a token of GitLab's"
	gitlabKey    = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="
)

// receiver is a handler behind a real server, with all that it told.
type receiver struct {
	*httptest.Server
	t       *testing.T
	handler *handler

	mu       sync.Mutex
	accepted []Push
	results  []Result
	lines    bytes.Buffer
	refuse   error // what Accept says
}

func receive(t *testing.T, opt Options) *receiver {
	t.Helper()
	r := &receiver{t: t}
	if opt.Hooks == nil {
		opt.Hooks = []Hook{
			{Path: "/github", Forge: GitHub, Secrets: []string{"the next one", githubSecret}},
			{Path: "/github/blog", Forge: GitHub, Secrets: []string{"blog's"}, Remotes: []string{"git@github.com:me/blog.git"}},
			{Path: "/github/shop", Forge: GitHub, Secrets: []string{"shop's"}, Remotes: []string{"git@github.com:me/shop.git"}},
			{Path: "/gitlab", Forge: GitLab, Secrets: []string{gitlabToken, gitlabKey}},
			{Path: "/gitlab/signed", Forge: GitLab, Secrets: []string{gitlabKey}},
			{Path: "/gitea", Forge: Gitea, Secrets: []string{giteaSecret}},
		}
	}
	opt.Accept = func(_ context.Context, p Push) (bool, error) {
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

// send posts a body with headers, "Name: value" each.
func (r *receiver) send(path string, body []byte, headers ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.URL+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
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

func (r *receiver) pushes() []Push {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted
}

func sum(secret string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func github(secret string, body []byte, event, id string) []string {
	return []string{"X-GitHub-Event: " + event, "X-GitHub-Delivery: " + id,
		"X-Hub-Signature-256: sha256=" + hex.EncodeToString(sum(secret, body))}
}

func gitea(body []byte, id string) []string {
	signature := hex.EncodeToString(sum(giteaSecret, body))
	return []string{"X-Gitea-Event: push", "X-Gitea-Delivery: " + id, "X-Gitea-Signature: " + signature,
		"X-GitHub-Event: push", "X-GitHub-Delivery: " + id, "X-Hub-Signature-256: sha256=" + signature}
}

func gitlabSigned(body []byte, id string, at time.Time) []string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	s := sum("testtesttesttesttesttesttesttest", []byte(id+"."+stamp+"."), body)
	return []string{"X-Gitlab-Event: Push Hook", "Idempotency-Key: " + id, "webhook-id: " + id,
		"webhook-timestamp: " + stamp, "webhook-signature: v1," + base64.StdEncoding.EncodeToString(s)}
}

func form(body []byte) []byte {
	return []byte(url.Values{"payload": {string(body)}}.Encode())
}

const formType = "Content-Type: application/x-www-form-urlencoded"

// Each forge's push, as it sends it, in each of the ways in which it can be signed.
func TestPushes(t *testing.T) {
	r := receive(t, Options{})
	hub, tea, lab := fixture(t, "github-push.json"), fixture(t, "gitea-push.json"), fixture(t, "gitlab-push.json")
	type delivery struct {
		path    string
		body    []byte
		headers []string
		want    string // forge, id and branch
	}
	forgejo := []string{"X-Forgejo-Event: push", "X-Forgejo-Delivery: 5", "X-Forgejo-Signature: " + hex.EncodeToString(sum(giteaSecret, tea))}
	deliveries := []delivery{
		{"/github", hub, github(githubSecret, hub, "push", "1"), "github 1 main"},
		{"/github", form(hub), append(github(githubSecret, form(hub), "push", "2"), formType), "github 2 main"},
		{"/github", hub, append(github("the next one", hub, "push", "3"), "Content-Type: application/json; charset=utf-8"), "github 3 main"},
		{"/github/blog", hub, github("blog's", hub, "push", "4"), "github 4 main"},
		{"/gitea", tea, gitea(tea, "4"), "gitea 4 develop"},
		{"/gitea", tea, forgejo, "gitea 5 develop"},
		{"/gitea", form(tea), append(gitea(tea, "6"), formType), "gitea 6 develop"}, // Gitea signs the payload, not the form
		{"/gitlab", lab, []string{"X-Gitlab-Event: Push Hook", "X-Gitlab-Token: " + gitlabToken, "Idempotency-Key: 7", "X-Gitlab-Event-UUID: same"}, "gitlab 7 feature/new-look"},
		{"/gitlab", lab, []string{"X-Gitlab-Event: Push Hook", "X-Gitlab-Token: " + gitlabToken, "Idempotency-Key: 8", "X-Gitlab-Event-UUID: same"}, "gitlab 8 feature/new-look"},
		{"/gitlab", lab, []string{"X-Gitlab-Event: System Hook", "X-Gitlab-Token: " + gitlabToken}, "gitlab  feature/new-look"},
		{"/gitlab", lab, gitlabSigned(lab, "9", time.Now()), "gitlab 9 feature/new-look"},
		{"/gitlab/signed", lab, append(gitlabSigned(lab, "10", time.Now()), "X-Gitlab-Token: whatever"), "gitlab 10 feature/new-look"},
	}
	var want []string
	for _, d := range deliveries {
		if code, text := r.send(d.path, d.body, d.headers...); code != http.StatusAccepted || text != "taken\n" {
			t.Errorf("%s: %d %s", d.want, code, text)
		}
		want = append(want, d.want)
	}
	var got []string
	for _, p := range r.pushes() {
		got = append(got, fmt.Sprintf("%s %s %s", p.Forge, p.Delivery, p.Branch()))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	// Again, a redelivery that somebody asked for, say: nothing new.
	for _, d := range deliveries {
		if strings.Contains(d.want, "  ") { // without an id it is a push like any other
			continue
		}
		if code, text := r.send(d.path, d.body, d.headers...); code != http.StatusAccepted || text != "already taken\n" {
			t.Errorf("%s again: %d %s", d.want, code, text)
		}
	}
	if n := len(r.pushes()); n != len(deliveries) {
		t.Errorf("%d pushes of %d deliveries", n, len(deliveries))
	}
}

// What is refused, and with which words; nothing of it is accepted.
func TestRefusals(t *testing.T) {
	r := receive(t, Options{})
	hub, lab, tea := fixture(t, "github-push.json"), fixture(t, "gitlab-push.json"), fixture(t, "gitea-push.json")
	unknown := bytes.ReplaceAll(hub, []byte("me/blog"), []byte("me/unknown"))
	garbage := []byte(`{"ref":`)
	for name, c := range map[string]struct {
		path    string
		body    []byte
		headers []string
		code    int
		text    string
		result  Result
	}{
		"no signature":              {"/github", hub, []string{"X-GitHub-Event: push"}, 401, "no X-Hub-Signature-256", Unsigned},
		"another secret":            {"/github", hub, github("guess", hub, "push", "1"), 401, "the signature is wrong", Unsigned},
		"another forge's secret":    {"/github", hub, github(giteaSecret, hub, "push", "1"), 401, "the signature is wrong", Unsigned},
		"another body":              {"/github", append([]byte(" "), hub...), github(githubSecret, hub, "push", "1"), 401, "the signature is wrong", Unsigned},
		"a ping unsigned":           {"/github", hub, github("guess", hub, "ping", "1"), 401, "the signature is wrong", Unsigned},
		"garbage unsigned":          {"/github", garbage, github("guess", garbage, "push", "1"), 401, "the signature is wrong", Unsigned},
		"garbage signed":            {"/github", garbage, github(githubSecret, garbage, "push", "1"), 400, "not the JSON", Malformed},
		"no form":                   {"/github", hub, append(github(githubSecret, hub, "push", "1"), formType), 400, "no payload", Malformed},
		"a form signed as payload":  {"/github", form(hub), append(github(githubSecret, hub, "push", "1"), formType), 401, "the signature is wrong", Unsigned},
		"a Gitea form signed whole": {"/gitea", form(tea), append(gitea(form(tea), "1"), formType), 401, "the signature is wrong", Unsigned},
		"an unknown repository":     {"/github", unknown, github(githubSecret, unknown, "push", "1"), 404, "no site here has the repository github.com/me/unknown", Unknown},
		"it, unsigned":              {"/github", unknown, github("guess", unknown, "push", "1"), 401, "the signature is wrong", Unsigned},
		"another site's repository": {"/github/shop", hub, github("shop's", hub, "push", "1"), 404, "github.com/me/blog", Unknown},
		"another site's secret":     {"/github/shop", hub, github("blog's", hub, "push", "1"), 401, "the signature is wrong", Unsigned},
		"text":                      {"/github", hub, append(github(githubSecret, hub, "push", "1"), "Content-Type: text/plain"), 415, "application/json", Malformed},
		"compressed":                {"/github", hub, append(github(githubSecret, hub, "push", "1"), "Content-Encoding: gzip"), 415, "compressed", Malformed},
		"a form of GitLab's":        {"/gitlab", form(lab), []string{formType, "X-Gitlab-Token: " + gitlabToken}, 415, "application/json", Malformed},
		"no token":                  {"/gitlab", lab, []string{"X-Gitlab-Event: Push Hook"}, 401, "set the webhook's secret", Unsigned},
		"a wrong token":             {"/gitlab", lab, []string{"X-Gitlab-Event: Push Hook", "X-Gitlab-Token: " + gitlabToken + "."}, 401, "no Webhook-Id", Unsigned},
		"a token in place of a key": {"/gitlab/signed", lab, []string{"X-Gitlab-Event: Push Hook", "X-Gitlab-Token: " + gitlabKey}, 401, "no Webhook-Id", Unsigned},
		"an old signature":          {"/gitlab", lab, gitlabSigned(lab, "1", time.Now().Add(-time.Hour)), 401, "clock", Unsigned},
		"no path of ours":           {"/", hub, github(githubSecret, hub, "push", "1"), 404, "not found", ""},
		"a path too long":           {"/github/", hub, github(githubSecret, hub, "push", "1"), 404, "not found", ""},
	} {
		r.results = nil
		code, text := r.send(c.path, c.body, c.headers...)
		if code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s", name, code, text)
		}
		if want := []Result{c.result}; c.result != "" && !cmp.Equal(want, r.results) {
			t.Errorf("%s: %q, not %q", name, r.results, want)
		}
	}
	if p := r.pushes(); len(p) != 0 {
		t.Errorf("accepted: %+v", p)
	}
	logged := r.lines.String()
	for _, secret := range []string{githubSecret, giteaSecret, gitlabToken, gitlabKey, "blog's", "schöner"} {
		if strings.Contains(logged, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if n := strings.Count(logged, "\n"); n != 21 {
		t.Errorf("%d lines of 21 deliveries", n)
	}
}

// What is signed and is no push to a branch is well and without effect: forges
// switch hooks off that answer with errors.
func TestIgnored(t *testing.T) {
	r := receive(t, Options{})
	ping, tag, system := fixture(t, "github-ping.json"), fixture(t, "github-tag.json"), fixture(t, "gitlab-system-project.json")
	for name, c := range map[string]struct {
		path    string
		body    []byte
		headers []string
		code    int
	}{
		"ping":          {"/github", ping, github(githubSecret, ping, "ping", "1"), 200},
		"issue":         {"/github", ping, github(githubSecret, ping, "issues", "2"), 202},
		"no event":      {"/github", ping, github(githubSecret, ping, "", "3"), 202},
		"tag":           {"/github", tag, github(githubSecret, tag, "push", "4"), 202},
		"GitLab's tag":  {"/gitlab", tag, []string{"X-Gitlab-Event: Tag Push Hook", "X-Gitlab-Token: " + gitlabToken}, 202},
		"a new project": {"/gitlab", system, []string{"X-Gitlab-Event: System Hook", "X-Gitlab-Token: " + gitlabToken}, 202},
	} {
		if code, text := r.send(c.path, c.body, c.headers...); code != c.code {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	if len(r.pushes()) != 0 || !cmp.Equal(r.results, []Result{Ignored, Ignored, Ignored, Ignored, Ignored, Ignored}) {
		t.Errorf("%+v, %q", r.pushes(), r.results)
	}
}

func TestMethods(t *testing.T) {
	r := receive(t, Options{})
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		req, err := http.NewRequestWithContext(t.Context(), method, r.URL+"/github", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: %d, Allow: %q", method, res.StatusCode, res.Header.Get("Allow"))
		}
	}
}

// A push that could not be noted can be delivered again under its id.
func TestNotTaken(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	headers := github(githubSecret, body, "push", "1")
	r.refuse = errors.New("the disk is full")
	if code, text := r.send("/github", body, headers...); code != http.StatusServiceUnavailable || strings.Contains(text, "disk") {
		t.Errorf("%d %s", code, text)
	}
	if !strings.Contains(r.lines.String(), "the disk is full") {
		t.Error("the log does not say why")
	}
	r.refuse = nil
	if code, text := r.send("/github", body, headers...); code != http.StatusAccepted || text != "taken\n" {
		t.Errorf("again: %d %s", code, text)
	}
}

// forgetful cannot remember: the push counts all the same.
type forgetful struct{ Deliveries }

func (forgetful) Remember(string) error { return errors.New("the disk is full") }

func TestNotRemembered(t *testing.T) {
	r := receive(t, Options{Deliveries: forgetful{NewRecent()}})
	body := fixture(t, "github-push.json")
	if code, _ := r.send("/github", body, github(githubSecret, body, "push", "1")...); code != http.StatusAccepted || len(r.pushes()) != 1 {
		t.Errorf("%d, %d pushes", code, len(r.pushes()))
	}
	if !strings.Contains(r.lines.String(), "the disk is full") {
		t.Error("the log does not say it")
	}
}

// A sender that hangs up when all has arrived has told of its push.
func TestHungUp(t *testing.T) {
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	h := handler{opt: Options{Accept: func(ctx context.Context, _ Push) (bool, error) { return true, ctx.Err() }}}
	if a := h.accept(gone, Push{}); a.result != Accepted {
		t.Errorf("%+v", a)
	}
}

// What a stranger can have written into the log is short and plain.
func TestLogOfStrangers(t *testing.T) {
	r := receive(t, Options{})
	long := strings.Repeat("x", 129)
	r.send("/github", nil, "X-GitHub-Event: "+long, "X-GitHub-Delivery: "+long)
	r.send("/github", nil, "X-GitHub-Event: é", "X-GitHub-Delivery: a\tb")
	if log := r.lines.String(); strings.Contains(log, long) || strings.Contains(log, "é") || strings.Contains(log, `\t`) || strings.Count(log, "\n") != 2 {
		t.Error(log)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Hook{Path: "/github", Forge: GitHub, Secrets: []string{"s"}}
	for name, hooks := range map[string][]Hook{
		"a path twice":     {good, good},
		"no path":          {{Forge: GitHub, Secrets: []string{"s"}}},
		"an unknown forge": {{Path: "/x", Forge: "bitbucket", Secrets: []string{"s"}}},
	} {
		if _, err := New(Options{Hooks: hooks}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
