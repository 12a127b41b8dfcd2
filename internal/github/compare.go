// Package github reads the event of a GitHub Actions job. It also asks GitHub which of two
// commits is newer, because a shallow clone does not have the commits between them.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// DefaultAPI is the base URL of GitHub's API. A GitHub Enterprise server has its own.
const DefaultAPI = "https://api.github.com"

// Status is the position of head relative to base, in GitHub's terms.
type Status string

// The statuses.
const (
	Ahead     Status = "ahead"
	Behind    Status = "behind"
	Identical Status = "identical"
	Diverged  Status = "diverged"
)

// ErrNotFound is returned (wrapped) if the repository or commit does not exist, or the token
// may not read it.
var ErrNotFound = errors.New("GitHub does not have the repository or commit, or the token may not read it")

const timeout = 20 * time.Second

// Client sends requests about one repository. It is safe for concurrent use.
type Client struct {
	base       *url.URL
	repository string
	authorize  func(*http.Request)
	http       *http.Client
	// wait pauses between two attempts. It returns an error if the context ends.
	wait func(context.Context, time.Duration) error
}

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	commitID       = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// New returns a client for repository ("owner/name"). The default of api is DefaultAPI.
// It sends nothing.
func New(api, repository, token string) (*Client, error) {
	if api == "" {
		api = DefaultAPI
	}
	base, err := url.Parse(api)
	if err != nil || base.Host == "" || base.User != nil {
		return nil, errors.New("GITHUB_API_URL is not a URL; unset it or use " + DefaultAPI)
	}
	if !loopback.Private(base) {
		return nil, fmt.Errorf("GITHUB_API_URL (host %s) would send the token unencrypted; use https", base.Host)
	}
	name := repository[strings.LastIndex(repository, "/")+1:]
	if !repositoryName.MatchString(repository) || name == "." || name == ".." {
		return nil, fmt.Errorf("%.80q is not a GitHub repository; set GITHUB_REPOSITORY to owner/name", repository)
	}
	if token = strings.TrimSpace(token); token == "" ||
		strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the GitHub token is empty or has an invalid character; copy it again")
	}
	return &Client{
		base: base, repository: repository,
		authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) },
		http:      &http.Client{Timeout: timeout, CheckRedirect: sameHost},
		wait:      wait.For,
	}, nil
}

// String returns the repository without the token.
func (c *Client) String() string { return "GitHub repository " + c.repository }

// GoString returns the repository without the token.
func (c *Client) GoString() string { return c.String() }

// sameHost allows up to three redirects within the API's host, as for a renamed repository. It
// refuses a redirect to another host or scheme.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// Compare returns the status of commit head relative to commit base. Both are full ids in
// hexadecimal.
func (c *Client) Compare(ctx context.Context, base, head string) (Status, error) {
	if !commitID.MatchString(base) || !commitID.MatchString(head) {
		return "", errors.New("compare commits on GitHub: an id is not hexadecimal")
	}
	var response struct {
		Status Status `json:"status"`
	}
	// per_page=1 keeps the list of commits short, because only the status is used.
	if err := c.get(ctx, []string{"compare", base + "..." + head}, "per_page=1", &response); err != nil {
		return "", fmt.Errorf("compare commits on GitHub: %w", err)
	}
	switch response.Status {
	case Ahead, Behind, Identical, Diverged:
		return response.Status, nil
	}
	return "", fmt.Errorf("compare commits on GitHub: unknown status %.20q in the response", response.Status)
}

// Has reports whether the repository has the commit with a full id.
func (c *Client) Has(ctx context.Context, id string) (bool, error) {
	if !commitID.MatchString(id) {
		return false, errors.New("look for a commit on GitHub: its id is not hexadecimal")
	}
	err := c.get(ctx, []string{"git", "commits", id}, "", nil)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for commit %.12s on GitHub: %w", id, err)
	}
	return true, nil
}
