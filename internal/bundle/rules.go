package bundle

import (
	"fmt"
	"regexp"
	"strings"
)

// The content types under which modules are sent.
const (
	typeESModule = "application/javascript+module"
	typeWasm     = "application/wasm"
	typeData     = "application/octet-stream"
	typeText     = "text/plain"
)

// contentTypes maps a rule's type to the content type of its modules. JavaScript has "", because
// esbuild bundles it.
var contentTypes = map[string]string{
	"ESModule":     "",
	"CommonJS":     "",
	"Text":         typeText,
	"Data":         typeData,
	"CompiledWasm": typeWasm,
}

// defaultRules are wrangler's default rules.
var defaultRules = []Rule{
	{Type: "Text", Globs: []string{"**/*.txt", "**/*.html", "**/*.sql"}},
	{Type: "Data", Globs: []string{"**/*.bin"}},
	{Type: "CompiledWasm", Globs: []string{"**/*.wasm", "**/*.wasm?module"}},
}

// rule is a compiled Rule.
type rule struct {
	Rule
	match *regexp.Regexp
	// hidden is set if an earlier rule of the same type has no fallthrough. A match is then
	// an error, as with wrangler.
	hidden bool
}

// fixHidden is the fix for a hidden rule.
const fixHidden = `set "fallthrough": true in the earlier rule`

// effectiveRules appends wrangler's rules to the author's.
func effectiveRules(own []Rule) ([]rule, error) {
	var rules []rule
	closed := map[string]bool{}
	for _, r := range append(append([]Rule{}, own...), defaultRules...) {
		if _, ok := contentTypes[r.Type]; !ok {
			return nil, refuse("rules", fmt.Sprintf("modules of type %q are not supported", r.Type),
				"use ESModule, CommonJS, Text, Data or CompiledWasm")
		}
		alternatives := make([]string, len(r.Globs))
		for i, g := range r.Globs {
			alternatives[i] = globPattern(g)
		}
		if len(alternatives) == 0 {
			continue
		}
		re, err := regexp.Compile("^(?:" + strings.Join(alternatives, "|") + ")$")
		if err != nil {
			return nil, refuse("rules", fmt.Sprintf("the globs %q cannot be matched: %v", r.Globs, err), "correct them")
		}
		rules = append(rules, rule{Rule: r, match: re, hidden: closed[r.Type]})
		if !r.Fallthrough {
			closed[r.Type] = true
		}
	}
	return rules, nil
}

// globPattern converts a glob like wrangler: a run of "*" matches any text, including "/",
// and everything else matches itself.
func globPattern(glob string) string {
	parts := strings.FieldsFunc(glob, func(r rune) bool { return r == '*' })
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	pattern := strings.Join(parts, ".*")
	if strings.HasPrefix(glob, "*") {
		pattern = ".*" + pattern
	}
	if strings.HasSuffix(glob, "*") && strings.Trim(glob, "*") != "" {
		pattern += ".*"
	}
	return pattern
}

// find returns the rule for an import, or nil if none matches.
func find(rules []rule, specifier string) (*rule, error) {
	for i := range rules {
		r := &rules[i]
		if !r.match.MatchString(specifier) {
			continue
		}
		if r.hidden {
			return nil, fmt.Errorf("the rule of type %s that matches %q is hidden by an earlier rule of that type",
				r.Type, specifier)
		}
		return r, nil
	}
	return nil, nil
}
