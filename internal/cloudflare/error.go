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

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
)

// APIError is a call that was not carried out, or whose outcome is unknown.
type APIError struct {
	Method string
	// Path has no query and no account id.
	Path string
	// Status is 0 if there was no response.
	Status int
	// Codes and Messages are those of Cloudflare's response. They have the same length.
	Codes    []int
	Messages []string
	// RequestID is for Cloudflare's support.
	RequestID string
	// Hint is the probable cause; nil if there is none to name.
	Hint *finding.Finding
	// Tries is how many times the request was sent.
	Tries int
	// Err is the cause if it is not the response's status.
	Err error

	worker        bool          // the call uploads a Worker
	enveloped     bool          // the body had Cloudflare's envelope
	gaveUp        time.Duration // the time without a successful answer after which it ended
	outcome       outcome
	requestedWait time.Duration // from Retry-After or Ratelimit
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
		fmt.Fprintf(&b, "no response: %v", e.Err)
	}
	for i, m := range e.Messages {
		b.WriteString(": " + m)
		if e.Codes[i] != 0 {
			fmt.Fprintf(&b, " (code %d)", e.Codes[i])
		}
	}
	if e.gaveUp > 0 {
		fmt.Fprintf(&b, "; the run ends after %s without a successful answer", e.gaveUp)
	}
	if e.Tries > 1 {
		fmt.Fprintf(&b, ", %d times", e.Tries)
	}
	if e.RequestID != "" {
		b.WriteString(" [cf-ray " + e.RequestID + "]")
	}
	if e.Hint != nil {
		b.WriteString("; " + e.Hint.Error())
	}
	return b.String()
}

// brief returns the cause in a few words.
func (e *APIError) brief() string {
	var (
		name    *net.DNSError
		system  syscall.Errno
		timeout net.Error
	)
	switch {
	case e.Status != 0 && e.Err != nil:
		return "an invalid response"
	case e.Status >= 200 && e.Status < 300 && !e.enveloped:
		return "a response that is not from the API"
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
		return "no response in time"
	}
	return clip(e.Err.Error(), 80)
}

// Unwrap returns the cause, such as context.Canceled.
func (e *APIError) Unwrap() error { return e.Err }

// Error codes of Cloudflare's API that this package handles. They are not documented. The
// sources are wrangler's code and users' reports.
const (
	codeScriptMissing    = 10007 // or the account has no workers.dev subdomain
	codeKeyMissing       = 10009
	codeEnvMissing       = 10090 // a script of a legacy environment
	codeNamespaceMissing = 10013 // of Workers KV; for Workers it is an unknown error of Cloudflare
	codeBoundMissing     = 10041 // an upload's binding names a namespace that does not exist
	codeNoRoute          = 7000  // an account or namespace id is malformed
	codeNoRouteTo        = 7003
	codeInvalid          = 10021 // for a Worker: its code, or a binding
	codeQuota            = 10048 // "your account has reached the free usage limit for this operation for today"
	codeNoSubdomain      = 10063
	codeSecretChanged    = 10220
)

