package config

import (
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/internal/options"
)

// key is one setting that flags, the environment and kv-sync.toml share.
type key struct {
	name string
	// flag is the name of its flag; "" is name.
	flag string
	// env lists the variables that set the key. The first one that is not empty is used. All
	// but the first are older names, or names of other tools.
	env []string
	// file reports whether kv-sync.toml may set the key.
	file bool
	set  setter
}

// setter applies the text of a setting. Its error says what to write.
type setter func(s *Settings, text string) error

// setters has the declared settings that have a field in [Settings].
var setters = map[*options.Option]setter{
	options.Name:      setName,
	options.Project:   matching(func(s *Settings) *string { return &s.Project }, namePattern, nameRule),
	options.Directory: text(func(s *Settings) *string { return &s.Directory }),
	options.Account:   setAccount,
	options.Retain:    number(func(s *Settings) *int { return &s.Retain }, 100, retainRule),
	options.Token:     secret(func(s *Settings) *Secret { return &s.Token }),
}

// keys lists all settings: first those that internal/options declares.
var keys = append(declaredKeys(), []key{
	{"namespace", "", []string{"KV_SYNC_NAMESPACE"}, true,
		matching(func(s *Settings) *string { return &s.Namespace }, titlePattern, "write the namespace's title or id")},
	{"layout", "", []string{"KV_SYNC_LAYOUT"}, true,
		oneOf(func(s *Settings) *string { return &s.Layout }, layoutNames()...)},
	{"index", "", []string{"KV_SYNC_INDEX"}, true, text(func(s *Settings) *string { return &s.Index })},
	{"build", "", []string{"KV_SYNC_BUILD"}, true, text(func(s *Settings) *string { return &s.Build.Line })},
	{"binding", "", []string{"KV_SYNC_BINDING"}, true,
		matching(func(s *Settings) *string { return &s.Binding }, bindingPattern, bindingRule)},
	{"worker", "", []string{"KV_SYNC_WORKER"}, true, text(func(s *Settings) *string { return &s.Code.Main })},
	{"compatibility-date", "", []string{"KV_SYNC_COMPATIBILITY_DATE"}, true,
		matching(func(s *Settings) *string { return &s.Worker.CompatibilityDate }, wrangler.DatePattern, wrangler.DateRule)},
	{"html-handling", "", []string{"KV_SYNC_HTML_HANDLING"}, true,
		oneOf(func(s *Settings) *string { return &s.Serving.HTMLHandling }, wrangler.HTMLHandlings...)},
	{"not-found", "", []string{"KV_SYNC_NOT_FOUND"}, true,
		oneOf(func(s *Settings) *string { return &s.Serving.NotFound }, wrangler.NotFoundHandlings...)},
	{"edge-cache", "", []string{"KV_SYNC_EDGE_CACHE"}, true, setEdgeCache},
	{"memory-cache", "", []string{"KV_SYNC_MEMORY_CACHE"}, true, setMemoryCache},
	{"cache-status", "", []string{"KV_SYNC_CACHE_STATUS"}, true,
		boolean(func(s *Settings) *bool { return &s.Serving.CacheStatus })},
	{"overlay", "", nil, true, setOverlay},
	{"grace", "", []string{"KV_SYNC_GRACE"}, true, setGrace},
	{"retire", "", nil, true, setRetire},
	{"ignore", "", []string{"KV_SYNC_IGNORE"}, true, setIgnore},
	{"parallel", "", []string{"KV_SYNC_PARALLEL"}, true,
		number(func(s *Settings) *int { return &s.Parallel }, 64, "write a number from 1 to 64")},
	{"memory", "", []string{"KV_SYNC_MEMORY"}, true, setMemory},
	{"branch", "", []string{"KV_SYNC_BRANCH"}, true, text(func(s *Settings) *string { return &s.Branch })},
	{"remote", "", []string{"KV_SYNC_REMOTE"}, true, text(func(s *Settings) *string { return &s.Remote })},
	{"api-email", "", []string{"CLOUDFLARE_EMAIL", "CF_EMAIL"}, false,
		matching(func(s *Settings) *string { return &s.Email }, emailPattern, emailRule)},
	{"api-key", "", []string{"CLOUDFLARE_API_KEY", "CF_API_KEY"}, false,
		secret(func(s *Settings) *Secret { return &s.APIKey })},
	{"api-base-url", "", []string{"CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL"}, false, setBaseURL},
}...)

func declaredKeys() (keys []key) {
	for _, o := range options.Settings() {
		keys = append(keys, declared(o))
	}
	return keys
}

// declared returns the key of a declared setting. If it has no setter, its declaration
// checks the value, and the value is in [Settings].Options.
func declared(o *options.Option) key {
	set := setters[o]
	if set == nil {
		set = func(s *Settings, v string) error {
			if !o.Allowed(v) || v == "" && o.Values != nil {
				return fmt.Errorf("write %s", tree.OrList(o.Choices()))
			}
			s.Options = s.Options.With(o, v)
			return oneLine(v)
		}
	}
	return key{o.Setting, o.Flag, o.Variables, !o.Secret, set}
}

// perProject are the settings that projects do not take from a shared file.
var perProject = []string{"name", "project", "directory", "worker", "config", "env", "index", "build"}

// isKey reports whether there is a setting with this name.
func isKey(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return k.name == name })
}

// keyNamed returns the setting with this name, which must exist.
func keyNamed(name string) key {
	return keys[slices.IndexFunc(keys, func(k key) bool { return k.name == name })]
}

// fileKeys returns the names that kv-sync.toml may use.
func fileKeys() []string {
	var names []string
	for _, k := range keys {
		if k.file {
			names = append(names, k.name)
		}
	}
	return names
}
