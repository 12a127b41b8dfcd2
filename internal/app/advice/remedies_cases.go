package advice

import (
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
)

// caseRemedies are the remedies of cases that have no guard, or for which another remedy than
// that of their guard applies. An empty remedy means that nothing has to be done.
var caseRemedies = map[finding.Case]remedy{
	// Guards.
	finding.CaseForeignRollback: {
		"give --to with a deployment of kv-sync history, or use the tool that deployed it",
		"give the input to with a deployment of kv-sync history, or use the tool that deployed it",
		listed + ", or use the tool that deployed it",
	},
	finding.CaseForeignPrune: {
		"deploy with --take-over, or delete the namespace by hand if nothing needs it",
		"deploy with " + input(options.TakeOver) + ", or delete the namespace by hand if nothing needs it",
		hand(options.TakeOver) + "; or delete the namespace by hand if nothing needs it",
	},
	finding.CaseForeignDelete: waive(options.TakeOver, " to delete it all the same"),
	finding.CaseNothingToDelete: {
		"check the name; kv-sync history shows what is deployed under it",
		"check the name", "check the name",
	},
	finding.CaseDeleteLate:      repairing("; or delete it again"),
	finding.CaseDeleteIgnored:   {againSame, againJob, ""},
	finding.CaseDeleteLoader:    {},
	finding.CaseDeleteOther:     {},
	finding.CaseDeleteElsewhere: {},
	finding.CaseDeleteUnread:    {},
	finding.CaseForeignCompanion: {
		"give --take-over if that script may be replaced, or give the site another name",
		"give " + input(options.TakeOver) + " if that script may be replaced, or give the site another name",
		hand(options.TakeOver) + "; or give the site another name in the daemon's configuration",
	},
	finding.CaseForeignClass: {
		"delete that script if nothing needs it, or give the site another name",
		"delete that script if nothing needs it, or give the site another name",
		"delete that script if nothing needs it, or give the site another name in the daemon's configuration",
	},
	finding.CaseForeignManifest: waive(options.TakeOver, " if it and the files beside it may be replaced"),
	finding.CaseOrderAbsent: {
		"choose another --name if that is the site of another repository, or give --any-order to replace it",
		"choose another name if that is the site of another repository, or give " + input(options.AnyOrder),
		"choose another name for this site in the daemon's configuration if that is the site of another repository, or " +
			hand(options.AnyOrder),
	},
	finding.CaseHeldSame: {
		"push a commit that changes it, or give --release",
		"push a commit that changes it, or give " + input(options.Release),
		"push a commit that changes it, or release it",
	},
	finding.CaseClockUnknown: everywhere("make sure that no proxy removes the header Date from the answers of the API"),
	finding.CaseNotDeployed:  deployIt,
	finding.CaseNoTarget: {
		"give a deployment, version or commit that kv-sync history lists, or at least its first 7 characters",
		"set the input to: a deployment, version or commit that kv-sync history lists, or at least its first 7 " +
			"characters",
		listed,
	},
	finding.CaseAmbiguous:   {"give more of the id", "give more of the id", listed},
	finding.CaseNotRetained: redeploy,
	finding.CaseVersionMissing: {
		redeploy[0] + ", or give --to with another deployment of kv-sync history",
		redeploy[1] + ", or give the input to with another deployment of kv-sync history",
		redeploy[2],
	},
	finding.CaseDeleted: {
		"run kv-sync delete again to remove what this run uploaded, or deploy again to make the site anew",
		"run kv-sync delete again to remove what this run uploaded, or " + againJob + " to make the site anew",
		"run kv-sync delete again to remove what this run uploaded, or poll now to make the site anew",
	},
	finding.CaseSwitched: {
		"look at kv-sync history and run again",
		"see what is live, and run the job again",
		"see what is live now, and roll back again",
	},
	finding.CasePruneUndeployed: {
		deployIt[0] + prunedLater,
		deployIt[1] + prunedLater,
		deployIt[2] + prunedLater,
	},
	finding.CasePruneVersion: {again + untilRetained, againJob + untilRetained, byItself + untilRetained},
	finding.CasePruneOften: {
		again + " later, or set a shorter grace period",
		againJob + " later, or set a shorter grace period",
		byItself + "; or set a shorter grace period",
	},
	finding.CasePruneRetain: {
		"give --retain with the number to keep, or deploy, which records it",
		"give the input retain with the number to keep, or deploy, which records it",
		"prune once by hand: kv-sync prune --retain N; or push a change, whose deploy records the number",
	},
	finding.CasePruneLayout: everywhere("name that layout in kv-sync.toml"),
	finding.CasePruneKey:    {update + deleteKey, updateStep + deleteKey, updateHost + deleteKey},
	finding.CasePruneChunks: {
		"see kv-sync verify; if the live deployment is concerned, deploy with --repair",
		"see kv-sync verify; if the live deployment is concerned, deploy with " + input(options.Repair),
		"see kv-sync verify; if the live deployment is concerned, deploy once by hand: kv-sync deploy --repair",
	},
	finding.CasePruneSwitched:   {again, againJob, byItself},
	finding.CasePruneConcurrent: {again, againJob, byItself},
	finding.CasePruneShared:     everywhere("give each a namespace of its own to prune them"),
	finding.CasePruneNamespace:  runFirst,
	finding.CasePruneNoIndex:    runFirst,
	finding.CasePruneNoWorker:   publishFirst,
	finding.CasePruneOtherIndex: publishFirst,
	finding.CaseIndexUnknown:    publishFirst,
	finding.CasePruneEmptyIndex: everywhere("upload the files first"),
	finding.CaseNoCommand:       everywhere(content),
	finding.CaseNoRollback:      everywhere("deploy the earlier commit instead"),
	finding.CaseNoAhead:         everywhere("deploy"),
	finding.CaseNoPrune:         everywhere("a prune is not needed"),
	finding.CasePathnameSite: {
		"name the project with --project, or " + content,
		"name the project with the input project, or " + content,
		"name the project in the daemon's configuration, or " + content,
	},
	finding.CaseEditsUnread: {update + anew, updateStep + anew, updateHost + anew},
	finding.CaseEditsHidden: {
		pullHand + pullFirst + ", or give --hide-edits" + seenAgain,
		pullJob + pullFirst + "; only the kv-sync command can hide them" + seenAgain,
		pullHand + pullFirst + "; or hide them once by hand, with kv-sync deploy --hide-edits" + seenAgain,
	},
	finding.CaseEditsNoOverlay: {
		pullHand + ", then give --hide-edits",
		pullJob + "; only the kv-sync command can then hide them",
		pullHand + ", then hide them once by hand, with kv-sync deploy --hide-edits",
	},
	finding.CaseCompanionNewer: newer,

	CaseNoWorker: deployIt,
	CaseOtherName: {
		"give --name {name}, or write name = \"{name}\" into kv-sync.toml",
		"give the input name: {name}",
		"give the name {name} in the daemon's configuration",
	},
	CaseAbove: {
		"run the command there, or give --name",
		"give the input working-directory, or name",
		"give the name in the daemon's configuration",
	},
	CaseNoAddress:    everywhere("see its domains and routes in Cloudflare's dashboard"),
	CaseNotServed:    everywhere("kv-sync dev serves what was deployed, and kv-sync watch also each change"),
	CaseNotWhole:     repairing(notThere),
	CaseEditsMissing: repairing(notThere + onlyCopy),
	CaseConflict:     merge,
	CaseConflicts:    merge,
	CaseUnconfirmed:  guardRemedies[guard.Confirm],
	pull.CaseNotWritten: {
		"give the pathname as kv-sync pull prints it",
		"give the pathname as the log of mode: pull prints it",
		"give the pathname as kv-sync pull prints it",
	},

	// Errors.
	finding.CaseCompanionAbsent: {again, againJob, ""},
	finding.CasePruneIgnored:    {again + " later", againJob + " later", ""},
	finding.CaseCodeSize:        afterFix("bundle less code, or move data out of it into files, and "),
	finding.CaseMigrations:      everywhere("keep every migration in the configuration"),
	finding.CaseModuleTaken:     everywhere("rename that module"),
	finding.CaseBindingTaken:    everywhere("rename it, or remove its second definition"),
	finding.CaseAheadAnyway: {
		"deploy at once, without kv-sync upload",
		"deploy at once",
		"deploy at once",
	},
	finding.CaseFolderAhead: {
		"commit what is to be published, or name a commit with --commit",
		"commit what is to be published",
		"commit what is to be published",
	},
	project.CaseRecordUnread:  unreadable,
	project.CaseCurrentUnread: unreadable,
	project.CaseActiveUnread:  unreadable,
	project.CaseVersionUnread: everywhere("delete that key to go on without it"),

	CaseSome: {
		"fix the errors above, and " + againSame,
		"fix the errors in the log, and " + againJob,
		"fix the error of each",
	},
	finding.CaseSwitchUnknown: seeWhat,
	finding.CaseSwitchNotSeen: seeWhat,
	finding.CaseRollbackUnknown: {
		"run kv-sync history to see what is live, then: kv-sync rollback --to {deployment}",
		"see in Cloudflare's dashboard what is live, then start the job by hand with the input to: {deployment}",
		"look at the site's page in a while, and roll back to {deployment} there if it is not live",
	},
	finding.CaseNotRestored:    deployNewest,
	finding.CaseRestoreUnknown: deployNewest,
	CaseUnknown: {
		"run kv-sync history to see what is live, then " + againSame,
		"see in Cloudflare's dashboard what is live, then " + againJob,
		"",
	},
	CaseInterrupted:   {"{what}; " + againSame + " to go on", "{what}; " + againJob + " to go on", "{what}"},
	CaseMixed:         {mixed + "; " + againSame + " to finish", mixed + "; " + againJob + " to finish", mixed},
	CaseFiles:         afterFix("fix what is listed, or name it in .assetsignore, and "),
	CaseBuild:         afterFix("{what}; fix the build and "),
	CaseBundle:        afterFix("fix what is listed and "),
	CaseLateBundle:    afterFix("{what}; fix what is listed and "),
	CaseWorker:        afterFix("fix what is listed and "),
	CaseWorkerRefused: afterFix("{what}; correct the Worker and "),
	CaseChanged:       guardRemedies[guard.Changed],
	CaseQuota:         {"{what}; " + again + afterMidnight, "{what}; " + againJob + afterMidnight, ""},
	CaseAPI: {
		"{what}; " + again + " when that is fixed",
		"{what}; " + againJob + " when that is fixed",
		"",
	},
	CaseNewer: newer,

	// The account, and what the API refuses.
	cloudflare.CaseNoToken: {
		"set CLOUDFLARE_API_TOKEN to one" + tokens,
		inputToken + " one" + tokens,
		daemonToken + " one" + tokens,
	},
	cloudflare.CaseNoKey: {
		"set CLOUDFLARE_API_KEY too, or better CLOUDFLARE_API_TOKEN to a token" + tokens,
		inputToken + " a token" + tokens,
		daemonToken + " a token" + tokens,
	},
	cloudflare.CaseBadToken:  everywhere("copy it again"),
	cloudflare.CaseNoID:      accountID("the 32 digits in"),
	cloudflare.CaseInvalidID: accountID("the id in"),
	cloudflare.CaseQuotaUsed: {},
	cloudflare.CaseInvalidToken: {
		"check CLOUDFLARE_API_TOKEN, or create a token at " + tokensPage,
		"check what the input api-token gets, or create a token at " + tokensPage,
		"check CLOUDFLARE_API_TOKEN and the site's token-file, or create a token at " + tokensPage,
	},
	cloudflare.CaseNotPermitted: everywhere("see " + tokensPage),
	cloudflare.CaseLacks:        everywhere("add it at " + tokensPage),
	cloudflare.CaseOtherAccount: {
		"check CLOUDFLARE_ACCOUNT_ID, and the token at " + tokensPage,
		"check the input account-id, and the token at " + tokensPage,
		"check the site's account-id, and the token at " + tokensPage,
	},
	cloudflare.CaseDenied: {
		"check CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, and the token at " + tokensPage,
		"check the inputs api-token and account-id, and the token at " + tokensPage,
		"check the site's token and account-id, and the token at " + tokensPage,
	},
	cloudflare.CaseNoNamespace: {
		"check the namespace id and CLOUDFLARE_ACCOUNT_ID",
		"check the namespace id and the input account-id",
		"check the namespace id and the site's account-id",
	},
	cloudflare.CaseOfCloudflare: everywhere("see https://www.cloudflarestatus.com"),
	cloudflare.CaseNoneBound:    everywhere("create it, or correct its id"),
	cloudflare.CaseNoRoute: {
		"check CLOUDFLARE_ACCOUNT_ID and the namespace id",
		"check the input account-id and the namespace id",
		"check the site's account-id and the namespace id",
	},
	cloudflare.CaseNoSubdomain:   everywhere("open Workers & Pages in the dashboard once to get one"),
	cloudflare.CaseSecretChanged: everywhere("deploy its commit again instead"),
	cloudflare.CaseNotAPI:        everywhere("check CLOUDFLARE_API_BASE_URL"),
	cloudflare.CaseRedirected:    everywhere("check CLOUDFLARE_API_BASE_URL and the proxy"),

	// Mistakes in the command line, the environment or the configuration.
	CasePruneOptions: {"leave --force and --unrecorded out", "leave them out", "leave them out"},
	CaseOtherCommit:  everywhere("remove it when that commit is deployed"),
	CaseNoAccount:    {"without an account, give --local: it uses this machine", "", ""},
	CaseUnbuilt: {
		"run {what} first, or name the folder of the site with --dir",
		"add a step that runs {what} before this one, or name the folder of the site with the input directory",
		"run {what}, and name the folder of the site with dir in the daemon's configuration",
	},
	CaseNoSiteFolder: {
		buildFirst + "--dir",
		buildFirst + "the input directory",
		buildFirst + "dir in the daemon's configuration",
	},
	CaseNoProject: {
		"{what}; give --dir if another folder is meant",
		"{what}; give the input directory if another folder is meant",
		"{what}",
	},
	CaseBare: {
		"name one with --commit, such as a branch",
		"check the repository out with actions/checkout",
		"name the branch in the daemon's configuration",
	},
	CaseBuildsCommit: {
		"check the commit out, and leave --commit out",
		"check the commit out, and leave source: commit out",
		"allow the build in the daemon's configuration: build = true",
	},
	CaseBuildsNothing: everywhere("deploy with the kv-sync command where the project can be built"),
	CasePulledIgnored: {into + "--into", into + "the input into", into + "kv-sync pull --into"},
	CasePulledOutside: {
		"name a folder of the repository with --into",
		"name a folder of the repository with the input into",
		"name a folder of the repository with kv-sync pull --into",
	},
	CasePulledBare: {
		"name the branch for a commit of the edits with --branch",
		"name the branch for a commit of the edits with the input branch",
		"name the branch for a commit of the edits with kv-sync pull --branch",
	},
	CasePulledNowhere: {
		"name the folder for the edits with --into",
		"name the folder for the edits with the input into",
		"name the folder for the edits with kv-sync pull --into",
	},

	// Files and code that cannot be deployed.
	finding.CaseFileSize:     everywhere("make it smaller, serve it from R2, or " + content),
	finding.CaseKeyLength:    everywhere("shorten the path"),
	finding.CaseKeyReserved:  everywhere("rename the folder"),
	finding.CaseKeyTaken:     everywhere("change the file by a byte"),
	finding.CasePathEncoding: everywhere("rename it"),
	manifest.CasePulledLine: everywhere("remove the line, or resolve the merge conflict that left it; kv-sync " +
		"pull writes the file again"),
	project.CaseAssets: everywhere("give the variable another name"),
	project.CaseBinding: everywhere("remove it from the project's configuration; the loader passes to the " +
		"code what it may use besides variables"),
	project.CaseMigrations: everywhere("remove them from the project's configuration"),

	// Notices.
	finding.CaseNoCommit:        {},
	finding.CaseDiverged:        {},
	finding.CaseUncovered:       {},
	finding.CaseNoSwitch:        everywhere(content + " where that matters"),
	finding.CaseUnfinished:      everywhere("make sure that no other deploy is running; this one finishes the work"),
	finding.CaseStrays:          {},
	finding.CaseRulesPathname:   loader,
	finding.CaseServingPathname: loader,
	finding.CaseRulesKVAssets:   everywhere("apply these rules in that code"),
	project.CaseSetting:         everywhere("set it for its loader"),
	finding.CaseCoverUnknown:    {},
	finding.CaseCover: {
		"kv-sync pull brings them into git",
		"mode: pull brings them into git",
		"kv-sync pull brings them into git",
	},
	finding.CaseDiscarded: {
		"pull them again, or delete them at run time",
		pullJob + ", or delete them at run time",
		pullHand + ", or delete them at run time",
	},
	finding.CaseReturning: everywhere("remove the deleted files from git"),
	finding.CaseNoSubdomain: {
		subdomain + "; kv-sync open then prints the address",
		subdomain, subdomain,
	},
	finding.CaseAddressOn: {},
	finding.CaseRollbackDone: {
		"to go back further, run the same command again",
		"to go back further, run the job again",
		"",
	},
	finding.CaseRollbackRepeated: {
		"to go back further, name the deployment with --to",
		"to go back further, start a new run of the workflow, or name the deployment with to",
		"",
	},
	finding.CaseAddressOff: {
		"run again on this machine, or do that in the dashboard",
		"switch it on in the dashboard",
		"switch it on in the dashboard",
	},
	finding.CaseHoldUnkept:       {},
	finding.CaseMoved:            {},
	finding.CaseSplit:            {},
	finding.CaseSettingsDropped:  everywhere("deploy a change of the Worker to try again"),
	finding.CaseNameUnchecked:    everywhere("write its {key} to choose another one"),
	finding.CasePruneAfterDeploy: {},
}
