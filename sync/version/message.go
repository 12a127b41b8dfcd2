package version

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// The message of an activation is for people, who see it in the dashboard, and for the
// next run. It names the deployment, the commit for which it was activated, and what is
// held back:
//
//	1f3c5d7e9a0b Fix the menu kv-sync-commit:ID kv-sync-hold:ID (kv-sync DEPLOYMENT)
//	Rollback to DEPLOYMENT (1f3c5d7e9a0b) kv-sync-commit:ID kv-sync-hold:ID
//	kv-sync DEPLOYMENT
//
// The message has the commit because a version can be activated for several: again for a
// newer commit that does not change the deployed files.
const (
	rollbackPrefix = "Rollback to "
	commitMark     = "kv-sync-commit:"
	holdMark       = "kv-sync-hold:"
	idMark         = "(kv-sync "
)

// MostHeld is the number of deployments that a message names at most: a message has
// 1000 bytes.
const MostHeld = 10

// Message is what a message of kv-sync says.
type Message struct {
	Deployment string
	Rollback   bool
	// Commit is "" in the messages of an older kv-sync, and if none is known.
	Commit string
	// Hold is what is held back: a commit, or deployments.
	Hold string
}

// ReleaseMessage begins with a commit id or with "kv-sync", never with text of a
// commit's author, who could otherwise forge a rollback. For the same reason the marks
// follow the subject.
func ReleaseMessage(id string, o manifest.Origin, hold string) string {
	marks := ""
	if hold != "" {
		marks = holdMark + hold + " "
	}
	switch {
	case o.Commit == "" && hold == "":
		return idMark[1:] + id
	case o.Commit == "":
		return marks + idMark + id + ")"
	}
	subject := strings.TrimSpace(fmt.Sprintf("%.12s %.120s", o.Commit, o.Subject))
	return subject + " " + commitMark + o.Commit + " " + marks + idMark + id + ")"
}

func RollbackMessage(target *Deployment, hold string) string {
	m := rollbackPrefix + target.ID
	if target.Commit != "" {
		m += fmt.Sprintf(" (%.12s) %s%s", target.Commit, commitMark, target.Commit)
	}
	if hold != "" {
		m += " " + holdMark + hold
	}
	return m
}

// ReadMessage is empty for a message of another tool.
func ReadMessage(m string) Message {
	if rest, ok := strings.CutPrefix(m, rollbackPrefix); ok {
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return Message{}
		}
		a := Message{Deployment: fields[0], Rollback: true}
		a.Commit, a.Hold = readMarks(fields[1:], 0)
		return a
	}
	if id, ok := strings.CutPrefix(m, idMark[1:]); ok {
		return Message{Deployment: id}
	}
	i := strings.LastIndex(m, idMark)
	if i < 0 {
		return Message{}
	}
	a := Message{Deployment: strings.TrimSuffix(m[i+len(idMark):], ")")}
	fields := strings.Fields(m[:i])
	if len(fields) == 1 {
		_, a.Hold = readMarks(fields, 0)
		return a
	}
	// The author of the commit writes the subject, so only marks after it count. Messages
	// of an older kv-sync have none there.
	commit, hold := readMarks(fields, 1)
	if commit != "" && strings.HasPrefix(commit, fields[0]) && len(fields[0]) == 12 {
		a.Commit, a.Hold = commit, hold
	}
	return a
}

// readMarks reads the marks at the end of the words of a message. The words before
// first are not marks.
func readMarks(fields []string, first int) (commit, hold string) {
	last := len(fields) - 1
	if last >= first {
		if id, ok := strings.CutPrefix(fields[last], holdMark); ok && isHold(id) {
			hold = id
			last--
		}
	}
	if last >= first {
		if id, ok := strings.CutPrefix(fields[last], commitMark); ok && IsCommit(id) {
			commit = id
		}
	}
	return commit, hold
}

// isHold reports whether a text can be a hold: a commit, or deployments separated by
// commas.
func isHold(s string) bool {
	if IsCommit(s) {
		return true
	}
	for id := range strings.SplitSeq(s, ",") {
		if _, ok := manifest.DeploymentTime(id); !ok {
			return false
		}
	}
	return true
}

func IsCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// ShortCommit is a commit, or its substitute, as messages name it.
func ShortCommit(id string) string { return id[:min(12, len(id))] }
