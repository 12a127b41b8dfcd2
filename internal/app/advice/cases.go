package advice

import kvsync "github.com/kv-sync/kv-sync/sync"

// Cases of what ended a run, beside the engine's. Where a message is the error's
// own text, the sentence is not shown: it names the case.
const (
	CaseSome        kvsync.Case = "some projects failed"
	CaseUnknown     kvsync.Case = "the outcome of the switch is not known"
	CaseInterrupted kvsync.Case = "interrupted"
	CaseMixed       kvsync.Case = "some files may be new and others not yet"
	CaseFiles       kvsync.Case = "{what} cannot be published, nothing was sent"
	CaseBuild       kvsync.Case = "the build failed"
	CaseBundle      kvsync.Case = "the Worker's code cannot be bundled, nothing was sent"
	CaseLateBundle  kvsync.Case = "the Worker's code cannot be bundled"
	CaseWorker      kvsync.Case = "the Worker of project {name} cannot be a Dynamic Worker, nothing was sent"
	CaseChanged     kvsync.Case = "a file changed"
	CaseNotSwitched kvsync.Case = "the switch did not happen"
	CaseQuota       kvsync.Case = "the quota is used up"
	CaseAPI         kvsync.Case = "the API refused it"
	CaseNewer       kvsync.Case = "a newer release wrote it"
)

// Cases of guards.
const (
	CaseNoWorker     kvsync.Case = "there is no Worker {name}"
	CaseNotWhole     kvsync.Case = "{site} is not whole: visitors, or a rollback, would miss what is listed"
	CaseEditsMissing kvsync.Case = "{site} is not whole: visitors would miss what is listed, of what was " +
		"written at run time, too"
	CaseConflict  kvsync.Case = "{path} has a conflict, and was left alone: {cause}"
	CaseConflicts kvsync.Case = "{count} pathnames have conflicts, and were left alone"
)

// Cases of a mistake in what was asked for.
const (
	CasePruneOptions kvsync.Case = "only a layout that compiles its index can force a prune, or delete unrecorded keys"
	CaseOtherCommit  kvsync.Case = "it is for commit {than} and has no effect: this deploys {commit}"
	CaseNoSiteFolder kvsync.Case = "the Worker serves the site, and no site was found: there is no index.html " +
		"in {what}"
	CaseNoProject     kvsync.Case = "there is no folder {path}"
	CaseBare          kvsync.Case = "this is a bare repository, which has files in its commits only"
	CaseBuildsCommit  kvsync.Case = "a commit is named, and its code is to be built: a build sees the work tree"
	CaseBuildsNothing kvsync.Case = "the site is to be built, and builds are not run here: {what}"
	CasePulledIgnored kvsync.Case = "git ignores {path}, so a build makes it, and what is pulled into it would be lost"
	CasePulledOutside kvsync.Case = "the folder {path} is not in the repository {name}"
	CasePulledNowhere kvsync.Case = "this project publishes no folder"
)
