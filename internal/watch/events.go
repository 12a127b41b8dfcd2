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

// listen takes what the system tells until the watcher is closed, or polls. It takes
// it at once, whoever else is at work: the system's queue is short.
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
			// Of some changes nobody will be told (the queue ran over): folders may have
			// come and gone among them.
			w.mu.Lock()
			if w.events == events {
				w.survey(time.Time{})
				w.note("")
			}
			w.mu.Unlock()
		}
	}
}

// happened takes one event. A change of a file's mode or times alone counts: it may
// be what makes the file readable, and a deploy that is under way takes it for a
// change. mu is held.
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
	// It may be back already, so it is looked for whatever happened to it.
	if inside && (gone || e.Has(fsnotify.Create)) && !w.enter(path) {
		return
	}
	if leads && (gone || e.Has(fsnotify.Create)) {
		w.survey(time.Time{})
	}
	// Noted last: what lies in a new folder is listened to by now, so whoever looks
	// at it from now on misses nothing.
	w.note(path)
}

// enter listens to a path that is new in a tree, if it is a folder, and to what is
// below. It reports whether the path matters. mu is held.
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

// leave forgets a folder that went, and those below: where it was moved, the system
// would go on telling of them under their old names. mu is held.
func (w *Watcher) leave(path string) {
	if w.events == nil || !w.view.folders[path] {
		return
	}
	for folder := range w.view.folders {
		if folder == path || strings.HasPrefix(folder, path+string(filepath.Separator)) {
			_ = w.events.Remove(folder) // one that was deleted is forgotten already
			delete(w.view.folders, folder)
		}
	}
}

// add listens to one folder; where the system has no more room for that, the files
// are looked at from then on. mu is held.
func (w *Watcher) add(folder string) {
	if w.events == nil {
		return
	}
	err := w.events.Add(folder)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
		return // what went is told of by the folder above; what is locked has nothing to tell
	}
	w.fallBack(err)
}

// fallBack has the files looked at in place of being told. mu is held.
func (w *Watcher) fallBack(err error) {
	events := w.events
	w.events = nil
	w.ended.Go(func() { _ = events.Close() })
	w.options.Polling(explain(err))
	w.poll()
	w.note("") // what happened meanwhile nobody has told
}

// explain says what a person can do where the system does not tell of changes.
func explain(err error) error {
	fix := ""
	switch {
	case runtime.GOOS == "linux" && errors.Is(err, syscall.ENOSPC):
		err = fmt.Errorf("too many folders are watched: %w", err)
		fix = "; to be told of changes at once: sudo sysctl fs.inotify.max_user_watches=524288"
	case runtime.GOOS == "linux" && errors.Is(err, syscall.EMFILE):
		fix = "; to be told of changes at once: sudo sysctl fs.inotify.max_user_instances=512, or ulimit -n 4096"
	case errors.Is(err, syscall.EMFILE):
		fix = "; to be told of changes at once: ulimit -n 4096"
	}
	return fmt.Errorf("the system cannot tell of changes (%w), so the files are looked at every now and then%s", err, fix)
}

// survey finds out anew where the paths of the set lie, listens there, and notes what
// came into the set and was changed at since or later; the zero time is for nothing.
// mu is held.
func (w *Watcher) survey(since time.Time) {
	news := func(s stamp) bool { return !since.IsZero() && changedSince(s, since) }
	before := w.view
	var now *view
	if w.events != nil {
		now = w.set.look(w.add, func(folder string) bool { return !since.IsZero() && !before.folders[folder] })
	}
	if w.events == nil { // maybe since a moment ago
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

// coarse is how far a file's time may lie behind the clock.
const coarse = 20 * time.Millisecond

func changedSince(s stamp, since time.Time) bool {
	return !s.modified.Before(since.Add(-coarse))
}
