package cloudflare

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// DefaultBaseURL is the address of Cloudflare's API.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// Defaults of Options.
const (
	// DefaultTries covers an outage of about a minute.
	DefaultTries = 8
	// DefaultStall is the time without any transferred byte, in either direction, after which a
	// request is cancelled.
	DefaultStall = 60 * time.Second
	// DefaultTimeout ends a run that has had no answer for this time.
	DefaultTimeout = 10 * time.Minute
)

// Options describe an account. AccountID is required, and either Token or Email and APIKey.
type Options struct {
	// Token is an API token with the permissions Workers KV Storage: Edit and
	// Workers Scripts: Edit. It never appears in errors, log lines or printed values.
	Token string `json:"-"`
	// Email and APIKey are a user and their Global API Key, which has all permissions of
	// the user. They are ignored if there is a Token.
	Email     string `json:"-"`
	APIKey    string `json:"-"`
	AccountID string
	// BaseURL is DefaultBaseURL if empty. It must be https unless its host is this machine,
	// because every request contains the token.
	BaseURL string
	// Log receives each retry, and each time that the rate limit slows requests down. Nil
	// discards them.
	Log *slog.Logger
	// Transport is the connection pool; nil creates one for the account.
	Transport http.RoundTripper
	// Tries is the maximum number of attempts of a request. 0 is DefaultTries.
	Tries int
	// Stall is the time without any transferred byte after which a request is cancelled and sent
	// again. 0 is DefaultStall.
	Stall time.Duration
	// Timeout ends a call if the calls of the run have waited for this time without an answer; 0
	// is DefaultTimeout.
	Timeout time.Duration
	// Outage is shared by the accounts of one run; nil creates one for the account.
	Outage *Outage
	// Jitter returns a duration from 0 to less than its argument, which is added to the pause
	// before a request is sent again. Nil chooses at random; a simulation passes a function, to repeat a run.
	Jitter func(most time.Duration) time.Duration `json:"-"`
}

// String names the account, never the token.
func (o Options) String() string {
	return fmt.Sprintf("account %s at %s", o.AccountID, o.BaseURL)
}

// GoString is String, so %#v does not print the token.
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
	scrub      func(string) string // removes the token from a text
	log        *slog.Logger
	pace       *pacer
	clock      clock
	tries      int
	stall      time.Duration
	timeout    time.Duration
	jitter     func(time.Duration) time.Duration
	admitted   atomic.Bool // the API answered about this account, so the token is valid and for it
	outage     *Outage
	count      struct{ requests, bytesUp, retries atomic.Int64 }
}

var _ cloud.Account = (*Account)(nil)

// Stats count the requests so far, for display. Benchmarks use the server's own count.
type Stats struct {
	Requests int64 // all attempts
	Retries  int64 // attempts after the first one of a call
	BytesUp  int64 // sent bytes of request bodies
}

var accountID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// CredentialsError says what is wrong with the credentials and with the account's id.
type CredentialsError struct{ Findings []*finding.Finding }

