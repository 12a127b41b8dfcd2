package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// listen handles the system's events until Close or startPolling closes events. It does not
// delay them, because the system's queue is short.
func (w *Watcher) listen(events *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-events.Events:
			if !ok {
				return
			}
			w.mu.Lock()
			if w.events == events {
				w.handle(e)
			}
			w.mu.Unlock()
		case _, ok := <-events.Errors:
			if !ok {
				return
			}
			// The queue overflowed, so some events are lost. Some of these may have been about
			// new or removed folders.
			w.mu.Lock()
			if w.events == events {
				w.refresh(time.Time{})
				w.record("")
			}
			w.mu.Unlock()
		}
	}
}

// handle handles one event. Events of a file's mode or times count too, because such a change may
// make the file readable. mu is held.
func (w *Watcher) handle(e fsnotify.Event) {
	path := e.Name
	inside, leads := w.view.inside(path), w.view.leadsToEntry(path)
	if !inside && !leads {
		return
	}
	gone := e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	if inside && gone {
		w.removeTree(path)
	}
	// After a removal the path may exist again, so addTree looks it up.
	if inside && (gone || e.Has(fsnotify.Create)) && !w.addTree(path) {
		return
	}
	if leads && (gone || e.Has(fsnotify.Create)) {
		w.refresh(time.Time{})
	}
	// The change is recorded after the watches are added. So a caller that reads the files after
	// Next gets another batch for each later change.
	w.record(path)
}

// addTree listens to a new path in a tree and to the folders below, if it is a folder. It returns
// false for a folder that the set skips. mu is held.
func (w *Watcher) addTree(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return true
	}
	if w.set.skips(path) {
		return false
	}
	w.set.walk(path, func(folder string, list func() []fs.DirEntry) {
		w.view.folders[folder] = true
		w.add(folder)
		list()
	})
	return true
}

// removeTree stops listening to a removed or moved folder and to the folders below. Otherwise the
// system would report a moved folder under its old name. mu is held.
func (w *Watcher) removeTree(path string) {
	if w.events == nil || !w.view.folders[path] {
		return
	}
	for folder := range w.view.folders {
		if folder == path || strings.HasPrefix(folder, path+string(filepath.Separator)) {
			_ = w.events.Remove(folder) // an error means that it was deleted
			delete(w.view.folders, folder)
		}
	}
}

// add listens to one folder. If the system allows no further watch, the watcher polls from now
// on. mu is held.
func (w *Watcher) add(folder string) {
	if w.events == nil {
		return
	}
	err := w.events.Add(folder)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.ENOTDIR) {
		// The parent folder's watch reports a removed folder. An unreadable folder has no events.
		return
	}
	w.startPolling(err)
}

// startPolling polls the files from now on instead of receiving events. mu is held.
func (w *Watcher) startPolling(err error) {
	events := w.events
	w.events = nil
	w.ended.Go(func() { _ = events.Close() })
	w.options.Polling(explain(err))
	w.poll()
	w.record("") // because events may be lost
}

// explain adds to an error how a person can make the system report changes.
func explain(err error) error {
	fix := ""
	switch {
	case runtime.GOOS == "linux" && errors.Is(err, syscall.ENOSPC):
		err = fmt.Errorf("too many folders are watched: %w", err)
		fix = "; to get changes at once: sudo sysctl fs.inotify.max_user_watches=524288"
	case runtime.GOOS == "linux" && errors.Is(err, syscall.EMFILE):
		fix = "; to get changes at once: sudo sysctl fs.inotify.max_user_instances=512, or ulimit -n 4096"
	case errors.Is(err, syscall.EMFILE):
		fix = "; to get changes at once: ulimit -n 4096"
	}
	return fmt.Errorf("the system does not report changes (%w), so the files are polled%s", err, fix)
}

// refresh makes a new view of the set and listens to its folders. It records the files that are
// new in the set and were modified at since or later. If since is zero, it records none. mu is
// held.
func (w *Watcher) refresh(since time.Time) {
	changed := func(s stamp) bool { return !since.IsZero() && modifiedSince(s, since) }
	before := w.view
	var now *view
	if w.events != nil {
		now = w.set.scan(w.add, func(folder string) bool { return !since.IsZero() && !before.folders[folder] })
	}
	if w.events == nil { // add may have called startPolling
		w.scan(changed, false)
		return
	}
	for folder := range before.folders {
		if !now.folders[folder] {
			_ = w.events.Remove(folder)
		}
	}
	for path, s := range now.stamps {
		if !before.entries[path] && changed(s) {
			w.record(path)
		}
	}
	w.view, now.stamps = now, nil
}

// clockTolerance is the largest difference between a file's modification time and the time of
// the write. File systems use a clock with a lower resolution than time.Now.
const clockTolerance = 20 * time.Millisecond

func modifiedSince(s stamp, since time.Time) bool {
	return !s.modified.Before(since.Add(-clockTolerance))
}
