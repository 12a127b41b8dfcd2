package cloudflare

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

func TestNewRefuses(t *testing.T) {
	good := Options{Token: testToken, AccountID: testAccount}
	for name, tc := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"no token":           {func(o *Options) { o.Token = " " }, "no API token"},
		"token with a line":  {func(o *Options) { o.Token = "abc\ndef-secret" }, "a line break"},
		"no account":         {func(o *Options) { o.AccountID = "" }, "no account id"},
		"e-mail as account":  {func(o *Options) { o.AccountID = "me@exämple.com" }, "has 14 characters, not 32 digits"},
		"account with path":  {func(o *Options) { o.AccountID = "../" + testAccount }, "32 digits"},
		"account upper case": {func(o *Options) { o.AccountID = strings.ToUpper(testAccount) }, "32 digits"},
		"swapped":            {func(o *Options) { o.Token, o.AccountID = o.AccountID, o.Token }, "32 digits"},
		"plain http":         {func(o *Options) { o.BaseURL = "http://api.cloudflare.com/client/v4" }, "not https"},
		"private address":    {func(o *Options) { o.BaseURL = "http://10.0.0.1" }, "not https"},
		"127.0.0.1.evil":     {func(o *Options) { o.BaseURL = "http://127.0.0.1.evil.example" }, "not https"},
		"localhost.evil":     {func(o *Options) { o.BaseURL = "http://localhost.evil.example" }, "not https"},
		"user info":          {func(o *Options) { o.BaseURL = "https://127.0.0.1:x@evil.example" }, ""},
		"password":           {func(o *Options) { o.BaseURL = "https://u:secretpw@example.com" }, "remove them"},
		"another scheme":     {func(o *Options) { o.BaseURL = "file:///etc/passwd" }, ""},
		"no scheme":          {func(o *Options) { o.BaseURL = "localhost:8787" }, ""},
		"query":              {func(o *Options) { o.BaseURL = "https://example.com/?a=b" }, "remove them"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			tc.change(&o)
			_, err := New(o)
			wantErr(t, err, tc.says)
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), testToken) {
				t.Error(err)
			}
		})
	}
	for _, base := range []string{"", "https://example.com", "http://127.0.0.1:8787", "http://[::1]:8787/client/v4/",
		"http://localhost:1"} {
		o := good
		o.BaseURL, o.Token = base, testToken+"\n"
		if _, err := New(o); err != nil {
			t.Error(base, err)
		}
	}
}

func TestTokenIsNeverShown(t *testing.T) {
	leaky := func(w http.ResponseWriter, r *http.Request) {
		refuse(500, 1, "you sent "+r.Header.Get("Authorization"), "CF-Ray", r.Header.Get("Authorization"))(w, r)
	}
	html := func(w http.ResponseWriter, r *http.Request) { page(502, r.Header.Get("Authorization"))(w, r) }
	for _, r := range []reply{leaky, html} {
		inBubble(t, func(t *testing.T, s *server) {
			err := activate(s)
			_, err2 := s.store().PutBulk(t.Context(), pairs, pairCount)
			o := Options{Token: testToken, AccountID: testAccount}
			all := fmt.Sprintf("%v %+v %#v %v %+v %#v %+v %#v %v %+v %s", err, err, apiError(t, err), s.account, s.account,
				s.account, o, o, err2, s.account.options, &s.logged)
			if strings.Contains(all, testToken) {
				t.Error(all)
			}
		}, r)
	}
}

// A proxy or a transport may repeat the request's header in its error.
func TestTransportErrorWithoutToken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		a := s.open(s, func(o *Options) {
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				r.Body.Close()
				return nil, errors.New("proxy: bad request: " + r.Header.Get("Authorization") + "\n::error::forged\x1b[2J")
			})
		})
		_, err := a.Store(testSpace).PutBulk(t.Context(), pairs, pairCount)
		wantErr(t, err, "proxy: bad request")
		if text := err.Error(); strings.Contains(text, testToken) ||
			strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("the error is %q", text)
		}
		if text := s.logged.String(); strings.Contains(text, testToken) || strings.Contains(text, "\n::error") {
			t.Errorf("the log is %s", text)
		}
	}, nil)
}

