package watch

import "time"

// poll starts a goroutine that compares the files again and again until Close. mu is held.
func (w *Watcher) poll() {
	w.scan(nil, false)
	w.ended.Go(func() {
		timer := time.NewTimer(w.options.Poll)
		defer timer.Stop()
		for {
			select {
			case <-w.closed:
				return
			case <-timer.C:
			}
			timer.Reset(w.pollOnce())
		}
	})
}

// pollOnce compares the files once and returns the time until the next poll. The time is shorter
// while files change, so that the end of the changes is noticed soon.
func (w *Watcher) pollOnce() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	began := time.Now()
	w.scan(func(stamp) bool { return true }, true)
	took := time.Since(began)
	soon := max(5*w.options.Quiet, 3*took)
	w.quietFor = soon + soon/2 // longer than soon, so that at least one poll is in it
	if !w.first.IsZero() {
		return soon
	}
	return max(w.options.Poll, 10*took)
}

// scan compares the files with the previous scan and records the changed ones. It records a new
// file if recordNew is not nil and returns true, and removed files if recordRemoved is true. mu is
// held.
func (w *Watcher) scan(recordNew func(stamp) bool, recordRemoved bool) {
	before := w.stamps
	w.view = w.set.scan(func(string) {}, func(string) bool { return true })
	w.stamps, w.view.stamps = w.view.stamps, nil
	for path, s := range w.stamps {
		was, known := before[path]
		if known && was != s || !known && recordNew != nil && recordNew(s) {
			w.record(path)
		}
	}
	for path := range before {
		if _, exists := w.stamps[path]; recordRemoved && !exists {
			w.record(path)
		}
	}
}
