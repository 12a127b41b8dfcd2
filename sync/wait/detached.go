package wait

import (
	"context"
	"time"
)

// Limits of the work that a run still does after it was cancelled, because a switch that was sent
// cannot be taken back.
const (
	// killDelay is the time between GitHub's interrupt of a job and its SIGKILL: SIGTERM follows the
	// interrupt after 7.5 s, and SIGKILL 2.5 s later.
	killDelay = 10 * time.Second
	// Answer limits the wait for the answer to a switch. The rest of killDelay is for the looks for a
	// switch without an answer: four within 2 s, and their requests (package settle).
	Answer = killDelay - 4*time.Second
	// Finish limits one step that belongs to a switch: a look at what is live, a switch back to a
	// newer deployment, the address of a new site. It is long enough to repeat a failed request.
	Finish = 30 * time.Second
	// Confirm limits the look whether a site is offline. A person at a terminal waits for it.
	Confirm = 5 * time.Second
)

// Detached returns a context with the values of ctx that ends after the limit, and not when ctx is
// cancelled.
func Detached(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}
