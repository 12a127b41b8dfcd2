package source

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// commandStore reads a repository through the git command. It keeps processes
// of git cat-file, one for each reader at a time.
type commandStore struct {
	git  string
	repo *repository
	env  []string

	mu     sync.Mutex
	idle   map[string][]*catFile // by mode
	closed bool
}

func newCommandStore(git string, r *repository, getenv func(string) string) *commandStore {
	return &commandStore{git: git, repo: r, env: gitEnv(r, getenv), idle: map[string][]*catFile{}}
}

// located are the variables that say which repository is meant. The command line
// says it for us, or what is set here in their place.
var located = map[string]bool{
	"GIT_DIR": true, "GIT_WORK_TREE": true, "GIT_COMMON_DIR": true, "GIT_INDEX_FILE": true, "GIT_OBJECT_DIRECTORY": true,
	"GIT_ALTERNATE_OBJECT_DIRECTORIES": true, "GIT_CEILING_DIRECTORIES": true, "GIT_PREFIX": true, "GIT_NAMESPACE": true,
	"GIT_SHALLOW_FILE": true, "GIT_GRAFT_FILE": true, "GIT_REPLACE_REF_BASE": true, "GIT_INTERNAL_SUPER_PREFIX": true,
}

// command makes a git process for the repository.
//
// A repository that was found by looking git finds again by itself, though we
// know where it is: only then does it refuse one that belongs to another user,
// whose configuration may name programs to run.
func (r *repository) command(ctx context.Context, git string, env []string, args ...string) *exec.Cmd {
	if r.found == "" {
		where := []string{"--git-dir=" + r.gitDir}
		if r.top != "" {
			where = append(where, "--work-tree="+r.top)
		}
		args = append(where, args...)
	}
	cmd := exec.CommandContext(ctx, git, args...)
	cmd.Dir, cmd.Env = r.found, env
	return cmd
}

// Credential reports whether a variable may hold a credential of ours, which no
// git that we start is given: neither a remote's helper nor a filter needs it.
func Credential(name string) bool {
	return strings.HasPrefix(name, "CLOUDFLARE_") || strings.HasPrefix(name, "CF_API") || strings.HasPrefix(name, "INPUT_")
}

// gitEnv is the environment of git processes: without our tokens, and
// without replaced objects, because an id that the live manifest names means one
// content for ever. How a remote is
// reached (GIT_SSH_COMMAND and its like) stays.
func gitEnv(r *repository, getenv func(string) string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !located[name] && !Credential(name) {
			env = append(env, kv)
		}
	}
	for name, value := range map[string]string{
		"GIT_COMMON_DIR": r.commonDir, "GIT_WORK_TREE": r.top, "GIT_OBJECT_DIRECTORY": r.objectDir, "GIT_INDEX_FILE": r.index,
		"GIT_ALTERNATE_OBJECT_DIRECTORIES": strings.Join(r.borrowed, string(os.PathListSeparator)),
	} {
		if getenv(name) != "" {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "LC_ALL=C")
}

// catFile is a running git cat-file in one of its batch modes.
type catFile struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
}

func (s *commandStore) take(ctx context.Context, mode string) (*catFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the source is closed")
	}
	if idle := s.idle[mode]; len(idle) > 0 {
		s.idle[mode] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	// The process outlives the call.
	c := &catFile{cmd: s.repo.command(context.WithoutCancel(ctx), s.git, s.env, "cat-file", mode), stderr: &bytes.Buffer{}}
	c.cmd.Stderr = c.stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReaderSize(out, 64<<10)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return c, nil
}

func (s *commandStore) give(mode string, c *catFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.end()
		return
	}
	s.idle[mode] = append(s.idle[mode], c)
}

// end stops the process. It holds nothing that could be lost.
func (c *catFile) end() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// ask sends one id and reads the answer's first line.
func (c *catFile) ask(ctx context.Context, id string) (kind string, size int64, err error) {
	if !isID(id) {
		return "", 0, fmt.Errorf("%q is no object id", id)
	}
	// A process that hangs, fetching a missing object say, ends with ctx.
	stop := context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })
	defer stop()
	if _, err := io.WriteString(c.in, id+"\n"); err != nil {
		return "", 0, c.failed(ctx, err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return "", 0, c.failed(ctx, err)
	}
	fields := strings.Fields(line)
	if len(fields) == 2 && fields[1] == "missing" {
		return "", 0, errNoObject
	}
	if len(fields) != 3 {
		return "", 0, fmt.Errorf("git cat-file said %.80q", line)
	}
	size, err = strconv.ParseInt(fields[2], 10, 64)
	return fields[1], size, err
}

func (c *catFile) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.end()
	return gitError("cat-file", c.stderr.String(), err)
}

func (s *commandStore) stat(ctx context.Context, id string) (string, int64, error) {
	const mode = "--batch-check"
	c, err := s.take(ctx, mode)
	if err != nil {
		return "", 0, err
	}
	kind, size, err := c.ask(ctx, id)
	s.settle(mode, c, err)
	return kind, size, err
}

