package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/build"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Kind is what sort of thing went wrong.
type Kind string

// The kinds of failure. Each has an exit code of its own: see [Kind.Code].
const (
	KindUnexpected  Kind = "unexpected"
	KindUsage       Kind = "usage"       // the command line, the environment or the configuration
	KindRefused     Kind = "refused"     // files, or the Worker's code, that must not be published
	KindGuard       Kind = "guard"       // a check stopped the run; what was live is live
	KindAPI         Kind = "api"         // Cloudflare's API: permissions, network
	KindQuota       Kind = "quota"       // the account's daily KV quota is used up
	KindUnknown     Kind = "unknown"     // nobody could tell whether the switch happened
	KindInterrupted Kind = "interrupted" // Ctrl-C, or the job was cancelled
)

// Code is the exit code, as docs/commands.md promises it.
func (k Kind) Code() int {
	switch k {
	case KindUsage:
		return 2
	case KindRefused:
		return 3
	case KindGuard:
		return 4
	case KindAPI:
		return 5
	case KindQuota:
		return 6
	case KindUnknown:
		return 7
	case KindInterrupted:
		return 130
	}
	return 1
}

// Failure is an error made ready for people and scripts.
type Failure struct {
	Kind Kind `json:"kind"`
	// Guard names the check that stopped the run, where one did.
	Guard kvsync.Guard `json:"guard,omitempty"`
	// Message says what happened, Fix what to do next; Fix may be "" where the
	// message ends with it.
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	// Problems are the files at fault, in path order.
	Problems []kvsync.Problem `json:"problems,omitempty"`
	// Removed are the files that would go, in path order, where the guard is
	// about these.
	Removed []kvsync.Change `json:"removed,omitempty"`
	// Code is the exit code.
	Code int `json:"exit_code"`
}

// UsageError is a mistake in the command line, the environment or the
// configuration. Nothing was sent.
type UsageError struct {
	Err error
	// Fix says what to do, or "" where the error's text does.
	Fix string
}

// Error returns the text and the way out.
func (e *UsageError) Error() string {
	if e.Fix == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Fix
}

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// SomeError is a run over several projects of which some failed; it is of the
// kind that First is.
type SomeError struct {
	Failed, All int
	// First is the first failure, or where there is one the first whose outcome
	// is not known: whoever looks at the kind alone must learn of that.
	First error
}

func (e *SomeError) add(err error) {
	e.Failed++
	if e.First == nil || errors.Is(err, kvsync.ErrUnknown) && !errors.Is(e.First, kvsync.ErrUnknown) {
		e.First = err
	}
}

// Error counts them.
func (e *SomeError) Error() string {
	if e.Failed == e.All {
		return fmt.Sprintf("%d of %d projects failed", e.Failed, e.All)
	}
	return fmt.Sprintf("%d of %d projects failed, the others are done", e.Failed, e.All)
}

// Unwrap returns the first failure.
func (e *SomeError) Unwrap() error { return e.First }

// nothingLiveError is a failure of a deploy that found nothing live, or did not
// come so far as to ask.
type nothingLiveError struct{ error }

func (e *nothingLiveError) Unwrap() error { return e.error }

// remains says what visitors have after a failure that is known to have switched
// nothing.
func remains(err error) string {
	if first := (*nothingLiveError)(nil); errors.As(err, &first) {
		return "nothing went live"
	}
	return "what was live is still live"
}

// usage marks err as the user's to mend. A cancelled run is nobody's mistake.
func usage(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &UsageError{Err: err}
}

// Explain says what an error means. It is nil for nil.
func Explain(err error) *Failure {
	if err == nil {
		return nil
	}
	f := classify(err)
	if some := (*SomeError)(nil); errors.Is(err, kvsync.ErrUnfinished) && !errors.As(err, &some) {
		f.Fix = "some files may be new and others not yet; run the same command again to finish"
	}
	f.Code = f.Kind.Code()
	return f
}

// classify asks the questions in the order of what matters most to whoever
// reads the answer: that an outcome is not known beats why it is not.
func classify(err error) *Failure {
	var (
		guard   *kvsync.GuardError
		refused *kvsync.RefusedError
		code    *bundle.Error
		built   *build.Error
		late    *lateError
		worker  *kvsync.WorkerError
		some    *SomeError
		wrong   *UsageError
		api     *cloudflare.APIError
	)
	switch {
	case errors.As(err, &some):
		f := classify(some.First)
		return &Failure{Kind: f.Kind, Guard: f.Guard, Message: some.Error(), Fix: "mend what is said above of each, and run the same command again"}
	case errors.Is(err, kvsync.ErrUnknown):
		return &Failure{Kind: KindUnknown, Message: err.Error(),
			Fix: "run kv-sync history to see what is live, then run the same command again"}
	case errors.Is(err, context.Canceled):
		return &Failure{Kind: KindInterrupted, Message: "interrupted", Fix: remains(err) + "; run the same command again to go on"}
	case errors.As(err, &refused):
		return &Failure{Kind: KindRefused, Message: fmt.Sprintf("%s cannot be published, nothing was sent", humanize.Count(len(refused.Problems), "file")),
			Fix: "mend what is listed, or name it in .assetsignore, and run again", Problems: refused.Problems}
	case errors.As(err, &built):
		return &Failure{Kind: KindRefused, Message: err.Error(), Fix: remains(err) + "; mend the build and run again"}
	case errors.As(err, &late) && errors.As(err, &code):
		return &Failure{Kind: KindRefused, Message: "the Worker's code cannot be bundled",
			Fix: remains(err) + "; mend what is listed and run again", Problems: code.Problems}
	case errors.As(err, &code):
		return &Failure{Kind: KindRefused, Message: "the Worker's code cannot be bundled, nothing was sent",
			Fix: "mend what is listed and run again", Problems: code.Problems}
	case errors.As(err, &worker):
		return &Failure{Kind: KindRefused, Message: "the Worker of project " + worker.Project + " cannot be a Dynamic Worker, nothing was sent",
			Fix: "mend what is listed and run again", Problems: worker.Problems}
	case errors.As(err, &guard):
		return &Failure{Kind: KindGuard, Guard: guard.Guard, Message: guard.Text, Fix: guard.Fix, Removed: guard.Removed}
	case errors.Is(err, kvsync.ErrChanged):
		return &Failure{Kind: KindGuard, Guard: kvsync.GuardChanged, Message: err.Error()}
	case errors.As(err, &wrong):
		return explainUsage(wrong)
	case errors.Is(err, kvsync.ErrNotSwitched):
		return &Failure{Kind: KindAPI, Message: err.Error(), Fix: remains(err) + "; run the same command again"}
	case errors.Is(err, kvsync.ErrQuota):
		return &Failure{Kind: KindQuota, Message: err.Error(),
			Fix: remains(err) + "; run again after 00:00 UTC, or change to the Workers Paid plan"}
	case errors.As(err, &api):
		return &Failure{Kind: KindAPI, Message: err.Error(), Fix: remains(err) + "; run again when that is mended"}
	}
	return &Failure{Kind: KindUnexpected, Message: err.Error()}
}

func explainUsage(e *UsageError) *Failure {
	f := &Failure{Kind: KindUsage, Message: e.Err.Error(), Fix: e.Fix}
	if problems := configProblems(e.Err); len(problems) > 0 {
		f.Message, f.Problems = "the configuration cannot be used, nothing was sent", problems
	}
	return f
}
