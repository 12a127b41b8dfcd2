// Package daemon keeps sites as their branches are, wherever their git lives.
//
//	poll, webhook, button ─► look ─► fetch ─► build ─► deploy
//	                         one lane a site, the newest commit wins
//
// A site has one lane: a goroutine that does one thing at a time for it. Whoever
// wants something of the site says so in one place, the lane's wishes, which are
// merged and not queued: a thousand pushes while a deploy runs are one look after
// it, at the branch as it is then.
//
// What must survive the process lies on disk, a folder a site: the mirror of the
// repository, and one small state file that is replaced in one step. A push
// cannot be lost, because at the start every branch is looked at, and none is
// deployed twice, because the engine itself sees that nothing changed.
package daemon

import "errors"

// ErrNoSite is returned (wrapped) for a site that is not configured.
var ErrNoSite = errors.New("no such site")
