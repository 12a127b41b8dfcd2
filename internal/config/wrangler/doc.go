// Package wrangler reads a wrangler file: the Worker with its bindings, and the site. It refuses
// settings with which the Worker would behave differently from a deploy by wrangler, and reports
// settings without an effect. It reads no other source of settings.
//
//	file, errors, notices := wrangler.Read("wrangler.jsonc", top, nil, "staging")
package wrangler
