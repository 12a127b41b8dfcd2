package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/version"
)

// historyTTL is how long the list of deployments is cached.
const historyTTL = 5 * time.Second

// deployedInputs are the inputs of calls that read no files. The settings are those
// of the live commit, else of the branch's head.
func (w *siteWorker) deployedInputs(ctx context.Context, actor string) app.Inputs {
	in, s := w.inputs(actor), w.state()
	in.DeployedOnly = true
	for _, commit := range []string{s.Live, s.Head} {
		if in.Commit == "" && commit != "" && w.mirror.Has(ctx, commit) {
			in.Commit = commit
		}
	}
	return in
}

// deployments returns the cached history, or reads it from the account.
func (w *siteWorker) deployments(ctx context.Context) ([]version.Deployment, error) {
	if !acquire(ctx, w.historySlot) {
		return nil, ctx.Err()
	}
	defer release(w.historySlot)
	w.mu.Lock()
	list, err, fresh := w.history, w.historyErr, time.Since(w.historyAt) < historyTTL
	w.mu.Unlock()
	if fresh {
		return list, err
	}
	began := time.Now()
	list, err = w.readHistory(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.historyAt.Before(began) { // not cleared meanwhile
		w.history, w.historyErr, w.historyAt = list, err, time.Now()
	}
	return list, err
}

func (w *siteWorker) readHistory(ctx context.Context) ([]version.Deployment, error) {
	site, err := app.Open(ctx, w.deployedInputs(ctx, ""))
	if err != nil {
		return nil, w.explained(err)
	}
	defer site.Close()
	list, err := site.History(ctx)
	if stopped := (*guard.Error)(nil); errors.As(err, &stopped) && stopped.Guard == guard.Target {
		return nil, nil // nothing has been deployed yet
	}
	return list, w.explained(err)
}

// clearHistory drops the cache after a change of what is deployed.
func (w *siteWorker) clearHistory() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history, w.historyErr, w.historyAt = nil, nil, time.Now().Add(-historyTTL)
}

// explained returns an error whose text is the one for the daemon's users.
func (w *siteWorker) explained(err error) error {
	if err == nil {
		return nil
	}
	return &explainedError{w.d.redact(explain(w.failure(err))), err}
}

type explainedError struct {
	text  string
	cause error
}

func (e *explainedError) Error() string { return e.text }
func (e *explainedError) Unwrap() error { return e.cause }
