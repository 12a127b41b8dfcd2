package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// waive adds to the options what was waived for the commit that src is of.
func (s *Site) waive(ctx context.Context, src kvsync.Source, opt kvsync.Options) (kvsync.Options, error) {
	if len(s.in.Waivers) == 0 {
		return opt, nil
	}
	o, err := src.Origin(ctx)
	if err != nil {
		return opt, err
	}
	options := map[string]*bool{
		"any-order": &opt.AnyOrder, "allow-shrink": &opt.AllowShrink, "release": &opt.Release, "forget": &opt.Forget, "repair": &opt.Repair,
	}
	for _, name := range slices.Sorted(maps.Keys(s.in.Waivers)) {
		commit := s.in.Waivers[name]
		option, known := options[name]
		if !known {
			return opt, &UsageError{Err: fmt.Errorf("%s cannot be given for one commit", name)}
		}
		if o.Commit != "" && strings.HasPrefix(o.Commit, commit) {
			*option = true
			continue
		}
		s.Notices = append(s.Notices, kvsync.Problem{Path: name,
			Reason: fmt.Sprintf("it is for commit %.12s and has no effect: this deploys %.12s", commit, o.Commit), Fix: "take it out when that commit is deployed"})
	}
	return opt, nil
}
