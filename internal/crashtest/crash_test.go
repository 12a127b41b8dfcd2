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

// blows are what happens to a run at each of its requests.
var blows = []blow{
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
func (b blow) killed() bool { return slices.Contains(b.signals, syscall.SIGKILL) || len(b.signals) > 1 }

// impatient makes a run give up after a second without an answer.
var impatient = []string{"KV_SYNC_TIMEOUT=1s", "INPUT_TIMEOUT=1s"}

// TestEveryRequest strikes each request of each scenario.
func TestEveryRequest(t *testing.T) {
	for i, sc := range selected(often) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			e := newExperiment(t, sc)
			count := 0
			for j, hit := range e.strikes() {
				name := sc.name + ": " + hit.String()
				if *only == "" && (i*11+j)%*every != 0 || !strings.HasPrefix(name, *only) {
					continue
				}
				count++
				e.try(name, hit)
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
		t.Fatalf("without a strike: exit code %d, %s\n%s", out.code, wrong, out.text)
	}
	return e
}

func (e *experiment) strikes() (list []strike) {
	for i, request := range e.requests {
		for _, b := range blows {
			list = append(list, strike{i + 1, false, b})
			if !strings.HasPrefix(request, "GET ") {
				list = append(list, strike{i + 1, true, b})
			}
		}
	}
	return list
}

// try strikes a run, and runs it again.
func (e *experiment) try(name string, hit strike) {
	e.Helper()
	e.restore()
	struck := e.run
	if hit.lasting {
		struck.env = append(slices.Clone(struck.env), impatient...)
	}
	begun := time.Now()
	out := e.do(struck, &hit)
	e.longest = max(e.longest, time.Since(begun))
	e.codes[out.code]++
	wrong := append(e.judge(hit, out, e.expected(hit)), e.damage()...)
	wrong = append(wrong, e.traces(hit.killed())...)
	e.heal(name, out, wrong, hit.killed())
}

// heal runs again, and reports what was and is wrong. If killed, the first run could not tidy up.
func (e *experiment) heal(name string, out outcome, wrong []string, killed bool) {
	e.Helper()
	healed := outcome{}
	if out.code != 0 || e.pushed || strings.Contains(out.text, "run again") {
		healed = e.do(e.run, nil)
		if healed.code != 0 && !e.finished(healed) {
			wrong = append(wrong, fmt.Sprintf("the next run has exit code %d", healed.code))
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
	if tells(out) || tells(healed) {
		wrong = append(wrong, "the output contains the token")
	}
	if len(wrong) > 0 {
		e.Errorf("%s\n%s\nexit code %d\n%s\nthe next run: exit code %d\n%s\nreplay it: go test ./internal/crashtest -run "+
			"'^%s$' -case '%s'", name, strings.Join(wrong, "\n"), out.code, out.text, healed.code, healed.text,
			strings.Split(e.Name(), "/")[0], name)
	}
}

// damage returns what the run has stored otherwise than docs/format.md says.
func (e *experiment) damage() []string {
	e.Helper()
	return slices.DeleteFunc(e.stored(), func(p string) bool { return slices.Contains(e.known, p) })
}

// tells reports whether a run has printed the token, other than to have GitHub mask it.
func tells(o outcome) bool {
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

// judge returns what is wrong with the end of a run that was struck. codes are its possible exit codes.
func (e *experiment) judge(hit strike, out outcome, codes []int) (wrong []string) {
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
	case out.code > 0 && out.code != 7 && !old && !e.several && len(hit.signals) < 2:
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

// expected are the exit codes of a run that was struck.
func (e *experiment) expected(hit strike) []int {
	switch {
	case slices.Contains(hit.signals, syscall.SIGKILL):
		return []int{-1}
	case e.pushed:
		return []int{-1, 0, 1, 130}
	case e.bare && len(hit.signals) > 0:
		return []int{0, 130}
	case e.bare && hit.lasting:
		return []int{0, 2}
	case len(hit.signals) > 0:
		return []int{0, 7, 130}
	case hit.lasting:
		return []int{0, 5, 7}
	}
	return []int{0}
}
