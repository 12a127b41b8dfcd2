package webhook

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
)

// Push is what a delivery reports. It is only a hint: none of it is deployed.
type Push struct {
	Forge Forge
	// Delivery is the sender's id for the delivery, or "".
	Delivery string
	// Ref is the branch's full name, such as "refs/heads/main".
	Ref string
	// After is the branch's new commit, or "" if the branch was deleted.
	After   string
	Deleted bool
	// Addresses are the repository's addresses for cloning and browsing. There is
	// at least one.
	Addresses []string
}

// Branch returns the branch's short name.
func (p Push) Branch() string { return strings.TrimPrefix(p.Ref, branchPrefix) }

// Of reports whether the push is to the repository at remote.
func (p Push) Of(remote string) bool {
	for _, a := range p.Addresses {
		if SameRepository(a, remote) {
			return true
		}
	}
	return false
}

const branchPrefix = "refs/heads/"

// errNoBranch is returned for a push that changes a tag, or another ref that no site follows.
var errNoBranch = errors.New("not a push to a branch")

// payload has the fields of a push that GitHub, GitLab and Gitea use. Each forge
// sends some of them.
type payload struct {
	Kind       string    `json:"object_kind"` // GitLab
	Event      string    `json:"event_name"`  // GitLab; a system hook sends only this
	Ref        string    `json:"ref"`
	After      string    `json:"after"`
	Deleted    bool      `json:"deleted"` // GitHub; the others send a zero commit
	Repository addresses `json:"repository"`
	Project    addresses `json:"project"` // GitLab, where repository is deprecated
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

// maxName is longer than any branch or address that a forge allows.
const maxName = 2048

// readPush reads the push of GitHub, GitLab and Gitea, which report one ref each.
func readPush(body []byte) ([]Push, error) {
	var in payload
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, errors.New("the payload is not the JSON of a push")
	}
	if cmp.Or(in.Kind, in.Event, "push") != "push" {
		return nil, errNoBranch
	}
	p, err := newPush(in.Ref, in.After, append(in.Repository.list(), in.Project.list()...))
	if err != nil {
		return nil, err
	}
	if in.Deleted {
		p.Deleted, p.After = true, ""
	}
	return []Push{p}, nil
}

// newPush checks the parts of a push. A commit of zeros is a deletion. Errors do
// not repeat the input.
func newPush(ref, after string, repository []string) (Push, error) {
	if ref == "" || len(ref) > maxName || strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Push{}, errors.New("the payload has no ref")
	}
	if !isObjectID(after) {
		return Push{}, errors.New("the payload's after is not a commit")
	}
	p := Push{Ref: ref, After: after}
	if strings.Trim(after, "0") == "" {
		p.Deleted, p.After = true, ""
	}
	seen := make(map[string]bool)
	for _, a := range repository {
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
