// Package webhook receives the deliveries with which GitHub, GitLab, Gitea and
// Forgejo report a push.
//
//	headers ─► body, capped ─► signature ─► event ─► push ─► accepted ─► 202
//
// A delivery is untrusted until its signature is verified. Before that, the body
// is only bytes, and its cost in time and memory is bounded. After that, the push
// is still only a hint to look at a repository: a fetch decides what is deployed.
// A delivery that is repeated, late or out of order does no harm. After a lost one,
// the next poll finds the push.
//
// All that differs between forges is one entry in forges.go.
package webhook

import (
	"context"
	"log/slog"
	"time"
)

// Hook is one path that receives deliveries.
type Hook struct {
	// Path is the URL path, such as "/github". It is unique among the hooks.
	Path  string
	Forge Forge
	// Secrets are shared with the forge. There is at least one. During a rotation
	// there are two, and either is valid. For GitLab, a secret that begins with
	// "whsec_" is a signing token; any other is a secret token.
	Secrets []string
	// Remotes restricts the hook to these repositories. A push to any other
	// repository has the result [Unknown]. Empty means no restriction.
	Remotes []string
}

// Options configure [New].
type Options struct {
	Hooks []Hook
	// Accept records a push to a branch and returns at once. known reports whether
	// any site uses the repository. It is called from many goroutines, and only once
	// for each accepted push. After an error the sender is asked to deliver again.
	Accept func(context.Context, Push) (known bool, err error)
	// Deliveries holds the ids of accepted deliveries. It is required.
	Deliveries Deliveries
	// Observe, if set, is called with the result of each delivery.
	Observe func(Forge, Result)
	// Log gets one line for each delivery, without its body. nil discards them.
	Log *slog.Logger
	// BodyTime limits how long a body may take to arrive. The default is 10 seconds,
	// after which GitHub gives up as well.
	BodyTime time.Duration
	// Now is the clock for signed timestamps. The default is [time.Now].
	Now func() time.Time
}

// Deliveries holds the ids of accepted deliveries. Its methods are safe for
// concurrent use.
type Deliveries interface {
	Seen(id string) bool
	// Remember is called after a push was accepted. An error is only logged: the
	// push counts, and a forgotten id costs one superfluous poll.
	Remember(id string) error
}

// Result is the outcome of a delivery.
type Result string

// The results.
const (
	// Accepted means that the push was recorded.
	Accepted Result = "accepted"
	// Repeated means that a delivery with this id was accepted before.
	Repeated Result = "repeated"
	// Ignored means that the event is not a push to a branch, for example a ping.
	Ignored Result = "ignored"
	// Unsigned means that the signature is missing or wrong.
	Unsigned Result = "unsigned"
	// Malformed means that the request is not in the form that the forge sends.
	Malformed Result = "malformed"
	// Unknown means that no site uses the repository.
	Unknown Result = "unknown_repository"
	// Busy means that too many bodies arrived at once, or that the body arrived too slowly.
	Busy Result = "busy"
	// Failed means that the push was not recorded. The sender may deliver it again.
	Failed Result = "failed"
)

// Results lists all results.
var Results = []Result{Accepted, Repeated, Ignored, Unsigned, Malformed, Unknown, Busy, Failed}
