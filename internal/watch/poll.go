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

// pollOnce looks once, and says when to look again: soon while something is going
// on, to see when it is quiet.
func (w *Watcher) pollOnce() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	began := time.Now()
	w.look(func(stamp) bool { return true }, true)
	took := time.Since(began)
	soon := max(5*w.options.Quiet, 3*took)
	w.calm = soon + soon/2 // so that one look at least comes in between
	if !w.first.IsZero() {
		return soon
	}
	return max(w.options.Poll, 10*took)
}

// look sees what is there now, and notes what is not as it was seen last. Of what was
// not seen then, news decides, where it is given; what is not there any more counts
// where went says so. mu is held.
func (w *Watcher) look(news func(stamp) bool, went bool) {
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
		if _, there := w.stamps[path]; went && !there {
			w.note(path)
		}
	}
}
