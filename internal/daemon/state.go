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

	"github.com/kv-sync/kv-sync/internal/atomicfile"
)

// stateFormat is raised when an older daemon would misread the file.
const stateFormat = 1

// maxState limits the size of a state file. 50 runs with long problems are far smaller.
const maxState = 16 << 20

// state is the state of a site on disk. If it is lost, only the list of runs is lost: the account
// and the remote have the rest.
type state struct {
	Format int    `json:"format"`
	Remote string `json:"remote"`
	Branch string `json:"branch"`
	Head   string `json:"head,omitempty"`
	Live   string `json:"live,omitempty"`
	// Settled is the newest commit that needs no further attempt. Any other commit
	// is to be deployed.
	Settled settled `json:"settled,omitzero"`
	// Release is set if a person released the head before the daemon knew the rollback that
	// holds it.
	Release bool `json:"release,omitempty"`
	// Released identifies that rollback by the time it went live, so that the release
	// does not undo a later one.
	Released time.Time `json:"released,omitzero"`
	// Failed is the commit whose deploy failed, Failures the number of attempts, and
	// Retry the time of the next one.
	Failed   string    `json:"failed,omitempty"`
	Failures int       `json:"failures,omitempty"`
	Retry    time.Time `json:"retry,omitzero"`
	// Quota is set if Retry is the time when the account's quota is renewed. An earlier attempt
	// would fail, even after a restart.
	Quota   bool   `json:"quota,omitempty"`
	Problem string `json:"problem,omitempty"`
	// Running is the current run. A run that is found at the start was interrupted.
	Running *Run `json:"running,omitempty"`
	// Config is the site's fingerprint when the run began.
	Config string `json:"config,omitempty"`
	Runs   []Run  `json:"runs,omitempty"`
}

// settled is a commit's final phase.
type settled struct {
	Commit string `json:"commit"`
	// Phase is PhaseIdle, PhaseHeld or PhaseRefused.
	Phase Phase `json:"phase"`
	// Config is the site's fingerprint at that time.
	Config string `json:"config"`
}

// clone returns a deep copy.
func (s *state) clone() state {
	c := *s
	c.Runs = slices.Clone(s.Runs)
	if s.Running != nil {
		running := *s.Running
		c.Running = &running
	}
	return c
}

// maxText limits each text of a run. A commit's subject can have any length.
const maxText = 8 << 10

// add inserts a run as the newest.
func (s *state) add(r Run) {
	for _, text := range []*string{&r.Subject, &r.Author, &r.Problem} {
		if len(*text) > maxText {
			*text = strings.ToValidUTF8((*text)[:maxText], "") + " …"
		}
	}
	s.Runs = slices.Insert(s.Runs, 0, r)
	s.Runs = s.Runs[:min(len(s.Runs), KeptRuns)]
}

// commits returns the commits of the state and its runs, each once.
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

// loadState reads a site's state. A damaged file is renamed, and the site starts with
// an empty state.
func loadState(file string, log *slog.Logger) (state, error) {
	s, err := readState(file)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		s.Format = stateFormat
		return s, nil
	}
	renamed := fmt.Sprintf("%s.damaged-%d", file, time.Now().UnixNano())
	if rerr := os.Rename(file, renamed); rerr != nil {
		return state{}, fmt.Errorf("rename the damaged state: %w", rerr)
	}
	log.Warn("the state could not be read and was renamed; the site starts with an empty state", "error", err, "file",
		renamed)
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
		return state{}, errors.New("it is too large")
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return state{}, err
	}
	if s.Format != stateFormat {
		return state{}, fmt.Errorf("its format is %d, but this kv-sync reads %d", s.Format, stateFormat)
	}
	return s, nil
}

// save replaces the file atomically and durably.
func (s *state) save(file string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := atomicfile.WriteDurable(file, data, 0o600); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}
