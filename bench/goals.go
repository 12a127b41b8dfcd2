package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// goal is a limit for a measurement.
type goal struct {
	what, want, got string
	reached         bool
}

type goals []goal

// Limits. The first three are factors: kv-sync must be this many times faster than wrangler with
// Workers Sites in the same run.
const (
	firstFaster    = 7
	noneFaster     = 20
	changeFaster   = 12
	firstPeak      = 128 << 20
	noneRequests   = 2
	oneRequests    = 7
	floorFactor    = 1.3
	clockTolerance = 20 * time.Millisecond
)

// judge compares the medians with the goals. It skips goals without a measurement.
func (r *results) judge() goals {
	var g goals
	for _, name := range []string{folderName, commitName} {
		for step, least := range []float64{firstFaster, noneFaster, changeFaster, changeFaster} {
			ours, ok := r.of(name, step)
			theirs, ok2 := r.of(sitesName, step)
			if !ok || !ok2 || name == commitName && step == first {
				continue // judgeFirst has the goal for a first deploy of a commit
			}
			ratio := theirs.wall.Seconds() / ours.wall.Seconds()
			g.add(fmt.Sprintf("%s: %s, against Workers Sites", r.title(name), scenarios[step].name),
				fmt.Sprintf("≥ %g× faster", least), fmt.Sprintf("%.1f×", ratio), ratio >= least)
		}
		if s, ok := r.of(name, first); ok {
			g.add(r.title(name)+": peak memory of a first deploy", "≤ "+mebibytes(firstPeak), mebibytes(s.peak),
				s.peak <= firstPeak)
		}
		for _, limit := range []struct{ step, most int }{{none, noneRequests}, {one, oneRequests}} {
			if s, ok := r.of(name, limit.step); ok {
				g.add(fmt.Sprintf("%s: requests, %s", r.title(name), scenarios[limit.step].name),
					fmt.Sprintf("≤ %d", limit.most), fmt.Sprint(s.requests), s.requests <= limit.most)
			}
		}
	}
	g.judgeFirst(r)
	for _, name := range []string{folderName, commitName} {
		for i, o := range r.outages[name] {
			g.add(fmt.Sprintf("%s: broken pages, %s", r.title(name), outcomes[i].name), "0 s", o.String(), o == outage{})
		}
	}
	return g
}

// judgeFirst compares a first deploy with the floor and with git.
func (g *goals) judgeFirst(r *results) {
	ours, ok := r.of(folderName, first)
	if least, ok2 := r.of(floorName, first); ok && ok2 {
		factor := ours.wall.Seconds() / least.wall.Seconds()
		g.add(r.title(folderName)+": first deploy, against the floor", fmt.Sprintf("≤ %g×", floorFactor),
			fmt.Sprintf("%.2f×", factor), factor <= floorFactor)
	}
	commit, ok2 := r.of(commitName, first)
	if git, ok3 := r.of(gitName, first); ok && ok2 && ok3 {
		more := commit.wall - ours.wall
		g.add(r.title(commitName)+": first deploy, more than from a folder",
			"≤ "+seconds(git.wall)+", as git cat-file takes", seconds(more), more <= git.wall+clockTolerance)
	}
}

func (r *results) title(name string) string {
	for _, t := range r.tools {
		if t.name == name {
			return t.title
		}
	}
	for _, t := range r.watched {
		if t.name == name {
			return t.title
		}
	}
	return name
}

func (g *goals) add(what, want, got string, reached bool) {
	*g = append(*g, goal{what, want, got, reached})
}

func (g goals) table() string {
	if len(g) == 0 {
		return ""
	}
	var rows [][]string
	for _, x := range g {
		verdict := "yes"
		if !x.reached {
			verdict = "**no**"
		}
		rows = append(rows, []string{x.what, x.want, x.got, verdict})
	}
	return "\n" + markdown([]string{"to reach", "", "measured", "reached"}, rows)
}

// missed returns an error that names the missed goals, or nil.
func (g goals) missed() error {
	var list []string
	for _, x := range g {
		if !x.reached {
			list = append(list, fmt.Sprintf("  %s: %s, to reach %s", x.what, x.got, x.want))
		}
	}
	if list == nil {
		return nil
	}
	return errors.New("not reached:\n" + strings.Join(list, "\n"))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
