// Package wrangler reads a wrangler file: the Worker with its bindings, and the site. It refuses
// what would make the Worker behave differently from a deploy by wrangler, and reports what has
// no effect. It knows no other source of settings.
//
//	file, errors, notices := wrangler.Read("wrangler.jsonc", top, nil, "staging")
package wrangler
