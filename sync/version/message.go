package version

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// The message of an activation is for people, who see it in the dashboard, and for the
// next run. It names the deployment, the activation on which it was planned, the commit
// for which it was activated, and what is held back:
//
//	1f3c5d7e9a0b Fix the menu kv-sync-over:ID kv-sync-has:MARKS kv-sync-commit:ID (kv-sync DEPLOYMENT)
//	Rollback to DEPLOYMENT (1f3c5d7e9a0b) kv-sync-actor:NAME kv-sync-run:ID kv-sync-over:ID kv-sync-commit:ID
//	  kv-sync-hold:ID
//	kv-sync-over:ID kv-sync-hold:ID (kv-sync DEPLOYMENT)
//	kv-sync-again:ID kv-sync-has:MARKS the message of another tool
//
// The last one is the message of a repetition: a run had replaced an activation of another
// tool, and made it live again.
//
// The message names the commit because one version can be activated for several commits:
// it is activated again for a newer commit that does not change the deployed files.
const (
	rollbackPrefix = "Rollback to "
	actorMark      = "kv-sync-actor:"
	runMark        = "kv-sync-run:"
	overMark       = "kv-sync-over:"
	againMark      = "kv-sync-again:"
	hasMark        = "kv-sync-has:"
	commitMark     = "kv-sync-commit:"
	holdMark       = "kv-sync-hold:"
	idMark         = "(kv-sync "
	overNothing    = "-" // a first deployment: there was no activation
)

// MostHeld is the largest number of deployments in a message. A message has at most 1000
// bytes.
const MostHeld = 10

// Message has the facts in a message of kv-sync.
type Message struct {
	Deployment string
	Rollback   bool
	// Commit is "" in the messages of an older kv-sync, and if none is known.
	Commit string
	// Hold is what is held back: a commit, or deployments.
	Hold string
	// Over is the id of the activation on which it was planned. It is "" for a first
	// deployment and in the messages of an older kv-sync. First: it is a first deployment.
	Over  string
	First bool
	// Has are the [ChangeMark] of the changes by other tools that the activation contains, separated
	// by commas. Another run may not see them: Cloudflare lists only about ten activations. It is ""
	// if there are none, and in the messages of an older kv-sync.
	Has string
	// Again is the id of the activation of another tool that was made live again, or "".
	Again string
	// Actor is the person who rolled back, in one word. It is "" if that is not known,
	// and in the messages of an older kv-sync.
	Actor string
	// Run is the run of a CI system that rolled back, in one word. It is "" outside of a
	// CI system, and in the messages of an older kv-sync.
	Run string
}

// Again returns the message with which a run makes an activation of another tool live
// again. has are the marks of the changes that it contains.
func Again(id string, has []string, message string) string {
	m := Message{Has: strings.Join(has[:min(len(has), mostChanges)], ",")}
	return againMark + id + m.has() + " " + message
}

// has returns the mark of Has after a space, or "".
func (m Message) has() string {
	if m.Has == "" {
		return ""
	}
	return " " + hasMark + m.Has
}

// marks returns the words of the message that kv-sync reads. The first is always the mark
// of Over, so that text before it cannot be read as a mark.
func (m Message) marks() string {
	marks := overMark + cmp.Or(m.Over, overNothing) + m.has()
	if m.Commit != "" {
		marks += " " + commitMark + m.Commit
	}
	if m.Hold != "" {
		marks += " " + holdMark + m.Hold
	}
	return marks
}

// Text returns the message of an activation. subject is the subject of the commit. The
// message begins with a commit id, "Rollback" or "kv-sync". It never begins with the
// subject, and the marks follow the subject: otherwise the author of a commit could forge
// a rollback.
func (m Message) Text(subject string) string {
	switch {
	case m.Rollback && m.Commit != "":
		return fmt.Sprintf("%s%s (%.12s) %s%s", rollbackPrefix, m.Deployment, m.Commit, m.by(), m.marks())
	case m.Rollback:
		return rollbackPrefix + m.Deployment + " " + m.by() + m.marks()
	case m.Commit == "":
		return m.marks() + " " + idMark + m.Deployment + ")"
	}
	subject = strings.TrimSpace(fmt.Sprintf("%.12s %.120s", m.Commit, subject))
	return subject + " " + m.marks() + " " + idMark + m.Deployment + ")"
}

