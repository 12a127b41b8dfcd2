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
	// Version is the active one; if traffic is split, the one with the larger
	// share.
	Version cloud.Version
	// Meta describes the version; nil if the version is foreign.
	Meta *Meta
	// Foreign: there is a script, and some visitors get a version of another tool.
	Foreign bool
	// At is when it was read.
	At time.Time
	// Recalled is the record of the live deployment's hold, where it was looked for and
	// there is one. It stands in for a message that is not listed any more.
	Recalled *HoldRecord
}

// Exists reports whether there is an active version.
func (l *Live) Exists() bool { return len(l.Activations) > 0 }

// Active is the activation in force.
func (l *Live) Active() cloud.Activation { return l.Activations[0] }

// HasAllTraffic reports whether one version has all the traffic.
func (l *Live) HasAllTraffic() bool { return l.Exists() && len(l.Active().Versions) == 1 }

// Message is the message of the newest activation of the live deployment that
// kv-sync made. Later activations may be by other tools, which reuse our version with a
// changed secret and have other messages: a rollback remains a rollback then, and its
// hold remains in force.
func (l *Live) Message() Message {
	if says, listed := l.listed(); listed || l.Recalled == nil {
		return says
	}
	return l.Recalled.Message()
}

// listed is the message, if the activation that has it is listed.
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

// Unlisted reports whether the message of the live deployment is not listed any more. Of
// a single activation, which may have none, nothing was left out.
func (l *Live) Unlisted() bool {
	_, listed := l.listed()
	return l.Meta != nil && !listed && len(l.Activations) > 1
}

// CommitOf is the commit that an activation of a version made live, or "".
func CommitOf(a cloud.Activation, m *Meta) string {
	if message := ReadMessage(a.Message); message.Deployment == m.Deployment && message.Commit != "" {
		return message.Commit
	}
	return m.Commit
}

// CarriedHold is the hold that remains in force after a deploy. A deploy without a
// commit does not end a hold, because its order is unknown.
func (l *Live) CarriedHold(o manifest.Origin) string {
	if o.Commit != "" {
		return ""
	}
	return l.Message().Hold
}

// Commit is the last commit that was made live: that of the newest activation or, if it
// has none, of the one before it; or "".
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
// that neither kv-sync nor the configuration defines. mine are the names that the new
// version defines.
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

// ActiveID is the id of the activation in force, or "".
func ActiveID(a []cloud.Activation) string {
	if len(a) == 0 {
		return ""
	}
	return a[0].ID
}
