package advice

import (
	"github.com/kv-sync/kv-sync/sync/finding"
)

// Cases of errors that the engine does not have. For some of them the message is the text of
// the error; then the sentence only identifies the case.
const (
	CaseSome          finding.Case = "some projects failed"
	CaseUnknown       finding.Case = "the outcome of the switch is not known"
	CaseInterrupted   finding.Case = "interrupted"
	CaseMixed         finding.Case = "some files may be new and others not yet"
	CaseFiles         finding.Case = "{what} cannot be published, nothing was sent"
	CaseBuild         finding.Case = "the build failed"
	CaseBundle        finding.Case = "the Worker's code cannot be bundled, nothing was sent"
	CaseLateBundle    finding.Case = "the Worker's code cannot be bundled"
	CaseWorker        finding.Case = "the Worker of project {name} cannot be a Dynamic Worker, nothing was sent"
	CaseWorkerRefused finding.Case = "Cloudflare does not accept the Worker"
	CaseChanged       finding.Case = "a file changed"
	CaseQuota         finding.Case = "the quota is used up"
	CaseAPI           finding.Case = "the API refused it"
	CaseNewer         finding.Case = "a newer release wrote it"
)

// Cases of guards.
const (
	CaseNoWorker     finding.Case = "there is no Worker {name}"
	CaseOtherName    finding.Case = "nothing is deployed as {site}; this folder was last deployed as {name}"
	CaseAbove        finding.Case = "nothing is deployed as {site}; the project may be the folder {path}"
	CaseNoAddress    finding.Case = "no address of {name} is known: it has none under workers.dev"
	CaseNotServed    finding.Case = "the local platform does not run, so nothing answers at {what}, the address of {name}"
	CaseNotWhole     finding.Case = "{site} is not whole: visitors, or a rollback, would miss what is listed"
	CaseEditsMissing finding.Case = "{site} is not whole: visitors would miss what is listed, also edits " +
		"made at run time"
	CaseConflict    finding.Case = "{path} has a conflict, and was left alone: {cause}"
	CaseConflicts   finding.Case = "{count} pathnames have conflicts, and were left alone"
	CaseUnconfirmed finding.Case = "what was typed is not {name}; nothing was deleted"
)

// Cases of mistakes in the command line, the environment or the configuration.
const (
	CasePruneOptions finding.Case = "only a layout that compiles its index can force a prune, or delete unrecorded keys"
	CaseOtherCommit  finding.Case = "it is for commit {than} and has no effect: this deploys {commit}"
	CaseNoAccount    finding.Case = "the credentials of the account cannot be used"
	CaseUnbuilt      finding.Case = "{path} contains no file to serve, and nothing is live"
	CaseNoSiteFolder finding.Case = "the Worker serves the site, and no site was found: there is no index.html " +
		"in {what}"
	CaseNoProject     finding.Case = "there is no folder {path}"
	CaseBare          finding.Case = "this is a bare repository, which has files in its commits only"
	CaseBuildsCommit  finding.Case = "a commit is named, and its code has to be built: a build runs in the work tree"
	CaseBuildsNothing finding.Case = "the site has to be built, and kv-sync runs no build here: {what}"
	CasePulledIgnored finding.Case = "git ignores {path}, so it is the output of a build, and a pull into it would be lost"
	CasePulledOutside finding.Case = "the folder {path} is not in the repository {name}"
	CasePulledBare    finding.Case = "this is a bare repository, which has no folder to pull into"
	CasePulledNowhere finding.Case = "this project publishes no folder"
)
