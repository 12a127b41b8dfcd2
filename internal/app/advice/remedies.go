package advice

import (
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// The one table of what to do about what stopped a run, or is worth a notice, in
// each place. Words in braces are filled in from the facts of the case.

// input is a waiver as a workflow takes it.
func input(w *options.Option) string {
	return "the input " + w.Input + ": true on workflow_dispatch (elsewhere name " + For(w) + ")"
}

// hand is a waiver as the daemon's page names it: the daemon lifts no guard.
func hand(w *options.Option) string {
	return "if that is meant, deploy it once by hand: kv-sync deploy --" + w.Flag
}

// waive is the remedy for a guard that a waiver lifts. why says when to do so.
func waive(w *options.Option, why string) remedy {
	return remedy{"give --" + w.Flag + why, "give " + input(w) + why, hand(w)}
}

// afterFix is for what has to be changed in the repository.
func afterFix(fix string) remedy {
	return remedy{fix + again, fix + "push again", fix + "push again"}
}

// repairing is for a site that is not whole.
func repairing(rest string) remedy {
	return remedy{
		"kv-sync deploy --repair uploads every file of what it deploys again" + rest,
		"a deploy with " + input(options.Repair) + " uploads every file again" + rest,
		"kv-sync deploy --repair, once by hand, uploads every file of what it deploys again" + rest,
	}
}

const (
	update     = "update kv-sync"
	updateStep = "use a newer release of the Action"
	updateHost = "update kv-sync where the daemon runs"
	again      = "run again"
	againSame  = "run the same command again"
	againJob   = "run the job again"
	byItself   = "the daemon tries again by itself"
	content    = `use the layout "content"`
	pullFirst  = " and deploy that first, and delete at run time what it says must stay there"
	pullJob    = "bring them into git with mode: pull"
	pullHand   = "bring them into git with kv-sync pull"
	named      = "the deployments on the site's page can be rolled back to"
)

var (
	newer    = remedy{update, updateStep, updateHost}
	redeploy = remedy{
		"deploy that commit again instead",
		"deploy that commit again instead",
		"roll back to another deployment, or push what that commit has again",
	}
	deployIt   = remedy{"deploy it first", "deploy it first", "push a commit, or look now"}
	loader     = everywhere("give handleAssetRequest() its config in the loader's code")
	unreadable = "delete that key and deploy again: nothing is live between"
)

// guardRemedies hold for every case of a guard that has no remedy of its own.
var guardRemedies = map[guard.ID]remedy{
	guard.Foreign: waive(options.TakeOver, " if that Worker may be replaced (its other bindings are kept)"),
	guard.Repository: {
		"choose another name for this site, or give --take-over if it has moved here",
		"choose another name for this site, or give " + input(options.TakeOver) + " if it has moved here",
		"choose another name for this site in the daemon's configuration, or if it has moved here, deploy it " +
			"once by hand: kv-sync deploy --take-over",
	},
	guard.Name: {
		"give the name: {name} to go on with that site, or {site} for a new one",
		"give the input name: {name} to go on with that site, or {site} for a new one",
		"give the name in the daemon's configuration: {name} to go on with that site, or {site} for a new one",
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
	guard.Shrink: waive(options.AllowShrink, " if that is meant"),
	guard.Target: {
		"see kv-sync history",
		"see the job summaries of earlier deploys, or kv-sync history",
		named,
	},
	guard.Missing: redeploy,
	guard.Secret: {
		"give --force to bring the old value back with it, or deploy that commit again",
		"deploy that commit again; only the kv-sync command can bring the old value back with it",
		"push what that commit has again, or bring the old value back with it by hand: kv-sync rollback --force",
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
	guard.Cache: everywhere("take edge-cache (in a wrangler file cache) out, or remove that binding " +
		"from the Worker"),
	guard.Index: everywhere(`see that "index" names the file that the code takes in by include_bytes!, ` +
		`and that the build compiles it again when that file changes`),
}

// merge names the flags for the conflicts, which only the command takes.
var merge = remedy{
	"see what was written at run time with --save-conflicts DIR, have in git what is meant, then: kv-sync pull{what}",
	"have in git what is meant, and say so once by hand, with the kv-sync command",
	"see what was written at run time with kv-sync pull --save-conflicts DIR, have in git what is meant, then: " +
		"kv-sync pull{what}",
}

const (
	notThere      = "; roll back to no deployment that is listed as missing something"
	onlyCopy      = "; what was written at run time has no other copy: write it again, or delete it there"
	prunedLater   = ": what runs before that left behind, a later prune finds"
	untilRetained = " when that deployment is not retained any more"
	anew          = " if a newer one wrote it, else write any page at run time, which makes it anew; or leave " +
		"the overlay as it is"
	afterMidnight = " after 00:00 UTC, or change to the Workers Paid plan"
	mixed         = "some files may be new and others not yet"
	buildFirst    = "run the site's build first, or name its folder with "
	into          = "name the folder whose files the build copies into the site, with "
	seenAgain     = ": they are kept, and seen again when the overlay is on again"
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
