package finding

// Cases of a live version that kv-sync did not deploy.
const (
	CaseForeign         Case = "the live version of {site} was not deployed by kv-sync"
	CaseForeignRollback Case = "the live version of {site} was not deployed by kv-sync, so no deployment is " +
		"the one before it"
	CaseForeignPrune Case = "a live version of {site} was not deployed by kv-sync, so what it needs is not " +
		"known; nothing was deleted"
	CaseMoved Case = "another tool has made {deployment} live since kv-sync made {than} live"
	CaseSplit Case = "another tool has split the traffic; this is compared with {deployment}, which has the " +
		"larger share, and a deploy ends the split"
	CaseForeignCompanion Case = "{name} is the name of the companion of {site}, and a script of that name was " +
		"not deployed as one"
	CaseForeignClass Case = "{name} is the name of the companion of {site}, and that script has Durable " +
		"Objects of its own (migration {what})"
	CaseForeignManifest Case = "{key} is not a manifest of the layout \"pathname\": {cause}"
	CaseIndexUnknown    Case = "cannot determine which index the active Worker {site} carries; nothing was deleted"
)

// Cases of the wrong repository, name or commit.
const (
	CaseRepository Case = "{site} was deployed from the repository {from}, and this is {repository}"
	CaseName       Case = "the site has no name of its own: an earlier kv-sync called it {name}, which is " +
		"live, and this one calls it {site}"
	CaseOlder       Case = "commit {commit} is older than the live one, {than}"
	CaseOrder       Case = "it is not known whether commit {commit} is newer than the live one, {than}"
	CaseOrderAbsent Case = "the live commit of {site}, {than}, is not in this repository, and no remote is known " +
		"that could have it, so it is not known which commit is newer"
	CaseOrderHeld Case = "it is not known whether commit {commit} is newer than the one held back by a " +
		"rollback, {than}"
	CaseHeld      Case = "commit {commit} is held back: the site was rolled back from it"
	CaseHeldOlder Case = "commit {commit} is held back: the site was rolled back from the newer {than}"
	CaseHeldSame  Case = "commit {commit} is held back: it deploys the same as {than}, which the site was " +
		"rolled back from"
	CaseNoCommit Case = "no commit is known, so it is not checked whether this is newer than the live commit " +
		"{than}"
	CaseDiverged Case = "commit {commit} does not contain the live one, {than}: they are on different " +
		"branches, or history was rewritten"
	CaseFolderAhead Case = "only a commit can be uploaded ahead, and the source is the folder {path}"
)

// Cases of a deploy that a guard stops for other reasons.
const (
	CaseDamaged      Case = "the manifest of the live deployment {deployment} is gone or damaged"
	CaseClockBehind  Case = "this machine's clock is {span} behind Cloudflare's, so {site} was left as it is"
	CaseClockAhead   Case = "this machine's clock is {span} ahead of Cloudflare's, so {site} was left as it is"
	CaseClockUnknown Case = "the API's answers have no Date, so this machine's clock cannot be checked, and " +
		"{site} was left as it is"
	CaseEmpty   Case = "{path} contains no file to serve"
	CaseShrink  Case = "{count} of {what} would be left"
	CaseIgnored Case = "{what} that git ignores would become public, which the kv-sync that made the live " +
		"deployment left out: {path}"
	CaseOvertaken Case = "other deployments of {site} kept switching meanwhile"
	CaseDeleted   Case = "{site} was deleted meanwhile, so nothing is live"
	CaseCache     Case = "the active version of {site} has the worker loader {key}, which a new version inherits, " +
		"and Workers Caching ignores the host: a project would be answered with the cached response of another"
	CaseIndex        Case = "the Worker's code does not contain the index that was written for it"
	CaseMigrations   Case = "the Worker's migrations do not name {what}, which {site} has applied"
	CaseModuleTaken  Case = "the module name {name} is reserved by kv-sync"
	CaseBindingTaken Case = "the binding name {name} is defined twice, or reserved by kv-sync"
	CaseNoResource   Case = "{path}: the binding {name} has no {key}, and the active version has no such binding " +
		"to inherit"
	CaseTitleTaken Case = "{path}: the binding {name} has no {key}, and the KV namespace {from}, which it would get, " +
		"is that of another binding, or kv-sync's own"
	CaseNameUnchecked Case = "the binding {name} has no {key}, so the one of the active version is inherited, " +
		"whether or not it is called {from}"
	CaseAheadAnyway Case = "a deploy that repairs or forgets does not use what was uploaded ahead"
)

