package crashtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// faults are what happens to a run at each of its requests.
var faults = []fault{
	{name: "SIGKILL", signals: []syscall.Signal{syscall.SIGKILL}},
	{name: "SIGINT", signals: []syscall.Signal{syscall.SIGINT}},
	{name: "SIGTERM", signals: []syscall.Signal{syscall.SIGTERM}},
	{name: "SIGINT and SIGTERM", signals: []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}},
	{name: "connection cut", end: cut},
	{name: "platform restarted", end: restarted},
	{name: "dead, connections are cut", end: cut, lasting: true},
	{name: "dead, silent", end: silent, lasting: true},
	{name: "dead, 500", end: broken, lasting: true},
}

// killed reports whether the process ends without a chance to tidy up.
func (f fault) killed() bool {
	return slices.Contains(f.signals, syscall.SIGKILL) || len(f.signals) > 1
}

// impatient makes a run give up after a second without an answer.
var impatient = []string{"KV_SYNC_TIMEOUT=1s", "INPUT_TIMEOUT=1s"}

// TestEveryRequest injects each fault into each request of each scenario.
func TestEveryRequest(t *testing.T) {
	for i, sc := range selected(often) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			e := newExperiment(t, sc)
			count := 0
			for j, in := range e.injections() {
				name := sc.name + ": " + in.String()
				if *only == "" && (i*11+j)%*every != 0 || !strings.HasPrefix(name, *only) {
					continue
				}
				count++
				e.try(name, in)
			}
			t.Logf("%d requests, %d runs killed or cut off, the longest took %s; exit codes %v", len(e.requests), count,
				e.longest.Round(time.Millisecond), e.codes)
		})
	}
}

// often are the scenarios that are tried in every run of the tests.
var often = []string{"first deploy", "deploy", "rollback", "deploy of a project", "pull", "index", "delete",
	"job: deploy"}

// selected returns the scenarios to try: some of them, those that the flag names, or all.
func selected(some []string) []scenario {
	return slices.DeleteFunc(scenarios(), func(sc scenario) bool {
		if *only != "" {
			return !strings.HasPrefix(*only, sc.name) && !strings.HasPrefix(sc.name, *only)
		}
		return *every > 1 && !slices.Contains(some, sc.name)
	})
}

// experiment is a scenario on its stage.
type experiment struct {
	*stage
	scenario

	run           run
	before, after []string // what people see
	known         []string // what is stored otherwise than docs/format.md says, before the run
	requests      []string // of the undisturbed run
	longest       time.Duration
	codes         map[int]int
}

func newExperiment(t *testing.T, sc scenario) *experiment {
	e := &experiment{stage: newStage(t), scenario: sc, codes: make(map[int]int)}
	sc.prepare(e.stage)
	e.run = sc.run(e.stage)
	e.save()
	e.before, e.known = sc.visible(e.stage), e.stored()
	out := e.do(e.run, nil)
	e.requests, e.after = out.requests, sc.visible(e.stage)
	if wrong := e.complete(); out.code != 0 || wrong != "" {
		t.Fatalf("without a fault: exit code %d, %s\n%s", out.code, wrong, out.text)
	}
	return e
}

func (e *experiment) injections() (list []injection) {
	for i, request := range e.requests {
		for _, f := range faults {
			list = append(list, injection{i + 1, false, f})
			if !strings.HasPrefix(request, "GET ") {
				list = append(list, injection{i + 1, true, f})
			}
		}
	}
	return list
}

// try injects a fault into a run, and runs it again.
func (e *experiment) try(name string, in injection) {
	e.Helper()
	e.restore()
	run := e.run
	if in.lasting {
		run.env = append(slices.Clone(run.env), impatient...)
	}
	begun := time.Now()
	out := e.do(run, &in)
	e.longest = max(e.longest, time.Since(begun))
	e.codes[out.code]++
	wrong := append(e.judge(in, out, e.expected(in)), e.damage()...)
	wrong = append(wrong, e.traces(in.killed())...)
	e.repeat(name, out, wrong, in.killed())
}

