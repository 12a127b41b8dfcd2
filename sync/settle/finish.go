package settle

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// Finish does what the run of the active deployment has to do after its switch, in case it was
// killed before: if another activation of the same moment is to be live, Finish makes that one
// live again, and returns an error that wraps [cloud.ErrOvertaken]. Otherwise it returns nil. It
// sends nothing unless the list shows that a switch was planned without knowledge of the one
// before it.
func (s *Switch) Finish(ctx context.Context) error {
	s.begin()
	if err := s.read(ctx); err != nil || len(s.since) == 0 {
		return err
	}
	over, ok := s.Planned(s.base.Activation)
	if first := ok && over == ""; s.base.Late && !first {
		return nil // the list does not reach back to the beginning of the race
	}
	v, err := s.judge(ctx, s.since)
	top := s.top(s.since)
	if err != nil || top.Key() == v.Best.Key() {
		return err
	}
	s.Note("a run ended before it could undo its switch over another one of the same moment; making that one live again")
	failed := s.restore(ctx, v.Best, false)
	if _, err := s.awaitRestored(ctx, v.Best.Key(), failed); err != nil || failed != nil && !repeatable(failed) {
		return &UnknownError{Live: top, Best: &v.Best, Cause: errors.Join(failed, err)}
	}
	return cloud.ErrOvertaken
}
