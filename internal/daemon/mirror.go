package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// mirror is a local bare repository with the whole history of one branch of a remote,
// so that the order of commits is known. It is not safe for concurrent use, except
// for tip.
//
// A mirror is complete or absent. A damaged one is removed and cloned again: it has
// nothing that the remote does not have.
type mirror struct {
	git    *git
	dir    string
	remote Remote
	// limit is the timeout of a fetch.
	limit time.Duration
	log   *slog.Logger
}

// tip is a branch of the remote and its head.
type tip struct{ branch, commit string }

// errNoBranch: the remote has no such branch. What is live stays live.
var errNoBranch = errors.New("the remote has no such branch")

// askLimit is the timeout of a query to a remote or the mirror.
const askLimit = time.Minute

// tip asks the remote for the head of a branch; "" is the branch of its HEAD. It does
// not use the mirror, so it may run beside any other method.
func (m *mirror) tip(ctx context.Context, branch string) (tip, error) {
	args := []string{"ls-remote", "--symref", "--", m.remote.address, "HEAD"}
	if branch != "" {
		args = append(args, "refs/heads/"+branch)
	}
	out, err := m.git.run(ctx, min(askLimit, m.limit), m.remote.protocol, args...)
	if err != nil {
		return tip{}, fmt.Errorf("ask %s for its branches: %w", m.remote, err)
	}
	refs, head := map[string]string{}, ""
	for line := range strings.Lines(out) {
		value, name, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if target, ok := strings.CutPrefix(value, "ref: refs/heads/"); ok && name == "HEAD" {
			head = target
		} else if isCommit(value) {
			refs[name] = value
		}
	}
	if branch != "" {
		if id := refs["refs/heads/"+branch]; id != "" {
			return tip{branch, id}, nil
		}
		return tip{}, fmt.Errorf("%s has no branch %s (any more): %w; what is live stays live", m.remote, branch, errNoBranch)
	}
	switch id := refs["HEAD"]; {
	case id == "":
		return tip{}, fmt.Errorf("the HEAD of %s: %w; push one, or set branch", m.remote, errNoBranch)
	case !validBranch(head):
		return tip{}, fmt.Errorf("the HEAD of %s names no branch; set branch", m.remote)
	default:
		return tip{head, id}, nil
	}
}

func isCommit(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}

// fetch updates the mirror and returns the branch's head, which may be newer than the
// tip. It follows a force push.
func (m *mirror) fetch(ctx context.Context, at tip) (string, error) {
	if id, err := m.head(ctx, at.branch); err == nil && id == at.commit {
		return id, nil
	}
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		if err := m.clone(ctx, at.branch); err != nil {
			return "", err
		}
		return m.head(ctx, at.branch)
	}
	ref := "refs/heads/" + at.branch
	err := m.follow(ctx, ref)
	if err == nil {
		_, err = m.in(ctx, m.limit, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules",
			"--no-write-fetch-head", "--force", "--", m.remote.address, ref+":"+ref)
	}
	if err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if err := m.discardDamaged(ctx, err); err != nil {
			return "", err
		}
		if err := m.clone(ctx, at.branch); err != nil {
			return "", err
		}
	}
	return m.head(ctx, at.branch)
}

// follow removes all other branches from the mirror. A former branch may be in the
// way, as "release" is of "release/2".
func (m *mirror) follow(ctx context.Context, ref string) error {
	out, err := m.in(ctx, askLimit, "for-each-ref", "--format=%(refname)", "refs/heads/")
	if err != nil {
		return err
	}
	for name := range strings.Lines(out) {
		if name = strings.TrimSpace(name); name == ref {
			continue
		}
		if _, err := m.in(ctx, askLimit, "update-ref", "-d", name); err != nil {
			return err
		}
	}
	_, err = m.in(ctx, askLimit, "symbolic-ref", "HEAD", ref)
	return err
}

// discardDamaged removes the mirror if it is damaged. Otherwise it returns the error,
// which then comes from the remote.
func (m *mirror) discardDamaged(ctx context.Context, cause error) error {
	why := m.damage(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if why == "" {
		return fmt.Errorf("fetch from %s: %w", m.remote, cause)
	}
	m.log.Warn("the mirror is damaged; the repository will be cloned again", "because", why)
	return m.discard()
}

func (m *mirror) discard() error {
	if err := remove(m.dir); err != nil {
		return fmt.Errorf("remove the mirror: %w", err)
	}
	return nil
}

// damage describes what is wrong with the mirror, or returns "". A lock was left by a
// killed git, because no other git is running here.
func (m *mirror) damage(ctx context.Context) string {
	lock := ""
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && filepath.Base(path) == "objects":
			return fs.SkipDir
		case strings.HasSuffix(path, ".lock"):
			lock = path
			return fs.SkipAll
		}
		return nil
	})
	switch {
	case err != nil:
		return err.Error()
	case lock != "":
		return "a killed git left " + filepath.Base(lock)
	}
	if _, err := m.in(ctx, m.limit, "fsck", "--no-dangling", "--no-progress"); err != nil {
		return err.Error()
	}
	return ""
}

