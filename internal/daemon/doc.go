// Package daemon keeps sites up to date with a branch of any git repository.
//
//	poll, webhook, button ─► request ─► fetch ─► build ─► deploy
//	                         one worker a site, the newest commit wins
//
// Each site has a worker: a goroutine that does one thing at a time. Requests are
// merged, not queued: a thousand pushes during a deploy become one poll after it,
// which sees the branch as it is then.
//
// What must survive the process is on disk, in one folder for each site: a mirror
// of the repository, and a small state file that is replaced atomically. No push
// is lost, because every branch is polled at the start. No commit is deployed
// twice, because the engine sees that nothing changed.
package daemon

import "errors"

// ErrNoSite is returned (wrapped) for a site that is not configured.
var ErrNoSite = errors.New("no such site")