// settle keeps a process that can answer again and ends any other.
func (s *commandStore) settle(mode string, c *catFile, err error) {
	if err == nil || errors.Is(err, errNoObject) {
		s.give(mode, c)
		return
	}
	c.end()
}

func (s *commandStore) open(ctx context.Context, id string) (string, int64, io.ReadCloser, error) {
	const mode = "--batch"
	c, err := s.take(ctx, mode)
	if err != nil {
		return "", 0, nil, err
	}
	kind, size, err := c.ask(ctx, id)
	if err != nil {
		s.settle(mode, c, err)
		return "", 0, nil, err
	}
	return kind, size, &batchReader{store: s, process: c, left: size}, nil
}

// batchReader is the content of one answer.
type batchReader struct {
	store   *commandStore
	process *catFile
	left    int64
	err     error
}

func (r *batchReader) Read(p []byte) (int, error) {
	if r.err != nil || r.process == nil {
		return 0, cmp.Or(r.err, os.ErrClosed)
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.process.out.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.err = fmt.Errorf("git cat-file: %w", err)
	}
	return n, r.err
}

// Close reads what is left, so that the process can answer again, unless that
// is much.
func (r *batchReader) Close() error {
	c := r.process
	if c == nil {
		return nil
	}
	r.process = nil
	// One newline follows the content.
	if r.err != nil || r.left > 1<<20 || !c.skip(int(r.left)+1) {
		c.end()
	} else {
		r.store.give("--batch", c)
	}
	return nil
}

// skip reads past n bytes and reports whether they were there.
func (c *catFile) skip(n int) bool {
	_, err := c.out.Discard(n)
	return err == nil
}

// run runs git to its end and returns what it wrote.
func (s *commandStore) run(ctx context.Context, args ...string) (string, error) {
	out, err := s.repo.command(ctx, s.git, s.env, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		said := ""
		if errors.As(err, &exit) {
			said = string(exit.Stderr)
		}
		return "", gitError(args[0], said, err)
	}
	return string(out), nil
}

// gitSaidError is git's own refusal, in its words.
type gitSaidError struct{ command, said, fix string }

func (e *gitSaidError) Error() string {
	return fmt.Sprintf("git %s: %.1000s%s", e.command, e.said, e.fix)
}

// gitError makes an error of what git wrote, with what to do where we know it.
func gitError(command, said string, err error) error {
	said = strings.TrimSpace(said)
	if said == "" {
		return fmt.Errorf("git %s: %w", command, err)
	}
	e := &gitSaidError{command: command, said: said}
	switch {
	case strings.Contains(said, "safe.directory"):
		e.fix = "; deploy as the user whose it is, or give that exception if you trust it"
	case strings.Contains(said, "promisor remote"):
		e.fix = "; the clone is a partial one and lacks this object: fetch it where the remote can be reached, or clone the repository whole"
	case strings.Contains(said, "unknown repository extension"):
		e.fix = "; install a newer git"
	}
	return e
}

func (s *commandStore) resolve(ctx context.Context, revision string) (string, error) {
	if strings.HasPrefix(revision, "-") {
		return "", fmt.Errorf("%w %q", errNoRevision, revision)
	}
	// In two steps, because ":/text" takes all that follows it as text.
	id := revision
	for _, suffix := range []string{"", "^{commit}"} {
		out, err := s.run(ctx, "rev-parse", "--verify", "--quiet", id+suffix)
		if err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			var said *gitSaidError
			if errors.As(err, &said) {
				return "", fmt.Errorf("revision %q: %w", revision, err)
			}
			return "", fmt.Errorf("%w %q", errNoRevision, revision)
		}
		id = strings.TrimSpace(out)
	}
	return id, nil
}

// expect leaves the order as it is: git does not say where objects lie. What a
// partial clone lacks git would fetch by itself, but one object at a time.
func (s *commandStore) expect(ctx context.Context, ids []string) {
	remote := s.repo.promisor
	if remote == "" || strings.HasPrefix(remote, "-") || s.repo.idBytes != sha1Bytes {
		return
	}
	missing := s.missing(ctx, ids)
	if len(missing) < 2 {
		return
	}
	// As git itself asks for one. If it fails, so does the read, with its words.
	cmd := s.repo.command(ctx, s.git, s.env, "-c", "fetch.negotiationAlgorithm=noop", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
		"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin", "--", remote)
	cmd.Stdin = strings.NewReader(strings.Join(missing, "\n") + "\n")
	cmd.WaitDelay = 2 * time.Second // what git started may hold its pipes
	_ = cmd.Run()
}

// missing says which objects are not here. git has no way to ask that: it
// fetches them.
func (s *commandStore) missing(ctx context.Context, ids []string) []string {
	local, err := openStorage(s.repo)
	if err != nil {
		return nil
	}
	defer local.Close()
	var missing []string
	for _, id := range ids {
		if _, _, err := local.stat(ctx, id); errors.Is(err, errNoObject) {
			missing = append(missing, id)
		}
	}
	return missing
}

func (s *commandStore) shallow(context.Context) (map[string]bool, error) {
	return readShallow(s.repo.commonDir)
}

func (s *commandStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, idle := range s.idle {
		for _, c := range idle {
			c.end()
		}
	}
	s.idle = nil
	return nil
}
