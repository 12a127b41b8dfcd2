package main

import (
	"bytes"
	"context"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
)

// onProjects does what the mode says to each project of the repository, unless
// err says that it must not, and reports on them: outputs, log, and the text of
// the job summary. What names one deployment is empty in the report, the counts
// are sums.
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
		// Those that are done are done: the steps after this one may need to know.
		if perr := publish(c, total, plans.text); err == nil {
			err = perr
		}
	}
	total.Seconds = time.Since(began).Seconds()
	total.Error = app.Explain(err)
	c.fault(&turn{rep: total, err: err})
	return total, all.summary(total)
}

// each does the work for each project, a few at once over the same connections,
// and tells of them in their order: a group of the log, and what is to be seen
// without unfolding it. then may keep what it needs of a turn.
func (s step) each(ctx context.Context, c *console, ids []string, then func(id string, t *turn)) error {
	shared := app.NewShared()
	defer shared.Close()
	s.shared = shared
	type told struct {
		*turn
		log *bytes.Buffer
	}
	return app.EachProject(ids, func(id string) (told, error) {
		one := s
		one.values = s.values.With(options.Project, id)
		aside, log := c.aside()
		t := one.on(ctx, aside)
		var held bool
		if t.err, held = t.rep.LeaveHeld(t.err); held {
			t.notices = append(t.notices, t.rep.Notices[len(t.rep.Notices)-1])
		}
		return told{t, log}, t.err
	}, func(id string, t told, err error) {
		t.subject = "project/" + id
		title := t.subject + ": failed"
		if err == nil {
			title = headline(t.rep)
		}
		c.fold(title, t.log)
		c.fault(t.turn)
		c.notices(t.turn)
		then(id, t.turn)
	})
}
