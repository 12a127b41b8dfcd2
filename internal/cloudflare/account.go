package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// DefaultBaseURL is where Cloudflare's API lives.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// Defaults of Options.
const (
	// DefaultTries spans an outage of about a minute.
	DefaultTries = 8
	// DefaultStall is how long a request may go without a byte in either direction.
	DefaultStall = 60 * time.Second
)

// Options say how to reach an account. Only AccountID is required, and Token or
// in its place Email and APIKey.
type Options struct {
	// Token is an API token with the permissions Workers KV Storage: Edit and
	// Workers Scripts: Edit. It appears in no error, log line or printed value.
	Token string `json:"-"`
	// Email and APIKey are a user and their Global API Key, which may do all that
	// the user may. Where there is a Token they do not count.
	Email     string `json:"-"`
	APIKey    string `json:"-"`
	AccountID string
	// BaseURL is DefaultBaseURL if empty. It must be https unless its host is
	// this machine, for every request to it carries the token.
	BaseURL string
	// Log is told of each retry and of each time the account's rate limit
	// slows requests down. Nil is silent.
	Log *slog.Logger
	// Transport is the connection pool; nil is one of the account's own.
	Transport http.RoundTripper
	// Tries is the most times that one request is sent, DefaultTries if 0.
	Tries int
	// Stall is how long a request may go without a byte moving before it is
	// given up and sent again, DefaultStall if 0.
	Stall time.Duration
}

// String names the account, never the token.
func (o Options) String() string {
	return fmt.Sprintf("account %s at %s", o.AccountID, o.BaseURL)
}

// GoString is String: %#v prints no token either.
func (o Options) GoString() string { return o.String() }

// Account is one Cloudflare account. Its methods are safe for concurrent use.
type Account struct {
	id         string
	local      bool // the API is on this machine
	base       *url.URL
	client     *http.Client
	options    []option.RequestOption
	namespaces *kv.NamespaceService
	authorize  func(*http.Request)
	scrub      func(string) string // takes the token out of a text
	log        *slog.Logger
	pace       *pacer
	tries      int
	stall      time.Duration
	count      struct{ requests, bytesUp, retries atomic.Int64 }
}

var _ kvsync.Account = (*Account)(nil)

// Stats count what was sent so far. The server's own count is the measure of a
// benchmark; these are for a person.
type Stats struct {
	Requests int64 // every attempt counts
	Retries  int64 // of these, the ones that repeated another
	BytesUp  int64 // of request bodies, as far as they were sent
}

