package app_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/plan"
)

func TestEachProjectReportsInOrder(t *testing.T) {
	var ids, want, told []string
	for i := range 100 {
		ids = append(ids, fmt.Sprint(i))
		want = append(want, fmt.Sprintf("%d was %d", i, i))
	}
	var under, begun atomic.Int32
	slow := make(chan struct{})
	var together sync.WaitGroup // the first four projects run at the same time
	together.Add(4)
	boom := errors.New("boom")
	err := app.EachProject(ids, func(id string) (string, error) {
		if n := under.Add(1); n > 4 {
			t.Errorf("%d projects run at the same time", n)
		}
		defer under.Add(-1)
		if len(id) == 1 && id < "4" {
			together.Done()
			together.Wait()
		}
		if begun.Add(1) == 30 { // the others continue while project 0 is slow
			close(slow)
		}
		if id == "0" {
			<-slow
		}
		if id == "7" || id == "9" {
			return "was " + id, fmt.Errorf("%s: %w", id, boom)
		}
		return "was " + id, nil
	}, func(id, done string, err error) {
		if failed := id == "7" || id == "9"; failed != (err != nil) {
			t.Errorf("%s is reported with the error %v", id, err)
		}
		if ahead := int(begun.Load()) - len(told); ahead > 50 {
			t.Errorf("%d results wait", ahead)
		}
		told = append(told, id+" "+done)
	})
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("reports (-want +got):\n%s", d)
	}
	var some *app.SomeError
	if !errors.As(err, &some) || some.Failed != 2 || some.All != 100 || some.First.Error() != "7: boom" {
		t.Errorf("the error is %v", err)
	}
	if err := app.EachProject(ids, func(string) (int, error) { return 0, nil }, func(string, int, error) {}); err != nil {
		t.Errorf("without a failure the error is %v", err)
	}
}

// If the outcome of one project is unknown, the whole run has the kind "unknown", also if another
// project failed before.
func TestEachProjectUnknown(t *testing.T) {
	for _, unknown := range []string{"a", "b", "c"} {
		err := app.EachProject([]string{"a", "b", "c"}, func(id string) (int, error) {
			if id == unknown {
				return 0, fmt.Errorf("%s: %w", id, cloud.ErrUnknown)
			}
			return 0, errors.New("refused")
		}, func(string, int, error) {})
		if f := app.Explain(advice.Terminal, err); f.Kind != app.KindUnknown || f.Code != 7 {
			t.Errorf("with an unknown outcome of %s the failure is %+v", unknown, f)
		}
	}
}

// inFlight counts the bytes of large request bodies that are being sent.
type inFlight struct {
	http.RoundTripper
	now, most atomic.Int64
}

func (f *inFlight) RoundTrip(r *http.Request) (*http.Response, error) {
	if n := r.ContentLength; n > 1<<20 {
		now := f.now.Add(n)
		defer f.now.Add(-n)
		for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
		}
		time.Sleep(50 * time.Millisecond) // so that other uploads overlap
	}
	return f.RoundTripper.RoundTrip(r)
}

// deployEach deploys projects, a few at a time.
func deployEach(t *testing.T, in app.Inputs, ids []string, tell func(id string, res *kvsync.Result, err error)) error {
	t.Helper()
	return app.EachProject(ids, func(id string) (*kvsync.Result, error) {
		in := in
		in.Project = id
		site, err := app.Open(t.Context(), in)
		if err != nil {
			return nil, err
		}
		defer site.Close()
		return site.Deploy(t.Context(), plan.Options{})
	}, tell)
}

// The setting memory bounds the memory of all uploads together, for any number of projects.
func TestProjectsShareMemory(t *testing.T) {
	t.Parallel()
	const memory = 36 << 20
	f := platformtest.Start(t)
	root := t.TempDir()
	files := map[string]string{"kv-sync.toml": fmt.Sprintf("memory = %d\n", memory)}
	for _, id := range []string{"a", "b", "c", "d"} {
		files["projects/"+id+"/public/film.mp4"] = strings.Repeat(id, 20<<20)
	}
	writeAll(t, root, files)
	shared := app.NewShared()
	defer shared.Close()
	flight := &inFlight{RoundTripper: shared.Transport}
	shared.Transport = flight
	in := inputs(root, f)
	in.Name, in.Shared = "", shared
	ids, err := app.Projects(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	err = deployEach(t, in, ids, func(id string, res *kvsync.Result, err error) {
		if err != nil || !res.Switched {
			t.Errorf("%s: %+v, %v", id, res, err)
		}
	})
	if most := flight.most.Load(); err != nil || most < 20<<20 || most > memory {
		t.Errorf("%d bytes were sent at the same time, want at most %d: %v", most, memory, err)
	}
}

// Projects that did not change cost two requests together: the id of the namespace, and what is
// live.
func TestUnchangedProjects(t *testing.T) {
	t.Parallel()
	f := platformtest.Start(t)
	root := t.TempDir()
	files := map[string]string{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		files["projects/"+id+"/public/index.html"] = id
	}
	writeAll(t, root, files)
	deploy := func(switched int) []platform.Request {
		t.Helper()
		f.Server.ResetRequests()
		shared := app.NewShared()
		defer shared.Close()
		in := inputs(root, f)
		in.Name, in.Shared = "", shared
		ids, err := app.Projects(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		shared.Expect(ids)
		err = deployEach(t, in, ids, func(id string, res *kvsync.Result, err error) {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
			if err == nil && res.Switched {
				switched--
			}
		})
		if err != nil || switched != 0 {
			t.Fatalf("%v; the number of changed projects is wrong by %d", err, switched)
		}
		return f.Server.Requests()
	}
	deploy(6)
	if sent := deploy(0); len(sent) != 2 {
		t.Errorf("6 unchanged projects cost %d requests, want 2: %v", len(sent), sent)
	}
	writeAll(t, root, map[string]string{"projects/d/public/index.html": "changed"})
	deploy(1)
}

func TestFolder(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"projects/shop", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{"": ".", "shop": "projects/shop", "blog": ".", "../elsewhere": "."} {
		in := app.Inputs{Root: root, Getenv: func(string) string { return "" }, Project: id}
		if got := in.Folder(t.Context()); got != want {
			t.Errorf("the folder of %q is %q, want %q", id, got, want)
		}
		in.Project, in.Getenv = "", func(string) string { return id }
		if got := in.Folder(t.Context()); got != want {
			t.Errorf("the folder of KV_SYNC_PROJECT=%q is %q, want %q", id, got, want)
		}
	}
}