// An untrusted certificate is not retried: the next attempt would fail, too.
func TestBadCertificateIsNotRetried(t *testing.T) {
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter,
		*http.Request) {
		t.Error("a request was sent")
	}))
	other.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	other.StartTLS()
	defer other.Close()
	a, err := New(Options{Token: testToken, AccountID: testAccount, BaseURL: other.URL, Tries: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	wantErr(t, a.Store(testSpace).Put(t.Context(), "k", []byte("v")), "certificate")
	if n := a.Stats().Requests; n != 1 {
		t.Errorf("there were %d attempts", n)
	}
}

// A defect of the SDK: the error for an HTML page has no message.
func TestErrorOfAnHTMLPage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		_, err := s.store().Get(t.Context(), "k")
		wantErr(t, err, `read KV key "k"`, "GET /accounts/…/", "403 Forbidden", `"Attention Required!"`)
		if strings.Contains(err.Error(), "lots") || strings.Contains(err.Error(), testAccount) {
			t.Error(err)
		}
	}, page(403, "Attention Required!"))
}

func TestErrorsAreOnePrintableLine(t *testing.T) {
	evil := "a\n::error::forged\r\x1b[2Jb\u202e" + strings.Repeat("x", 5000)
	for _, r := range []reply{refuse(400, 1, evil), page(400, evil), answer(400, evil)} {
		inBubble(t, func(t *testing.T, s *server) {
			err := activate(s)
			wantErr(t, err)
			if text := err.Error(); len(text) > 1000 ||
				strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q", text)
			}
		}, r)
	}
}

// A defect of the SDK: status 200 with success:false gives no error.
func TestSuccessFalseWithStatus200(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		err := s.store().Put(t.Context(), "k", []byte("v"))
		wantErr(t, err, "something is off", "code 10021")
	}, refuse(200, 10021, "something is off"))
}

func TestHints(t *testing.T) {
	const shortID = "0123…"
	const lacksKV, lacksScripts = `lacks the permission "Workers KV Storage: Edit"`,
		`lacks the permission "Workers Scripts: Edit"`
	for name, tc := range map[string]struct {
		reply       reply
		kv, scripts string
	}{
		"any of three causes": {refuse(403, 10000, "Authentication error"),
			"not valid, or it is not for account " + shortID + ", or it " + lacksKV,
			"not valid, or it is not for account " + shortID + ", or it " + lacksScripts},
		"another account": {refuse(403, 9109, "Unauthorized to access requested resource"),
			"is not for account " + shortID + ", or it " + lacksKV, "is not for account " + shortID + ", or it " + lacksScripts},
		"invalid":      {refuse(403, 9109, "Invalid access token"), "is not valid", "is not valid"},
		"401":          {refuse(401, 1000, "Invalid API Token"), "is not valid", "is not valid"},
		"no token":     {refuse(400, 9106, "Missing X-Auth-Key"), "is not valid", "is not valid"},
		"no subdomain": {refuse(400, 10063, "no subdomain"), "workers.dev subdomain", "workers.dev subdomain"},
		"bound namespace": {refuse(400, 10041, "KV namespace 'x' not found."), "this account does not have",
			"this account does not have"},
		"namespace": {
			refuse(404, 10013, "namespace not found"), "namespace does not exist", "an error of its own",
		},
		"unknown error": {
			refuse(400, 10013, "workers.api.error.unknown"), "an error of its own", "an error of its own",
		},
		"wrong base URL":     {page(404, "nginx"), "not a response of Cl", "not a response of Cl"},
		"redirect":           {answer(301, "", "Location", "https://example.com"), "does not redirect", "does not redirect"},
		"secret was changed": {refuse(400, 10220, "secrets changed"), "a secret was changed", "a secret was changed"},
		"invalid format": {answer(400, `{"success":false,"errors":[{"code":6003,"message":"Invalid request headers",
			"error_chain":[{"code":6111,"message":"Invalid format for Authorization header"}]}]}`),
			"Authorization header (code 6111)", "is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				_, err := s.store().PutBulk(t.Context(), pairs, pairCount)
				wantErr(t, err, tc.kv)
				wantErr(t, activate(s), tc.scripts)
			}, tc.reply)
		})
	}
}

// After an answer about the account, a refused authorization means that the token lacks a permission.
// The answer may be that something does not exist.
func TestDeniedAfterAnAnswer(t *testing.T) {
	for name, first := range map[string]reply{
		"a success": answer(200, `{"success":true,"errors":[],"result":{"deployments":[]}}`),
		"not found": refuse(404, 10007, "This Worker does not exist"),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				_, _ = s.script().Activations(t.Context())
				_, err := s.store().PutBulk(t.Context(), pairs, pairCount)
				wantErr(t, err, `the API token lacks the permission "Workers KV Storage: Edit" for this account`)
			}, first, refuse(403, 10000, "Authentication error"))
		})
	}
}