// repeat runs again, and reports what was and is wrong. If killed, the first run could not tidy up.
func (e *experiment) repeat(name string, out outcome, wrong []string, killed bool) {
	e.Helper()
	again := outcome{}
	if out.code != 0 || e.pushed || strings.Contains(out.text, "run again") {
		again = e.do(e.run, nil)
		if again.code != 0 && !e.finished(again) {
			wrong = append(wrong, fmt.Sprintf("the next run has exit code %d", again.code))
		}
	}
	if now := e.visible(e.stage); !slices.Equal(now, e.after) {
		wrong = append(wrong, fmt.Sprintf("after the next run people see %q, want %q", now, e.after))
	}
	if w := e.complete(); w != "" {
		wrong = append(wrong, w)
	}
	wrong = append(wrong, e.damage()...)
	wrong = append(wrong, e.traces(killed)...)
	if printsToken(out) || printsToken(again) {
		wrong = append(wrong, "the output contains the token")
	}
	if len(wrong) > 0 {
		e.Errorf("%s\n%s\nexit code %d\n%s\nthe next run: exit code %d\n%s\nreplay it: go test ./internal/crashtest -run "+
			"'^%s$' -case '%s'", name, strings.Join(wrong, "\n"), out.code, out.text, again.code, again.text,
			strings.Split(e.Name(), "/")[0], name)
	}
}

// damage returns what the run has stored otherwise than docs/format.md says.
func (e *experiment) damage() []string {
	e.Helper()
	return slices.DeleteFunc(e.stored(), func(p string) bool { return slices.Contains(e.known, p) })
}

// printsToken reports whether a run has printed the token, other than to have GitHub mask it.
func printsToken(o outcome) bool {
	return strings.Contains(strings.ReplaceAll(o.text, "::add-mask::"+token+"\n", ""), token)
}

func (e *experiment) complete() string {
	if e.done == nil {
		return ""
	}
	return e.done(e.stage)
}

// finished reports whether a run was refused because there was nothing left to do.
func (e *experiment) finished(o outcome) bool {
	return strings.HasPrefix(e.name, "delete") && o.code == 4
}

var (
	saysOld = regexp.MustCompile(`what was live is still live|nothing went live`)
	saysNew = regexp.MustCompile(`(?m)^Live: |[Ii]t is offline`)
)

// judge returns what is wrong with the end of a run with a fault. codes are its possible exit codes.
func (e *experiment) judge(in injection, out outcome, codes []int) (wrong []string) {
	now := e.visible(e.stage)
	old, renewed := true, true
	for i, part := range now {
		old, renewed = old && part == e.before[i], renewed && part == e.after[i]
		if part != e.before[i] && part != e.after[i] {
			wrong = append(wrong, fmt.Sprintf("people see %q, neither %q nor %q", part, e.before[i], e.after[i]))
		}
	}
	if !slices.Contains(codes, out.code) {
		wrong = append(wrong, fmt.Sprintf("exit code %d, want one of %v", out.code, codes))
	}
	switch {
	case e.pushed:
	case out.code == 0 && !renewed:
		wrong = append(wrong, "the run succeeded, and people do not see the result")
	case out.code > 0 && out.code != 7 && !old && !e.several && len(in.signals) < 2:
		wrong = append(wrong, "the run failed, and people see its result")
	}
	if saysOld.MatchString(out.text) && !old && (!e.several || strings.HasPrefix(e.name, "delete")) {
		wrong = append(wrong, "it says that nothing changed, and people see its result")
	}
	if saysNew.MatchString(out.text) && !renewed {
		wrong = append(wrong, "it says that it is done, and people do not see the result")
	}
	return wrong
}

// expected are the exit codes of a run with a fault.
func (e *experiment) expected(in injection) []int {
	switch {
	case slices.Contains(in.signals, syscall.SIGKILL):
		return []int{-1}
	case e.pushed:
		return []int{-1, 0, 1, 130}
	case e.bare && len(in.signals) > 0:
		return []int{0, 130}
	case e.bare && in.lasting:
		return []int{0, 2}
	case len(in.signals) > 0:
		return []int{0, 7, 130}
	case in.lasting:
		return []int{0, 5, 7}
	}
	return []int{0}
}