var accountID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// New returns the account. It sends nothing: Verify does.
func New(o Options) (*Account, error) {
	secret, token := strings.TrimSpace(o.Token), true
	if secret == "" && o.Email != "" {
		secret, token = strings.TrimSpace(o.APIKey), false
	}
	switch {
	case secret == "" && !token:
		return nil, errors.New("there is an e-mail address and no API key: set CLOUDFLARE_API_KEY too, or better CLOUDFLARE_API_TOKEN to a token from https://dash.cloudflare.com/profile/api-tokens")
	case secret == "":
		return nil, errors.New("there is no API token: set CLOUDFLARE_API_TOKEN to one from https://dash.cloudflare.com/profile/api-tokens")
	case strings.ContainsFunc(secret+o.Email, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the API token contains a space, a line break or a character that no token has: copy it again")
	case o.AccountID == "":
		return nil, errors.New("there is no account id: set CLOUDFLARE_ACCOUNT_ID to the 32 digits in the address of your Cloudflare dashboard")
	case !accountID.MatchString(o.AccountID):
		// It is not shown: it may be the token.
		return nil, fmt.Errorf("the account id has %d characters, where one has 32 digits 0-9a-f: set CLOUDFLARE_ACCOUNT_ID to the id in the address of your Cloudflare dashboard",
			utf8.RuneCountInString(o.AccountID))
	}
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		transport = NewTransport()
	}
	a := &Account{
		id:    o.AccountID,
		local: loopback(base.Hostname()),
		base:  base,
		client: &http.Client{
			Transport: transport,
			// The API never redirects. Followed, a PUT would become a GET whose
			// answer reads like success.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) },
		scrub:     func(s string) string { return strings.ReplaceAll(s, secret, "***") },
		log:       o.Log,
		tries:     o.Tries,
		stall:     o.Stall,
	}
	if !token {
		a.authorize = func(r *http.Request) {
			r.Header.Set("X-Auth-Email", o.Email)
			r.Header.Set("X-Auth-Key", secret)
		}
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.tries <= 0 {
		a.tries = DefaultTries
	}
	if a.stall <= 0 {
		a.stall = DefaultStall
	}
	a.pace = &pacer{log: a.log}
	a.options = []option.RequestOption{
		option.WithBaseURL(base.String()),
		option.WithHTTPClient(a.client),
		option.WithMaxRetries(0), // ours: retry.go
		option.WithHeader("User-Agent", "kv-sync"),
	}
	a.namespaces = kv.NewNamespaceService(a.options...)
	return a, nil
}

// parseBase refuses a base URL that would send the token in the clear, or to
// somewhere else than it reads.
func parseBase(raw string) (*url.URL, error) {
	if raw == "" {
		raw = DefaultBaseURL
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return nil, fmt.Errorf("the API's base URL is no address: set CLOUDFLARE_API_BASE_URL to something like %s", DefaultBaseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the API's base URL (host %s) has a user, a query or a fragment: leave them out", u.Host)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, fmt.Errorf("the API's base URL %s://%s is not https, and the API token would travel readable: use https, or an address of this machine", u.Scheme, u.Host)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+"/", ""
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Stats returns what was sent so far.
func (a *Account) Stats() Stats {
	return Stats{
		Requests: a.count.requests.Load(),
		Retries:  a.count.retries.Load(),
		BytesUp:  a.count.bytesUp.Load(),
	}
}

// String names the account.
func (a *Account) String() string { return "Cloudflare account " + a.id }

// GoString is String.
func (a *Account) GoString() string { return a.String() }

// Close closes the idle connections. The account can still be used.
func (a *Account) Close() { a.client.CloseIdleConnections() }

// Verify asks whether the token is valid and active. It says nothing of its
// permissions: the API names those only when one is missing.
func (a *Account) Verify(ctx context.Context) error {
	err := a.verify(ctx, "user/tokens/verify")
	var refused *APIError
	if errors.As(err, &refused) && refused.fate == refusedFate {
		// A token that the account owns is unknown among the user's.
		if a.verify(ctx, "accounts/"+a.id+"/tokens/verify") == nil {
			return nil
		}
	}
	return err
}

func (a *Account) verify(ctx context.Context, path string) error {
	var token struct{ Status string }
	c := &call{what: "verify the API token", read: into(&token, func() bool { return token.Status != "" })}
	err := a.do(ctx, c, func(...option.RequestOption) error {
		// No route of the SDK's packages that we link.
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base.JoinPath(path).String(), nil)
		if err != nil {
			return err
		}
		_, err = c.send(req, a.client.Do) //nolint:bodyclose // send leaves none open
		return err
	})
	if err != nil {
		return err
	}
	if token.Status != "active" {
		return fmt.Errorf("the API token is %s: roll it or create another at https://dash.cloudflare.com/profile/api-tokens", a.shown(token.Status, 40))
	}
	return nil
}

// Store returns the namespace with this id. It sends nothing.
func (a *Account) Store(id string) kvsync.Store { return &Store{account: a, id: id} }

// Workers returns the script with this name, which need not exist. It sends nothing.
func (a *Account) Workers(script string) kvsync.Workers { return newScript(a, script) }

// FindNamespace returns the id of the namespace with this title, or ErrNotFound.
func (a *Account) FindNamespace(ctx context.Context, title string) (string, error) {
	const perPage = 100
	for page := 1; ; page++ {
		found, more, err := a.listNamespaces(ctx, page, perPage)
		if err != nil {
			return "", err
		}
		for _, n := range found {
			if n.Title == title {
				return n.ID, nil
			}
		}
		if !more {
			return "", fmt.Errorf("KV namespace %q: %w", title, kvsync.ErrNotFound)
		}
	}
}

type namespace struct{ ID, Title string }

func (a *Account) listNamespaces(ctx context.Context, page, perPage int) (found []namespace, more bool, err error) {
	var info struct {
		TotalPages int `json:"total_pages"`
	}
	c := &call{what: "list the KV namespaces", needs: kvEdit, read: func(e envelope) error {
		found, info.TotalPages = nil, 0
		if err := json.Unmarshal(e.Result, &found); err != nil || found == nil {
			return errors.New("no list of namespaces")
		}
		if len(e.ResultInfo) == 0 {
			return nil
		}
		return json.Unmarshal(e.ResultInfo, &info)
	}}
	err = a.do(ctx, c, func(o ...option.RequestOption) error {
		var p kv.NamespaceListParams
		p.AccountID.Value = a.id
		o = append(o, option.WithQuery("page", strconv.Itoa(page)), option.WithQuery("per_page", strconv.Itoa(perPage)))
		_, err := a.namespaces.List(ctx, p, o...)
		return err
	})
	// Without a total, a page that is not full is the last.
	more = len(found) > 0 && (page < info.TotalPages || info.TotalPages == 0 && len(found) >= perPage)
	return found, more, err
}

// titleTaken is the code of a namespace title that another namespace has.
const titleTaken = 10014

// CreateNamespace makes a namespace with this title and returns its id, or that
// of the one that somebody has made meanwhile.
func (a *Account) CreateNamespace(ctx context.Context, title string) (string, error) {
	id, err := a.createNamespace(ctx, title)
	// Somebody else made it just now, or our own request was repeated after its
	// answer was lost. Listings may be a minute old: look until it shows.
	for try := 1; hasCode(err, titleTaken) && try <= a.tries; try++ {
		taken := err
		if err := wait.For(ctx, backoff(try)); err != nil {
			return "", fmt.Errorf("wait for KV namespace %q to be listed: %w", title, err)
		}
		id, err = a.FindNamespace(ctx, title)
		if errors.Is(err, kvsync.ErrNotFound) {
			err = taken
		}
	}
	return id, err
}

func (a *Account) createNamespace(ctx context.Context, title string) (string, error) {
	body, err := json.Marshal(map[string]string{"title": title})
	if err != nil {
		return "", err
	}
	var made namespace
	c := &call{
		what:  fmt.Sprintf("create KV namespace %q", title),
		needs: kvEdit,
		body:  payload{jsonType, [][]byte{body}},
		read:  into(&made, func() bool { return made.ID != "" }),
	}
	err = a.do(ctx, c, func(o ...option.RequestOption) error {
		var p kv.NamespaceNewParams
		p.AccountID.Value = a.id
		_, err := a.namespaces.New(ctx, p, o...)
		return err
	})
	return made.ID, err
}
