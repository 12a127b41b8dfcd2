package config

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/options"
)

// Values that settings with a few allowed ones may have.
var (
	htmlHandlings     = []string{"auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"}
	notFoundHandlings = []string{"404-page", "single-page-application", "none"}
)

// key is one setting that flags, the environment and kv-sync.toml share.
type key struct {
	name string
	// env lists the variables that set it, the first one present wins. The ones
	// behind it are other people's names for it.
	env []string
	// file says whether kv-sync.toml may set it.
	file bool
	// set reads a value; its error says what a value has to look like.
	set func(s *Settings, value string) error
}

// keys lists all settings in the order of the documentation.
var keys = withDeclared([]key{
	{"name", options.Name.Variables, true, setName},
	{"project", options.Project.Variables, true, setProject},
	{"directory", options.Directory.Variables, true, text(func(s *Settings) *string { return &s.Directory })},
	{"source", options.Source.Variables, true, among(func(s *Settings) *string { return &s.Source }, options.Source.Values...)},
	{"namespace", []string{"KV_SYNC_NAMESPACE"}, true, setNamespace},
	{"layout", []string{"KV_SYNC_LAYOUT"}, true, among(func(s *Settings) *string { return &s.Layout }, "content", "pathname", "kv-assets")},
	{"index", []string{"KV_SYNC_INDEX"}, true, text(func(s *Settings) *string { return &s.Index })},
	{"build", []string{"KV_SYNC_BUILD"}, true, text(func(s *Settings) *string { return &s.Build.Line })},
	{"binding", []string{"KV_SYNC_BINDING"}, true, setBinding},
	{"account-id", options.Account.Variables, true, setAccount},
	{"config", options.Config.Variables, true, ignoreHere},
	{"env", options.Environment.Variables, true, text(func(s *Settings) *string { return &s.Environment })},
	{"worker", []string{"KV_SYNC_WORKER"}, true, text(func(s *Settings) *string { return &s.Code.Main })},
	{"compatibility-date", []string{"KV_SYNC_COMPATIBILITY_DATE"}, true, setDate},
	{"html-handling", []string{"KV_SYNC_HTML_HANDLING"}, true, among(func(s *Settings) *string { return &s.Serving.HTMLHandling }, htmlHandlings...)},
	{"not-found", []string{"KV_SYNC_NOT_FOUND"}, true, among(func(s *Settings) *string { return &s.Serving.NotFound }, notFoundHandlings...)},
	{"edge-cache", []string{"KV_SYNC_EDGE_CACHE"}, true, setEdgeCache},
	{"overlay", nil, true, setOverlay},
	{"retain", []string{"KV_SYNC_RETAIN"}, true, setRetain},
	{"grace", []string{"KV_SYNC_GRACE"}, true, setGrace},
	{"retire", nil, true, setRetire},
	{"ignore", []string{"KV_SYNC_IGNORE"}, true, setIgnore},
	{"parallel", []string{"KV_SYNC_PARALLEL"}, true, setParallel},
	{"memory", []string{"KV_SYNC_MEMORY"}, true, setMemory},
	{"branch", []string{"KV_SYNC_BRANCH"}, true, text(func(s *Settings) *string { return &s.Branch })},
	{"remote", []string{"KV_SYNC_REMOTE"}, true, text(func(s *Settings) *string { return &s.Remote })},
	{"api-token", options.Token.Variables, false, setToken},
	{"api-email", []string{"CLOUDFLARE_EMAIL", "CF_EMAIL"}, false, setEmail},
	{"api-key", []string{"CLOUDFLARE_API_KEY", "CF_API_KEY"}, false, setAPIKey},
	{"api-base-url", []string{"CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL"}, false, setBaseURL},
})

// keyNamed returns the setting of that name, which must exist.
func keyNamed(name string) key {
	return keys[slices.IndexFunc(keys, func(k key) bool { return k.name == name })]
}

// ofOneProject are settings that a shared file cannot make for its projects.
var ofOneProject = []string{"name", "project", "directory", "worker", "config", "env", "index", "build"}

// fileKeys are the names that kv-sync.toml may use.
func fileKeys() []string {
	var names []string
	for _, k := range keys {
		if k.file {
			names = append(names, k.name)
		}
	}
	return names
}

func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if strings.ContainsAny(v, "\x00\r\n") {
			return fmt.Errorf("write one line of text")
		}
		*field(s) = v
		return nil
	}
}

func among(field func(*Settings) *string, allowed ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("write %s", orList(allowed))
		}
		*field(s) = v
		return nil
	}
}

// ignoreHere is for "config", which is looked at before everything else.
func ignoreHere(*Settings, string) error { return nil }

