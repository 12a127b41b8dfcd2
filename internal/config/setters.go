package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/internal/loopback"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// text returns a function that sets a field to one line of text.
func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		*field(s) = v
		return oneLine(v)
	}
}

// oneLine refuses a text of several lines.
func oneLine(v string) error {
	if strings.ContainsAny(v, "\x00\r\n") {
		return errors.New("write one line of text")
	}
	return nil
}

// oneOf returns a function that sets a field to one of the allowed values.
func oneOf(field func(*Settings) *string, allowed ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("write %s", tree.OrList(allowed))
		}
		*field(s) = v
		return nil
	}
}

// layoutNames are the names of the registered layouts.
func layoutNames() (names []string) {
	for _, l := range kvsync.Layouts() {
		names = append(names, l.Name)
	}
	return names
}

// matching returns a function that sets a field to a text that matches a pattern.
func matching(field func(*Settings) *string, pattern *regexp.Regexp, fix string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if !pattern.MatchString(v) {
			return errors.New(fix)
		}
		*field(s) = v
		return nil
	}
}

// number returns a function that sets a field to a number from 1 to most.
func number(field func(*Settings) *int, most int, fix string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > most {
			return errors.New(fix)
		}
		*field(s) = n
		return nil
	}
}

func boolean(field func(*Settings) *bool) setter {
	return func(s *Settings, v string) error {
		if v != "true" && v != "false" {
			return errors.New("write true or false")
		}
		*field(s) = v == "true"
		return nil
	}
}

// secret returns a function that sets a field to a secret of visible ASCII characters.
func secret(field func(*Settings) *Secret) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if placeholder.MatchString(v) {
			return errors.New("it is the placeholder of an example; set it to one from " + tokensPage)
		}
		if strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
			return errors.New("it contains spaces, line breaks or other invalid characters; copy it again")
		}
		*field(s) = Secret(v)
		return nil
	}
}

var (
	namePattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	accountPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	emailPattern   = regexp.MustCompile(`^[!-~]*@[!-~]*$`)
	titlePattern   = regexp.MustCompile(`^[^\x00\r\n]{0,512}$`)
	bindingPattern = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]{0,63}$`)
	sizePattern    = regexp.MustCompile(`^([0-9]{1,9}) ?(B|KiB|MiB|GiB)?$`)
)

// placeholder matches what examples have in place of a token or an id, and a variable that was not
// replaced.
var placeholder = regexp.MustCompile(`^(…|\.{3,}|[xX]{3,}|\*+|<.*>|\[.*\]|\$.*|(?i:your[-_ ].*|changeme|todo))$`)

// tokensPage is where tokens are made.
const tokensPage = "https://dash.cloudflare.com/profile/api-tokens"

const (
	nameRule    = "write lower-case letters, digits, - and _, at most 63"
	accountRule = "write the account's id: 32 hexadecimal digits, in the dashboard's address"
	bindingRule = `write the name by which the Worker's code reads the namespace, such as "ASSETS"`
	emailRule   = "write the e-mail address of the account's user"
	retainRule  = "write a number from 1 to 100; Cloudflare does not roll back further"
)

// ValidName reports whether a text can be the name of a site or the id of a project.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// ValidAccount reports whether a text can be the id of an account.
func ValidAccount(s string) bool { return accountPattern.MatchString(s) }

// ValidMemory reports whether a text is a valid value of "memory".
func ValidMemory(s string) bool { return setMemory(&Settings{}, s) == nil }

func setName(s *Settings, v string) error {
	if !namePattern.MatchString(v) {
		if better := sanitise(v); better != "" {
			return fmt.Errorf("%s, such as %q", nameRule, better)
		}
		return errors.New(nameRule)
	}
	s.Name = v
	return nil
}

func setAccount(s *Settings, v string) error {
	switch {
	case placeholder.MatchString(v):
		return errors.New("it is the placeholder of an example; " + accountRule)
	case !accountPattern.MatchString(v):
		return errors.New(accountRule)
	}
	s.Account = v
	return nil
}

func setGrace(s *Settings, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Hour || d > 366*24*time.Hour {
		return errors.New(`write a time from an hour to a year, such as "24h"`)
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

// setRetire reads one pattern per line.
func setRetire(s *Settings, v string) error {
	s.Retire = nil
	for pattern := range strings.Lines(v) {
		pattern = strings.TrimSuffix(pattern, "\n")
		switch {
		case !strings.HasPrefix(pattern, "/"):
			return fmt.Errorf("%.60q does not begin with /; write the whole pathname, such as \"/assets/*\"", pattern)
		case len(pattern) > wrangler.MaxRoutePatternBytes:
			return fmt.Errorf("%.60q… has more than %d characters; shorten it with *", pattern, wrangler.MaxRoutePatternBytes)
		case slices.Contains(s.Retire, pattern):
			return fmt.Errorf("%q is listed twice; remove one", pattern)
		}
		s.Retire = append(s.Retire, pattern)
	}
	if len(s.Retire) > wrangler.MaxRoutePatterns {
		return fmt.Errorf("write at most %d patterns; join some with *", wrangler.MaxRoutePatterns)
	}
	return nil
}

func setMemory(s *Settings, v string) error {
	n, ok := parseSize(v)
	if !ok || n < 32<<20 || n > 1<<40 {
		return errors.New(`write a size of at least 32 MiB, such as "64MiB"`)
	}
	s.Memory = n
	return nil
}

// parseSize reads a number of bytes, such as "64MiB".
func parseSize(text string) (int64, bool) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	return n << map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[m[2]], true
}

func setBaseURL(s *Settings, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("write an address such as %s", DefaultBaseURL)
	}
	if !loopback.Private(u) {
		return errors.New("write an https address; http is allowed for this machine only")
	}
	s.BaseURL = strings.TrimRight(v, "/")
	return nil
}
