package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/version"
)

const (
	// historyTimeout limits how long a page waits for the account.
	historyTimeout = 20 * time.Second
	// rollbackTimeout limits how long a rollback waits for the current run.
	rollbackTimeout = 30 * time.Minute
	// reloadAfter is the reload interval in seconds while a run is in progress.
	reloadAfter = "3"
)

func (p *page) showSites(w http.ResponseWriter, r *request) {
	now := p.now()
	var rows []rowView
	for _, s := range p.sites.Statuses() {
		v := viewRow(s, now)
		if v.Phase.Kind == "active" {
			w.Header().Set("Refresh", reloadAfter)
		}
		rows = append(rows, v)
	}
	p.show(w, r, http.StatusOK, "sites", screen{Title: "Sites", Main: rows})
}

func (p *page) showSite(w http.ResponseWriter, r *request) {
	status, err := p.sites.Status(r.PathValue("name"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	list, err := p.deployments(r, status.Name)
	v := viewSite(status, list, p.now())
	if err != nil {
		v.Unread = visibleLines(err.Error())
	}
	if v.Phase.Kind == "active" {
		w.Header().Set("Refresh", reloadAfter)
	}
	p.show(w, r, http.StatusOK, "site", screen{Title: status.Name, Main: v})
}

func (p *page) deployments(r *request, name string) ([]version.Deployment, error) {
	ctx, cancel := context.WithTimeout(r.Context(), historyTimeout)
	defer cancel()
	return p.sites.Deployments(ctx, name)
}

func (p *page) poll(w http.ResponseWriter, r *request) {
	p.schedule(w, r, p.sites.Poll, action{"poll", "The branch is being polled."})
}

// release refuses a site that is not held: such a release would stay pending and undo
// the next rollback.
func (p *page) release(w http.ResponseWriter, r *request) {
	status, err := p.sites.Status(r.PathValue("name"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if status.Phase != daemon.PhaseHeld {
		p.message(w, r, http.StatusConflict, message{"Nothing is held back",
			"The branch has moved, or was released before. Nothing was changed.", status.Name})
		return
	}
	p.schedule(w, r, p.sites.Release, action{"release", "Released: the branch’s newest commit is being deployed."})
}

// action is a request to the daemon for the log, and its notice.
type action struct{ name, notice string }

// schedule sends a request to the daemon, and does not wait for its result.
func (p *page) schedule(w http.ResponseWriter, r *request, send func(name, actor string) error, a action) {
	name := r.PathValue("name")
	if err := send(name, p.user); err != nil {
		p.fail(w, r, err)
		return
	}
	p.log.Info("admin: requested", "what", a.name, "site", name, "user", p.user)
	p.sessions.setNotice(r.session, notice{text: a.notice, reload: true})
	http.Redirect(w, r.Request, sitePath(name), http.StatusSeeOther)
}

// confirmation returns the data of the page that confirms a rollback. If no rollback
// is possible, it answers and returns false.
func (p *page) confirmation(w http.ResponseWriter, r *request) (confirmView, bool) {
	status, err := p.sites.Status(r.PathValue("name"))
	if err != nil {
		p.fail(w, r, err)
		return confirmView{}, false
	}
	list, err := p.deployments(r, status.Name)
	if err != nil {
		p.fail(w, r, err)
		return confirmView{}, false
	}
	to := r.PathValue("deployment")
	if !offers(list, to) {
		p.message(w, r, http.StatusConflict, message{"No rollback is possible",
			"This deployment is live, or is no longer retained. Reload the list.", status.Name})
		return confirmView{}, false
	}
	return viewConfirm(status, list, to, p.now()), true
}

func (p *page) confirmRollback(w http.ResponseWriter, r *request) {
	if q, ok := p.confirmation(w, r); ok {
		p.show(w, r, http.StatusOK, "rollback", screen{Title: "Roll " + q.Name + " back?", Main: q})
	}
}

// rollBack does the confirmed rollback. It finishes even if the browser disconnects.
func (p *page) rollBack(w http.ResponseWriter, r *request) {
	q, ok := p.confirmation(w, r)
	if !ok {
		return
	}
	title := "Roll " + q.Name + " back?"
	if q.Live != r.PostForm.Get("live") {
		p.show(w, r, http.StatusConflict, "rollback", screen{Title: title, Main: q,
			Alert: "Another deployment went live meanwhile. Nothing was changed; this is the current state."})
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), rollbackTimeout)
	defer cancel()
	to := r.PathValue("deployment")
	p.log.Info("admin: requested", "what", "rollback", "site", q.Name, "deployment", to, "user", p.user)
	if err := p.sites.Rollback(ctx, q.Name, to, p.user); err != nil {
		p.log.Error("admin: rollback failed", "site", q.Name, "deployment", to, "error", err)
		if ctx.Err() != nil {
			err = fmt.Errorf("the current run did not end in %s; check the site and try again: %w",
				humanize.Seconds(rollbackTimeout), err)
		}
		p.show(w, r, codeOf(err), "rollback", screen{Title: title, Main: q, Alert: "Not rolled back: " + err.Error()})
		return
	}
	what := q.To.ID
	if q.To.Commit.ID != "" {
		what += " (" + q.To.Commit.ID + ")"
	}
	p.sessions.setNotice(r.session, notice{text: "Rolled back to deployment " + what + "."})
	http.Redirect(w, r.Request, q.Path, http.StatusSeeOther)
}

// codeOf returns the status for an error: refused by the daemon, or failed.
func codeOf(err error) int {
	guard := (*guard.Error)(nil)
	switch {
	case errors.Is(err, daemon.ErrNoSite):
		return http.StatusNotFound
	case errors.As(err, &guard):
		return http.StatusConflict
	}
	return http.StatusBadGateway
}

func (p *page) fail(w http.ResponseWriter, r *request, err error) {
	if errors.Is(err, daemon.ErrNoSite) {
		p.message(w, r, http.StatusNotFound, message{"There is no such site",
			"It is not in the daemon’s configuration.", ""})
		return
	}
	p.message(w, r, codeOf(err), message{"The request failed", err.Error(), r.PathValue("name")})
}
