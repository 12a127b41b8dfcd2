package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
)

// synonym is a word that people type in place of a command, because another tool has a command of
// that name. If the command that it stands for only reads, it is run. If the command would write,
// the word is refused with an answer, so that a guess never changes a site.
type synonym struct {
	words string // alternatives, separated by commas; each may have several words
	runs  string // the command that it stands for, or ""
	// answer says what to type instead, if there is no such command.
	answer string
	// account is set if the answer also says which variables of the account are set.
	account bool
}

var synonyms = []synonym{
	{words: "list, ls, deployments, deployments list, deployments status, deployment list, versions, versions list, " +
		"releases", runs: "history"},
	{words: "diff, dry-run", runs: "plan"},
	{words: "browse, url, address", runs: "open"},
	{words: "man, commands, usage, ?, pages, workers", runs: "help"},

	{words: "publish, push, up, release, ship, sync, go, deploy-site, pages deploy, pages publish, " +
		"versions upload, versions deploy, sites deploy", answer: "kv-sync deploy makes a site live, and kv-sync " +
		"deploy DIR names its folder; kv-sync plan shows first what a deploy would change"},
	{words: "init, new, create, setup, generate, scaffold, pages project create", answer: "kv-sync needs no set-up: " +
		"kv-sync deploy DIR --name NAME makes a folder live, and kv-sync watch DIR shows it on this machine"},
	{words: "undo, restore, revert, back, redo, promote", answer: "kv-sync rollback makes the deployment before the " +
		"live one live again, with --to any that kv-sync history lists"},
	{words: "login, auth, auth login", account: true, answer: "kv-sync has no login: set " +
		"CLOUDFLARE_API_TOKEN to a token from https://dash.cloudflare.com/profile/api-tokens with the permissions " +
		"Workers KV Storage: Edit and Workers Scripts: Edit, and CLOUDFLARE_ACCOUNT_ID; with --local no account is needed"},
	{words: "logout", account: true, answer: "kv-sync has no login: unset CLOUDFLARE_API_TOKEN, and delete the token " +
		"at https://dash.cloudflare.com/profile/api-tokens if nobody needs it"},
	{words: "whoami, account, user", account: true, answer: "kv-sync uses the account of CLOUDFLARE_ACCOUNT_ID with " +
		"the token in CLOUDFLARE_API_TOKEN; kv-sync history reads from it and changes nothing"},
	{words: "logs, log, tail", answer: "wrangler tail NAME prints the log of a live Worker; kv-sync dev and kv-sync " +
		"watch print it on this machine; kv-sync history lists what was deployed"},
	{words: "status, state, info, show", answer: "kv-sync history says what is live, kv-sync plan what a deploy would " +
		"change, kv-sync verify whether everything is there, and kv-sync hook status what a push does"},
	{words: "build, compile, make, run, bundle", answer: "kv-sync bundles the Worker's code, and runs no build of a " +
		"site: run its own, such as npm run build, then kv-sync deploy DIR"},
	{words: "serve, server, start, local, pages dev", answer: "kv-sync watch DIR shows a folder on this " +
		"machine, and kv-sync dev runs Cloudflare's API here for kv-sync deploy --local"},
	{words: "preview", answer: "kv-sync has no preview addresses: kv-sync watch DIR shows a folder on this machine, and " +
		"kv-sync deploy DIR --name OTHER puts it online as another site"},
	{words: "stop, restart", answer: "a site has no process: kv-sync delete takes it offline; kv-sync dev and kv-sync " +
		"watch end with Ctrl-C"},
	{words: "remove, rm, destroy, unpublish, down, undeploy, pages project delete", answer: "kv-sync delete takes a " +
		"site offline and deletes what is its own; it asks first, and --dry-run only lists it"},
	{words: "clean, gc, purge, cleanup", answer: "kv-sync prune deletes what no retained deployment needs, and " +
		"--dry-run only counts it; deploys prune automatically"},
	{words: "check, test, lint, validate, doctor", answer: "kv-sync verify checks the site that is live, kv-sync plan " +
		"checks a deploy and sends nothing, and kv-sync hook install checks each push"},
	{words: "secret, secrets, secret put, secret list, secret bulk, env, vars", answer: "wrangler secret put KEY --name " +
		"NAME sets a secret, and later deploys keep it; for watch and --local, write KEY=VALUE into .dev.vars; vars are " +
		"in the wrangler file"},
	{words: "domain, domains, route, routes, triggers, triggers deploy, alias", answer: "a deploy never changes routes, " +
		"domains and crons: set them in Cloudflare's dashboard, or with wrangler triggers deploy"},
	{words: "kv, kv key, kv namespace, r2, queues", answer: "kv-sync has no commands for the account's storage: " +
		"use wrangler for it; kv-sync delete and kv-sync prune delete the keys of a site"},
	{words: "d1, db, database", answer: "kv-sync has no commands for databases: wrangler d1 execute changes those of " +
		"the account; the database of kv-sync dev and kv-sync watch is reached by a Worker's binding only"},
	{words: "fetch, clone, download, get, export, backup", answer: "the files of a commit are in git, and those of a " +
		"folder outside of git are only in that folder; kv-sync pull brings what was written at run time into git"},
	{words: "cache", answer: "no cache has to be purged: visitors get the new files after a deploy"},
	{words: "sites, hosting", answer: "kv-sync deploy DIR --name NAME puts a site online; kv-sync history --name NAME " +
		"lists its deployments; Cloudflare's dashboard lists the account's Workers"},
	{words: "inspect", answer: "kv-sync history lists the deployments, and kv-sync verify checks what is live"},
	{words: "gh-pages", answer: "kv-sync deploy DIR puts a folder online without a branch for it"},
	{words: "functions", answer: "code is a Worker, which the wrangler file names with main: see " +
		"https://github.com/kv-sync/kv-sync/blob/main/docs/workers.md"},
	{words: "types", answer: "wrangler types writes the types of the bindings"},
	{words: "update, upgrade, self-update", answer: "kv-sync does not update itself: install the newer binary; " +
		"kv-sync version prints the version of this one"},
	{words: "install, uninstall, hooks, git", answer: "kv-sync hook install makes git check, upload or deploy each " +
		"push, and kv-sync hook uninstall ends that"},
	{words: "action, ci, github, workflow, link", answer: "the GitHub Action deploys each push: see " +
		"https://github.com/kv-sync/kv-sync/blob/main/docs/action.md"},
	{words: "config, settings, configure", answer: "the settings are in kv-sync.toml and the wrangler file: see " +
		"https://github.com/kv-sync/kv-sync/blob/main/docs/configuration.md; -v says which ones a run uses"},
}

