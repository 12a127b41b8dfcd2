package mirror

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

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// Mirror is a local bare repository with the whole history of one branch of a remote,
// so that the order of commits is known. It is not safe for concurrent use, except
// for Tip and Has.
//
// A mirror is complete or absent. A damaged one is removed and cloned again: it has
// nothing that the remote does not have.
type Mirror struct {
	git    *git
	dir    string
	remote Remote
	limit  time.Duration
	log    *slog.Logger
}

// Options describe a mirror.
type Options struct {
	// Dir is the folder of the mirror, which need not exist. A clone is made beside it.
	Dir    string
	Remote Remote
	// Limit is the timeout of a fetch.
	Limit time.Duration
	// Environ is git's environment. Secrets are values that no variable of git's may
	// contain; Redact removes them from texts.
	Environ, Secrets []string
	Redact           func(string) string
	Log              *slog.Logger
}

// New returns the mirror. It touches no file.
func New(o Options) *Mirror {
	return &Mirror{
		git: newGit(o.Environ, o.Secrets, o.Remote.settings(), o.Remote.redactor(o.Redact)),
		dir: o.Dir, remote: o.Remote, limit: o.Limit, log: o.Log,
	}
}

// Dir returns the folder of the mirror.
func (m *Mirror) Dir() string { return m.dir }

// Tip is a branch of the remote and its head.
type Tip struct{ Branch, Commit string }

// errNoBranch is returned if the remote has no such branch. Then the live deployment stays
// as it is.
var errNoBranch = errors.New("the remote has no such branch")

// askLimit is the timeout of a query to a remote or the mirror.
const askLimit = time.Minute

// Tip asks the remote for the head of a branch; "" is the branch of its HEAD. It does
// not use the mirror, so it may run at the same time as any other method.
func (m *Mirror) Tip(ctx context.Context, branch string) (Tip, error) {
	args := []string{"ls-remote", "--symref", "--", m.remote.address, "HEAD"}
	if branch != "" {
		args = append(args, "refs/heads/"+branch)
	}
	out, err := m.git.run(ctx, min(askLimit, m.limit), m.remote.protocol, args...)
	if err != nil {
		return Tip{}, fmt.Errorf("ask %s for its branches: %w", m.remote, err)
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
			return Tip{branch, id}, nil
		}
		return Tip{}, fmt.Errorf("%s has no branch %s (any more): %w; what is live stays live", m.remote, branch, errNoBranch)
	}
	switch id := refs["HEAD"]; {
	case id == "":
		return Tip{}, fmt.Errorf("the HEAD of %s: %w; push one, or set branch", m.remote, errNoBranch)
	case !ValidBranch(head):
		return Tip{}, fmt.Errorf("the HEAD of %s names no branch; set branch", m.remote)
	default:
		return Tip{head, id}, nil
	}
}

func isCommit(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}

// Fetch updates the mirror and returns the branch's head, which may be newer than the
// tip. It follows a force push.
func (m *Mirror) Fetch(ctx context.Context, at Tip) (string, error) {
	if id, err := m.head(ctx, at.Branch); err == nil && id == at.Commit {
		return id, nil
	}
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		if err := m.clone(ctx, at.Branch); err != nil {
			return "", err
		}
		return m.head(ctx, at.Branch)
	}
	m.Sweep() // a lock that a killed git left would stop this fetch and all later ones
	ref := "refs/heads/" + at.Branch
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
		if err := m.clone(ctx, at.Branch); err != nil {
			return "", err
		}
	}
	return m.head(ctx, at.Branch)
}

// follow removes all other branches from the mirror. A former branch may be in the
// way, as "release" is of "release/2".
func (m *Mirror) follow(ctx context.Context, ref string) error {
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

// clone makes the mirror in a temporary folder and renames it.
func (m *Mirror) clone(ctx context.Context, branch string) error {
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
func (m *Mirror) in(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	return m.ask(ctx, command.Call{Args: args, Limit: limit})
}

// ask runs a git call in the mirror.
func (m *Mirror) ask(ctx context.Context, c command.Call) (string, error) {
	if err := m.Restore(); err != nil {
		return "", err
	}
	c.Args = append([]string{"--git-dir=" + m.dir}, c.Args...)
	return m.git.do(ctx, m.remote.protocol, c)
}

// head returns the commit of the mirror's branch.
func (m *Mirror) head(ctx context.Context, branch string) (string, error) {
	out, err := m.in(ctx, askLimit, "rev-parse", "--verify", "--quiet", "--end-of-options",
		"refs/heads/"+branch+"^{commit}")
	id := strings.TrimSpace(out)
	if err == nil && !isCommit(id) {
		err = fmt.Errorf("git rev-parse: it printed %.80q", id)
	}
	return id, err
}

// Has reports whether the mirror has a commit.
func (m *Mirror) Has(ctx context.Context, commit string) bool {
	if commit == "" {
		return false
	}
	_, err := m.in(ctx, askLimit, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// keptRefs is the prefix of refs to deployed commits. They keep these commits after a
// force push, so that their order stays known.
const keptRefs = "refs/kv-sync/"

// Keep protects exactly these commits from removal after a force push. Then it runs git's
// garbage collection with bounded memory.
func (m *Mirror) Keep(ctx context.Context, commits []string) error {
	out, err := m.in(ctx, askLimit, "for-each-ref", "--format=%(refname)", keptRefs)
	if err != nil {
		return err
	}
	before := map[string]bool{}
	for name := range strings.Lines(out) {
		before[strings.TrimPrefix(strings.TrimSpace(name), keptRefs)] = true
	}
	for _, id := range commits {
		if !before[id] && isCommit(id) && m.Has(ctx, id) {
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
