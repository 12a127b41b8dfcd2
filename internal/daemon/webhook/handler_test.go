package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type pushDelivery struct {
	path    string
	body    []byte
	headers []string
	want    string // forge, id and branch
}

// pushDeliveries has every forge's push in each way that the forge can sign it.
func pushDeliveries(t *testing.T) []pushDelivery {
	t.Helper()
	hub, tea, lab := fixture(t, "github-push.json"), fixture(t, "gitea-push.json"), fixture(t, "gitlab-push.json")
	charset := "Content-Type: application/json; charset=utf-8"
	forgejo := []string{"X-Forgejo-Event: push", "X-Forgejo-Delivery: 5",
		"X-Forgejo-Signature: " + hexSum(giteaSecret, tea)}
	token := func(event string, more ...string) []string {
		return append([]string{"X-Gitlab-Event: " + event, "X-Gitlab-Token: " + gitlabToken}, more...)
	}
	signed := gitlab(gitlabKeyHex, lab, "Push Hook", "10")
	return []pushDelivery{
		{"/github", hub, githubPush(hub, "1"), "github 1 main"},
		{"/github", form(hub), append(githubPush(form(hub), "2"), formType), "github 2 main"},
		{"/github", hub, append(github("the next one", hub, "push", "3"), charset), "github 3 main"},
		{"/github/blog", hub, github("blog's", hub, "push", "4"), "github 4 main"},
		{"/gitea", tea, gitea(giteaSecret, tea, "push", "4"), "gitea 4 develop"},
		{"/gitea", tea, forgejo, "gitea 5 develop"},
		// Gitea signs the payload, not the form.
		{"/gitea", form(tea), append(gitea(giteaSecret, tea, "push", "6"), formType), "gitea 6 develop"},
		{"/gitlab", lab, token("Push Hook", "Idempotency-Key: 7", "X-Gitlab-Event-UUID: x"), "gitlab 7 feature/new-look"},
		{"/gitlab", lab, token("Push Hook", "Idempotency-Key: 8", "X-Gitlab-Event-UUID: x"), "gitlab 8 feature/new-look"},
		{"/gitlab", lab, token("System Hook"), "gitlab  feature/new-look"},
		{"/gitlab", lab, gitlab(gitlabKeyHex, lab, "Push Hook", "9"), "gitlab 9 feature/new-look"},
		{"/gitlab/signed", lab, append(signed, "X-Gitlab-Token: whatever"), "gitlab 10 feature/new-look"},
	}
}

