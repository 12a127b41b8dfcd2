package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/build"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout/pathname"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/project"
)

// Kind is the kind of a failure.
type Kind string

// The kinds of failure. Each has an exit code of its own: see [Kind.Code].
const (
	KindUnexpected  Kind = "unexpected"
	KindUsage       Kind = "usage"       // a mistake in the command line, the environment or the configuration
	KindRefused     Kind = "refused"     // files, or the Worker's code, that must not be published
	KindGuard       Kind = "guard"       // a check stopped the run; the live deployment did not change
	KindAPI         Kind = "api"         // an error of Cloudflare's API or of the network
	KindQuota       Kind = "quota"       // the account's daily KV quota is used up
	KindUnknown     Kind = "unknown"     // cannot determine whether the switch happened
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

// Failure is an error as people and scripts get it.
type Failure struct {
	Kind Kind `json:"kind"`
	// Guard is the check that stopped the run, or "".
	Guard guard.ID `json:"guard,omitempty"`
	// Message says what happened, Fix what to do next. Fix may be "" if the message
	// contains it.
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	// Problems are the files at fault, in path order.
	Problems []manifest.Problem `json:"problems,omitempty"`
	// Removed are the files that the run would have removed if the guard had not stopped it, in
	// path order.
	Removed []plan.Change `json:"removed,omitempty"`
	// Code is the exit code.
	Code int `json:"exit_code"`

	// Explain computes Fix from them: what is wrong with the account or the API's answer, and what
	// happened. They are nil if Fix is set already.
	cause, found *finding.Finding
}

// UsageError is a mistake in the command line, the environment or the
// configuration. Nothing was sent.
type UsageError struct {
	Err error
	// Fix says what to do; "" if the error's text does.
	Fix string
}

// Error returns the text and what to do.
func (e *UsageError) Error() string {
	if e.Fix == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Fix
}

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// SomeError is the error of a run over several projects, some of which failed. Its kind is the
// kind of First.
type SomeError struct {
	Failed, All int
	// First is the first failure with an unknown outcome, otherwise the first failure. So the
	// kind always reports an unknown outcome.
	First error
}

func (e *SomeError) add(err error) {
	e.Failed++
	if e.First == nil || errors.Is(err, cloud.ErrUnknown) && !errors.Is(e.First, cloud.ErrUnknown) {
		e.First = err
	}
}

// Error counts the failed projects.
func (e *SomeError) Error() string {
	if e.Failed == e.All {
		return fmt.Sprintf("%d of %d projects failed", e.Failed, e.All)
	}
	return fmt.Sprintf("%d of %d projects failed, the others are done", e.Failed, e.All)
}

// Unwrap returns the first failure.
func (e *SomeError) Unwrap() error { return e.First }

// nothingLiveError is the failure of a deploy that found nothing live, or failed before it read
// what is live.
type nothingLiveError struct{ error }

func (e *nothingLiveError) Unwrap() error { return e.error }

// whereNothingLives marks the failure of a deploy that found nothing live. In that case a folder
// without files probably means that the build has not run.
func (s *Site) whereNothingLives(err error) error {
	if err == nil || s.Live().Version != "" {
		return err
	}
	if e := (*guard.Error)(nil); errors.As(err, &e) && e.Finding.Case == finding.CaseEmpty {
		e.Finding.Facts.What = s.settings.BuildCommand()
		err = stop(e.Guard, advice.CaseUnbuilt, e.Finding.Facts)
	}
	return &nothingLiveError{err}
}

// offlineError is a deletion that failed after the site was taken offline.
type offlineError struct{ error }

func (e *offlineError) Unwrap() error { return e.error }

// pullError is a pull that failed or was cancelled. A pull does not change what is live.
type pullError struct{ error }

func (e *pullError) Unwrap() error { return e.error }

// remains returns a text about what is live after a failure before the switch.
func remains(err error) string {
	if offline := (*offlineError)(nil); errors.As(err, &offline) {
		return "it is offline, and not all of it is deleted"
	}
	if first := (*nothingLiveError)(nil); errors.As(err, &first) {
		return "nothing went live"
	}
	if pulled := (*pullError)(nil); errors.As(err, &pulled) {
		return "the pull is not complete, and no edit is lost"
	}
	return "what was live is still live"
}

// usage makes err a [UsageError], unless it is a cancellation.
func usage(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &UsageError{Err: err}
}

// Explain returns the failure for an error, with the fix for a place. It returns nil for nil.
func Explain(p advice.Place, err error) *Failure {
	if err == nil {
		return nil
	}
	f := classify(err)
	some, own := (*SomeError)(nil), (*finding.Finding)(nil)
	switch {
	case errors.As(err, &some):
	case errors.Is(err, pathname.ErrUnfinished):
		f.found = newFinding(advice.CaseMixed, err)
	case f.Kind != KindAPI && f.Kind != KindUnexpected:
	case errors.As(err, &own):
		f.found = own
	case errors.Is(err, manifest.ErrNewer):
		f.found = newFinding(advice.CaseNewer, err)
	}
	if f.found != nil {
		f.Fix = p.Fix(f.Guard, f.found)
	}
	if f.cause != nil {
		f.Fix = strings.Trim(p.Fix("", f.cause)+"; "+f.Fix, "; ")
	}
	f.Message, f.Fix, f.Problems = p.Spell(f.Message), p.Spell(f.Fix), p.Problems(f.Problems)
	complete(f, err)
	f.Code = f.Kind.Code()
	return f
}

// classify checks the most important cases first: an unknown outcome is more important than its
// reason.
func classify(err error) *Failure {
	var (
		stopped *guard.Error
		refused *manifest.RefusedError
		built   *build.Error
		code    *bundle.Error
		worker  *project.WorkerError
		some    *SomeError
		wrong   *UsageError
		large   *source.LimitError
		api     *cloudflare.APIError

		unsettled *kvsync.UnsettledError
	)
	switch {
	case errors.As(err, &some):
		f := classify(some.First)
		return &Failure{Kind: f.Kind, Guard: f.Guard, Message: some.Error(), found: newFinding(advice.CaseSome, err)}
	case errors.As(err, &unsettled):
		return &Failure{Kind: KindUnknown, Message: unsettled.Error(), found: &unsettled.Finding}
	case errors.Is(err, cloud.ErrUnknown):
		return failed(KindUnknown, advice.CaseUnknown, err)
	case errors.Is(err, context.Canceled):
		return &Failure{Kind: KindInterrupted, Message: "interrupted", found: newFinding(advice.CaseInterrupted, err)}
	case errors.As(err, &refused):
		files := finding.Facts{What: humanize.Count(refused.Files(), "file")}
		return listed(advice.CaseFiles, files, refused.Problems)
	case errors.As(err, &built):
		return failed(KindRefused, advice.CaseBuild, err)
	case errors.As(err, &code):
		if late := (*lateError)(nil); errors.As(err, &late) {
			return listed(advice.CaseLateBundle, finding.Facts{What: remains(err)}, code.Problems)
		}
		return listed(advice.CaseBundle, finding.Facts{}, code.Problems)
	case errors.As(err, &large):
		return &Failure{Kind: KindRefused, Message: err.Error()}
	case errors.As(err, &worker):
		return listed(advice.CaseWorker, finding.Facts{Name: worker.Project}, worker.Problems)
	case errors.As(err, &stopped):
		return &Failure{
			Kind: KindGuard, Guard: stopped.Guard, Message: stopped.Error(), Removed: stopped.Removed, found: &stopped.Finding,
		}
	case errors.Is(err, manifest.ErrChanged):
		f := failed(KindGuard, advice.CaseChanged, err)
		f.Guard = guard.Changed
		return f
	case errors.As(err, &wrong):
		return mistaken(wrong)
	case errors.Is(err, cloud.ErrWorkerRefused):
		return failed(KindRefused, advice.CaseWorkerRefused, err)
	case errors.Is(err, cloud.ErrQuota):
		return failed(KindQuota, advice.CaseQuota, err)
	case errors.As(err, &api):
		f := failed(KindAPI, advice.CaseAPI, err)
		f.cause = api.Hint
		return f
	case errors.Is(err, cloud.ErrIgnored):
		return failed(KindAPI, advice.CaseAPI, err)
	}
	return &Failure{Kind: KindUnexpected, Message: err.Error()}
}

// newFinding returns a finding whose remedy may say what is live after the error.
func newFinding(c finding.Case, err error) *finding.Finding {
	return &finding.Finding{Case: c, Facts: finding.Facts{What: remains(err)}}
}

// failed returns a failure with the message of the error.
func failed(k Kind, c finding.Case, err error) *Failure {
	return &Failure{Kind: k, Message: err.Error(), found: newFinding(c, err)}
}

// listed returns a failure that lists problems of files or code.
func listed(c finding.Case, facts finding.Facts, problems []manifest.Problem) *Failure {
	found := &finding.Finding{Case: c, Facts: facts}
	return &Failure{Kind: KindRefused, Message: found.Error(), Problems: problems, found: found}
}

// mistaken returns the failure for a usage error.
func mistaken(e *UsageError) *Failure {
	f := &Failure{Kind: KindUsage, Message: e.Err.Error(), Fix: e.Fix}
	problems := configProblems(e.Err)
	if account := (*cloudflare.CredentialsError)(nil); errors.As(e.Err, &account) {
		f.cause, f.found = account.Findings[0], &finding.Finding{Case: advice.CaseNoAccount}
		if len(account.Findings) > 1 {
			f.cause, problems = nil, problemsOf(account)
		}
	}
	if len(problems) > 0 {
		f.Message, f.Problems = "the configuration cannot be used, nothing was sent", problems
	}
	if own := (*finding.Finding)(nil); errors.As(e.Err, &own) {
		f.found = own
	}
	return f
}

// refuse returns a usage error whose remedy is in package advice.
func refuse(c finding.Case, facts finding.Facts) error {
	return &UsageError{Err: &finding.Finding{Case: c, Facts: facts}}
}

// stop returns the error of a guard that this package checks.
func stop(g guard.ID, c finding.Case, facts finding.Facts) error {
	return &guard.Error{Guard: g, Finding: finding.Finding{Case: c, Facts: facts}}
}
