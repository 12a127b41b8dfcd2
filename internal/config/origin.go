package config

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// origin is where a value comes from.
type origin struct {
	// place is a flag, a variable, a file, or a phrase such as "package.json".
	place string
	// line counts from 1. It is 0 if place is not a file or the line is unknown.
	line int
	// file reports whether a file of the repository sets the value.
	file bool
}

// flagPrefix is the prefix of the place of a flag, or of an input of the Action.
const flagPrefix = "--"

// explicit reports whether a flag or an input sets the value. Only these may name paths
// outside of the boundary: an earlier step of a job can set environment variables, and files
// belong to the repository.
func (o origin) explicit() bool { return !o.file && strings.HasPrefix(o.place, flagPrefix) }

func (o origin) String() string {
	if o.line > 0 {
		return fmt.Sprintf("%s:%d", o.place, o.line)
	}
	return o.place
}

func (o origin) problem(reason, fix string) manifest.Problem {
	return manifest.Problem{Path: o.place, Line: o.line, Reason: reason, Fix: fix}
}

// value is the text of a setting and its origin.
type value struct {
	text string
	from origin
}

// lookup returns the value of a setting from the first source that has one: flag or input,
// environment, kv-sync.toml, wrangler file.
func (l *loader) lookup(k key, own map[string]value, w *wranglerFile) (value, bool) {
	if v, ok := l.in.Flags[k.name]; ok {
		return value{v, origin{place: flagPrefix + cmp.Or(k.flag, k.name)}}, true
	}
	if v, ok := l.variable(k); ok {
		return v, true
	}
	var inWrangler value
	if w != nil {
		inWrangler = w.values[k.name]
	}
	if v, ok := own[k.name]; ok {
		if k.name == "name" && inWrangler.text != "" && inWrangler.text != v.text {
			l.notice(v.from, fmt.Sprintf("this name is used, not the one in %s", inWrangler.from), "")
		}
		return v, true
	}
	return inWrangler, inWrangler.text != ""
}

// variable returns the value of the first environment variable of a setting that is not empty.
func (l *loader) variable(k key) (value, bool) {
	if l.in.Getenv == nil {
		return value{}, false
	}
	for _, name := range l.variables(k) {
		if v := l.in.Getenv(name); v != "" {
			return value{v, origin{place: name}}, true
		}
	}
	return value{}, false
}

// noticeOldNames reports the variables that have a newer name.
func (l *loader) noticeOldNames() {
	if l.in.Bare {
		return // the Rust kv-sync uses these names
	}
	for _, k := range keys {
		if o := l.s.origins[k.name]; strings.HasPrefix(o.place, "CF_") {
			l.notice(o, "this is the variable's old name; it still works", "rename it to "+k.env[0])
		}
	}
}

// set applies the value of a setting.
func (l *loader) set(k key, v value) {
	if err := k.set(l.s, v.text); err != nil {
		reason := fmt.Sprintf("%s is %.60q", k.name, v.text)
		switch k.name { // a message does not show a secret
		case "api-token":
			reason = "the API token is invalid"
		case "api-key":
			reason = "the API key is invalid"
		}
		l.refused = append(l.refused, k.name)
		l.refuse(v.from, reason, err.Error())
		return
	}
	l.s.origins[k.name] = v.from
}