// Is matches cloud.ErrQuota, cloud.ErrRefused (the call was certainly not carried out),
// cloud.ErrWorkerRefused, cloud.ErrSecretChanged and cloud.ErrNotFound. A 404 is ErrNotFound only with Cloudflare's
// envelope, and only for a key or a script. Otherwise a wrong base URL, account or namespace
// would look like an empty one.
func (e *APIError) Is(target error) bool {
	switch target {
	case cloud.ErrQuota:
		return e.quota()
	case cloud.ErrRefused:
		// After the first attempt the outcome is not certain: an earlier one may have succeeded.
		return e.Status != 0 && e.outcome == outcomeRefused && e.Tries == 1
	case cloud.ErrWorkerRefused:
		return e.worker && e.has(codeInvalid)
	case cloud.ErrSecretChanged:
		return e.has(codeSecretChanged)
	case cloud.ErrNotFound:
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

// permission is a permission of an API token, with its name in the dashboard.
type permission string

const (
	kvEdit      permission = "Workers KV Storage: Edit"
	scriptsEdit permission = "Workers Scripts: Edit"
)

// denied returns the cause of a refused authorization. Cloudflare answers code 10000 for an invalid
// token, for a token of another account and for a missing permission. After an answer about this
// account only the last one is left.
func (c *call) denied(e *APIError) *finding.Finding {
	facts := finding.Facts{Name: c.account.id[:min(len(c.account.id), 4)] + "…", Key: string(c.needs)}
	switch {
	case c.needs == "":
		return finding.New(CaseNotPermitted, facts)
	case c.account.admitted.Load():
		return finding.New(CaseLacks, facts)
	case e.has(9109):
		return finding.New(CaseOtherAccount, facts)
	}
	return finding.New(CaseDenied, facts)
}

// hint returns the probable cause of a refusal, or nil.
func (c *call) hint(e *APIError) *finding.Finding {
	var known finding.Case
	badToken := strings.Contains(strings.ToLower(strings.Join(e.Messages, " ")), "invalid access token")
	switch {
	case e.quota():
		known = CaseQuotaUsed
	case e.has(1000, 9106, 6003, 6111, 10001), e.has(9109) && badToken:
		known = CaseInvalidToken
	case e.has(10000, 9109, 10405), e.Status == http.StatusForbidden:
		return c.denied(e)
	case e.Status == http.StatusUnauthorized:
		known = CaseInvalidToken
	case e.has(codeNamespaceMissing) && (e.Status != http.StatusNotFound || !strings.Contains(e.Path, "/storage/kv/")):
		known = CaseOfCloudflare
	case e.has(codeNamespaceMissing):
		known = CaseNoNamespace
	case e.has(codeBoundMissing):
		known = CaseNoneBound
	case e.has(codeNoRoute, codeNoRouteTo):
		known = CaseNoRoute
	case e.has(codeNoSubdomain):
		known = CaseNoSubdomain
	case e.has(codeSecretChanged):
		known = CaseSecretChanged
	case e.Status == http.StatusNotFound && !e.enveloped:
		known = CaseNotAPI
	case e.Status >= 300 && e.Status < 400:
		known = CaseRedirected
	default:
		return nil
	}
	return finding.New(known, finding.Facts{})
}

// refusal describes an unsuccessful response.
func (c *call) refusal(status int, header http.Header, body []byte, env envelope) *APIError {
	e := c.failure()
	e.Status = status
	e.enveloped = env.Success != nil
	e.RequestID = c.account.shown(header.Get("Cf-Ray"), 64)
	c.collect(e, env.Errors)
	if !e.enveloped && len(body) > 0 {
		e.note(0, strconv.Quote(c.account.shown(summary(body), 100)))
	}
	e.requestedWait = requestedWait(header)
	e.Hint = c.hint(e)
	e.outcome = e.decideOutcome()
	return e
}

// noResponse describes an attempt without a response. sent reports whether the request may have
// been sent.
func (c *call) noResponse(err error, sent bool) *APIError {
	e := c.failure()
	var outer *url.Error // its text has the whole address, including the account id
	if errors.As(err, &outer) {
		err = outer.Err
	}
	e.Err = c.display(err)
	e.outcome = outcomeWithoutAnswer(err, sent)
	return e
}

// display returns err with a text that is safe to show.
func (c *call) display(err error) error { return displayError{err, c.account.shown(err.Error(), 300)} }

// displayError is an error with a text that is safe to show.
type displayError struct {
	error
	text string
}

func (d displayError) Error() string { return d.text }
func (d displayError) Unwrap() error { return d.error }

func (c *call) failure() *APIError {
	return &APIError{Method: c.method, Path: c.path, worker: c.worker}
}

// redact returns the path of a URL without the query and without the account id, which should
// not appear in public logs.
func (a *Account) redact(u *url.URL) string {
	path := "/" + strings.TrimPrefix(u.EscapedPath(), a.base.EscapedPath())
	return clip(strings.ReplaceAll(a.scrub(path), a.id, "…"), 200)
}

// collect adds the messages of a response, including nested ones.
func (c *call) collect(e *APIError, list []apiMessage) {
	for _, x := range list {
		if len(e.Codes) == 8 { // more would make the error too long
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

// summary returns the title of an HTML page, or the beginning of another body.
func summary(body []byte) string {
	text := string(body[:min(len(body), 4<<10)])
	lower := strings.ToLower(text)
	if i := strings.Index(lower, "<title>"); i >= 0 && len(lower) == len(text) {
		if j := strings.Index(lower[i:], "</title>"); j >= 0 {
			return text[i+len("<title>") : i+j]
		}
	}
	return text
}

// shown prepares an external text for errors and logs. The result is one line of at most n
// bytes. It does not contain the token, even if the server repeats it.
func (a *Account) shown(s string, n int) string { return clip(clean(a.scrub(s)), n) }

// clean returns an external text as one line without control characters. Otherwise a terminal
// or a CI log could interpret a part of the text as a command.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// clip shortens a text to at most n bytes, at the boundary of a rune.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