// Cases of a switch whose result is not known, or is the wrong one.
const (
	CaseSwitchUnknown Case = "it is not known whether {site} was switched to deployment {deployment}; visitors " +
		"have the one or the other whole ({cause})"
	CaseSwitchNotSeen Case = "it is not known whether {site} will be switched to deployment {deployment}: at the " +
		"last look {what} was live, and the switch may still be carried out ({cause})"
	CaseRollbackUnknown Case = "it is not known whether {site} was rolled back to deployment {deployment}: at the last " +
		"look {what} was live ({cause})"
	CaseRollbackDone     Case = "the rollback whose outcome was not known has happened; nothing more was rolled back"
	CaseRollbackRepeated Case = "this run has rolled back already; nothing more was rolled back"
	CaseNotRestored      Case = "{what} of {site} is live and replaced {than}, which another run deployed at the " +
		"same moment and which could not be made live again ({cause})"
	CaseRestoreUnknown Case = "another run deployed {than} of {site} at the same moment; it is not known " +
		"whether it is live again ({cause})"
)

// Cases of a rollback.
const (
	CaseNotDeployed    Case = "nothing is deployed as {site}"
	CaseNoEarlier      Case = "there is no earlier deployment to roll back to"
	CaseNoTarget       Case = "no deployment is named {what}"
	CaseAmbiguous      Case = "{what} may be deployment {deployment} or {name}"
	CaseNotRetained    Case = "deployment {deployment} is not retained any more"
	CaseVersionMissing Case = "deployment {deployment} cannot be rolled back to: its version, the blob " +
		"{version}, is missing"
	CaseManifestMissing Case = "the manifest of deployment {deployment} is gone"
	CaseBlobsMissing    Case = "deployment {deployment} cannot be rolled back to: {what} of it missing, the " +
		"first is {path}"
	CaseBlobsUnread      Case = "deployment {deployment} cannot be rolled back to: {cause}"
	CaseSecret           Case = "a secret of {site} was changed since deployment {deployment} was made"
	CaseForgotten        Case = "deployment {deployment} serves {what} that deployment {name} removed permanently: {path}"
	CaseForgottenUnknown Case = "deployment {deployment} may serve files that deployment {name} " +
		"removed permanently: {cause}"
	CaseSwitched   Case = "another deployment of {site} switched meanwhile"
	CaseHoldUnkept Case = "KV has no record of what this rollback holds back, so after some more activations, " +
		"such as changes of secrets, it may be deployed again ({cause})"
	CaseUncovered Case = "deployment {deployment} is from before the overlay was on: while it is live, " +
		"visitors do not see {what} made at run time; they are kept"
)

// Cases of a prune.
const (
	CasePruneUndeployed Case = "nothing is deployed as {site}, so it is not known what its keys are for; " +
		"nothing was deleted"
	CasePruneVersion Case = "the version of deployment {deployment}, the blob {version}, is missing, so " +
		"what it needs is not known; nothing was deleted"
	CasePruneOften Case = "{site} was deployed so often that KV does not list all that was live within " +
		"{span}; nothing was deleted"
	CasePruneLayout Case = "the live deployment of {site} has the layout \"kv-assets\", and the prune " +
		"of another layout was requested; nothing was deleted"
	CasePruneRetain Case = "no deployment of {site} recorded how many are retained, because an older kv-sync " +
		"made them; nothing was deleted"
	CasePrunePartial Case = "the listing of {site} lacks the manifest of deployment {deployment}, so it is not whole; " +
		"nothing was deleted"
	CasePruneShortList Case = "the list of deployments of {site} lacks the one that was live before, so it is not " +
		"whole; nothing was deleted"
	CasePruneListing Case = "the listing of {site} is empty though a deployment is live; nothing was deleted"
	CasePruneKey     Case = "the key {key} was not written by this release of kv-sync and may keep others " +
		"alive; nothing was deleted"
	CasePruneChunks Case = "deployment {deployment}: {cause}, so it is not known which chunks it needs; " +
		"nothing was deleted"
	CasePruneSwitched Case = "another deployment of {site} went live during the prune; it stopped"
	CasePruneIgnored  Case = "prune {site}: the API accepted the request and did not delete {what}"
	CasePruneShared   Case = "the key {key} says that another site has its files in the namespace of " +
		"{site}, and both may need the same ones; nothing was deleted"
	CasePruneNamespace Case = "there is no namespace {name}; nothing was deleted"
	CasePruneNoIndex   Case = "no index of {site} was uploaded by kv-sync, so it is not known which keys are " +
		"its own; nothing was deleted"
	CasePruneNoWorker   Case = "there is no Worker {site} yet; nothing was deleted"
	CasePruneOtherIndex Case = "the active Worker {site} does not carry the newest index; nothing was deleted"
	CasePruneEmptyIndex Case = "the index of {site} is empty, and a prune would delete all its files; nothing " +
		"was deleted"
	CasePruneConcurrent Case = "files of {site} are being uploaded, or pruned, by another process; nothing " +
		"was deleted"
	CasePruneAfterDeploy Case = "the site is live, but pruning failed; the next try is in {span}: {cause}"
)

