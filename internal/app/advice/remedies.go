package advice

import (
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// input says how a workflow gives a waiver.
func input(w *options.Option) string {
	return "the input " + w.Input + ": true on workflow_dispatch (elsewhere name " + w.Names() + ")"
}

// hand says how to give a waiver for a site of the daemon, which itself waives no guard.
func hand(w *options.Option) string {
	return "if that is intended, deploy it once by hand: kv-sync deploy --" + w.Flag
}

// waive is the remedy for a guard that an option waives. why says when to do so.
func waive(w *options.Option, why string) remedy {
	return remedy{"give --" + w.Flag + why, "give " + input(w) + why, hand(w)}
}

// afterFix is the remedy for an error that a change of the repository fixes.
func afterFix(fix string) remedy {
	return remedy{fix + again, fix + "push again", fix + "push again"}
}

// repairing is the remedy for a site with missing or corrupt keys.
func repairing(rest string) remedy {
	return remedy{
		"kv-sync deploy --repair uploads every file of what it deploys again" + rest,
		"a deploy with " + input(options.Repair) + " uploads every file again" + rest,
		"kv-sync deploy --repair, once by hand, uploads every file of what it deploys again" + rest,
	}
}

// accountID is the remedy for an account id that is absent or malformed.
func accountID(what string) remedy {
	what += " the address of your Cloudflare dashboard"
	return remedy{"set CLOUDFLARE_ACCOUNT_ID to " + what, "give the input account-id " + what, "write account-id: " + what}
}

const (
	tokensPage  = "https://dash.cloudflare.com/profile/api-tokens"
	tokens      = " from " + tokensPage
	inputToken  = "give the input api-token a secret with"
	daemonToken = "set CLOUDFLARE_API_TOKEN, or the site's token-file, to"

	update     = "update kv-sync"
	updateStep = "use a newer release of the Action"
	updateHost = "update kv-sync where the daemon runs"
	deleteKey  = "; if another tool wrote the key, delete it"
	again      = "run again"
	findWriter = "; if it stays so, find out what wrote the key besides kv-sync, and do not delete it: "
	againSame  = "run the same command again"
	againJob   = "run the job again"
	byItself   = "the daemon tries again automatically"
	content    = `use the layout "content"`
	pullFirst  = " and deploy that first, and delete at run time the edits that a pull leaves there"
	pullJob    = "bring them into git with mode: pull"
	pullHand   = "bring them into git with kv-sync pull"
	subdomain  = "open Workers & Pages in Cloudflare's dashboard once to choose one, or add a domain to the Worker there"
	listed     = "roll back to a deployment on the site's page"
)

var (
	newer    = remedy{update, updateStep, updateHost}
	redeploy = remedy{
		"deploy that commit again instead",
		"deploy that commit again instead",
		"roll back to another deployment, or push the content of that commit again",
	}
	deployIt = remedy{"deploy it first", "deploy it first", "push a commit, or poll now"}
	seeWhat  = remedy{
		"run kv-sync history to see what is live, then " + againSame,
		"see in Cloudflare's dashboard what is live, then " + againJob,
		"",
	}
	deployNewest = remedy{
		"deploy {than} again",
		"run the job of {than} again",
		"push {than} again, or poll now",
	}
	loader = everywhere("give handleAssetRequest() its config in the loader's code")
	// unreadable is the remedy for a project whose key "current" cannot be read. Without that
	// key its incarnation would be lost, so the remedy is never to delete it.
	unreadable = remedy{
		again + findWriter + "kv-sync deploy --repair replaces it, and uploads every file of what it deploys again",
		againJob + findWriter + "a deploy with " + input(options.Repair) + " replaces it, and uploads every file again",
		"poll again" + findWriter + "kv-sync deploy --repair, once by hand, replaces it, and uploads every file of what " +
			"it deploys again",
	}
)

// fewer is the remedy for a site that is too large.
var fewer = remedy{
	"publish fewer files (the setting ignore leaves files out), or divide them among several sites; " +
		"if most are removed files that are kept for open tabs, give --forget",
	"publish fewer files (the setting ignore leaves files out), or divide them among several sites; " +
		"if most are removed files that are kept for open tabs, give " + input(options.Forget),
	"publish fewer files (the setting ignore leaves files out), or divide them among several sites; " +
		"if most are removed files that are kept for open tabs, deploy once by hand: kv-sync deploy --forget",
}

// guardRemedies apply to every case of a guard that caseRemedies does not have. The words in
// braces are facts of the finding.
var guardRemedies = map[guard.ID]remedy{
	guard.Foreign: waive(options.TakeOver, " if that Worker may be replaced (its other bindings are kept)"),
	guard.Repository: {
		"choose another name for this site, or give --take-over if it has moved here",
		"choose another name for this site, or give " + input(options.TakeOver) + " if it has moved here",
		"choose another name for this site in the daemon's configuration, or if it has moved here, deploy it " +
			"once by hand: kv-sync deploy --take-over",
	},
	guard.Name: {
		"give the name: {name} to continue that site, or {site} for a new one",
		"give the input name: {name} to continue that site, or {site} for a new one",
		"give the name in the daemon's configuration: {name} to continue that site, or {site} for a new one",
	},
	guard.Older: {
		"deploy a newer commit, use rollback, or give --any-order",
		"deploy a newer commit, use mode: rollback, or give " + input(options.AnyOrder),
		"push a newer commit, or roll back to an earlier deployment",
	},
	guard.Order: {
		"fetch more history, or give --any-order",
		"fetch more history (fetch-depth: 0 for actions/checkout, or set github-token), or give " + input(options.AnyOrder),
		hand(options.AnyOrder),
	},
	guard.Held: {
		"push a newer commit that changes the site, or give --release",
		"push a newer commit that changes the site, or give " + input(options.Release),
		"push a newer commit, or release it",
	},
	guard.Damaged: waive(options.Repair, " to upload every file again"),
	guard.Clock: {
		"set this machine's clock",
		"set the runner's clock",
		"set the clock of the daemon's machine",
	},
	guard.Shrink: waive(options.AllowShrink, " if that is intended"),
	guard.Ignored: {
		"write gitignore = true into kv-sync.toml to leave them out, or give --publish-ignored once",
		"write gitignore = true into kv-sync.toml to leave them out, or give " + input(options.PublishIgnored) + " once",
		"write gitignore = true into kv-sync.toml to leave them out, or deploy once by hand: " +
			"kv-sync deploy --publish-ignored",
	},
	guard.Target: {
		"see kv-sync history",
		"see the job summaries of earlier deploys, or kv-sync history",
		listed,
	},
	guard.Confirm: {"type exactly that name, or give --yes", "type exactly that name", "type exactly that name"},
	guard.Missing: redeploy,
	guard.Secret: {
		"give --force to bring the old value back with it, or deploy that commit again",
		"deploy that commit again; only the kv-sync command can bring the old value back with it",
		"push the content of that commit again, or bring the old value back by hand: kv-sync rollback --force",
	},
	guard.Forgotten: {
		"roll back to a deployment without these files (see kv-sync history), or give --allow-forgotten to " +
			"publish them again",
		"roll back to a deployment without these files, or give " + input(options.AllowForgotten) +
			" to publish them again",
		"roll back to another deployment, or to publish these files again, do it by hand: " +
			"kv-sync rollback --to {deployment} --" + options.AllowForgotten.Flag,
	},
	guard.Overtaken: {again + " when they are done", againJob + " when they are done", byItself},
	guard.Unread:    {again + " later", againJob + " later", byItself},
	guard.Changed: {
		"let what writes it finish, then " + again,
		"let the step that writes it finish, then " + againJob,
		byItself,
	},
	guard.Layout:   everywhere(content),
	guard.Conflict: merge,
	guard.Overlay:  {pullHand + pullFirst, pullJob + pullFirst, pullHand + pullFirst},
	guard.Cache: everywhere("remove edge-cache (cache in a wrangler file), or remove that binding " +
		"from the Worker"),
	guard.Size:     fewer,
	guard.Resource: everywhere("create {what}, and write its {key} there"),
	guard.Index: everywhere(`make sure that "index" names the file that the code includes by include_bytes!, ` +
		`and that the build compiles the code again when that file changes`),
}

// merge is the remedy for conflicts. The fact "what" has the flags for them.
var merge = remedy{
	"save the edits with --save-conflicts DIR, commit the merged files, then run: kv-sync pull{what}",
	"commit the merged files, and mark the conflicts as resolved by hand with the kv-sync command",
	"save the edits with kv-sync pull --save-conflicts DIR, commit the merged files, then run: kv-sync pull{what}",
}

const (
	notThere      = "; do not roll back to a deployment that is listed as missing something"
	onlyCopy      = "; edits made at run time have no other copy: write them again, or delete them at run time"
	prunedLater   = "; a later prune deletes what failed runs left behind"
	untilRetained = " when that deployment is no longer retained"
	anew          = " if a newer release wrote it; otherwise write any page at run time, which creates it again, or " +
		"do not change the overlay"
	afterMidnight = " after 00:00 UTC, or change to the Workers Paid plan"
	mixed         = "some files may be new and others not yet"
	buildFirst    = "run the site's build first, or name its folder with "
	into          = "name the folder whose files the build copies into the site, with "
	seenAgain     = ": they are kept, and visible again when the overlay is on again"
)

var (
	runFirst     = remedy{"run kv-sync first", "deploy first", "push a commit first"}
	publishFirst = remedy{
		"publish the Worker first; or prune with --force if you know that no Worker in use needs the old files",
		"publish the Worker first; only the kv-sync command can prune regardless",
		"publish the Worker first; or prune by hand with kv-sync prune --force if you know that no Worker in " +
			"use needs the old files",
	}
)
