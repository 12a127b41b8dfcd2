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

// waive adds to the options what was waived for the commit of src.
func (s *Site) waive(ctx context.Context, src manifest.Source, opt plan.Options) (plan.Options, error) {
	if len(s.in.Waivers) == 0 {
		return opt, nil
	}
	o, err := src.Origin(ctx)
	if err != nil {
		return opt, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.in.Waivers)) {
		commit := s.in.Waivers[name]
		waiver := advice.WaiverNamed(name)
		if waiver == nil || waiver.Waiver != options.ForCommit {
			return opt, &UsageError{Err: fmt.Errorf("%s cannot be given for one commit", name)}
		}
		if o.Commit != "" && strings.HasPrefix(o.Commit, commit) {
			advice.Lift(waiver, &opt)
			continue
		}
		facts := finding.Facts{Commit: o.Commit, Than: fmt.Sprintf("%.12s", commit)}
		s.Notices = append(s.Notices, manifest.ProblemOf(name, advice.CaseOtherCommit, facts))
	}
	return opt, nil
}
