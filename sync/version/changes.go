package version

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// mostChanges limits the marks in a message, which has at most 1000 bytes.
const mostChanges = 12

// ChangeMark returns a short mark for an activation of another tool, such as a change of a secret.
func ChangeMark(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:4])
}

// Changes returns the marks of the changes by other tools that the newest of the activations
// contains: those that the list shows, and those that the message of the deployment below them
// names. The newest is first.
func Changes(list []cloud.Activation) []string {
	var marks []string
	for _, a := range list {
		says := ReadMessage(a.Message)
		if says.Deployment == "" {
			marks = append(marks, ChangeMark(cmp.Or(says.Again, a.ID)))
		}
		marks = append(marks, says.Changes()...)
		if says.Deployment != "" || says.Again != "" {
			break
		}
	}
	marks = slices.Compact(marks) // the message of a repetition may name its own change, too
	return marks[:min(len(marks), mostChanges)]
}

// Changes returns the marks of Has.
func (m Message) Changes() []string {
	if m.Has == "" {
		return nil
	}
	return strings.Split(m.Has, ",")
}

// Contained returns [Changes] as text for [Message.Has].
func Contained(list []cloud.Activation) string { return strings.Join(Changes(list), ",") }

// isChanges reports whether a text can be marks of changes, separated by commas.
func isChanges(s string) bool {
	marks := strings.Split(s, ",")
	return len(marks) <= mostChanges && !slices.ContainsFunc(marks, func(m string) bool {
		return len(m) != 8 || strings.Trim(m, "0123456789abcdef") != ""
	})
}
