package options

import (
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Subcommands that share flags.
var (
	siteCommands = []string{"deploy", "plan", "upload", "rollback", "history", "verify", "prune", "pull", "open",
		"delete"}
	anyCommands      = append([]string{"watch"}, siteCommands...)
	deployCommands   = []string{"deploy", "plan"}
	uploadCommands   = []string{"deploy", "plan", "upload"}
	guardCommands    = []string{"deploy", "plan", "upload", "watch"}
	dryRunCommands   = []string{"deploy", "rollback", "prune", "pull", "delete"}
	directoryCommand = []string{"deploy", "plan", "upload", "pull", "watch"}
)

// Which site, in which account.
var (
	Token = declare(Option{
		Input: "api-token", Setting: "api-token", Variables: []string{"CLOUDFLARE_API_TOKEN", "CF_API_TOKEN"}, Secret: true,
		Help:      "Cloudflare API token with Workers KV Storage: Edit and Workers Scripts: Edit.",
		Doc:       "a token with *Workers KV Storage: Edit* and *Workers Scripts: Edit*",
		Otherwise: "`CLOUDFLARE_API_TOKEN`",
	})
	Account = declare(Option{
		Input: "account-id", Setting: "account-id", Variables: []string{"CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID"},
		Help: "Cloudflare account id.", Doc: "the account",
		Otherwise: "`CLOUDFLARE_ACCOUNT_ID`, else the configuration's",
	})
	Name = declare(Option{
		Flag: "name", Input: "name", Setting: "name", Variables: []string{"KV_SYNC_NAME"}, Commands: anyCommands,
		Group: GroupSite, Placeholder: "NAME",
		Help:      "The site's name and its Worker's.",
		Doc:       "the site's id and its Worker's name: `[a-z0-9][a-z0-9_-]{0,62}`",
		Otherwise: "the configuration's, else [derived](configuration.md#names) from package.json or the repository",
	})
	Project = declare(Option{
		Flag: "project", Input: "project", Setting: "project", Variables: []string{"KV_SYNC_PROJECT"}, Commands: anyCommands,
		Group: GroupSite, Placeholder: "ID",
		Help: "The id of a Dynamic Worker's project in place of a site: the one in projects/ID, or what is in this folder.",
		Doc: "the id of a [Dynamic Worker's project](dynamic-workers.md) to deploy instead of a site. " +
			"The project is in `projects/ID`, or else in this folder",
	})
	Projects = declare(Option{
		Flag: "projects", Input: "projects", Commands: deployCommands, Switch: true, Default: "false",
		Help: "Every project of the folder projects/, each with the configuration in its own folder. " +
			"A hundred unchanged ones cost one request.",
		Doc: "every project of the folder `projects/`, each with the configuration in its own folder. " +
			"A hundred that did not change cost one request, and the output only counts them. " +
			"If one fails, the others continue. The exit code is 7 if a project has 7, else that of the first failure",
	})
	Config = declare(Option{
		Flag: "config", Input: "config", Setting: "config", Variables: []string{"KV_SYNC_CONFIG"}, Commands: anyCommands,
		Group: GroupSite, Placeholder: "FILE",
		Help: "The wrangler configuration file.", Doc: "the wrangler file",
		Otherwise: "`wrangler.json`, `.jsonc` or `.toml`",
	})
	Environment = declare(Option{
		Flag: "env", Input: "environment", Setting: "env", Variables: []string{"KV_SYNC_ENV", "CLOUDFLARE_ENV"},
		Commands: anyCommands, Group: GroupSite, Placeholder: "ENV",
		Help: "An environment of the wrangler file.", Doc: "an environment of the wrangler file",
		Otherwise: "`CLOUDFLARE_ENV`, else none",
	})
	WorkingDirectory = declare(Option{
		Input: "working-directory",
		Help:  "The project's folder, relative to the workspace. directory and config are relative to it.",
		Doc: "the project's folder in the workspace. `directory` and `config` are relative to it. " +
			"One outside of the workspace is refused",
		Otherwise: "the workspace",
	})
	Timeout = declare(Option{
		Flag: "timeout", Input: "timeout", Setting: "timeout", Variables: []string{"KV_SYNC_TIMEOUT"}, Commands: siteCommands,
		Group: GroupSite, Placeholder: "TIME",
		Help: "How long to go on without a successful answer of Cloudflare's API, such as 2m.",
		Doc: "how long kv-sync continues without a successful response of Cloudflare's API, `1s` to `24h`. " +
			"The time includes a wait of up to 300 s that the API asks for. Without this option, 10 minutes",
	})
	GitHubToken = declare(Option{
		Input: "github-token", Secret: true, Expression: "${{ github.token }}",
		Help: "Reads from GitHub which of two commits is newer, if a shallow clone does not contain the answer.",
		Doc:  "reads which of two commits is newer",
	})
)

// What is done.
var (
	Mode = declare(Option{
		Input: "mode", Values: []string{"deploy", "plan", "rollback", "prune", "pull"}, Default: "deploy",
		Help: "deploy, plan (writes nothing), rollback, prune, or pull: commit what was written at run time on a branch.",
		Doc:  "`deploy`, `plan` (writes nothing), `rollback`, `prune`, [`pull`](#pull)",
	})
	DryRun = declare(Option{
		Flag: "dry-run", Input: "dry-run", Commands: dryRunCommands, Switch: true, Default: "false",
		Help: "Say what would be done, and do nothing.", Doc: "say what would be done, and do nothing",
	})
)

// What is published.
var (
	Directory = declare(Option{
		Flag: "dir", Input: "directory", Setting: "directory", Variables: []string{"KV_SYNC_DIR", "KV_SYNC_DIRECTORY"},
		Commands: directoryCommand, Group: GroupSource, Placeholder: "DIR",
		Help: "The folder to publish.", Doc: "the folder to publish",
		Otherwise: "the configuration's, else `public`, `dist`, `build`, `out`, `_site` or `www`",
	})
	Commit = declare(Option{
		Flag: "commit", Commands: uploadCommands, Group: GroupSource, Placeholder: "REV",
		Help: "The revision to publish, from git and not from the work tree.",
		Doc: "a revision: files, code and settings are read from git, not from the work tree " +
			"([workers.md](workers.md#code-and-commit))",
	})
	Source = declare(Option{
		Flag: "source", Input: "source", Setting: "source", Variables: []string{"KV_SYNC_SOURCE"},
		Commands: uploadCommands,
		Group:    GroupSource, Placeholder: "auto|commit|folder",
		Values: []string{"auto", "commit", "folder"}, Default: "auto",
		Help: "commit: the files of the commit. folder: the files on disk, as a build left them. " +
			"auto: the commit if the folder and the Worker's code are tracked and clean, else the folder.",
		Doc: "`commit`, `folder`, or `auto`: the commit if the folder and the Worker's code are tracked and clean, " +
			"else the folder ([which clones can be read](git.md))",
	})
	Rehash = declare(Option{
		Flag: "rehash", Input: "rehash", Commands: uploadCommands, Group: GroupSource, Switch: true, Default: "false",
		Help: "Read every file on disk again, even if its time stamps say that it did not change.",
		Doc:  "read every file on disk again, even if its [time stamps](git.md#time-stamps) say that it did not change",
	})
)

// Files that git ignores.
var (
	GitIgnore = declare(Option{
		Setting: "gitignore", Variables: []string{"KV_SYNC_GITIGNORE"}, Switch: true, Default: "false",
		Doc: "`true` leaves out the files that git ignores; `false` [publishes them](#files-that-git-ignores)",
	})
	PublishIgnored = declare(Option{
		Flag: "publish-ignored", Input: "publish-ignored", Commands: uploadCommands, Switch: true,
		Group: GroupGuards, Waiver: ForCommit,
		Engine: func(o *plan.Options) *bool { return &o.PublishIgnored },
		Help:   "Publish files that git ignores, which an earlier kv-sync left out of this site.",
		Doc: "the live deployment was made by a kv-sync that left out the files that git ignores, and this one " +
			"would publish them. Needed once; `gitignore = true` always leaves them out",
	})
)

// Where a rollback goes, and what a pull writes.
var (
	To = declare(Option{
		Flag: "to", Input: "to", Commands: []string{"rollback"}, Placeholder: "ID|COMMIT",
		Help:      "Where a rollback goes: a deployment, a version or a commit, 7 characters of it at least.",
		Doc:       "where a rollback goes: the id of a deployment or a version, or at least 7 characters of a commit",
		Otherwise: "the deployment before the live one",
	})
	Branch = declare(Option{
		Flag: "branch", Input: "branch", Commands: []string{"pull"}, Placeholder: "NAME",
		Help: "The branch that a pull commits on. A new branch starts at HEAD. " +
			"The work tree stays as it is, and nothing is pushed.",
		Doc: "the branch that a [pull](pull.md) commits on; a new branch starts at HEAD; " +
			"the command without it writes into the work tree",
		Otherwise: "`kv-sync/pull`",
	})
	Into = declare(Option{
		Flag: "into", Input: "into", Commands: []string{"pull"}, Placeholder: "DIR",
		Help:      "The folder in git that a pull writes edits into, if a build makes the published one.",
		Doc:       "the folder in git that a [pull](pull.md) writes edits into, if a build makes the published one",
		Otherwise: "the published folder",
	})
)

// Retain is what a prune keeps.
var Retain = declare(Option{
	Flag: "retain", Input: "retain", Setting: "retain", Variables: []string{"KV_SYNC_RETAIN"},
	Commands: []string{"prune"}, Placeholder: "N",
	Help: "How many deployments are kept, the live one included; a rollback can go to any of the others. " +
		"A deploy records it. " +
		"A prune keeps the largest number that a retained deployment recorded, and this one if it is larger.",
	Doc: "how many deployments are kept, including the live one, 1 to 100. A rollback can go to any of the others. " +
		"A deploy records the number. A prune in any folder keeps the largest number that a retained deployment " +
		"recorded. For a prune, the flag or the input can only raise it, and is required if no deployment recorded one",
	Otherwise: "the configuration's, else `5`",
})

// Options that waive a guard, and options for one deploy.
var (
	AllowShrink = declare(Option{
		Flag: "allow-shrink", Input: "allow-shrink", Commands: uploadCommands, Switch: true,
		Group: GroupGuards, Waiver: ForCommit,
		Engine: func(o *plan.Options) *bool { return &o.AllowShrink },
		Help:   "Deploy even if the site would have no file, or less than half as many as are live.",
		Doc: "the deployment would have no file, or less than half as many as are live. " +
			"Names do not count: a build with hashes in its names renames every file",
	})
	AnyOrder = declare(Option{
		Flag: "any-order", Input: "any-order", Commands: uploadCommands, Switch: true,
		Group: GroupGuards, Waiver: ForCommit,
		Engine: func(o *plan.Options) *bool { return &o.AnyOrder },
		Help:   "Deploy a commit that is older than the live one, or whose order is unknown.",
		Doc:    "the commit is [older than the live one, or the order is unknown](git.md#which-commit-is-newer)",
	})
	TakeOver = declare(Option{
		Flag: "take-over", Input: "take-over", Commands: guardCommands, Switch: true, Group: GroupGuards, Waiver: ForWorker,
		Engine: func(o *plan.Options) *bool { return &o.TakeOver },
		Help:   "Replace a Worker that another tool or another repository deployed.",
		Doc: "the live Worker was not deployed by kv-sync; its other bindings are kept. Or the site was deployed " +
			"from [another repository](git.md#which-repository). Or a script has the name of an overlay's companion",
	})
	Release = declare(Option{
		Flag: "release", Input: "release", Commands: uploadCommands, Switch: true, Group: GroupGuards, Waiver: ForCommit,
		Engine: func(o *plan.Options) *bool { return &o.Release },
		Help:   "Deploy a commit that a rollback holds back.",
		Doc:    "a rollback [holds the commit back](git.md#which-commit-is-newer)",
	})
	AllowForgotten = declare(Option{
		Flag: "allow-forgotten", Input: "allow-forgotten", Commands: []string{"rollback"}, Switch: true,
		Group: GroupGuards, Waiver: ForCommit,
		Engine: func(o *plan.Options) *bool { return &o.AllowForgotten },
		Help:   "Roll back even if that publishes files that a later deployment removed permanently (forget).",
		Doc: "(of a `rollback`) the deployment has files that a later one removed with `--forget`, and they would be " +
			"published again",
	})
	HideEdits = declare(Option{
		Flag: "hide-edits", Commands: guardCommands, Switch: true, Group: GroupGuards,
		Engine: func(o *plan.Options) *bool { return &o.HideEdits },
		Help:   "Switch the overlay off although visitors will miss edits made at run time.",
		Doc: "the [overlay](configuration.md#the-overlay) would be switched off, and visitors would miss edits made " +
			"at run time. They are kept",
	})
	Forget = declare(Option{
		Flag: "forget", Input: "forget", Commands: deployCommands, Switch: true, Group: GroupOnce, Waiver: ForCommit,
		Engine: func(o *plan.Options) *bool { return &o.Forget },
		Help: "Keep nothing reachable that this deployment does not have: " +
			"for a file that should never have been published.",
		Doc: "(no guard) do not keep removed files reachable for open tabs, for example a file that should never have " +
			"been published. Without this option the plan lists the files that stay reachable (all of them are in " +
			"`retired` of `--json`) and those that [code guards](workers.md#removed-files) (`guarded`)",
	})
	Repair = declare(Option{
		Flag: "repair", Input: "repair", Commands: append([]string{"watch"}, deployCommands...), Switch: true,
		Group: GroupOnce, Waiver: ForCommit,
		Engine: func(o *plan.Options) *bool { return &o.Repair },
		Help:   "Upload every file again, whatever is live.",
		Doc: "the manifest or a blob of the live deployment is gone or damaged, or a project's `current` is: every file " +
			"is uploaded again",
	})
)
