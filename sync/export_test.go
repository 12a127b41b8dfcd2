package kvsync

import (
	"context"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// TimedAccount is an account whose answers give a time that the test sets. The account
// may be nil where the test sends nothing.
type TimedAccount struct {
	cloud.Account
	Clock func() time.Time
}

// Time implements [cloud.Account].
func (a TimedAccount) Time() (time.Time, bool) { return a.Clock(), true }

// Settled is the maximum age of a plan that is used without a look.
const Settled = settled

func init() { looks = []time.Duration{0, time.Millisecond, time.Millisecond} }

// Send makes the call of a switch.
func (e *Engine) Send(ctx context.Context, call func(context.Context) error) error {
	return e.send(ctx, call)
}

// SetPatience shortens the time that a switch may take after a cancellation. It returns a function
// that restores it.
func SetPatience(d time.Duration) (undo func()) {
	before := patience
	patience = d
	return func() { patience = before }
}

// SetLooks sets the pauses between the looks for a switch whose answer was lost. It returns a
// function that restores them.
func SetLooks(pauses ...time.Duration) (undo func()) {
	before := looks
	looks = pauses
	return func() { looks = before }
}
