package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// lose stops the daemon, removes all its files of the site, and force-pushes a history
// without the live commit.
func lose(t *testing.T, r *testDaemon, o *origin) (forced string) {
	t.Helper()
	r.stop()
	if err := os.RemoveAll(filepath.Join(r.state, "sites")); err != nil {
		t.Fatal(err)
	}
	o.git(o.dir, "checkout", "-q", "--orphan", "anew")
	return o.push(nil)
}

// If the state is lost and the branch was force-pushed, the daemon fetches the live commit
// by its id and deploys.
func TestLostStateAndForcePush(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, _ := startLive(t, o)
	forced := lose(t, r, o)
	r.start()
	r.awaitLive(forced)
}

// If the remote has removed the live commit, the order is not known. The refusal says
// what to do.
func TestLostStateAndLostCommit(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	lose(t, r, o)
	o.git(o.bare, "-c", "gc.pruneExpire=now", "gc", "-q", "--prune=now")
	r.start()
	s := r.awaitPhase(daemon.PhaseRefused)
	if !strings.Contains(s.Problem, "not known whether") || !strings.Contains(s.Problem, one[:12]) ||
		!strings.Contains(s.Problem, "once by hand: kv-sync deploy --name blog --any-order") {
		t.Errorf("the problem is %s", s.Problem)
	}
}
