// Package webhook takes the deliveries by which GitHub, GitLab, Gitea and Forgejo
// tell that somebody pushed.
//
//	headers ─► body, capped ─► signature ─► event ─► push ─► accepted ─► 202
//
// Whoever sends a delivery is a stranger until its signature is right: before
// that nothing of the body is read as anything but bytes, and what it may cost is
// bounded in time and memory. After that it is still only a hint, "look at this
// repository": what is deployed is what a fetch brings. So a delivery that comes
// twice, late or out of order does no harm, and one that is lost costs the time
// until the next poll.
package webhook

import (
	"context"
	"log/slog"
	"time"
)

// Forge is a kind of sender: what its headers are called and how it signs.
type Forge string

// The forges. Gitea is Forgejo and Gogs, too.
const (
	GitHub Forge = "github"
	GitLab Forge = "gitlab"
	Gitea  Forge = "gitea"
)

// Forges are all of them.
var Forges = []Forge{GitHub, GitLab, Gitea}

// Hook is one address that deliveries come to.
type Hook struct {
	// Path is the address's path, such as "/github". No two hooks share one.
	Path  string
	Forge Forge
	// Secrets are what the forge knows, too. There is at least one; during a change
	// from one to another there are two, and either is right. For GitLab one that
	// begins with "whsec_" is a signing token, any other a secret token.
	Secrets []string
	// Remotes, if there are any, are the only repositories that this hook's secrets
	// may speak for. A push to another one is an unknown repository.
	Remotes []string
}

// Options say what [New] needs.
type Options struct {
	Hooks []Hook
	// Accept notes a push to a branch and returns at once; known is whether any
	// site has that repository. It is called from many goroutines, but only once
	// for a delivery that it has accepted. After an error the sender is told to
	// deliver again.
	Accept func(context.Context, Push) (known bool, err error)
	// Deliveries are the ids that were accepted; nil is [NewRecent].
	Deliveries Deliveries
	// Observe, if not nil, is told how each delivery ended.
	Observe func(Forge, Result)
	// Log gets one line for each delivery, without its body; nil discards them.
	Log *slog.Logger
	// BodyTime is how long a body may take to arrive; 0 is 10 seconds, after which
	// GitHub gives up, too.
	BodyTime time.Duration
	// Now is the clock by which a signed time is judged; nil is [time.Now].
	Now func() time.Time
}

// Result is how a delivery ended.
type Result string

// The results.
const (
	// Accepted: the push was noted.
	Accepted Result = "accepted"
	// Repeated: a delivery with this id was accepted before.
	Repeated Result = "repeated"
	// Ignored: a ping, or something else that is no push to a branch.
	Ignored Result = "ignored"
	// Unsigned: the signature is missing or wrong.
	Unsigned Result = "unsigned"
	// Malformed: what came is not what the forge sends.
	Malformed Result = "malformed"
	// Unknown: no site has the repository.
	Unknown Result = "unknown_repository"
	// Busy: too many bodies, or a body too slow.
	Busy Result = "busy"
	// Failed: the push was not noted; the sender may deliver it again.
	Failed Result = "failed"
)

// Results are all of them.
var Results = []Result{Accepted, Repeated, Ignored, Unsigned, Malformed, Unknown, Busy, Failed}