func TestQuota(t *testing.T) {
	for _, status := range []int{400, 403, 429} {
		inBubble(t, func(t *testing.T, s *server) {
			_, err := s.store().PutBulk(t.Context(), pairs, pairCount)
			if !errors.Is(err, cloud.ErrQuota) || len(s.requests()) != 1 {
				t.Error(len(s.requests()), err)
			}
			wantErr(t, err, "the daily limit of the account's plan is used up")
		}, refuse(status, 10048, "your account has reached the free usage limit for this operation for today"))
	}
	inBubble(t, func(t *testing.T, s *server) {
		if err := activate(s); errors.Is(err, cloud.ErrQuota) {
			t.Error(err)
		}
	}, refuse(429, 971, "more than 1200 requests per 300 seconds reached"))
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request) {
		t.Errorf("followed with %v", r.Header)
	}))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer first.Close()
	a, err := New(Options{Token: testToken, AccountID: testAccount, BaseURL: first.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	wantErr(t, a.Store(testSpace).Put(t.Context(), "k", []byte("v")), "does not redirect")
}

func TestVerify(t *testing.T) {
	invalid := refuse(401, 1000, "Invalid API Token")
	active := result(`{"id":"x","status":"active"}`)
	for _, tc := range []struct {
		name    string
		replies []reply
		says    string
		paths   []string
	}{
		{"token of a user", []reply{active}, "", []string{"/user/tokens/verify"}},
		{
			"token of an account", []reply{invalid, active}, "",
			[]string{"/user/tokens/verify", "/accounts/" + testAccount + "/tokens/verify"},
		},
		{"unknown token", []reply{invalid}, "is not valid", nil},
		{"expired", []reply{result(`{"status":"expired"}`)}, "token is expired", nil},
		{"no status", []reply{result(`{}`)}, "verify the API token", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				err := s.account.Verify(t.Context())
				if tc.says != "" {
					wantErr(t, err, tc.says)
				} else if err != nil {
					t.Fatal(err)
				}
				for i, p := range tc.paths {
					if got := s.requests()[i].Path; got != p {
						t.Error(got)
					}
				}
			}, tc.replies...)
		})
	}
}

// The root package of the SDK would link all of Cloudflare's services, which need 11 MB.
func TestOnlyThreeSDKPackagesAreLinked(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	const sdk = "github.com/cloudflare/cloudflare-go/v7"
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") { // not in the binary
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if strings.HasPrefix(path, sdk) && path != sdk+"/kv" && path != sdk+"/workers" && path != sdk+"/option" {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"success":true,"result":[]}`,
		`{"success":false,"errors":[{"code":1,"message":"x","error_chain":[{}]}]}`,
		"<title>x</title>", "<TITLE>\xff</title>", "", "null", `{"errors":7}`, "\x1b]0;x\a", "<title>\u0130</title>"} {
		f.Add(200, s)
		f.Add(404, s)
		f.Add(503, s)
	}
	a, err := New(Options{Token: testToken, AccountID: testAccount})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		c := &call{account: a, what: "x", needs: kvEdit, method: "GET", path: "/x"}
		e := c.interpret(status, http.Header{"Cf-Ray": {body}}, []byte(body))
		if e == nil {
			if status < 200 || status > 299 || !strings.Contains(strings.ToLower(body), "success") {
				t.Errorf("status %d with body %q is a success", status, body)
			}
			return
		}
		if text := e.Error(); !utf8.ValidString(text) ||
			strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > 6000 {
			t.Errorf("%q", text)
		}
	})
}

// With an e-mail address and an API key, both headers are sent, and no error shows the key.
func TestAPIKey(t *testing.T) {
	const key = "global-key-of-ada"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Auth-Email") != "ada@example.org" ||
			r.Header.Get("X-Auth-Key") != key {
			t.Errorf("the headers are %v", r.Header)
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"success":false,"errors":[{"code":9103,"message":"Unknown X-Auth-Key ` + key + `"}]}`))
	}))
	defer server.Close()
	a, err := New(Options{Email: "ada@example.org", APIKey: key + "\n", AccountID: testAccount, BaseURL: server.URL,
		Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.FindNamespace(t.Context(), "x")
	wantErr(t, err, "Unknown X-Auth-Key ***")
	if text := fmt.Sprintf("%v %+v %#v", err, a, Options{APIKey: key}); strings.Contains(text, key) {
		t.Error(text)
	}
	for _, o := range []Options{{Email: "ada@example.org"}, {APIKey: key}, {Email: "ada@exa\nmple.org", APIKey: key}} {
		o.AccountID = testAccount
		if _, err := New(o); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%+v", err)
		}
	}
}