var (
	namePattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	accountPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

func setName(s *Settings, v string) error {
	if !namePattern.MatchString(v) {
		if better := sanitise(v); better != "" {
			return fmt.Errorf("write lower-case letters, digits, - and _, at most 63, such as %q", better)
		}
		return fmt.Errorf("write lower-case letters, digits, - and _, at most 63")
	}
	s.Name = v
	return nil
}

func setProject(s *Settings, v string) error {
	if !namePattern.MatchString(v) {
		return fmt.Errorf("write lower-case letters, digits, - and _, at most 63")
	}
	s.Project = v
	return nil
}

func setAccount(s *Settings, v string) error {
	if !accountPattern.MatchString(v) {
		return fmt.Errorf("write the account's id: 32 hexadecimal digits, in the dashboard's address")
	}
	s.Account = v
	return nil
}

func setNamespace(s *Settings, v string) error {
	if len(v) > 512 || strings.ContainsAny(v, "\x00\r\n") {
		return fmt.Errorf("write the namespace's title or id")
	}
	s.Namespace = v
	return nil
}

var bindingPattern = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]{0,63}$`)

func setBinding(s *Settings, v string) error {
	if !bindingPattern.MatchString(v) {
		return fmt.Errorf("write the name by which the Worker's code asks for the namespace, such as \"ASSETS\"")
	}
	s.Binding = v
	return nil
}

func setDate(s *Settings, v string) error {
	if !datePattern.MatchString(v) {
		return fmt.Errorf("write a date such as %s", DefaultCompatibilityDate)
	}
	s.Worker.CompatibilityDate = v
	return nil
}

func setRetain(s *Settings, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 100 {
		return fmt.Errorf("write a number from 1 to 100, which is as far as Cloudflare rolls back")
	}
	s.Retain = n
	return nil
}

func setGrace(s *Settings, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Hour || d > 366*24*time.Hour {
		return fmt.Errorf(`write a time of at least an hour, such as "24h"`)
	}
	s.Grace = d
	return nil
}

func setIgnore(s *Settings, v string) error {
	s.Ignore = nil
	for line := range strings.Lines(v) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			s.Ignore = append(s.Ignore, line)
		}
	}
	return nil
}

// setRetire reads one pattern a line.
func setRetire(s *Settings, v string) error {
	s.Retire = nil
	for pattern := range strings.Lines(v) {
		pattern = strings.TrimSuffix(pattern, "\n")
		switch {
		case !strings.HasPrefix(pattern, "/"):
			return fmt.Errorf("%.60q does not begin with /; write the file's pathname from its beginning, such as \"/assets/*\"", pattern)
		case len(pattern) > maxRoutePatternBytes:
			return fmt.Errorf("%.60q… has more than %d characters; shorten it with *", pattern, maxRoutePatternBytes)
		case slices.Contains(s.Retire, pattern):
			return fmt.Errorf("%q is there twice; take one away", pattern)
		}
		s.Retire = append(s.Retire, pattern)
	}
	if len(s.Retire) > maxRoutePatterns {
		return fmt.Errorf("write at most %d patterns; join some with *", maxRoutePatterns)
	}
	return nil
}

func setParallel(s *Settings, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 64 {
		return fmt.Errorf("write a number from 1 to 64")
	}
	s.Parallel = n
	return nil
}

var sizePattern = regexp.MustCompile(`^([0-9]{1,9}) ?(B|KiB|MiB|GiB)?$`)

func setMemory(s *Settings, v string) error {
	const least = 32 << 20
	m := sizePattern.FindStringSubmatch(v)
	if m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64)
		n <<= map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[m[2]]
		if n >= least && n <= 1<<40 {
			s.Memory = n
			return nil
		}
	}
	return fmt.Errorf(`write a size of at least 32 MiB, such as "64MiB"`)
}

func setToken(s *Settings, v string) error {
	if strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return fmt.Errorf("it has blanks or line breaks; copy it again")
	}
	s.Token = Secret(v)
	return nil
}

func setEmail(s *Settings, v string) error {
	if strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 || !strings.Contains(v, "@") {
		return fmt.Errorf("write the e-mail address of the account's user")
	}
	s.Email = v
	return nil
}

func setAPIKey(s *Settings, v string) error {
	if strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return fmt.Errorf("it has blanks or line breaks; copy it again")
	}
	s.APIKey = Secret(v)
	return nil
}

func setBaseURL(s *Settings, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("write an address such as %s", DefaultBaseURL)
	}
	loopback := u.Hostname() == "localhost"
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		loopback = ip.IsLoopback()
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return fmt.Errorf("write an https address; http is for this machine only")
	}
	s.BaseURL = strings.TrimRight(v, "/")
	return nil
}

// lists are the settings that are lists of patterns, each with an example.
var lists = map[string]string{"ignore": "*.map", "retire": "/assets/*"}

// numeric are the settings that kv-sync.toml may give as numbers.
var numeric = []string{"retain", "parallel", "memory", "edge-cache"}

// fileValue returns a value of kv-sync.toml as flags would give it.
func (r *reader) fileValue(k key, n *node) (string, bool) {
	if k.name == "overlay" {
		return r.overlay(n)
	}
	fix := fmt.Sprintf("write one value, in quotes: %s = \"…\"", k.name)
	switch v := n.value.(type) {
	case string:
		return v, true
	case json.Number:
		if slices.Contains(numeric, k.name) {
			return v.String(), true
		}
		fix = k.better(v.String())
	case bool:
		if k.name == "edge-cache" {
			return strconv.FormatBool(v), true
		}
		fix = k.better(strconv.FormatBool(v))
	case []*node:
		if lists[k.name] != "" {
			before := len(r.errors)
			list := r.texts(n)
			return strings.Join(list, "\n"), len(r.errors) == before
		}
	}
	if example := lists[k.name]; example != "" {
		fix = fmt.Sprintf(`write a list of patterns: %s = [%q]`, k.name, example)
	}
	r.refuse(n, fmt.Sprintf("%s is %s", n.path, n.kind()), fix)
	return "", false
}

// better says what to write in place of a value that stands there without quotes.
func (k key) better(value string) string {
	if err := k.set(&Settings{}, value); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("put it in quotes: %s = %q", k.name, value)
}

// ValidName reports whether a text can be the name of a site or the id of a project.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// ValidAccount reports whether a text can be an account's id.
func ValidAccount(s string) bool { return accountPattern.MatchString(s) }

// ValidMemory reports whether a text is a size that uploads can work with.
func ValidMemory(s string) bool { return setMemory(&Settings{}, s) == nil }
