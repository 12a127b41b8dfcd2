package app

import (
	"cmp"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// Inputs are the options of a person or a workflow. An empty field gets its value from the
// environment, the configuration files or a default, in this order.
type Inputs struct {
	// Root is the project's folder, which contains the configuration; "" means the current
	// folder.
	Root string
	// Config names the configuration file, Environment one of its environments.
	Config, Environment string
	// Name is the site's id and the name of its script.
	Name string
	// Project is the id of a Dynamic Worker's project, in place of a name; "" means the
	// variable KV_SYNC_PROJECT.
	Project string
	// Shared are the resources that the site shares with others; nil means that it has its own.
	Shared *Shared
	// Directory is what to publish, relative to Root.
	Directory string
	// Given are the options that flags or inputs give: see [Inputs.Give]. The fields for the
	// same options override them.
	Given options.Values
	// Source is "auto", "commit" or "folder"; Commit is any revision.
	Source, Commit string
	// BuiltFrom is the commit from which the published folder was built. Root is a checkout of
	// it. The deployment gets the files of the folder and the commit's place in the order of
	// commits. History is read from the GIT_DIR of Getenv, so a build cannot change it.
	BuiltFrom string
	// Boundary is the folder outside of which nothing is read, not even through symlinks or
	// imports, except what Directory and Config name; "" means the root of the work tree around
	// Root, or without git Root.
	Boundary string
	// Waivers waive guards for one commit only. They map the name of an option (any-order,
	// allow-shrink, release, forget, repair, allow-forgotten) to the beginning of the commit's id. A waiver for
	// another commit gives a notice.
	Waivers map[string]string
	// Builds reports that the caller runs the site's build: see [config.Inputs].
	Builds bool
	// Token, AccountID and BaseURL select the account; "" means the variables
	// CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_BASE_URL. No file can set
	// the base URL, because every request to it carries the token.
	Token, AccountID, BaseURL string
	// GitHubToken is for asking GitHub which commit is newer; "" means GITHUB_TOKEN.
	GitHubToken string
	// Actor is who deploys, for the record; "" means GITHUB_ACTOR or USER.
	Actor string
	// Run is the CI system's run; "" means GITHUB_RUN_ID or GitLab's CI_PIPELINE_ID.
	Run string
	// Local reports that BaseURL is a local platform, where the Worker gets its variables for
	// development.
	Local bool
	// DeployedOnly is for commands that read no source, such as rollback and history. They also
	// work in a project without files to publish.
	DeployedOnly bool
	// HeadOfBare is for other commands without an option that names a commit. Such a command, and one
	// with DeployedOnly, reads the settings of a bare repository from the commit of HEAD.
	HeadOfBare bool
	// Offline says that the caller does not reach the account, so that Open reports no mistake of the
	// credentials.
	Offline bool
	// Mistakes are those that the caller found in what it has read itself. If there are any, Open
	// fails, and reports them with its own.
	Mistakes []manifest.Problem
	// Bare reads the configuration as the Rust kv-sync does, and uses its layout.
	Bare bool
	// BuildOutput receives the output of a build. If it is nil, no build is run, and a site that
	// has to be built is refused.
	BuildOutput io.Writer
	// BuildEnv is the environment of a build, from which credentials are removed; nil means
	// that of this process.
	BuildEnv []string
	// BuildGuarded is a folder that a build cannot change, except for BuildWritable in it: see
	// [build.Command].
	BuildGuarded  string
	BuildWritable []string
	// AfterBuild, if not nil, is called after a build, also a failed one, and before its output
	// is used.
	AfterBuild func() error
	// BuildTimeout limits the time of a build; 0 means the default.
	BuildTimeout time.Duration
	// BuildConfined is [build.Command].Confined.
	BuildConfined bool
	// Secrets are further values that must not reach a build.
	Secrets []string
	// CacheDir is the user's cache folder; "" means that of the system.
	CacheDir string
	// Getenv reads the environment; nil means os.Getenv.
	Getenv func(string) string
	// Log receives retries, waits and choices; nil discards them.
	Log *slog.Logger
	// Progress receives the progress of a run; may be nil.
	Progress func(site.Progress)
}

func (in Inputs) withDefaults() Inputs {
	if in.Getenv == nil {
		in.Getenv = os.Getenv
	}
	if in.Log == nil {
		in.Log = slog.New(slog.DiscardHandler)
	}
	in.Root = absolute(cmp.Or(in.Root, "."))
	in.Project = cmp.Or(in.Project, in.Getenv("KV_SYNC_PROJECT"))
	in.GitHubToken = cmp.Or(in.GitHubToken, in.Getenv("GITHUB_TOKEN"))
	in.Actor = cmp.Or(in.Actor, in.Getenv("GITHUB_ACTOR"), in.Getenv("USER"), in.Getenv("USERNAME"))
	in.Run = cmp.Or(in.Run, in.Getenv("GITHUB_RUN_ID"), in.Getenv("CI_PIPELINE_ID"))
	if in.CacheDir == "" {
		in.CacheDir, _ = os.UserCacheDir() // without one nothing is cached
	}
	return in
}

// Give sets the options that flags or inputs give.
func (in *Inputs) Give(v options.Values) {
	in.Given = v
	for o, field := range in.fields() {
		*field = v.Text(o)
	}
}

// fields are the options that have a field of their own.
func (in *Inputs) fields() map[*options.Option]*string {
	return map[*options.Option]*string{
		options.Token: &in.Token, options.Account: &in.AccountID, options.GitHubToken: &in.GitHubToken,
		options.Name: &in.Name, options.Project: &in.Project, options.Config: &in.Config,
		options.Environment: &in.Environment, options.Directory: &in.Directory, options.Commit: &in.Commit,
		options.Source: &in.Source,
	}
}
