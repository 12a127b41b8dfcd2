package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

const (
	// askFor is how long a page waits for the account's answer.
	askFor = 20 * time.Second
	// rollBackFor is how long a rollback may wait for what is under way.
	rollBackFor = 30 * time.Minute
	// reloadAfter is in seconds, while something is under way.
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

func (p *page) deployments(r *request, name string) ([]kvsync.Deployment, error) {
	ctx, cancel := context.WithTimeout(r.Context(), askFor)
	defer cancel()
	return p.sites.Deployments(ctx, name)
}

func (p *page) look(w http.ResponseWriter, r *request) {
	p.ask(w, r, p.sites.Poll, "look", "The branch is being looked at.")
}

// release wants something to be held: what is wished for once nothing is held
// would be remembered, and undo the next rollback.
func (p *page) release(w http.ResponseWriter, r *request) {
	status, err := p.sites.Status(r.PathValue("name"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if status.Phase != daemon.PhaseHeld {
		p.tell(w, r, http.StatusConflict, "Nothing is held back", "The branch moved on, or somebody released it before. Nothing was changed.", status.Name)
		return
	}
	p.ask(w, r, p.sites.Release, "release", "Released: the branch’s newest commit is being deployed.")
}

// ask wishes something of a site that is not waited for.
func (p *page) ask(w http.ResponseWriter, r *request, wish func(name, actor string) error, what, done string) {
	name := r.PathValue("name")
	if err := wish(name, p.user); err != nil {
		p.fail(w, r, err)
		return
	}
	p.log.Info("admin: asked for", "what", what, "site", name, "user", p.user)
	p.sessions.say(r.session, said{text: done, soon: true})
	http.Redirect(w, r.Request, sitePath(name), http.StatusSeeOther)
}

// question reads what the page that asks before a rollback is about. It answers
// by itself, and returns false, where there is nothing to ask.
func (p *page) question(w http.ResponseWriter, r *request) (questionView, bool) {
	status, err := p.sites.Status(r.PathValue("name"))
	if err != nil {
		p.fail(w, r, err)
		return questionView{}, false
	}
	list, err := p.deployments(r, status.Name)
	if err != nil {
		p.fail(w, r, err)
		return questionView{}, false
	}
	to := r.PathValue("deployment")
	if !offers(list, to) {
		p.tell(w, r, http.StatusConflict, "There is no rollback to it",
			"This deployment is live, or is not retained any more. Look at the list again.", status.Name)
		return questionView{}, false
	}
	return viewQuestion(status, list, to, p.now()), true
}

func (p *page) askRollback(w http.ResponseWriter, r *request) {
	if q, ok := p.question(w, r); ok {
		p.show(w, r, http.StatusOK, "rollback", screen{Title: "Roll " + q.Name + " back?", Main: q})
	}
}

// rollBack does what was asked about. It is carried through though the browser
// goes away: whoever pressed the button has decided.
func (p *page) rollBack(w http.ResponseWriter, r *request) {
	q, ok := p.question(w, r)
	if !ok {
		return
	}
	title := "Roll " + q.Name + " back?"
	if q.Live != r.PostForm.Get("live") {
		p.show(w, r, http.StatusConflict, "rollback", screen{Title: title, Main: q,
			Alert: "Another deployment went live while you were looking. Nothing was changed; this is how it is now."})
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), rollBackFor)
	defer cancel()
	to := r.PathValue("deployment")
	p.log.Info("admin: asked for", "what", "rollback", "site", q.Name, "deployment", to, "user", p.user)
	if err := p.sites.Rollback(ctx, q.Name, to, p.user); err != nil {
		p.log.Error("admin: rollback failed", "site", q.Name, "deployment", to, "error", err)
		if ctx.Err() != nil {
			err = fmt.Errorf("what is under way has not ended in %s; look at the site, and try again: %w", humanize.Seconds(rollBackFor), err)
		}
		p.show(w, r, codeOf(err), "rollback", screen{Title: title, Main: q, Alert: "Not rolled back: " + err.Error()})
		return
	}
	what := q.To.ID
	if q.To.Commit.ID != "" {
		what += " (" + q.To.Commit.ID + ")"
	}
	p.sessions.say(r.session, said{text: "Rolled back to deployment " + what + "."})
	http.Redirect(w, r.Request, q.Path, http.StatusSeeOther)
}

// codeOf tells what the daemon refuses from what did not work.
func codeOf(err error) int {
	guard := (*kvsync.GuardError)(nil)
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
		p.tell(w, r, http.StatusNotFound, "There is no such site", "It is not in the daemon’s configuration.", "")
		return
	}
	p.tell(w, r, codeOf(err), "That did not work", err.Error(), r.PathValue("name"))
}