// synonymOf returns the synonym with which a command line begins, and the arguments after it. It
// prefers the longest one: "pages deploy" to "pages".
func synonymOf(args []string) (found *synonym, typed string, rest []string) {
	for i, s := range synonyms {
		for words := range strings.SplitSeq(s.words, ", ") {
			n := len(strings.Fields(words))
			if n <= len(args) && strings.Join(args[:n], " ") == words && len(words) > len(typed) {
				found, typed, rest = &synonyms[i], words, args[n:]
			}
		}
	}
	return found, typed, rest
}

// refuse returns the error that answers a word.
func (s *synonym) refuse(typed string, getenv func(string) string) error {
	fix := s.answer
	if s.account {
		fix += accountText(getenv)
	}
	return &app.UsageError{Err: fmt.Errorf("there is no command %q", typed), Fix: fix}
}

// accountText says which variables of the account are set, never their values.
func accountText(getenv func(string) string) string {
	var b strings.Builder
	for _, name := range []string{"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"} {
		state := "is set"
		if getenv(name) == "" {
			state = "is not set"
		}
		fmt.Fprintf(&b, "\n    %s %s", name, state)
	}
	return b.String()
}

// refuseUnknown explains why the parser did not take the first argument for a command.
func refuseUnknown(first string, err error) error {
	fix := "kv-sync help lists the commands"
	if info, statErr := os.Stat(first); statErr == nil && info.IsDir() {
		fix = "to publish that folder: kv-sync deploy " + options.Quote(first)
	}
	text := fmt.Sprintf("there is no command %q", first)
	if _, nearest, ok := strings.Cut(err.Error(), ", did you mean "); ok {
		text += "; did you mean " + nearest
	}
	return &app.UsageError{Err: fmt.Errorf("%s", text), Fix: fix}
}
