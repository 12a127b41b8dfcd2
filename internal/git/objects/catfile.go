package objects

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// catStore reads a repository through the git command. It keeps processes of git
// cat-file, one for each concurrent reader.
type catStore struct {
	git    *command.Git
	layout Layout

	mu     sync.Mutex
	idle   map[string][]*catFile // by mode
	closed bool
}

func newCatStore(git *command.Git, l Layout) *catStore {
	return &catStore{git: git, layout: l, idle: map[string][]*catFile{}}
}

// catFile is a running git cat-file in one of its batch modes.
type catFile struct {
	*command.Process
	answers *bufio.Reader
}

func (s *catStore) take(ctx context.Context, mode string) (*catFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the repository is closed")
	}
	if idle := s.idle[mode]; len(idle) > 0 {
		s.idle[mode] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	p, err := s.git.Start(ctx, "cat-file", mode)
	if err != nil {
		return nil, err
	}
	return &catFile{p, bufio.NewReaderSize(p.Out, 64<<10)}, nil
}

func (s *catStore) give(mode string, c *catFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.End()
		return
	}
	s.idle[mode] = append(s.idle[mode], c)
}

// ask sends one id and reads the answer's first line.
func (c *catFile) ask(ctx context.Context, id string) (kind string, size int64, err error) {
	if !IsID(id) {
		return "", 0, fmt.Errorf("invalid object id %q", id)
	}
	// A process that hangs, for example while it fetches a missing object, ends with ctx.
	stop := context.AfterFunc(ctx, c.Kill)
	defer stop()
	if _, err := io.WriteString(c.In, id+"\n"); err != nil {
		return "", 0, c.failed(ctx, err)
	}
	line, err := c.answers.ReadString('\n')
	if err != nil {
		return "", 0, c.failed(ctx, err)
	}
	fields := strings.Fields(line)
	if len(fields) == 2 && fields[1] == "missing" {
		return "", 0, ErrNoObject
	}
	if len(fields) != 3 {
		return "", 0, fmt.Errorf("git cat-file answered %.80q", line)
	}
	size, err = strconv.ParseInt(fields[2], 10, 64)
	return fields[1], size, err
}

func (c *catFile) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return withFix(c.Fail(err))
}

func (s *catStore) stat(ctx context.Context, id string) (string, int64, error) {
	const mode = "--batch-check"
	c, err := s.take(ctx, mode)
	if err != nil {
		return "", 0, err
	}
	kind, size, err := c.ask(ctx, id)
	s.settle(mode, c, err)
	return kind, size, err
}

// settle keeps the process for the next request, or ends it after an error that leaves its
// output in an unknown state.
func (s *catStore) settle(mode string, c *catFile, err error) {
	if err == nil || errors.Is(err, ErrNoObject) {
		s.give(mode, c)
		return
	}
	c.End()
}

func (s *catStore) open(ctx context.Context, id string) (string, int64, io.ReadCloser, error) {
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
	store   *catStore
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
	n, err := r.process.answers.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.err = fmt.Errorf("git cat-file: %w", err)
	}
	return n, r.err
}

// Close skips the rest of the answer, so that the process can answer again. If the
// rest is large, the process is ended.
func (r *batchReader) Close() error {
	c := r.process
	if c == nil {
		return nil
	}
	r.process = nil
	// One newline follows the content.
	if r.err != nil || r.left > 1<<20 || !c.skip(int(r.left)+1) {
		c.End()
	} else {
		r.store.give("--batch", c)
	}
	return nil
}

// skip discards n bytes and reports whether they were there.
func (c *catFile) skip(n int) bool {
	_, err := c.answers.Discard(n)
	return err == nil
}

// withFix adds to a known error of git what the user can do.
func withFix(err error) error {
	said := (*command.Error)(nil)
	if !errors.As(err, &said) {
		return err
	}
	switch {
	case strings.Contains(said.Text, "safe.directory"):
		return fmt.Errorf("%w; deploy as the user who owns it, or add that exception if you trust it", err)
	case strings.Contains(said.Text, "promisor remote"):
		return fmt.Errorf("%w; the clone is a partial one and lacks this object: "+
			"fetch it where the remote can be reached, or clone the repository whole", err)
	case strings.Contains(said.Text, "unknown repository extension"):
		return fmt.Errorf("%w; install a newer git", err)
	}
	return err
}

func (s *catStore) resolve(ctx context.Context, revision string) (string, error) {
	if strings.HasPrefix(revision, "-") {
		return "", fmt.Errorf("%w %q", ErrNoRevision, revision)
	}
	// The suffix needs a second step: git takes all that follows ":/" as a text to search for.
	id := revision
	for _, suffix := range []string{"", "^{commit}"} {
		out, err := s.git.Line(ctx, "rev-parse", "--verify", "--quiet", id+suffix)
		if err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			if said := (*command.Error)(nil); errors.As(err, &said) && said.Text != "" {
				return "", fmt.Errorf("revision %q: %w", revision, withFix(err))
			}
			return "", fmt.Errorf("%w %q", ErrNoRevision, revision)
		}
		id = out
	}
	return id, nil
}

// prefetch fetches in one request the objects that a partial clone lacks. git would fetch
// them one by one. It keeps the order of the ids, because git does not say where objects are.
func (s *catStore) prefetch(ctx context.Context, ids []string) {
	remote := s.layout.Promisor
	if remote == "" || strings.HasPrefix(remote, "-") || s.layout.IDBytes != SHA1Bytes {
		return
	}
	missing := s.missing(ctx, ids)
	if len(missing) < 2 {
		return
	}
	// The arguments are those with which git itself fetches one object. If this
	// fails, so does the read, and its error says why.
	_, _ = s.git.Do(ctx, command.Call{
		Args: []string{
			"-c", "fetch.negotiationAlgorithm=noop", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
			"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none",
			"--stdin", "--", remote,
		},
		Stdin: strings.NewReader(strings.Join(missing, "\n") + "\n"),
	})
}

// missing returns the objects that the clone lacks. It reads the files itself, because git
// would fetch each object that it is asked for.
func (s *catStore) missing(ctx context.Context, ids []string) []string {
	local, err := openFiles(s.layout)
	if err != nil {
		return nil
	}
	defer local.Close()
	var missing []string
	for _, id := range ids {
		if _, _, err := local.stat(ctx, id); errors.Is(err, ErrNoObject) {
			missing = append(missing, id)
		}
	}
	return missing
}

func (s *catStore) shallow(context.Context) (map[string]bool, error) {
	return readShallow(s.layout.CommonDir)
}

func (s *catStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, idle := range s.idle {
		for _, c := range idle {
			c.End()
		}
	}
	s.idle = nil
	return nil
}
