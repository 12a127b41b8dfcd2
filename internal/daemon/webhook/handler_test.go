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
	"net"
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

// The largest body is taken, and one byte more is not, whether or not its length
// is told.
func TestBodyCap(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	body = append(body, bytes.Repeat([]byte(" "), MaxBody-len(body))...)
	if code, text := r.send("/github", body, github(githubSecret, body, "push", "1")...); code != http.StatusAccepted {
		t.Errorf("%d bytes: %d %s", len(body), code, text)
	}
	body = append(body, ' ')
	if code, text := r.send("/github", body, github(githubSecret, body, "push", "2")...); code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes: %d %s", len(body), code, text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/github", io.NopCloser(bytes.NewReader(body))) // chunked
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range github(githubSecret, body, "push", "3") {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := r.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes in chunks: %d", len(body), res.StatusCode)
	}
	if n := len(r.pushes()); n != 1 {
		t.Errorf("%d pushes", n)
	}
}

// raw opens a connection and writes a request's head.
func (r *receiver) raw(length int) net.Conn {
	r.t.Helper()
	var d net.Dialer
	c, err := d.DialContext(r.t.Context(), "tcp", r.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "POST /github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n{", strings.Repeat("0", 64), length)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func status(t *testing.T, c net.Conn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("HTTP/1.1 408"))
	if _, err := io.ReadFull(c, line); err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// A stranger who sends nothing is sent away, and one who claims to send much takes
// no place from those who send little.
func TestSlowBodies(t *testing.T) {
	r := receive(t, Options{BodyTime: 2 * time.Second})
	var slow []net.Conn
	for range largeBodies + 1 {
		slow = append(slow, r.raw(MaxBody))
	}
	time.Sleep(100 * time.Millisecond)
	body, started := fixture(t, "github-push.json"), time.Now()
	if code, text := r.send("/github", body, github(githubSecret, body, "push", "1")...); code != http.StatusAccepted || time.Since(started) > 1500*time.Millisecond {
		t.Errorf("%d %s after %s", code, text, time.Since(started))
	}
	answers := map[string]int{}
	for _, c := range slow {
		answers[status(t, c)]++
	}
	// The one without a place is turned away at about the moment at which the
	// others' time is up.
	if answers["HTTP/1.1 408"] < largeBodies || answers["HTTP/1.1 408"]+answers["HTTP/1.1 503"] != largeBodies+1 {
		t.Error(answers)
	}
	small := r.raw(10)
	if s := status(t, small); s != "HTTP/1.1 408" {
		t.Error(s)
	}
}

// No more bodies are held at once than there are places, and each place is given
// back, however the delivery ends.
func TestPlaces(t *testing.T) {
	r := receive(t, Options{BodyTime: time.Second})
	small := fixture(t, "github-push.json")
	large := append(bytes.Clone(small), bytes.Repeat([]byte(" "), smallBody)...)
	n := 0
	check := func(body []byte, secret string, want int) {
		t.Helper()
		n++
		if code, text := r.send("/github", body, github(secret, body, "push", fmt.Sprint(n))...); code != want {
			t.Errorf("%d %s, not %d", code, text, want)
		}
	}
	for range largeBodies {
		r.handler.bodies.large <- struct{}{}
	}
	check(large, githubSecret, http.StatusServiceUnavailable)
	check(small, githubSecret, http.StatusAccepted)
	<-r.handler.bodies.large
	for range 3 {
		check(large, githubSecret, http.StatusAccepted)
		check(large, "guess", http.StatusUnauthorized)
	}
	for range smallBodies {
		r.handler.bodies.small <- struct{}{}
	}
	check(small, githubSecret, http.StatusServiceUnavailable)
	<-r.handler.bodies.small
	for range 3 {
		check(small, githubSecret, http.StatusAccepted)
		check(small, "guess", http.StatusUnauthorized)
	}
}

// Without a deadline nothing would end a slow body, so nothing is read.
func TestNoDeadline(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/github", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for _, h := range github(githubSecret, body, "push", "1") {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusServiceUnavailable || len(r.pushes()) != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A body that ends early is no body.
func TestBodyCutShort(t *testing.T) {
	r := receive(t, Options{})
	c := r.raw(10)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if s := status(t, c); s != "HTTP/1.1 400" {
		t.Error(s)
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
