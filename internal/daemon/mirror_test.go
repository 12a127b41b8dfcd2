package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// A force push to a new commit is deployed, also if the live commit is no longer in
// the branch. A force push back to an older commit is refused: a rollback does that.
func TestForcePush(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	o.push(nil)
	r.poll("push")
	r.await("blog", "second commit", func(s daemon.Status) bool {
		return s.Live == s.Head && s.Live != one && s.Phase == daemon.PhaseIdle
	})
	o.git(o.dir, "reset", "-q", "--hard", one)
	r.deploy(o, nil)

	// The old history is kept as long as runs refer to it.
	o.git(o.dir, "checkout", "-q", "--orphan", "anew")
	orphan := r.deploy(o, nil)

	o.git(o.dir, "push", "-q", "--force", o.bare, one+":refs/heads/main")
	r.poll("push")
	r.awaitPhase(daemon.PhaseIdle)
	o.git(o.dir, "checkout", "-q", "-B", "main", orphan)
	newest := r.deploy(o, nil)
	o.git(o.dir, "push", "-q", "--force", o.bare, orphan+":refs/heads/main")
	r.poll("push")
	if s := r.awaitPhase(daemon.PhaseRefused); s.Live != newest || !strings.Contains(s.Problem, "older") ||
		strings.Contains(s.Problem, "--any-order") {
		t.Errorf("%+v", s)
	}
	runs := len(r.runs("blog"))
	r.pollAgain()
	if len(r.runs("blog")) != runs {
		t.Error("a refused commit was tried again without a request")
	}
	r.poll("grace")
	r.await("blog", "another attempt", func(s daemon.Status) bool {
		return len(r.runs("blog")) == runs+1 && s.Phase == daemon.PhaseRefused
	})
}

// The order of a deployed commit stays known, so git must not remove the commit after
// a force push.
func TestDeployedCommitsOutliveAForcePush(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	o.git(o.dir, "checkout", "-q", "--orphan", "anew")
	r.deploy(o, nil)
	mirror := r.stateFile("mirror.git")
	r.await("blog", "ref to the commit", func(daemon.Status) bool {
		return strings.Contains(o.git(mirror, "rev-list", "--all"), one)
	})
}

// A deleted branch changes nothing, and is followed again when it is back.
func TestDeletedBranch(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	o.git(o.bare, "update-ref", "-d", "refs/heads/main")
	before := len(r.p.Server.Requests())
	r.poll("push")
	s := r.awaitPhase(daemon.PhaseRetry)
	if s.Live != one || !strings.Contains(s.Problem, "no such branch") {
		t.Errorf("%+v", s)
	}
	r.pollAgain()
	if n := len(r.p.Server.Requests()); n != before {
		t.Errorf("%d requests for a deleted branch", n-before)
	}
	two := r.deploy(o, nil)
	if past := r.history("blog"); past[0].Commit != two || len(past) != 2 {
		t.Errorf("%+v", past)
	}
}

// An unreachable remote is tried again, and logged once.
func TestUnreachableRemote(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	o.down()
	r := start(t, noPoll+siteOf(o))
	s := r.await("blog", "retries", func(s daemon.Status) bool {
		return s.Phase == daemon.PhaseRetry && r.fetches("blog") > 2
	})
	if s.Problem == "" || s.Next.IsZero() || len(s.Runs) != 0 || s.Failures < 2 || !s.Fetched.IsZero() {
		t.Errorf("%+v", s)
	}
	o.up()
	if s := r.awaitLive(one); s.Failures != 0 || s.Fetched.IsZero() {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(r.log.String(), "could not be fetched"); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
}

// A damaged mirror is cloned again.
func TestDamagedMirror(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, mirror string){
		"a lock of a killed git": func(t *testing.T, mirror string) {
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
		"a truncated pack": func(t *testing.T, mirror string) {
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
		"no mirror": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(mirror); err != nil {
				t.Fatal(err)
			}
		},
		"a file in place of the mirror": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(mirror); err != nil {
				t.Fatal(err)
			}
			fill(t, filepath.Dir(mirror), map[string]string{"mirror.git": "x"})
		},
		"an incomplete clone": func(t *testing.T, mirror string) {
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
			r := start(t, noPoll+siteOf(o))
			r.await("blog", "first deploy", func(s daemon.Status) bool { return s.Live != "" && s.Phase == daemon.PhaseIdle })
			r.stop()
			damage(t, r.stateFile("mirror.git"))
			last := o.push(nil)
			r.start()
			r.awaitLive(last)
		})
	}
}

// A site whose remote was changed is deployed from the new one.
func TestChangedRemote(t *testing.T) {
	first, second := newOrigin(t), newOrigin(t)
	one := first.push(nil)
	r := start(t, noPoll+siteOf(first))
	r.awaitLive(one)
	r.stop()
	first.git(second.dir, "pull", "-q", first.bare, "main")
	second.n = 10
	two := second.push(nil)
	r.conf = noPoll + siteOf(second)
	r.start()
	r.awaitLive(two)
}

// Files that a killed git left are removed without another clone.
func TestMirrorIsSwept(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, _ := startLive(t, o)
	r.stop()
	mirror := r.stateFile("mirror.git")
	left := []string{"refs/heads/main.lock", "packed-refs.lock", "objects/pack/tmp_pack_x", "objects/pack/pack-1.keep",
		"objects/tmp_objdir-incoming-x/pack/y", "objects/ab/tmp_obj_x"}
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
	if strings.Contains(r.log.String(), "cloned again") {
		t.Error("the mirror was cloned again")
	}
}

// The remote's HEAD may change to a branch whose name conflicts with the former one.
// A push to it is noticed.
func TestChangedHEAD(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, _ := startLive(t, o)
	o.git(o.bare, "update-ref", "-d", "refs/heads/main")
	o.git(o.bare, "symbolic-ref", "HEAD", "refs/heads/main/two")
	two := o.commit(nil)
	o.git(o.dir, "push", "-q", o.bare, "HEAD:refs/heads/main/two")
	if !r.Pushed(func(remote string) bool { return remote == o.bare }, "main/two") {
		t.Error("the repository is unknown")
	}
	if s := r.awaitLive(two); s.Branch != "main/two" {
		t.Errorf("%+v", s)
	}
	if strings.Contains(r.log.String(), "cloned again") {
		t.Error("the mirror was cloned again")
	}
}
