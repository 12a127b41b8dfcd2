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

// listen receives the system's events until the watcher is closed, or polls. It receives them
// at once, because the system's queue is short.
func (w *Watcher) listen(events *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-events.Events:
			if !ok {
				return
			}
			w.mu.Lock()
			if w.events == events {
				w.happened(e)
			}
			w.mu.Unlock()
		case _, ok := <-events.Errors:
			if !ok {
				return
			}
			// The queue overflowed, so some events are lost. Folders may have come and gone
			// among them.
			w.mu.Lock()
			if w.events == events {
				w.survey(time.Time{})
				w.note("")
			}
			w.mu.Unlock()
		}
	}
}

// happened handles one event. A change of only a file's mode or times counts: it may make the
// file readable, and a deploy in progress takes it for a change. mu is held.
func (w *Watcher) happened(e fsnotify.Event) {
	path := e.Name
	inside, leads := w.view.inside(path), w.view.leads(path)
	if !inside && !leads {
		return
	}
	gone := e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	if inside && gone {
		w.leave(path)
	}
	// The path may exist again, so it is looked up whatever the event was.
	if inside && (gone || e.Has(fsnotify.Create)) && !w.enter(path) {
		return
	}
	if leads && (gone || e.Has(fsnotify.Create)) {
		w.survey(time.Time{})
	}
	// Noted last: files in a new folder are listened to by now, so a caller that reads them
	// from now on misses nothing.
	w.note(path)
}

// enter listens to a new path in a tree, if it is a folder, and to the folders below. It
// reports whether the path matters. mu is held.
func (w *Watcher) enter(path string) bool {
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

// leave forgets a folder that was removed or moved, and those below. After a move the system
// would report them under their old names. mu is held.
func (w *Watcher) leave(path string) {
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

// add listens to one folder. If the system cannot listen to more, the watcher polls from then
// on. mu is held.
func (w *Watcher) add(folder string) {
	if w.events == nil {
		return
	}
	err := w.events.Add(folder)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.ENOTDIR) {
		return // the folder above reports a removed one; a locked one has nothing to report
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
	w.note("") // events may be lost
}

// explain adds to an error what a person can do so that the system reports changes.
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

// survey finds out anew where the paths of the set are, listens there, and notes the paths that
// are new in the set and changed at since or later; with the zero time, none. mu is held.
func (w *Watcher) survey(since time.Time) {
	news := func(s stamp) bool { return !since.IsZero() && changedSince(s, since) }
	before := w.view
	var now *view
	if w.events != nil {
		now = w.set.look(w.add, func(folder string) bool { return !since.IsZero() && !before.folders[folder] })
	}
	if w.events == nil { // polling may have just begun
		w.look(news, false)
		return
	}
	for folder := range before.folders {
		if !now.folders[folder] {
			_ = w.events.Remove(folder)
		}
	}
	for path, s := range now.stamps {
		if !before.entries[path] && news(s) {
			w.note(path)
		}
	}
	w.view, now.stamps = now, nil
}

// coarse is how far a file's time may be behind the clock.
const coarse = 20 * time.Millisecond

func changedSince(s stamp, since time.Time) bool {
	return !s.modified.Before(since.Add(-coarse))
}