// Cases of a deletion.
const (
	CaseForeignDelete   Case = "the live version of {site} was not deployed by kv-sync, so it is not deleted"
	CaseNothingToDelete Case = "nothing is there of {site}: no Worker, no companion and no key"
	CaseDeleteLoader    Case = "{site} has the worker loader {name}: the projects that it serves go offline, and " +
		"their edits made at run time are deleted with its companion"
	// CaseDeleteElsewhere means that the live deployment names another namespace than the configuration.
	CaseDeleteElsewhere Case = "the configuration names the KV namespace {name}, and what is live uses another: keys of " +
		"{site} in {name} stay, and a second delete finds them"
	CaseDeleteOther   Case = "the script {name} stays: it is not the companion of {site}"
	CaseDeleteUnread  Case = "it is not known how many are deleted: {cause}"
	CaseDeleteLate    Case = "{site} was deployed again while its keys were deleted, and may lack files"
	CaseDeleteIgnored Case = "delete {site}: the API accepted the request and did not delete {what}"
)

// Cases of what a layout does not have.
const (
	CaseNoCommand Case = "there is no {what} in the layout \"pathname\", which overwrites files in " +
		"place and keeps nothing of earlier deploys"
	CaseNoRollback Case = "there is no rollback in the layout \"pathname\", which overwrites files in " +
		"place and keeps nothing of earlier deploys"
	CaseNoAhead      Case = "there is no upload ahead in the layout \"{name}\""
	CaseNoPrune      Case = "there is no prune in the layout \"pathname\", whose deploys delete what they remove"
	CasePathnameSite Case = "the layout \"pathname\" is for projects, and {site} is a site"
	CaseStoredSize   Case = "the manifest of the {count} files of {site} has {what}, and a value in KV at most {than}"
	CaseServedSize   Case = "the served manifest of {site} has {what}, and a value in KV at most {than}"
	CaseScriptSize   Case = "the Worker of {site} has {from}, of which {what} are the manifest of its files, and " +
		"Cloudflare accepts {than}"
	CaseCodeSize     Case = "the code of {site} takes {what} in KV, and at most {than} fit"
	CaseManifestSize Case = "{count} files make {what}, and a value in KV has at most 25 MiB"
	CaseFileSize     Case = "the file has {what}, and a value in KV at most 25 MiB; the layout {name} does " +
		"not split files"
	CaseKeyLength       Case = "its key, {path}, has {count} bytes, and a key in KV at most {of}"
	CaseKeyReserved     Case = "keys that begin with {path} are reserved by kv-sync"
	CaseKeyTaken        Case = "its key, {path}, has other contents already: both have the same checksum"
	CasePathEncoding    Case = "the path is not UTF-8"
	CaseRulesKVAssets   Case = "_redirects and _headers have no effect: the Worker's own code serves the files"
	CaseRulesPathname   Case = "_redirects and _headers have no effect"
	CaseServingPathname Case = "the configured handling of HTML and of missing pages has no effect"
	CaseNoSwitch        Case = "it has no switch: each file is live as soon as it is written, so visitors may " +
		"see old and new files mixed until the deploy is done, and caches longer"
	CaseUnfinished Case = "an earlier deploy has not finished"
	CaseStrays     Case = "{what} that no manifest names will be deleted"
)

// Cases of edits that were made at run time.
const (
	CaseEditsUnread Case = "it is not known whether there are edits that visitors would miss: {cause}"
	CaseEditsMove   Case = "{site} would move to another namespace, and {what} made at run time would stay behind"
	CaseEditsHidden Case = "the overlay of {site} would be switched off, and visitors would miss {what} " +
		"made at run time"
	CaseEditsNoOverlay Case = "{site} has an overlay, which the layout \"kv-assets\" does not have: visitors " +
		"would miss edits made at run time"
	CaseCompanionNewer  Case = "the companion of {site} was deployed by a newer kv-sync (protocol {count})"
	CaseCompanionAbsent Case = "deploy {name}, the companion of {site}: it is not there ({what})"
	CaseCoverUnknown    Case = "it is not known which files they cover: {cause}"
	CaseCover           Case = "they cover {what}"
	CaseDiscarded       Case = "the source does not have {what} that it lists as pulled ({path}), so they are kept, and " +
		"visitors still see them"
	CaseReturning Case = "this deploy brings back {what} that came into git from there, and that the " +
		"overlay has no more ({path})"
)

// Cases of a site that is live although not all went well.
const (
	CaseNoSubdomain Case = "the site has no address yet: the account has no workers.dev subdomain"
	CaseAddressOn   Case = "the first deployment was interrupted before its workers.dev address was on; it " +
		"is now"
	CaseAddressOff      Case = "the site is live, but its workers.dev address could not be switched on: {cause}"
	CaseSettingsDropped Case = "the site is live, but settings of its script were not changed: {cause}"
)
