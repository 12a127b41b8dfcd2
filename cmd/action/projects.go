package main

import (
	"bytes"
	"context"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/options"
)

// onProjects runs the mode for each project of the repository, unless the step has an error. It
// sets the outputs, and returns the report and the text of the job summary. The counts of the
// report are sums; the ids of deployments are empty.
func (s step) onProjects(ctx context.Context, c *console, err error) (*app.Report, string) {
	began := time.Now()
	total := s.report()
	var all overview
	var ids []string
	if err == nil {
		ids, err = app.Projects(ctx, s.site(c))
	}
	if len(ids) > 0 {
		var plans plans
		err = s.each(ctx, c, ids, func(id string, t *turn) {
			total.Uploaded += t.rep.Uploaded
			total.Unchanged += t.rep.Unchanged
			total.Pruned += t.rep.Pruned
			total.Requests += t.rep.Requests
			plans.add(id, t.rep.Plan)
			all.add(id, t.rep)
		})
		c.say("%s", all.headline(total))
		// The outputs are set even if some projects failed, because the others are deployed.
		if perr := publish(c, total, plans.text); err == nil {
			err = perr
		}
	}
	total.Seconds = time.Since(began).Seconds()
	total.Error = app.Explain(advice.Workflow, err)
	c.fault(&turn{rep: total, err: err})
	return total, all.summary(total)
}

// each runs the mode for a few projects at a time, over the same connections. For each project, in
// the order of ids, it prints a log group, prints the annotations after it, and calls report.
func (s step) each(ctx context.Context, c *console, ids []string, report func(id string, t *turn)) error {
	shared := app.NewShared()
	defer shared.Close()
	shared.Expect(ids)
	s.shared = shared
	type finished struct {
		*turn
		log *bytes.Buffer
	}
	return app.EachProject(ids, func(id string) (finished, error) {
		one := s
		one.values = s.values.With(options.Project, id)
		aside, log := c.aside()
		t := one.on(ctx, aside)
		var held bool
		if t.err, held = t.rep.LeaveHeld(t.err); held {
			t.notices = append(t.notices, t.rep.Notices[len(t.rep.Notices)-1])
		}
		return finished{t, log}, t.err
	}, func(id string, t finished, err error) {
		t.subject = "project/" + id
		title := t.subject + ": failed"
		if err == nil {
			title = headline(t.rep)
		}
		c.fold(title, t.log)
		c.fault(t.turn)
		c.notices(t.turn)
		report(id, t.turn)
	})
}
