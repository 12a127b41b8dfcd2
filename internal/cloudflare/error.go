package cloudflare

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// APIError is a call that was not carried out, or not known to be. It matches
// kvsync.ErrNotFound, kvsync.ErrQuota and kvsync.ErrRefused through errors.Is.
type APIError struct {
	Method string
	// Path has neither query nor account id.
	Path string
	// Status is 0 where there was no answer.
	Status int
	// Codes and Messages are Cloudflare's, side by side.
	Codes    []int
	Messages []string
	// RequestID is what Cloudflare's support asks for.
	RequestID string
	// Hint is what to do about it, or "".
	Hint string
	// Tries is how many times the request was sent.
	Tries int
	// Err is the cause where it is not the answer's status.
	Err error

	enveloped bool
	fate      fate
	asked     time.Duration // to wait, by the server
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Method, e.Path)
	switch {
	case e.Status != 0 && e.Err != nil:
		fmt.Fprintf(&b, "status %d, but %v", e.Status, e.Err)
	case e.Status != 0:
		fmt.Fprintf(&b, "%d %s", e.Status, http.StatusText(e.Status))
	default:
		fmt.Fprintf(&b, "no answer: %v", e.Err)
	}
	for i, m := range e.Messages {
		b.WriteString(": " + m)
		if e.Codes[i] != 0 {
			fmt.Fprintf(&b, " (code %d)", e.Codes[i])
		}
	}
	if e.Tries > 1 {
		fmt.Fprintf(&b, ", %d times", e.Tries)
	}
	if e.RequestID != "" {
		b.WriteString(" [cf-ray " + e.RequestID + "]")
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// brief is why the call was not carried out, in a few words.
func (e *APIError) brief() string {
	var (
		name    *net.DNSError
		system  syscall.Errno
		timeout net.Error
	)
	switch {
	case e.Status != 0 && e.Err != nil:
		return "an answer that makes no sense"
	case e.Status != 0:
		return strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
	case errors.Is(e.Err, errStalled):
		return e.Err.Error()
	case errors.As(e.Err, &name):
		return "the name " + name.Name + " cannot be looked up"
	case errors.As(e.Err, &system):
		return system.Error()
	case errors.Is(e.Err, io.EOF), errors.Is(e.Err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	case errors.As(e.Err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return clip(e.Err.Error(), 80)
}

// Unwrap returns the cause, such as context.Canceled.
func (e *APIError) Unwrap() error { return e.Err }

// Codes of Cloudflare's that decide something. They are documented nowhere as a
// list: found in wrangler's source and in people's reports.
const (
	codeScriptMissing    = 10007 // also: the account has no workers.dev subdomain
	codeKeyMissing       = 10009
	codeEnvMissing       = 10090 // a script, in wrangler's words a legacy environment
	codeNamespaceMissing = 10013
	codeBoundMissing     = 10041 // an upload's binding names a namespace that is not there
	codeNoRoute          = 7000  // an account or namespace id of the wrong form
	codeNoRouteTo        = 7003
	codeQuota            = 10048 // "your account has reached the free usage limit for this operation for today"
	codeNoSubdomain      = 10063
	codeSecretChanged    = 10220
)

// Is reports whether the error means that the thing is not there, that the quota
// is used up, or that the call was certainly not carried out. A 404 says so only in Cloudflare's own words, and only of
// the key or the script: a wrong base URL, account or namespace must not look
// like an empty one.
func (e *APIError) Is(target error) bool {
	switch target {
	case kvsync.ErrQuota:
		return e.quota()
	case kvsync.ErrRefused: // of an earlier attempt nobody can tell
		return e.Status != 0 && e.fate == refusedFate && e.Tries == 1
	case kvsync.ErrSecretChanged:
		return e.has(codeSecretChanged)
	case kvsync.ErrNotFound:
		if !e.enveloped || e.has(codeNamespaceMissing, codeNoRoute, codeNoRouteTo) {
			return false
		}
		return e.Status == http.StatusNotFound || e.has(codeScriptMissing, codeKeyMissing, codeEnvMissing)
	}
	return false
}

func (e *APIError) has(codes ...int) bool {
	return slices.ContainsFunc(e.Codes, func(c int) bool { return slices.Contains(codes, c) })
}

func (e *APIError) quota() bool {
	if e.has(codeQuota) {
		return true
	}
	return e.Status == http.StatusTooManyRequests && slices.ContainsFunc(e.Messages, func(m string) bool {
		m = strings.ToLower(m)
		return strings.Contains(m, "usage limit") && strings.Contains(m, "today")
	})
}

func hasCode(err error, code int) bool {
	var e *APIError
	return errors.As(err, &e) && e.has(code)
}

// permission is a permission of an API token, as the dashboard names it.
type permission string

const (
	kvEdit      permission = "Workers KV Storage: Edit"
	scriptsEdit permission = "Workers Scripts: Edit"
)

const tokensPage = "https://dash.cloudflare.com/profile/api-tokens"

// hint says what to do, or "".
func (e *APIError) hint(needs permission) string {
	switch {
	case e.quota():
		return "the daily limit of the account's plan is used up: go on after 00:00 UTC, or change to the Workers Paid plan"
	case e.has(1000, 9106, 6003, 6111, 10001), e.has(9109) && strings.Contains(strings.ToLower(strings.Join(e.Messages, " ")), "invalid access token"):
		return "the API token is not valid: check CLOUDFLARE_API_TOKEN, or create a token at " + tokensPage
	case e.has(10000, 9109, 10405), e.Status == http.StatusForbidden:
		if needs == "" {
			return "the API token may not do this: see " + tokensPage
		}
		return fmt.Sprintf("the API token lacks the permission %q for this account: add it at %s", needs, tokensPage)
	case e.Status == http.StatusUnauthorized:
		return "the API token is not valid: check CLOUDFLARE_API_TOKEN, or create a token at " + tokensPage
	case e.has(codeNamespaceMissing):
		return "the KV namespace is gone, or belongs to another account: check the namespace id and CLOUDFLARE_ACCOUNT_ID"
	case e.has(codeBoundMissing):
		return "the wrangler file binds a KV namespace that this account does not have: create it first, or correct its id"
	case e.has(codeNoRoute, codeNoRouteTo):
		return "check CLOUDFLARE_ACCOUNT_ID and the namespace id"
	case e.has(codeNoSubdomain):
		return "the account has no workers.dev subdomain yet: open Workers & Pages in the dashboard once to get one"
	case e.has(codeSecretChanged):
		return "a secret was changed since that version was made: deploy its commit again instead"
	case e.Status == http.StatusNotFound && !e.enveloped:
		return "this is no answer of Cloudflare's API: check CLOUDFLARE_API_BASE_URL"
	case e.Status >= 300 && e.Status < 400:
		return "the API does not redirect: check CLOUDFLARE_API_BASE_URL and the proxy"
	}
	return ""
}

// refusal describes an answer that is not the one that was wanted.
func (c *call) refusal(status int, header http.Header, body []byte, env envelope) *APIError {
	e := c.failure()
	e.Status = status
	e.enveloped = env.Success != nil
	e.RequestID = c.account.shown(header.Get("Cf-Ray"), 64)
	c.collect(e, env.Errors)
	if !e.enveloped && len(body) > 0 {
		e.note(0, strconv.Quote(c.account.shown(gist(body), 100)))
	}
	e.asked = asked(header)
	e.Hint = e.hint(c.needs)
	e.fate = e.judge()
	return e
}

// lost describes an attempt without an answer.
func (c *call) lost(err error, sent bool) *APIError {
	e := c.failure()
	var outer *url.Error // names the whole address
	if errors.As(err, &outer) {
		err = outer.Err
	}
	e.Err = c.harmless(err)
	e.fate = judgeLoss(err, sent)
	return e
}

// harmless keeps what err is and makes its text fit to be shown.
func (c *call) harmless(err error) error { return scrubbed{err, c.account.shown(err.Error(), 300)} }

// scrubbed is an error whose text is fit to be shown.
type scrubbed struct {
	error
	text string
}

func (s scrubbed) Error() string { return s.text }
func (s scrubbed) Unwrap() error { return s.error }

func (c *call) failure() *APIError { return &APIError{Method: c.method, Path: c.path} }

// redact leaves of an address what helps: no query, which has cursors, and no
// account id, which people like to keep out of public logs.
func (a *Account) redact(u *url.URL) string {
	path := "/" + strings.TrimPrefix(u.EscapedPath(), a.base.EscapedPath())
	return clip(strings.ReplaceAll(a.scrub(path), a.id, "…"), 200)
}

// collect takes the complaints with what is nested in them.
func (c *call) collect(e *APIError, list []complaint) {
	for _, x := range list {
		if len(e.Codes) == 8 { // an answer is not trusted to be short
			return
		}
		e.note(x.Code, c.account.shown(x.Message, 500))
		c.collect(e, x.Chain)
	}
}

func (e *APIError) note(code int, message string) {
	e.Codes = append(e.Codes, code)
	e.Messages = append(e.Messages, message)
}

// gist is what matters of a body that should have been JSON: a page's title, or
// its first words.
func gist(body []byte) string {
	text := string(body[:min(len(body), 4<<10)])
	lower := strings.ToLower(text)
	if i := strings.Index(lower, "<title>"); i >= 0 && len(lower) == len(text) {
		if j := strings.Index(lower[i:], "</title>"); j >= 0 {
			return text[i+len("<title>") : i+j]
		}
	}
	return text
}

// shown makes a text from elsewhere fit for errors and logs: without the token,
// which a server might repeat, on one line, of at most n bytes.
func (a *Account) shown(s string, n int) string { return clip(clean(a.scrub(s)), n) }

// clean makes one harmless line of a text from elsewhere: no terminal escapes,
// and no line that a CI log takes for a command.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// clip cuts a text to at most n bytes, between two runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
