package version

import (
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Live is what visitors see now, read with two requests.
type Live struct {
	// Activations lists the activations, newest first; nil if there is no script
	// yet.
	Activations []cloud.Activation
	// Version is the active version. If traffic is split, it is the one with the larger
	// share.
	Version cloud.Version
	// Meta describes the version; nil if the version is foreign.
	Meta *Meta
	// Foreign is set if a script exists and some visitors get a version of another tool.
	Foreign bool
	// At is when it was read.
	At time.Time
	// Recalled is the record of the live deployment's hold. It is used in place of a
	// message that is not listed any more, and is nil if it was not read or there is
	// none.
	Recalled *HoldRecord
}

// Exists reports whether there is an active version.
func (l *Live) Exists() bool { return len(l.Activations) > 0 }

// Active returns the activation in force.
func (l *Live) Active() cloud.Activation { return l.Activations[0] }

// HasAllTraffic reports whether one version has all the traffic.
func (l *Live) HasAllTraffic() bool { return l.Exists() && len(l.Active().Versions) == 1 }

// Message returns the message of the newest activation of the live deployment by kv-sync.
// Later activations may be by other tools: a changed secret, for example, activates a copy
// of our version without our message. A rollback remains a rollback then, and its hold
// remains in force.
func (l *Live) Message() Message {
	if says, listed := l.listed(); listed || l.Recalled == nil {
		return says
	}
	return l.Recalled.Message()
}

// listed returns the message if the activation that has it is listed.
func (l *Live) listed() (says Message, listed bool) {
	if l.Meta == nil {
		return Message{}, false
	}
	for _, a := range l.Activations {
		if says := ReadMessage(a.Message); says.Deployment == l.Meta.Deployment {
			return says, true
		}
	}
	return Message{}, false
}

// Unlisted reports whether the message of the live deployment is not listed any more. If
// there is a single activation, the list is complete, even if it has no message.
func (l *Live) Unlisted() bool {
	_, listed := l.listed()
	return l.Meta != nil && !listed && len(l.Activations) > 1
}

// Displaced is the deployment that kv-sync made live last, if another tool has made another
// one live since, or has split the traffic; or "". A changed secret displaces nothing.
func (l *Live) Displaced() string {
	if l.Meta == nil || ReadMessage(l.Active().Message).Deployment != "" {
		return ""
	}
	for i := range l.Activations {
		last := ReadMessage(l.Activations[i].Message).Deployment
		if last != "" && (last != l.Meta.Deployment || !l.HasAllTraffic()) {
			return last
		} else if last != "" {
			break
		}
	}
	return ""
}

// CommitOf returns the commit that an activation of a version made live, or "".
func CommitOf(a cloud.Activation, m *Meta) string {
	if message := ReadMessage(a.Message); message.Deployment == m.Deployment && message.Commit != "" {
		return message.Commit
	}
	return m.Commit
}

// CarriedHold returns the hold that remains in force after a deploy, or "". A deploy
// without a commit does not end a hold, because its order is unknown.
func (l *Live) CarriedHold(o manifest.Origin) string {
	if o.Commit != "" {
		return ""
	}
	return l.Message().Hold
}

// Commit returns the last commit that was made live: that of the newest activation or, if
// it has none, of the one before it. It returns "" if there is none.
func (l *Live) Commit() string {
	if l.Meta == nil {
		return ""
	}
	if message := l.Message(); message.Commit != "" {
		return message.Commit
	}
	if l.Meta.Commit != "" {
		return l.Meta.Commit
	}
	return l.Meta.After
}

// CarriedOver lists the bindings of the active version that a new one inherits: those
// that neither kv-sync nor the configuration defines. mine has the names of the bindings
// that the new version defines.
func (l *Live) CarriedOver(mine map[string]bool) []cloud.Binding {
	var owned []string
	if l.Meta != nil {
		owned = l.Meta.Bindings
	}
	var carried []cloud.Binding
	for _, b := range l.Version.Bindings {
		if b.Type == "assets" {
			continue // the new version has no Static Assets
		}
		secret := b.Type == "secret_text" || b.Type == "secret_key" // kv-sync defines no secrets
		if !mine[b.Name] && (secret || !slices.Contains(owned, b.Name)) {
			carried = append(carried, b)
		}
	}
	return carried
}

// ActiveID returns the id of the activation in force, or "".
func ActiveID(a []cloud.Activation) string {
	if len(a) == 0 {
		return ""
	}
	return a[0].ID
}
