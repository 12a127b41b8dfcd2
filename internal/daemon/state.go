package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/wholefile"
)

// stateFormat changes when an older daemon would misread the file.
const stateFormat = 1

// maxState bounds a state file: 50 runs with long problems have far less.
const maxState = 16 << 20

// state is what is remembered of a site, as it lies on disk. Losing it loses the
// list of runs and nothing else: what is live is asked, and where the branch is.
type state struct {
	Format int    `json:"format"`
	Remote string `json:"remote"`
	Branch string `json:"branch"`
	Head   string `json:"head,omitempty"`
	Live   string `json:"live,omitempty"`
	// Settled is what became of the newest commit that needs no further try; a
	// commit that is not Settled.Commit is to be deployed.
	Settled settled `json:"settled,omitzero"`
	// Release: a person wants the head deployed although a rollback holds it back.
	// Which rollback is meant is not found out yet.
	Release bool `json:"release,omitempty"`
	// Released is the rollback that was meant, by when it went live: one that comes
	// later is not undone by an earlier wish.
	Released time.Time `json:"released,omitzero"`
	// Failed is the commit whose deploy failed, Failures how often, Retry when it
	// is tried again.
	Failed   string    `json:"failed,omitempty"`
	Failures int       `json:"failures,omitempty"`
	Retry    time.Time `json:"retry,omitzero"`
	// Quota says that Retry is when the account's quota is renewed: trying before
	// that is useless, also for a daemon that was started again.
	Quota   bool   `json:"quota,omitempty"`
	Problem string `json:"problem,omitempty"`
	// Running is the run under way. One that is found at the start was interrupted.
	Running *Run `json:"running,omitempty"`
	// Config is the fingerprint of the site's configuration when it began.
	Config string `json:"config,omitempty"`
	Runs   []Run  `json:"runs,omitempty"`
}

// settled is how a commit ended.
type settled struct {
	Commit string `json:"commit"`
	// Phase is PhaseIdle, PhaseHeld or PhaseRefused.
	Phase Phase `json:"phase"`
	// Config is the fingerprint of the site's configuration at that time.
	Config string `json:"config"`
}

// clone is a copy that shares nothing that changes.
func (s *state) clone() state {
	c := *s
	c.Runs = slices.Clone(s.Runs)
	if s.Running != nil {
		running := *s.Running
		c.Running = &running
	}
	return c
}

// maxText bounds each text of a run: subjects are whatever a commit says.
const maxText = 8 << 10

// add puts a run before the others.
func (s *state) add(r Run) {
	for _, text := range []*string{&r.Subject, &r.Author, &r.Problem} {
		if len(*text) > maxText {
			*text = strings.ToValidUTF8((*text)[:maxText], "") + " …"
		}
	}
	s.Runs = slices.Insert(s.Runs, 0, r)
	s.Runs = s.Runs[:min(len(s.Runs), KeptRuns)]
}

// commits are those that the runs were about, each once.
func (s *state) commits() []string {
	var out []string
	for _, c := range append([]string{s.Live, s.Head}, runCommits(s.Runs)...) {
		if c != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func runCommits(runs []Run) []string {
	out := make([]string, len(runs))
	for i, r := range runs {
		out[i] = r.Commit
	}
	return out
}

// loadState reads a site's state. A file that cannot be read is put aside under
// another name, and the site begins anew.
func loadState(file string, log *slog.Logger) (state, error) {
	s, err := readState(file)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		s.Format = stateFormat
		return s, nil
	}
	aside := fmt.Sprintf("%s.damaged-%d", file, time.Now().UnixNano())
	if rerr := os.Rename(file, aside); rerr != nil {
		return state{}, fmt.Errorf("put the damaged state aside: %w", rerr)
	}
	log.Warn("the state could not be read and was put aside; the site begins anew", "error", err, "file", aside)
	return state{Format: stateFormat}, nil
}

func readState(file string) (state, error) {
	f, err := os.Open(file)
	if err != nil {
		return state{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return state{}, err
	}
	if len(data) > maxState {
		return state{}, errors.New("it is larger than a state can be")
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return state{}, err
	}
	if s.Format != stateFormat {
		return state{}, fmt.Errorf("its format is %d, and this kv-sync reads %d", s.Format, stateFormat)
	}
	return s, nil
}

// save replaces a site's state in one step, which a power cut does not undo.
func (s *state) save(file string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := wholefile.WriteDurable(file, data, 0o600); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}
