// Package config reads the configuration of a run. It merges flags, the
// environment, kv-sync.toml and a wrangler file, in this order of precedence,
// into one [Settings].
//
// A configuration file is part of a repository and is not trusted. It cannot set
// the API's address, cannot override an account, namespace or site that a flag or
// the environment sets, and cannot name paths outside of the repository. An unknown
// key in a file is an error, and a key without effect is a notice.
package config

import (
	"cmp"
	"fmt"
	"io/fs"
	"time"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// DefaultCompatibilityDate is the compatibility date if no file sets one.
const DefaultCompatibilityDate = wrangler.DefaultCompatibilityDate

// DefaultBaseURL is the address of Cloudflare's API.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// Settings is the whole configuration of one run, validated.
type Settings struct {
	// Options are the declared settings that have no field below.
	Options options.Values
	Root    string // the project's folder, absolute
	// Name is the site and its Worker: [a-z0-9][a-z0-9_-]{0,62}; "" if Project is set.
	Name string
	// Derived reports whether no configuration sets Name.
	Derived bool
	// Formerly is the name that an earlier kv-sync would have derived, if Name is derived and
	// differs from it.
	Formerly string
	Project  string // the id of a Dynamic Worker's project, or ""
	// Directory is the folder of the site's files, relative to Root with "/" as its
	// separator; "." is Root itself. It is absolute if a flag names a folder outside
	// of the boundary, and "" for a Worker without files.
	Directory string
	Namespace string // the title or the id of the KV namespace; "" is the default
	Layout    string // "content", "pathname" or "kv-assets"
	// Index is the index of the layout kv-assets, relative to Root; "" in other layouts.
	Index string
	// Build is the command that compiles the Worker in the layout kv-assets. In other layouts
	// it is zero unless [Inputs].Builds is set.
	Build Build
	// Binding is the name that the Worker has for the namespace in the layout kv-assets, or "".
	Binding string

	Account string // the account's id, or ""
	Token   Secret // the API token, or ""
	// Email and APIKey authenticate if there is no token.
	Email   string
	APIKey  Secret
	BaseURL string // the API's address, never empty

	// Retain is the number of deployments that are kept. Grace is the time for which every key
	// is kept.
	Retain int
	Grace  time.Duration
	// Parallel and Memory (bytes) limit an upload; 0 is the engine's default.
	Parallel int
	Memory   int64
	// Ignore lists patterns, as in .gitignore, of files that are not published.
	Ignore []string
	// Retire lists patterns of files that stay reachable for a time after they are removed,
	// even if the Worker's code gets the requests for them.
	Retire []string
	// Branch is the branch that hooks deploy, and Remote the name or URL of the remote
	// whose pushes they handle; "" is the hook's default.
	Branch, Remote string

	// Serving is the serving configuration.
	Serving manifest.Serving
	// Worker is complete except for Main and Modules, which bundling of Code produces.
	Worker cloud.Worker
	// Code is what to bundle. Its Root and compatibility settings are set.
	Code bundle.Options
	// WorkersDev is workers_dev of the wrangler file; nil if the file does not set it.
	WorkersDev *bool
	// Rights are what a site's Worker may write at run time. For a project its loader decides.
	Rights          overlay.Rights
	RequiredSecrets []string // the secrets that the wrangler file requires
	// Variables is where variables for development are.
	Variables Variables
	Files     []string // the configuration files that were read, relative to Root

	origins map[string]origin
	// These read the project when they are called.
	buildCommand, toolCommand, clientRouter func() string
}

// Where returns the origin of a setting, for messages: "--name", "KV_SYNC_NAME",
// "kv-sync.toml:3" or "the default". key is its name in kv-sync.toml.
func (s *Settings) Where(key string) string { return s.origin(key).String() }

func (s *Settings) origin(key string) origin {
	return cmp.Or(s.origins[key], origin{place: "the default"})
}

// Build is a command of the project.
type Build struct {
	// Line is run by a shell, in the folder Dir, which is relative to Root.
	Line, Dir string
}

// Variables says which files have a Worker's variables for development, such as .dev.vars.
type Variables struct {
	// Dir is the folder of the files, absolute. Environment is the environment of the wrangler
	// file, which may have files of its own, or "".
	Dir, Environment string
}

// Secret is a string that prints as "***".
type Secret string

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "***" }

// MarshalText hides the secret from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Format hides the secret from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Inputs are the sources of the configuration.
type Inputs struct {
	// Root is the project's folder, from which the configuration files are read.
	Root string
	// Shared is a folder above Root, or "". Its kv-sync.toml provides the settings that a
	// project's own file does not set.
	Shared string
	// Boundary contains the configuration files and the paths that they name; nil is
	// Root and everything below. Load adds the paths outside of it that Flags name.
	Boundary *boundary.Boundary
	// Commit, if set, is read instead of the disk, so that a commit is published with its
	// own settings. A configuration file that the commit does not have is read from the
	// disk, with a notice.
	Commit fs.FS
	// CommitRoot is the folder that is the root of Commit; "" is Boundary's top.
	CommitRoot string
	// Flags are the values of flags, or of inputs of the Action, by the name of the setting
	// in kv-sync.toml, "api-token" or "api-base-url". Line breaks separate patterns of
	// "ignore".
	Flags map[string]string
	// Bare reads the configuration like the Rust kv-sync. See bare.go.
	Bare bool
	// Builds reports that the caller runs [Settings].Build in every layout.
	Builds bool
	// Getenv reads the environment; nil is an empty environment.
	Getenv func(string) string
}

// Timeout returns how long to go on without a successful answer; 0 is the default.
func (s *Settings) Timeout() (time.Duration, error) {
	text := s.Options.Text(options.Timeout)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 24*time.Hour {
		return 0, fmt.Errorf(`timeout is %q; write a time from a second to a day, such as "10m"`, text)
	}
	return d, nil
}
