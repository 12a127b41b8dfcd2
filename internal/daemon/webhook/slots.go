package webhook

import (
	"context"
	"slices"
	"sync"
)

// slots limits how many bodies are read at once. When all slots are taken and another body
// arrives, the body that has been read for the longest time is cut off. A forge sends its
// body at once, so the oldest body has a slow sender. So slow senders never delay others.
type slots struct {
	taken chan struct{} // has a value for each taken slot

	mu      sync.Mutex
	readers []*slotReader // being read, the oldest first
}

// slotReader is a body that is being read.
type slotReader struct {
	// cutOff makes reads of the body fail.
	cutOff func()
	isCut  bool
}

func newSlots(n int) *slots { return &slots{taken: make(chan struct{}, n)} }

// take takes a slot for a body, which the caller reads next. It fails if ctx ends before a
// slot is free. The caller gives the slot back with release.
func (s *slots) take(ctx context.Context, r *slotReader) error {
	if s.takeFree(r) {
		return nil
	}
	select {
	case s.taken <- struct{}{}:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.readers = append(s.readers, r)
		return nil
	case <-ctx.Done():
		return errNoSlot
	}
}

// takeFree takes a free slot. If there is none, it cuts off the oldest body and returns
// false.
func (s *slots) takeFree(r *slotReader) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.taken <- struct{}{}:
		s.readers = append(s.readers, r)
		return true
	default:
	}
	if len(s.readers) > 0 {
		s.readers[0].isCut = true
		s.readers[0].cutOff()
		s.readers = s.readers[1:]
	}
	return false
}

func (s *slots) release() { <-s.taken }

// end reports that a body has been read. After that it is not cut off any more. end may be
// called twice.
func (s *slots) end(r *slotReader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers = slices.DeleteFunc(s.readers, func(other *slotReader) bool { return other == r })
}

func (s *slots) wasCutOff(r *slotReader) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.isCut
}
