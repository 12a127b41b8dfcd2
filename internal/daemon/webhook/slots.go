package webhook

import (
	"context"
	"slices"
	"sync"
)

// slots are what bodies are read in. When all are taken, a newcomer has the body cut off
// that is being read for the longest time: a forge sends its body at once, so that one
// is slow, and however many slow senders there are, no other one waits for them.
type slots struct {
	taken chan struct{} // has a value for each taken slot

	mu      sync.Mutex
	readers []*slotReader // being read, the oldest first
}

// slotReader is a body that is being read.
type slotReader struct {
	// cutOff makes its reads fail.
	cutOff func()
	isCut  bool
}

func newSlots(n int) *slots { return &slots{taken: make(chan struct{}, n)} }

// take takes a slot for a body that is being read from now on. It fails when ctx ends
// before one is free. release gives the slot back.
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

// takeFree takes a free slot. If there is none, it has the oldest body cut off.
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

// end says that a body is not being read any more. After it, the body is not cut off. It
// may be called twice.
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
