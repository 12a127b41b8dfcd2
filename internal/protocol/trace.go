package protocol

import "fmt"

// verb is what happens in a step.
type verb uint8

const (
	plans verb = iota
	reactivates
	writes
	records
	skips
	leavesReceipt
	switches
	isStale
	carried
	dropped
	asks
	looks
	restores
	goesBack
	recordsHold
	lists
	deletes
	stops
	dies
	restarts
	givesUp
	chooses
	passes
	edits
)

// verbs are the texts of the steps. %d is the argument.
var verbs = map[verb]string{
	plans:         "reads what is live, and plans",
	reactivates:   "plans, and sends the live version again for its commit",
	writes:        "writes key %d",
	records:       "writes its record",
	skips:         "goes on although a key is not confirmed",
	leavesReceipt: "writes its receipt",
	switches:      "checks, and sends its switch",
	isStale:       "finds its plan too old",
	carried:       "Its request is carried out",
	dropped:       "Its request is lost",
	asks:          "looks whether it happened",
	looks:         "looks at what is live",
	restores:      "sends activation %d again",
	goesBack:      "plans to go back to deployment %d",
	recordsHold:   "writes the record of its hold on commit %d",
	lists:         "lists the keys, and reads the roots",
	deletes:       "deletes",
	stops:         "finds that something else is live, and stops",
	dies:          "is killed",
	restarts:      "is started again",
	givesUp:       "gets no reply, and says that it failed",
	chooses:       "makes deployment %d live with another tool",
}

// parts are the names of the actors.
var parts = map[part]string{Deployer: "deployer", Ahead: "upload ahead", Rollback: "rollback", Pruner: "prune",
	Person: "person"}

var results = map[result]string{succeeded: "done", unchanged: "nothing to do", refused: "refused",
	stopped: "stopped, and says so", failed: "failed, and says so", killed: "killed"}

// text describes a step.
func (m *machine) text(before, after *state, a action) string {
	switch a.verb {
	case passes:
		return "Half the grace period passes."
	case edits:
		return fmt.Sprintf("Another tool changes a secret: activation %d.", after.n-1)
	}
	text := verbs[a.verb]
	if a.verb == restores || a.verb == writes || a.verb == goesBack || a.verb == recordsHold || a.verb == chooses {
		text = fmt.Sprintf(text, a.arg)
	}
	if a.verb == plans && after.actors[a.actor].flight == sent {
		text = "reads what is live, plans, writes everything, and sends its switch"
	}
	who := m.Actors[a.actor]
	name := parts[who.Part]
	if who.Part == Deployer || who.Part == Ahead {
		name = fmt.Sprintf("%s of commit %d", name, who.Commit)
	}
	out := fmt.Sprintf("%s (%d): %s", name, a.actor+1, text)
	if after.n > before.n {
		x := after.top()
		out += fmt.Sprintf(": activation %d is deployment %d, commit %d", after.n-1, x.deployment, x.commit)
		if x.hold > 0 {
			out += fmt.Sprintf(", and holds back %d", x.hold)
		}
	}
	if gone := before.keys &^ after.keys; gone != 0 {
		out += ": keys"
		for ; gone != 0; gone &^= gone.first() {
			out += fmt.Sprintf(" %d", keyNumber(gone.first()))
		}
	}
	if end := after.actors[a.actor]; end.ended() && !before.actors[a.actor].ended() && end.result != killed {
		out += ": " + results[end.result]
	}
	return out + "."
}
