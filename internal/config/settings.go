// Package config finds out what a run is to do: it reads flags, the
// environment, kv-sync.toml and a wrangler file, in this order of precedence,
// into one plain [Settings].
//
// A configuration file is part of a repository and is not trusted: it cannot
// say where the API is, cannot override an account, namespace or site that a
// flag or the environment names, and cannot point outside of the repository.
// Nothing that a file says is dropped in silence.
package config

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/options"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// DefaultCompatibilityDate is the date of Workers whose file names none. It is
// not later than that of any workerd that the local platform runs.
const DefaultCompatibilityDate = "2026-10-01"

// DefaultBaseURL is Cloudflare's API.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// Settings is the whole configuration of one run, validated.
type Settings struct {
	// Options are the settings that have no field below.
	Options options.Values
	// Root is the project's folder, absolute.
	Root string
	// Name is the site and its Worker: [a-z0-9][a-z0-9_-]{0,62}. It is "" where
	// Project is not.
	Name string
	// Formerly is the name that the rules of an earlier kv-sync would have given
	// the site, where nobody names it and Name is another; else "".
	Formerly string
	// Project is the id of a Dynamic Worker's project, made like a name, or "".
	Project string
	// Directory holds the site's files, relative to Root with "/" as its
	// separator; "." is Root itself. One that a flag names outside of the
	// boundary is absolute. It is "" for a Worker that no files go with.
	Directory string
	// Source is "auto", "commit" or "folder".
	Source string
	// Namespace is the title or the id of the KV namespace, or "" for the
	// default.
	Namespace string
	// Layout is "content", "pathname" or "kv-assets".
	Layout string
	// Index is where the layout kv-assets has its index, relative to Root as
	// Directory is. It is "" in the others.
	Index string
	// Build makes the code of a Worker that the index is compiled into. It is
	// zero in other layouts, but see [Inputs].Builds, and where nothing is to be run.
	Build Build
	// Binding is the name under which such a Worker has the namespace, beside
	// KV_SYNC_BLOBS, or "".
	Binding string
	// Environment is the chosen environment of the wrangler file, or "".
	Environment string

	// Account is the account's id, or "".
	Account string
	// Token is the API token, or "".
	Token Secret
	// Email and APIKey are the older way to authenticate, where there is no token.
	Email  string
	APIKey Secret
	// BaseURL is where the API is; never empty.
	BaseURL string

	// Retain is how many deployments are kept, Grace how long every key is.
	Retain int
	Grace  time.Duration
	// Parallel and Memory bound an upload; 0 leaves them to the engine. Memory
	// is in bytes.
	Parallel int
	Memory   int64
	// Ignore lists patterns, as in .gitignore, of files that are no assets.
	Ignore []string
	// Retire lists patterns of files that everyone may read although code gets
	// their requests, so that they may stay reachable after they are removed.
	Retire []string
	// Branch is the branch that hooks look at, and Remote the remote, by its name
	// or its URL; "" leaves it to them.
	Branch, Remote string

	// Serving says how pathnames are matched.
	Serving kvsync.Serving
	// Worker has everything but Main and Modules, which bundling Code gives.
	Worker kvsync.Worker
	// Code says what to bundle. Its Root and compatibility settings are filled.
	Code bundle.Options
	// WorkersDev is whether the wrangler file wants an address under
	// workers.dev; nil where it does not say.
	WorkersDev *bool
	// Rights say what the site's Worker may write at run time. Those of a project
	// are its loader's to give.
	Rights kvsync.Rights
	// RequiredSecrets are the names that the wrangler file says must exist.
	RequiredSecrets []string
	// Files are the configuration files that were read, relative to Root.
	Files []string

	origins map[string]origin
}

// Where says where a setting comes from, for messages: "--name", "KV_SYNC_NAME"
// "kv-sync.toml:3" or "the default". key is as in kv-sync.toml.
func (s *Settings) Where(key string) string {
	if o, ok := s.origins[key]; ok {
		return o.String()
	}
	return "the default"
}

// Build is a command of the project's.
type Build struct {
	// Line is for a shell, Dir the folder to run it in, relative to Root.
	Line, Dir string
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

// Inputs is where the configuration is looked for.
type Inputs struct {
	// Root is the project's folder. kv-sync.toml and the wrangler file are looked
	// for here, and nowhere above.
	Root string
	// Shared is a folder above Root whose kv-sync.toml says what counts for all
	// the projects below it where their own says nothing; "" is none.
	Shared string
	// Boundary is where configuration files and what they name may be; nil is Root
	// and all that is below. Load adds what Flags name outside of it.
	Boundary *boundary.Boundary
	// Commit, if set, has the repository's files in place of the disk, so that a
	// commit is published by its own settings. A configuration file that it does
	// not have is read from the disk, with a notice.
	Commit fs.FS
	// CommitRoot is the folder that Commit's names begin at; "" is Boundary's top.
	CommitRoot string
	// Flags are the flags, or the Action's inputs, that were given, by the names
	// of kv-sync.toml, and "api-token", "api-base-url" and "env" beside them.
	// Several patterns of "ignore" are separated by line breaks.
	Flags map[string]string
	// Bare reads the configuration as the Rust kv-sync does: see bare.go.
	Bare bool
	// Builds says that whoever asks runs builds in every layout: what the wrangler
	// file says of one is then in [Settings].Build and no notice.
	Builds bool
	// Getenv looks up the environment; nil is an empty environment.
	Getenv func(string) string
}
