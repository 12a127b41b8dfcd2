package protocol

// Rule is a rule of the protocol that a search can leave out.
type Rule uint8

// The rules. Rules has what each of them is.
const (
	None Rule = iota
	Confirmed
	RecordFirst
	OwnKeys
	CarryFromLive
	FreshPlan
	ReceiptAge
	Grace
	KeepRetained
	RecordsAreRoots
	RecordsExtendTheList
	LookBeforeDelete
	Order
	NewerCommitIsRecorded
	Hold
	HoldRecord
	LookBefore
	LookAfter
	LookAfterRestore
	Knowledge
	AskAfterLostReply
	FinishRace
	TargetIsRoot
	FreshRollback
)

// Description says what a rule is and where the engine has it.
type Description struct {
	Rule Rule
	Says string
	// File and Name are the function of the engine.
	File, Name string
	// Cast finds a violation without the rule. If it is "", Behind says why nothing is violated.
	Cast   string
	Behind string
}

// Rules are all rules.
var Rules = []Description{
	{Confirmed, "A run switches only after every key that it writes is confirmed.",
		"sync/layout/content/write.go", "Write", "prune", ""},
	{RecordFirst, "The record and the stored manifest are written before the switch.",
		"sync/layout/release.go", "Describe", "prune", ""},
	{OwnKeys, "Each run writes under keys of its own. No key is written twice.",
		"sync/manifest/nonce.go", "NewNonce", "content returns", ""},
	{CarryFromLive, "A key is used again only if the live manifest or a receipt names it.",
		"sync/layout/content/plan.go", "compare", "content returns", ""},
	{FreshPlan, "A run switches only to what it wrote within half the grace period.",
		"sync/site/clock.go", "Fresh", "prune", ""},
	{ReceiptAge, "A key of a receipt is used only while it is younger than half the grace period.",
		"sync/layout/content/receipt.go", "readReceipt", "",
		"The rule before this one counts the age of the oldest key that a plan has from a receipt."},
	{Grace, "Prune deletes no key that is younger than the grace period.",
		"sync/layout/content/prune.go", "partition", "prune", ""},
	{KeepRetained, "Prune keeps the retained deployments, not only the live one.",
		"sync/site/past.go", "fill", "late rollback", ""},
	{RecordsAreRoots, "Prune keeps what recent records name, too.",
		"sync/layout/content/prune.go", "recentRecords", "",
		"What is not retained yet is younger than the grace period, and the list or the records show what is."},
	{RecordsExtendTheList, "Where Cloudflare's list is too short, the activations in the records count.",
		"sync/site/past.go", "extend", "short list", ""},
	{TargetIsRoot, "Prune keeps a deployment with a young record of a hold: a rollback to it may be under way.",
		"sync/layout/content/prune.go", "targets", "rollback and prune", ""},
	{LookBeforeDelete, "Prune deletes only if the same is live as when it read the roots.",
		"sync/prune.go", "DeleteBulk", "choice", ""},
	{Order, "A commit that is older than the live one is refused.",
		"sync/order.go", "Check", "no change", ""},
	{NewerCommitIsRecorded, "For a newer commit without a change the live version is activated again.",
		"sync/switch.go", "reactivate", "no change", ""},
	{Hold, "A rollback holds back the commit that it leaves.",
		"sync/rollback.go", "holdAfter", "rollback", ""},
	{HoldRecord, "The hold is in KV, too, for when the list no longer has the rollback.",
		"sync/order.go", "recall", "hold", ""},
	{LookBefore, "A rollback switches only if the same is live as when it read the target.",
		"sync/rollback.go", "rollTo", "rollback and prune", ""},
	{FreshRollback, "A rollback switches only to a target that it read within half the grace period.",
		"sync/rollback.go", "rollTo", "late rollback", ""},
	{LookAfter, "After its switch a run looks for what others did since its plan.",
		"sync/settle/switch.go", "resolve", "no change", ""},
	{LookAfterRestore, "After it has made something live again, a run looks once more.",
		"sync/settle/switch.go", "resolve", "rollback", ""},
	{Knowledge, "An activation names the one on which it was planned. If that one is right, so is this.",
		"sync/settle/judge.go", "Judge", "secrets", ""},
	{AskAfterLostReply, "If the reply to a switch is lost, the run asks what is live.",
		"sync/settle/switch.go", "await", "no change", ""},
	{FinishRace, "A deploy that is repeated finishes what its killed run has to do after the switch.",
		"sync/settle/finish.go", "Finish", "killed", ""},
}

// Assumption is something about the world that a search can drop.
type Assumption uint8

// The assumptions.
const (
	All Assumption = iota
	SendSoon
	DeleteSoon
	HoldsAreListed
	CommitIsListed
)

// Dropped says what an assumption is, and which cast violates an invariant without it.
type Dropped struct {
	Assumption Assumption
	Says       string
	Cast       string
}

// Assumptions are all assumptions that can be dropped.
var Assumptions = []Dropped{
	{SendSoon, "A request to switch arrives within half the grace period after the run's last check.", "late rollback"},
	{DeleteSoon, "A request to delete arrives before somebody makes a deployment live that is not retained.", "choice"},
	{HoldsAreListed, "A listing of keys has the record of a hold when a prune reads it.", "rollback and prune"},
	{CommitIsListed, "Cloudflare still lists the activation of a newer commit that changed nothing.",
		"no change, short list"},
}
