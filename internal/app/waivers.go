package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// waive adds the waivers for the commit of src to the options.
func (s *Site) waive(ctx context.Context, src manifest.Source, opt plan.Options) (plan.Options, error) {
	if len(s.in.Waivers) == 0 {
		return opt, nil
	}
	o, err := src.Origin(ctx)
	if err != nil {
		return opt, err
	}
	waivers := options.Waivers()
	for _, name := range slices.Sorted(maps.Keys(s.in.Waivers)) {
		commit := s.in.Waivers[name]
		i := slices.IndexFunc(waivers, func(w *options.Option) bool { return w.Input == name })
		if i < 0 || waivers[i].Waiver != options.ForCommit {
			return opt, &UsageError{Err: fmt.Errorf("%s cannot be given for one commit", name)}
		}
		if o.Commit != "" && strings.HasPrefix(o.Commit, commit) {
			*waivers[i].Engine(&opt) = true
			continue
		}
		facts := finding.Facts{Commit: o.Commit, Than: fmt.Sprintf("%.12s", commit)}
		s.Notices = append(s.Notices, manifest.ProblemOf(name, advice.CaseOtherCommit, facts))
	}
	return opt, nil
}
