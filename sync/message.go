package kvsync

import (
	"fmt"
	"strings"
)

// An activation's message is for people, who see it in the dashboard, and for
// the next run: it names our deployment, and after a rollback the commit that
// is held back.
const (
	rollbackPrefix = "Rollback to "
	holdMark       = "kv-sync-hold:"
	idMark         = "(kv-sync "
)

// annotation is what a message of ours says.
type annotation struct {
	deployment string
	rollback   bool
	hold       string
}

// releaseMessage begins with a commit id or with "kv-sync", never with what a
// commit's author wrote, who could forge a rollback otherwise.
func releaseMessage(id string, o Origin) string {
	if o.Commit == "" {
		return idMark[1:] + id
	}
	return strings.TrimSpace(fmt.Sprintf("%.12s %.120s", o.Commit, o.Subject)) + " " + idMark + id + ")"
}

func rollbackMessage(target *Deployment, hold string) string {
	m := rollbackPrefix + target.ID
	if target.Commit != "" {
		m += fmt.Sprintf(" (%.12s)", target.Commit)
	}
	if hold != "" {
		m += " " + holdMark + hold
	}
	return m
}

// readMessage is empty for a message that is not ours.
func readMessage(m string) annotation {
	if rest, ok := strings.CutPrefix(m, rollbackPrefix); ok {
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return annotation{}
		}
		a := annotation{deployment: fields[0], rollback: true}
		if hold, ok := strings.CutPrefix(fields[len(fields)-1], holdMark); ok && isCommit(hold) {
			a.hold = hold
		}
		return a
	}
	if id, ok := strings.CutPrefix(m, idMark[1:]); ok {
		return annotation{deployment: id}
	}
	if i := strings.LastIndex(m, idMark); i >= 0 {
		return annotation{deployment: strings.TrimSuffix(m[i+len(idMark):], ")")}
	}
	return annotation{}
}

func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
