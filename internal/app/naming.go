package app

import (
	"errors"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/sync/finding"
)

// Naming is how a person names a site on the command line.
type Naming struct {
	// Flags select the site, each after a space.
	Flags string
	// Platform is the folder whose local platform has the site; "" means that Cloudflare has it.
	Platform string
}

// OfSite returns an error about the site: its failure has commands that can be pasted. It returns nil
// for nil.
func (n Naming) OfSite(err error) error {
	if err == nil {
		return nil
	}
	return &siteError{err, n}
}

// siteError is an error about a site.
type siteError struct {
	error
	of Naming
}

func (e *siteError) Unwrap() error { return e.error }

// absent are the cases of a site that is not there.
var absent = []finding.Case{
	finding.CaseNotDeployed, finding.CaseNothingToDelete, finding.CasePruneUndeployed, advice.CaseNoWorker,
	advice.CaseOtherName, advice.CaseAbove,
}

// complete adds to a failure what is known of its site.
func (n Naming) complete(f *Failure) {
	f.Fix = advice.Complete(f.Fix, n.Flags)
	f.Problems = advice.CompleteAll(f.Problems, n.Flags)
	if n.Platform == "" || f.found == nil {
		return
	}
	for _, c := range absent {
		if f.found.Case == c {
			f.Message += "; each folder has a local platform of its own, and this is that of " + n.Platform
		}
	}
}

// complete completes a failure if its error is about a site.
func complete(f *Failure, err error) {
	var e *siteError
	if errors.As(err, &e) && strings.TrimSpace(e.of.Flags+e.of.Platform) != "" {
		e.of.complete(f)
	}
}