// Error lists what is wrong.
func (e *CredentialsError) Error() string {
	var lines []string
	for _, f := range e.Findings {
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// Check returns a *CredentialsError if New would refuse the credentials or the account's id.
func Check(o Options) error {
	_, _, err := checkCredentials(o)
	return err
}

// checkCredentials returns the API token or API key, and whether it is a token.
func checkCredentials(o Options) (secret string, token bool, err error) {
	var wrong CredentialsError
	secret, token = strings.TrimSpace(o.Token), true
	if secret == "" && o.Email != "" {
		secret, token = strings.TrimSpace(o.APIKey), false
	}
	switch {
	case secret == "" && !token:
		wrong.add(CaseNoKey, finding.Facts{})
	case secret == "":
		wrong.add(CaseNoToken, finding.Facts{})
	case strings.ContainsFunc(secret+o.Email, func(r rune) bool { return r <= ' ' || r > '~' }):
		wrong.add(CaseBadToken, finding.Facts{})
	}
	switch {
	case o.AccountID == "":
		wrong.add(CaseNoID, finding.Facts{})
	case !accountID.MatchString(o.AccountID):
		// The value is not shown, because it may be the token.
		wrong.add(CaseInvalidID, finding.Facts{Count: utf8.RuneCountInString(o.AccountID)})
	}
	if len(wrong.Findings) > 0 {
		return "", false, &wrong
	}
	return secret, token, nil
}

func (e *CredentialsError) add(c finding.Case, facts finding.Facts) {
	e.Findings = append(e.Findings, finding.New(c, facts))
}

// New returns the account. It sends nothing. Verify checks the credentials.
func New(o Options) (*Account, error) {
	secret, token, err := checkCredentials(o)
	if err != nil {
		return nil, err
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
		local: loopback.Host(base.Hostname()),
		base:  base,
		client: &http.Client{
			Transport: transport,
			// The API never redirects. Following a redirect would turn a PUT into a GET, whose
			// response looks like success.
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
	a.tries = cmp.Or(max(a.tries, 0), DefaultTries)
	a.stall = cmp.Or(max(a.stall, 0), DefaultStall)
	a.timeout = cmp.Or(max(o.Timeout, 0), DefaultTimeout)
	if a.jitter = o.Jitter; a.jitter == nil {
		a.jitter = rand.N[time.Duration]
	}
	if a.outage = o.Outage; a.outage == nil {
		a.outage = &Outage{}
	}
	a.pace = &pacer{log: a.log}
	a.options = []option.RequestOption{
		option.WithBaseURL(base.String()),
		option.WithHTTPClient(a.client),
		option.WithMaxRetries(0), // retry.go retries
		option.WithHeader("User-Agent", "kv-sync"),
	}
	a.namespaces = kv.NewNamespaceService(a.options...)
	return a, nil
}

// parseBase refuses a base URL that is not encrypted, or whose user info hides the real host.
func parseBase(raw string) (*url.URL, error) {
	if raw == "" {
		raw = DefaultBaseURL
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return nil, fmt.Errorf("the API's base URL is invalid: set CLOUDFLARE_API_BASE_URL to an address such as %s",
			DefaultBaseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the API's base URL (host %s) has a user, a query or a fragment: remove them", u.Host)
	case !loopback.Private(u):
		return nil, fmt.Errorf("the API's base URL %s://%s is not https, so the API token would be sent unencrypted: "+
			"use https, or an address of this machine", u.Scheme, u.Host)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+"/", ""
	return u, nil
}

// Stats returns the counts so far.
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

// Close closes idle connections. The account remains usable.
func (a *Account) Close() { a.client.CloseIdleConnections() }

// Verify checks whether the token is valid and active. It cannot check permissions: the API
// reports a missing one only when it is needed.
func (a *Account) Verify(ctx context.Context) error {
	err := a.verify(ctx, "user/tokens/verify")
	var refused *APIError
	if errors.As(err, &refused) && refused.outcome == outcomeRefused {
		// The route for users' tokens refuses a token that belongs to an account.
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
		// The packages of the SDK that are linked do not have this route.
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base.JoinPath(path).String(), nil)
		if err != nil {
			return err
		}
		_, err = c.send(req, a.client.Do) //nolint:bodyclose // send closes the body
		return err
	})
	if err != nil {
		return err
	}
	if token.Status != "active" {
		return fmt.Errorf("the API token is %s: roll it or create another in the dashboard", a.shown(token.Status, 40))
	}
	return nil
}

// Store returns the namespace with this id. It sends nothing.
func (a *Account) Store(id string) cloud.Store { return &Store{account: a, id: id} }

// Workers returns the script with this name, which may not exist. It sends nothing.
func (a *Account) Workers(script string) cloud.Workers { return newScript(a, script) }

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
			return "", fmt.Errorf("KV namespace %q: %w", title, cloud.ErrNotFound)
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

// codeTitleTaken is the API's code for a title that another namespace has.
const codeTitleTaken = 10014

// CreateNamespace creates a namespace with this title and returns its id. If another process
// creates it at the same time, CreateNamespace returns the id of that namespace.
func (a *Account) CreateNamespace(ctx context.Context, title string) (string, error) {
	id, err := a.createNamespace(ctx, title)
	// The title is taken: another process has just created the namespace, or an earlier attempt
	// of this call did and its response was lost. A listing may be a minute old, so list again
	// until the namespace appears.
	for try := 1; hasCode(err, codeTitleTaken) && try <= a.tries; try++ {
		taken := err
		if err := wait.For(ctx, a.backoff(try)); err != nil {
			return "", fmt.Errorf("wait for KV namespace %q to be listed: %w", title, err)
		}
		id, err = a.FindNamespace(ctx, title)
		if errors.Is(err, cloud.ErrNotFound) {
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