// sweep removes incomplete packs and locks that a killed git left. It is called when
// no git is running in the mirror.
func (m *mirror) sweep() {
	_ = filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case err != nil:
			return fs.SkipDir // the next use reports the error
		case strings.HasPrefix(name, "tmp_"), strings.HasSuffix(name, ".lock"), strings.HasSuffix(name, ".keep"):
			_ = remove(path)
			if d.IsDir() {
				return fs.SkipDir
			}
		}
		return nil
	})
}

// clone makes the mirror in a temporary folder and renames it.
func (m *mirror) clone(ctx context.Context, branch string) error {
	fresh := m.dir + ".new"
	if err := remove(fresh); err != nil {
		return fmt.Errorf("remove an incomplete clone: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(m.dir), 0o700); err != nil {
		return err
	}
	_, err := m.git.run(ctx, m.limit, m.remote.protocol, "clone", "--quiet", "--bare", "--no-tags", "--single-branch",
		"--no-local", "--template=",
		"--branch", branch, "--", m.remote.address, fresh)
	if err != nil {
		return errors.Join(fmt.Errorf("clone %s: %w", m.remote, err), remove(fresh))
	}
	if err := os.Rename(fresh, m.dir); err != nil {
		return fmt.Errorf("put the mirror in place: %w", err)
	}
	return nil
}

// in runs git in the mirror.
func (m *mirror) in(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	if err := m.restore(); err != nil {
		return "", err
	}
	return m.git.run(ctx, limit, m.remote.protocol, append([]string{"--git-dir=" + m.dir}, args...)...)
}

// head returns the commit of the mirror's branch.
func (m *mirror) head(ctx context.Context, branch string) (string, error) {
	out, err := m.in(ctx, askLimit, "rev-parse", "--verify", "--quiet", "--end-of-options",
		"refs/heads/"+branch+"^{commit}")
	id := strings.TrimSpace(out)
	if err == nil && !isCommit(id) {
		err = fmt.Errorf("git rev-parse: it printed %.80q", id)
	}
	return id, err
}

// has reports whether the mirror has a commit.
func (m *mirror) has(ctx context.Context, commit string) bool {
	if commit == "" {
		return false
	}
	_, err := m.in(ctx, askLimit, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// keptRefs is the prefix of refs to deployed commits. They keep these commits after a
// force push, so that their order stays known.
const keptRefs = "refs/kv-sync/"

// keep protects these commits, and no others, from being removed after a force push.
// Then it runs git's garbage collection with bounded memory.
func (m *mirror) keep(ctx context.Context, commits []string) error {
	out, err := m.in(ctx, askLimit, "for-each-ref", "--format=%(refname)", keptRefs)
	if err != nil {
		return err
	}
	before := map[string]bool{}
	for name := range strings.Lines(out) {
		before[strings.TrimPrefix(strings.TrimSpace(name), keptRefs)] = true
	}
	for _, id := range commits {
		if !before[id] && isCommit(id) && m.has(ctx, id) {
			if _, err := m.in(ctx, askLimit, "update-ref", keptRefs+id, id); err != nil {
				return err
			}
		}
		delete(before, id)
	}
	for id := range before {
		if _, err := m.in(ctx, askLimit, "update-ref", "-d", keptRefs+id); err != nil {
			return err
		}
	}
	_, err = m.in(ctx, m.limit, "-c", "gc.auto=2000", "-c", "gc.autoPackLimit=20", "-c", "gc.pruneExpire=1.day.ago", "-c",
		"gc.writeCommitGraph=false",
		"-c", "pack.threads=1", "-c", "pack.windowMemory=32m", "-c", "pack.deltaCacheSize=32m", "-c",
		"core.packedGitLimit=128m", "gc", "--auto", "--quiet")
	return err
}

// checkout makes a new work tree of a commit with a repository of its own, so that a
// build can use git and does not change the mirror.
func (m *mirror) checkout(ctx context.Context, commit, tree string) error {
	if err := remove(tree); err != nil {
		return fmt.Errorf("remove the previous work tree: %w", err)
	}
	_, err := m.git.run(ctx, m.limit, "file", "clone", "--quiet", "--shared", "--no-tags", "--no-checkout", "--template=",
		"--", m.dir, tree)
	if err == nil {
		_, err = m.git.run(ctx, m.limit, m.remote.protocol, "-C", tree, "checkout", "--quiet", "--force", "--detach", commit,
			"--")
	}
	if err != nil {
		return fmt.Errorf("check out commit %.12s: %w", commit, err)
	}
	return nil
}

// remove removes a folder, also if a build made folders in it read-only.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