// by returns the marks of who rolled back and in which run.
func (m Message) by() string { return markedWord(actorMark, m.Actor) + markedWord(runMark, m.Run) }

// markedWord returns a mark with a name and a space, or "" if the name is empty. It
// changes the name so that it cannot contain another mark.
func markedWord(mark, name string) string {
	if name == "" {
		return ""
	}
	word := strings.Map(func(c rune) rune {
		if c <= ' ' || c == ':' || c > '~' {
			return '_'
		}
		return c
	}, name)
	return mark + word[:min(len(word), 40)] + " "
}

// ReadMessage reads the text of a message. It returns the zero Message for a message of
// another tool.
func ReadMessage(m string) Message {
	if rest, ok := strings.CutPrefix(m, againMark); ok {
		id, rest, _ := strings.Cut(rest, " ")
		word, _, _ := strings.Cut(rest, " ")
		has, ok := strings.CutPrefix(word, hasMark)
		if !ok || !isChanges(has) {
			has = ""
		}
		return Message{Again: id, Has: has}
	}
	if rest, ok := strings.CutPrefix(m, rollbackPrefix); ok {
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return Message{}
		}
		a := readMarks(fields[1:])
		a.Deployment, a.Rollback = fields[0], true
		for _, word := range fields[1:] {
			if name, ok := strings.CutPrefix(word, actorMark); ok {
				a.Actor = name
			} else if id, ok := strings.CutPrefix(word, runMark); ok {
				a.Run = id
			}
		}
		return a
	}
	if id, ok := strings.CutPrefix(m, idMark[1:]); ok {
		return Message{Deployment: id} // as an older kv-sync wrote it for a folder
	}
	i := strings.LastIndex(m, idMark)
	if i < 0 {
		return Message{}
	}
	id := strings.TrimSuffix(m[i+len(idMark):], ")")
	fields := strings.Fields(m[:i])
	if strings.HasPrefix(m, overMark) || strings.HasPrefix(m, holdMark) { // without a commit
		a := readMarks(fields)
		a.Deployment = id
		return a
	}
	// The author of the commit writes the subject, so only marks after it count. Messages
	// of an older kv-sync have none there.
	if len(fields) > 1 && len(fields[0]) == 12 {
		a := readMarks(fields[1:])
		if a.Commit != "" && strings.HasPrefix(a.Commit, fields[0]) {
			a.Deployment = id
			return a
		}
	}
	return Message{Deployment: id}
}

// readMarks reads the marks at the end of the words of a message.
func readMarks(fields []string) (a Message) {
	last := func(mark string, valid func(string) bool) string {
		if len(fields) == 0 {
			return ""
		}
		id, ok := strings.CutPrefix(fields[len(fields)-1], mark)
		if !ok || !valid(id) {
			return ""
		}
		fields = fields[:len(fields)-1]
		return id
	}
	a.Hold = last(holdMark, isHold)
	a.Commit = last(commitMark, IsCommit)
	a.Has = last(hasMark, isChanges)
	if a.Over = last(overMark, isActivation); a.Over == overNothing {
		a.Over, a.First = "", true
	}
	return a
}

// isActivation reports whether a text can be the id of an activation.
func isActivation(s string) bool { return s != "" && len(s) <= 64 }

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

// IsCommit reports whether a text can be the id of a commit.
func IsCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// ShortCommit returns a commit, or what is held back in place of one, as messages name it.
func ShortCommit(id string) string { return id[:min(12, len(id))] }
