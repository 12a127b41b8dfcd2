package watch

import "time"

// poll looks at the files until the watcher is closed. mu is held.
func (w *Watcher) poll() {
	w.look(nil, false)
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

// pollOnce looks once, and returns when to look again: soon while files change, to see when
// they stop.
func (w *Watcher) pollOnce() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	began := time.Now()
	w.look(func(stamp) bool { return true }, true)
	took := time.Since(began)
	soon := max(5*w.options.Quiet, 3*took)
	w.quietFor = soon + soon/2 // at least one look must come in between
	if !w.first.IsZero() {
		return soon
	}
	return max(w.options.Poll, 10*took)
}

// look compares the files with the last look, and notes the changed ones. news decides about
// files that are new, removed whether those that are gone count. mu is held.
func (w *Watcher) look(news func(stamp) bool, removed bool) {
	before := w.stamps
	w.view = w.set.look(func(string) {}, func(string) bool { return true })
	w.stamps, w.view.stamps = w.view.stamps, nil
	for path, s := range w.stamps {
		was, known := before[path]
		if known && was != s || !known && news != nil && news(s) {
			w.note(path)
		}
	}
	for path := range before {
		if _, there := w.stamps[path]; removed && !there {
			w.note(path)
		}
	}
}
