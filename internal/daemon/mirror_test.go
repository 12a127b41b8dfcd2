package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// A branch that is forced elsewhere is followed, though what is live is in it no
// more; one that is forced back to what was live before is not, for that is a
// rollback, and those have a button.
func TestForcePush(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	o.push(nil)
	r.look("push")
	r.await("blog", "the second", func(s daemon.Status) bool { return s.Live == s.Head && s.Live != one && s.Phase == daemon.PhaseIdle })
	o.git(o.dir, "reset", "-q", "--hard", one)
	other := o.push(nil)
	r.look("push")
	r.awaitLive(other)

	// Nothing of the old history is lost while runs are about it.
	o.git(o.dir, "checkout", "-q", "--orphan", "anew")
	orphan := o.push(nil)
	r.look("push")
	r.awaitLive(orphan)

	o.git(o.dir, "push", "-q", "--force", o.bare, one+":refs/heads/main")
	r.look("push")
	r.awaitPhase(daemon.PhaseIdle)
	o.git(o.dir, "checkout", "-q", "-B", "main", orphan)
	newest := o.push(nil)
	r.look("push")
	r.awaitLive(newest)
	o.git(o.dir, "push", "-q", "--force", o.bare, orphan+":refs/heads/main")
	r.look("push")
	if s := r.awaitPhase(daemon.PhaseRefused); s.Live != newest || !strings.Contains(s.Problem, "older") || strings.Contains(s.Problem, "--any-order") {
		t.Errorf("%+v", s)
	}
	runs := len(r.seen.of("blog"))
	r.settled()
	if len(r.seen.of("blog")) != runs {
		t.Error("a commit that is refused was tried again unasked")
	}
	r.look("grace")
	r.await("blog", "a try that was asked for", func(s daemon.Status) bool {
		return len(r.seen.of("blog")) == runs+1 && s.Phase == daemon.PhaseRefused
	})
}

// The place of a deployed commit in the order must stay known, so git may not tidy
// it up when a force-push has taken it off the branch.
func TestDeployedCommitsOutliveAForcePush(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	o.git(o.dir, "checkout", "-q", "--orphan", "anew")
	other := o.push(nil)
	r.look("push")
	r.awaitLive(other)
	mirror := filepath.Join(r.state, "sites/blog/mirror.git")
	r.await("blog", "what keeps the commit", func(daemon.Status) bool {
		return strings.Contains(o.git(mirror, "rev-list", "--all"), one)
	})
}

// A branch that is gone changes nothing, and is followed again when it is back.
func TestBranchIsDeleted(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	o.git(o.bare, "update-ref", "-d", "refs/heads/main")
	before := len(r.p.Server.Requests())
	r.look("push")
	s := r.awaitPhase(daemon.PhaseRetry)
	if s.Live != one || !strings.Contains(s.Problem, "no such branch") {
		t.Errorf("%+v", s)
	}
	r.settled()
	if n := len(r.p.Server.Requests()); n != before {
		t.Errorf("%d requests for a branch that is gone", n-before)
	}
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	if past := r.past("blog"); past[0].Commit != two || len(past) != 2 {
		t.Errorf("%+v", past)
	}
}

// A remote that is down is tried again by itself, and a site that is refused is
// not, but both go on as soon as they can.
func TestRemoteIsDown(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	gone := o.bare + ".gone"
	if err := os.Rename(o.bare, gone); err != nil {
		t.Fatal(err)
	}
	r := start(t, quiet+siteOf(o))
	s := r.await("blog", "some tries", func(s daemon.Status) bool { return s.Phase == daemon.PhaseRetry && r.seen.fetched("blog") > 2 })
	if s.Problem == "" || s.Next.IsZero() || len(s.Runs) != 0 {
		t.Errorf("%+v", s)
	}
	if err := os.Rename(gone, o.bare); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(one)
	if n := strings.Count(r.log.String(), "could not be fetched"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}

// The mirror is not what matters: whatever becomes of it, it is cloned anew.
func TestDamagedMirror(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, mirror string){
		"a lock of a git that was killed": func(t *testing.T, mirror string) {
			fill(t, mirror, map[string]string{"refs/heads/main.lock": "", "packed-refs.lock": ""})
		},
		"no objects": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(filepath.Join(mirror, "objects")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(mirror, "objects"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"a pack that is cut short": func(t *testing.T, mirror string) {
			packs, _ := filepath.Glob(filepath.Join(mirror, "objects/pack/*.pack"))
			if len(packs) == 0 {
				t.Fatal("there is no pack")
			}
			for _, pack := range packs {
				if err := os.Chmod(pack, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(pack, 40); err != nil {
					t.Fatal(err)
				}
			}
		},
		"no mirror at all": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(mirror); err != nil {
				t.Fatal(err)
			}
		},
		"a file in its place": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(mirror); err != nil {
				t.Fatal(err)
			}
			fill(t, filepath.Dir(mirror), map[string]string{"mirror.git": "x"})
		},
		"what is left of a clone": func(t *testing.T, mirror string) {
			if err := os.Rename(mirror, mirror+".new"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			for range 3 {
				o.push(nil)
			}
			r := start(t, quiet+siteOf(o))
			r.await("blog", "the first", func(s daemon.Status) bool { return s.Live != "" && s.Phase == daemon.PhaseIdle })
			r.stop()
			damage(t, filepath.Join(r.state, "sites/blog/mirror.git"))
			last := o.push(nil)
			r.start()
			r.awaitLive(last)
		})
	}
}

// A site whose remote is another one now is deployed from that one.
func TestRemoteIsAnother(t *testing.T) {
	first, second := newOrigin(t), newOrigin(t)
	one := first.push(nil)
	r := start(t, quiet+siteOf(first))
	r.awaitLive(one)
	r.stop()
	first.git(second.dir, "pull", "-q", first.bare, "main")
	second.n = 10
	two := second.push(nil)
	r.conf = quiet + siteOf(second)
	r.start()
	r.awaitLive(two)
}

// What a git leaves that is killed with the daemon is removed, and costs no clone.
func TestMirrorIsSwept(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	r.stop()
	mirror := filepath.Join(r.state, "sites/blog/mirror.git")
	left := []string{"refs/heads/main.lock", "packed-refs.lock", "objects/pack/tmp_pack_x", "objects/pack/pack-1.keep", "objects/tmp_objdir-incoming-x/pack/y", "objects/ab/tmp_obj_x"}
	for _, name := range left {
		fill(t, mirror, map[string]string{name: ""})
	}
	two := o.push(nil)
	r.start()
	r.awaitLive(two)
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(mirror, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	if strings.Contains(r.log.String(), "cloned anew") {
		t.Error("the mirror was cloned anew")
	}
}

// A branch may come to lie where the one before was in its way, and the remote's
// HEAD may name another: a push to that is heard.
func TestBranchIsAnother(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	o.git(o.bare, "update-ref", "-d", "refs/heads/main")
	o.git(o.bare, "symbolic-ref", "HEAD", "refs/heads/main/two")
	two := o.commit(nil)
	o.git(o.dir, "push", "-q", o.bare, "HEAD:refs/heads/main/two")
	if !r.Pushed(func(remote string) bool { return remote == o.bare }, "main/two") {
		t.Error("the repository is not known")
	}
	if s := r.awaitLive(two); s.Branch != "main/two" {
		t.Errorf("%+v", s)
	}
	if strings.Contains(r.log.String(), "cloned anew") {
		t.Error("the mirror was cloned anew")
	}
}
