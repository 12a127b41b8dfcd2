package app

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A run looks for mistakes in steps, and a step needs what the one before it found: the settings,
// the account, the files. So that a person corrects all of them at once, the first step that fails
// is followed by the checks of the later ones that need no request.

// credentials returns the account as the settings describe it.
func credentials(set *config.Settings) cloudflare.Options {
	return cloudflare.Options{
		Token: set.Token.Reveal(), Email: set.Email, APIKey: set.APIKey.Reveal(), AccountID: set.Account,
		BaseURL: set.BaseURL,
	}
}

// Report returns the caller's mistakes and an error before [Open] as one error; nil if there is
// neither.
func (in Inputs) Report(err error) error {
	if len(in.Mistakes) > 0 {
		err = &config.Error{Problems: append(slices.Clone(in.Mistakes), problemsOf(err)...)}
	}
	return usage(err)
}

// openMistakes adds the mistakes of the credentials and the folder to those of the configuration.
// first may be nil, if there are only mistakes that the caller found.
func (s *Site) openMistakes(ctx context.Context, first error) error {
	var refused *config.Error
	if !errors.As(first, &refused) {
		refused = &config.Error{Problems: problemsOf(first), Partial: s.settings}
	}
	found := append(slices.Clone(s.in.Mistakes), refused.Problems...)
	if s.settings = refused.Partial; s.settings != nil && ctx.Err() == nil {
		if !s.in.Offline && !refused.Has("api-token", "api-key", "account-id") {
			found = append(found, problemsOf(cloudflare.Check(credentials(s.settings)))...)
		}
		if !s.in.Offline && !refused.Has("directory") {
			found = append(found, s.folderMistakes(ctx)...)
		}
	}
	if first != nil && len(found) == len(problemsOf(first)) {
		return first // which may have a remedy
	}
	return &config.Error{Problems: found}
}

// prepareMistakes adds the mistakes of the folder to those of the credentials.
func (s *Site) prepareMistakes(ctx context.Context, first error) error {
	var refused *cloudflare.CredentialsError
	if !errors.As(first, &refused) {
		return first
	}
	if more := s.folderMistakes(ctx); len(more) > 0 {
		return usage(&config.Error{Problems: append(problemsOf(refused), more...)})
	}
	return first
}

// folderMistakes returns why the folder that is to be published cannot be opened. What leads out
// of the boundary is left to the check of the settings.
func (s *Site) folderMistakes(ctx context.Context) []manifest.Problem {
	if s.in.DeployedOnly || s.settings.Directory == "" {
		return nil
	}
	_, err := s.Source(ctx)
	if outside := (*boundary.Error)(nil); errors.As(err, &outside) || ctx.Err() != nil {
		return nil
	}
	return problemsOf(err)
}

// problemsOf returns an error as problems of a report.
func problemsOf(err error) []manifest.Problem {
	var several *cloudflare.CredentialsError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		problems := make([]manifest.Problem, 0, len(several.Findings))
		for _, f := range several.Findings {
			problems = append(problems, manifest.Problem{Reason: f.Error(), Finding: f})
		}
		return problems
	}
	f := classify(err)
	if len(f.Problems) > 0 {
		return f.Problems
	}
	return []manifest.Problem{{Reason: f.Message, Fix: f.Fix, Finding: cmp.Or(f.cause, f.found)}}
}
