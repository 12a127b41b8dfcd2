package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// Push is what a delivery says happened. It is a hint: nothing of it is deployed.
type Push struct {
	Forge Forge
	// Delivery is the sender's id of it, "" if it gave none.
	Delivery string
	// Ref is a branch's full name, "refs/heads/main".
	Ref string
	// After is the commit that the branch is at now, "" where it was deleted.
	After   string
	Deleted bool
	// Addresses are those of the repository, for cloning and for reading; there is
	// at least one.
	Addresses []string
}

// Branch is the branch's short name.
func (p Push) Branch() string { return strings.TrimPrefix(p.Ref, branches) }

// Of says whether the push was to the repository at a remote.
func (p Push) Of(remote string) bool {
	for _, a := range p.Addresses {
		if SameRepository(a, remote) {
			return true
		}
	}
	return false
}

const branches = "refs/heads/"

// errNoBranch is a push to a tag or to something else that no site is made from.
var errNoBranch = errors.New("not a push to a branch")

// headers, by forge, in the order in which they are believed.
var (
	eventHeaders = map[Forge][]string{
		GitHub: {"X-GitHub-Event"},
		GitLab: {"X-Gitlab-Event"},
		Gitea:  {"X-Forgejo-Event", "X-Gitea-Event", "X-Gogs-Event", "X-GitHub-Event"},
	}
	// An id names one push to one hook, and stays when that is sent again.
	// X-Gitlab-Event-UUID is no such id: what one webhook's work brings about comes
	// with the id of the event before it, so pushes would be taken for repetitions.
	deliveryHeaders = map[Forge][]string{
		GitHub: {"X-GitHub-Delivery"},
		GitLab: {"Webhook-Id", "Idempotency-Key", "X-Gitlab-Webhook-UUID"},
		Gitea:  {"X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "X-GitHub-Delivery"},
	}
)

// header is the first of names that came, if it is short and plain: what is
// logged, compared and kept is never more than that.
func header(h http.Header, names []string) string {
	for _, name := range names {
		if v := h.Get(name); v != "" {
			if len(v) > 128 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
				return ""
			}
			return v
		}
	}
	return ""
}

// isPush says whether an event may be a push. A GitLab system hook, which an
// instance's administrator makes, says only in its body what it is about.
func isPush(forge Forge, event string) bool {
	if forge == GitLab {
		return event == "Push Hook" || event == "System Hook"
	}
	return event == "push"
}

// payload is what the forges' pushes have, of all that they have.
type payload struct {
	Kind       string    `json:"object_kind"` // GitLab
	Event      string    `json:"event_name"`  // GitLab, of system hooks all there is
	Ref        string    `json:"ref"`
	After      string    `json:"after"`
	Deleted    bool      `json:"deleted"` // GitHub; the others give no commit
	Repository addresses `json:"repository"`
	Project    addresses `json:"project"` // GitLab, whose repository is deprecated
}

type addresses struct {
	Clone   string `json:"clone_url"`
	SSH     string `json:"ssh_url"`
	Page    string `json:"html_url"`
	GitHTTP string `json:"git_http_url"`
	GitSSH  string `json:"git_ssh_url"`
	Web     string `json:"web_url"`
}

func (a addresses) list() []string {
	return []string{a.Clone, a.SSH, a.Page, a.GitHTTP, a.GitSSH, a.Web}
}

// maxName is more than any forge allows a branch or an address.
const maxName = 2048

// parse reads a push. What is missing or is not of its form is an error.
func parse(body []byte) (Push, error) {
	var in payload
	if err := json.Unmarshal(body, &in); err != nil {
		return Push{}, errors.New("the payload is not the JSON of a push")
	}
	if cmp.Or(in.Kind, in.Event, "push") != "push" {
		return Push{}, errNoBranch
	}
	if in.Ref == "" || len(in.Ref) > maxName || strings.ContainsFunc(in.Ref, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Push{}, errors.New("the payload has no ref")
	}
	if !isObjectID(in.After) {
		return Push{}, errors.New("the payload's after is no commit")
	}
	p := Push{Ref: in.Ref, After: in.After, Deleted: in.Deleted || strings.Trim(in.After, "0") == ""}
	if p.Deleted {
		p.After = ""
	}
	seen := make(map[string]bool)
	for _, a := range append(in.Repository.list(), in.Project.list()...) {
		if name := Repository(a); len(a) <= maxName && name != "" && !seen[a] {
			seen[a] = true
			p.Addresses = append(p.Addresses, a)
		}
	}
	if len(p.Addresses) == 0 {
		return Push{}, errors.New("the payload names no repository")
	}
	if p.Branch() == p.Ref || p.Branch() == "" {
		return Push{}, errNoBranch
	}
	return p, nil
}

func isObjectID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

// errForm is what is no form with a payload.
var errForm = errors.New("the form has no payload")

// formPayload returns the payload of a form in place: a body is held once, however
// it is written.
func formPayload(body []byte) ([]byte, error) {
	for len(body) > 0 {
		field, rest, _ := bytes.Cut(body, []byte("&"))
		if value, ok := bytes.CutPrefix(field, []byte("payload=")); ok {
			return unescape(value)
		}
		body = rest
	}
	return nil, errForm
}

func unescape(b []byte) ([]byte, error) {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(b) {
				return nil, errForm
			}
			high, low := unhex(b[i+1]), unhex(b[i+2])
			if high < 0 || low < 0 {
				return nil, errForm
			}
			c, i = byte(high<<4|low), i+2
		}
		b[n] = c
		n++
	}
	return b[:n], nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