func TestPushes(t *testing.T) {
	r, deliveries := receive(t, Options{}), pushDeliveries(t)
	var want []string
	for _, d := range deliveries {
		if code, text := r.send(d.path, d.body, d.headers...); code != http.StatusAccepted || text != "accepted\n" {
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

	// A redelivery has no effect.
	for _, d := range deliveries {
		if strings.Contains(d.want, "  ") { // has no id
			continue
		}
		if code, text := r.send(d.path, d.body, d.headers...); code != http.StatusAccepted || text != "already accepted\n" {
			t.Errorf("%s again: %d %s", d.want, code, text)
		}
	}
	if n := len(r.pushes()); n != len(deliveries) {
		t.Errorf("%d pushes of %d deliveries", n, len(deliveries))
	}
}

// A refused delivery gets a status and a reason, and is not accepted. See also
// TestForgeContract.
func TestRefusals(t *testing.T) {
	r := receive(t, Options{})
	hub, lab, tea := fixture(t, "github-push.json"), fixture(t, "gitlab-push.json"), fixture(t, "gitea-push.json")
	unknown := bytes.ReplaceAll(hub, []byte("me/blog"), []byte("me/unknown"))
	for name, c := range map[string]struct {
		path    string
		body    []byte
		headers []string
		code    int
		text    string
		result  Result
	}{
		"another forge's secret": {"/github", hub, github(giteaSecret, hub, "push", "1"), 401, "the signature is wrong",
			Unsigned},
		"a ping unsigned": {"/github", hub, github("guess", hub, "ping", "1"), 401, "the signature is wrong",
			Unsigned},
		"JSON sent as a form": {"/github", hub, append(githubPush(hub, "1"), formType), 400, "no payload", Malformed},
		"a form signed as payload": {"/github", form(hub), append(githubPush(hub, "1"), formType), 401,
			"the signature is wrong", Unsigned},
		"a Gitea form signed whole": {"/gitea", form(tea), append(gitea(giteaSecret, form(tea), "push", "1"), formType), 401,
			"the signature is wrong", Unsigned},
		"an unknown repository": {"/github", unknown, githubPush(unknown, "1"), 404,
			"no site here uses the repository github.com/me/unknown", Unknown},
		"another site's repository": {"/github/shop", hub, github("shop's", hub, "push", "1"), 404, "github.com/me/blog",
			Unknown},
		"another site's secret": {"/github/shop", hub, github("blog's", hub, "push", "1"), 401, "the signature is wrong",
			Unsigned},
		"plain text": {"/github", hub, append(githubPush(hub, "1"), "Content-Type: text/plain"), 415,
			"application/json", Malformed},
		"compressed": {"/github", hub, append(githubPush(hub, "1"), "Content-Encoding: gzip"), 415,
			"compressed", Malformed},
		"a form from GitLab": {"/gitlab", form(lab), []string{formType, "X-Gitlab-Token: " + gitlabToken}, 415,
			"application/json", Malformed},
		"no token": {"/gitlab", lab, []string{"X-Gitlab-Event: Push Hook"}, 401, "set the webhook's secret",
			Unsigned},
		"a wrong token": {"/gitlab", lab, []string{"X-Gitlab-Event: Push Hook",
			"X-Gitlab-Token: " + gitlabToken + "."}, 401, "no Webhook-Id", Unsigned},
		"a token in place of a key": {"/gitlab/signed", lab, []string{"X-Gitlab-Event: Push Hook",
			"X-Gitlab-Token: " + gitlabSecret}, 401, "no Webhook-Id", Unsigned},
		"an old signature": {"/gitlab", lab, gitlabAt(time.Now().Add(-time.Hour), gitlabKeyHex, lab, "Push Hook",
			"1"), 401, "clock", Unsigned},
		"an unknown path": {"/", hub, githubPush(hub, "1"), 404, "not found", ""},
		"a path too long": {"/github/", hub, githubPush(hub, "1"), 404, "not found", ""},
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
	for _, secret := range []string{githubSecret, giteaSecret, gitlabToken, gitlabSecret, "blog's", "schöner"} {
		if strings.Contains(logged, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if n := strings.Count(logged, "\n"); n != 15 {
		t.Errorf("%d lines of 15 deliveries", n)
	}
}

// A signed delivery that is not a push to a branch succeeds without effect: forges
// disable hooks that answer with errors.
func TestIgnored(t *testing.T) {
	r := receive(t, Options{})
	ping, tag, system := fixture(
		t,
		"github-ping.json",
	), fixture(
		t,
		"github-tag.json",
	), fixture(
		t,
		"gitlab-system-project.json",
	)
	for name, c := range map[string]struct {
		path    string
		body    []byte
		headers []string
		code    int
	}{
		"ping":          {"/github", ping, github(githubSecret, ping, "ping", "1"), 200},
		"issue":         {"/github", ping, github(githubSecret, ping, "issues", "2"), 202},
		"no event":      {"/github", ping, github(githubSecret, ping, "", "3"), 202},
		"tag":           {"/github", tag, githubPush(tag, "4"), 202},
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
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete,
		http.MethodOptions} {
		req := request(t, r.URL+"/github", nil)
		req.Method = method
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

// A push that could not be recorded can be delivered again with the same id.
func TestFailedDeliveryCanBeRepeated(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	headers := githubPush(body, "1")
	r.refuse = errors.New("the disk is full")
	if code, text := r.send("/github", body, headers...); code != http.StatusServiceUnavailable ||
		strings.Contains(text, "disk") {
		t.Errorf("%d %s", code, text)
	}
	if !strings.Contains(r.lines.String(), "the disk is full") {
		t.Error("the log does not say why")
	}
	r.refuse = nil
	if code, text := r.send("/github", body, headers...); code != http.StatusAccepted || text != "accepted\n" {
		t.Errorf("again: %d %s", code, text)
	}
}

// forgetful cannot store an id.
type forgetful struct{ Deliveries }

func (forgetful) Remember(string) error { return errors.New("the disk is full") }

// A push counts although its id could not be stored.
func TestIDNotStored(t *testing.T) {
	r := receive(t, Options{Deliveries: forgetful{&ids{set: map[string]bool{}}}})
	body := fixture(t, "github-push.json")
	if code, _ := r.send("/github", body, githubPush(body, "1")...); code != http.StatusAccepted ||
		len(r.pushes()) != 1 {
		t.Errorf("%d, %d pushes", code, len(r.pushes()))
	}
	if !strings.Contains(r.lines.String(), "the disk is full") {
		t.Error("the log does not say why")
	}
}

// A push counts although its sender hung up after the body.
func TestSenderHangsUp(t *testing.T) {
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	h := handler{opt: Options{Accept: func(ctx context.Context, _ Push) (bool, error) { return true, ctx.Err() }}}
	if a := h.accept(gone, []Push{{}}); a.result != Accepted {
		t.Errorf("%+v", a)
	}
}

// An unverified sender can write only short, printable ASCII into the log.
func TestLogOfUnverifiedHeaders(t *testing.T) {
	r := receive(t, Options{})
	long := strings.Repeat("x", 129)
	r.send("/github", nil, "X-GitHub-Event: "+long, "X-GitHub-Delivery: "+long)
	r.send("/github", nil, "X-GitHub-Event: é", "X-GitHub-Delivery: a\tb")
	if log := r.lines.String(); strings.Contains(log, long) || strings.Contains(log, "é") || strings.Contains(log, `\t`) ||
		strings.Count(log, "\n") != 2 {
		t.Error(log)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Hook{Path: "/github", Forge: GitHub, Secrets: []string{"s"}}
	for name, hooks := range map[string][]Hook{
		"a path twice":     {good, good},
		"no path":          {{Forge: GitHub, Secrets: []string{"s"}}},
		"an unknown forge": {{Path: "/x", Forge: "nosuch", Secrets: []string{"s"}}},
	} {
		if _, err := New(Options{Hooks: hooks}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
