// Package deletion deletes a site or a project: its scripts and its keys, and nothing
// else. [Make] finds what exists, and [Plan.Execute] deletes it:
//
//	plan, err := deletion.Make(ctx, subject, live)
//	err = plan.Execute(ctx)
package deletion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// Subject is what is deleted.
type Subject struct {
	// Site is the site, or "project/" and a project's id.
	Site    string
	Account cloud.Account
	// Workers is the script, or the project. Deleting it takes the site offline.
	Workers cloud.Workers
	// Send makes the call that takes the site offline. A cancellation does not end that call at
	// once, because then its result would be unknown.
	Send func(ctx context.Context, call func(context.Context) error) error
	// Project is set if the subject is a project, which has no scripts.
	Project bool
	// InPlace is set if Workers.Activations does not tell whether the subject is live.
	InPlace bool
	// Leftovers lists the keys that Workers.Delete leaves, in the order in which to delete them.
	// A key whose value names other keys comes after those.
	Leftovers func(context.Context, cloud.Store) ([]string, error)
}

// Live is what is known about the subject.
type Live struct {
	// Exists reports whether there is a script.
	Exists bool
	// Deployment is the live one, "" if nothing is live or kv-sync did not deploy it.
	Deployment string
	// Activation is the id of the activation that made it live, or "".
	Activation string
	// Bindings are those of the live version.
	Bindings []cloud.Binding
	// Namespace is the id of the namespace that has the keys, "" if there is none.
	Namespace string
	// Keys are those of the live incarnation.
	Keys manifest.Keys
}

// Plan is what is deleted, and how far the deletion is.
type Plan struct {
	Site string `json:"site"`
	// Worker and Companion are scripts, "" if there is none. A project has none.
	Worker    string `json:"worker,omitempty"`
	Companion string `json:"companion,omitempty"`
	// Deployment is the live one, "" if nothing is live or kv-sync did not deploy it.
	Deployment string `json:"deployment,omitempty"`
	// Namespace is the id of the namespace that the keys are in. It is not deleted,
	// because it may have keys of other sites and projects.
	Namespace string `json:"namespace,omitempty"`
	// Bound are the namespaces that were made for bindings. They stay, with what the Worker wrote.
	Bound []Namespace `json:"bound,omitempty"`
	// Keys counts the keys. Edits counts the files that were written or deleted at run
	// time.
	Keys  int `json:"keys"`
	Edits int `json:"edits"`
	// Offline is set once visitors do not find the site any more, Done once nothing of
	// it is left.
	Offline bool               `json:"offline"`
	Done    bool               `json:"done"`
	Notices []manifest.Problem `json:"notices,omitempty"`

	subject Subject
	active  string      // the activation that is live
	store   cloud.Store // nil if there is no namespace
	keys    []string
}

// Namespace is a KV namespace that a deploy made for a binding, because the configuration named none.
type Namespace struct {
	Binding string `json:"binding"`
	Title   string `json:"title"`
	ID      string `json:"id"`
}

// Make finds what there is to delete. It only reads.
func Make(ctx context.Context, s Subject, live Live) (*Plan, error) {
	p := &Plan{Site: s.Site, Deployment: live.Deployment, Namespace: live.Namespace, subject: s, active: live.Activation}
	if live.Namespace != "" {
		p.store = s.Account.Store(live.Namespace)
		if err := p.listKeys(ctx, live); err != nil {
			return nil, err
		}
	}
	if s.Project {
		return p, nil
	}
	if live.Exists {
		p.Worker = s.Site
	}
	for _, b := range live.Bindings {
		if b.Type == cloud.BindingLoader {
			p.note("", finding.CaseDeleteLoader, finding.Facts{Site: s.Site, Name: b.Name})
		}
	}
	return p, p.findCompanion(ctx)
}

// Empty reports whether there is nothing to delete.
func (p *Plan) Empty() bool {
	return p.Worker == "" && p.Companion == "" && p.Deployment == "" && p.Keys == 0
}

func (p *Plan) note(path string, c finding.Case, f finding.Facts) {
	p.Notices = append(p.Notices, manifest.ProblemOf(path, c, f))
}

// findCompanion looks for the companion. A script of that name counts only if its
// metadata says that it is the companion.
func (p *Plan) findCompanion(ctx context.Context) error {
	name := overlay.CompanionName(p.Site)
	is, exists, err := overlay.ReadCompanion(ctx, p.subject.Account.Workers(name))
	switch {
	case err != nil:
		return fmt.Errorf("read %s, the companion of %s: %w", name, p.Site, err)
	case exists && is.Companion == p.Site:
		p.Companion = name
	case exists:
		p.note("", finding.CaseDeleteOther, finding.Facts{Site: p.Site, Name: name})
	}
	return nil
}

// listKeys lists the keys, and counts the edits among them.
func (p *Plan) listKeys(ctx context.Context, live Live) (err error) {
	if p.keys, err = p.subject.Leftovers(ctx, p.store); err != nil {
		return err
	}
	p.Keys = len(p.keys)
	if !slices.Contains(p.keys, live.Keys.OverlayRecord()) {
		return nil
	}
	switch o, err := overlay.Read(ctx, p.store, string(live.Keys)); {
	case errors.Is(err, overlay.ErrRecord):
		p.note("edits made at run time", finding.CaseDeleteUnread, finding.Facts{Cause: err})
	case err != nil:
		return err
	default:
		p.Edits = len(o.Entries)
	}
	return nil
}

// Execute deletes first what makes the site live, so that no visitor sees a part of it,
// then everything else. A run after an interrupted one finishes. If the site is deployed again
// meanwhile, the error wraps [cloud.ErrOvertaken] as long as no key was deleted.
func (p *Plan) Execute(ctx context.Context) error {
	if p.Worker != "" || p.subject.Project {
		if err := p.takeOffline(ctx); err != nil {
			return fmt.Errorf("delete %s: %w", p.Site, err)
		}
	}
	p.Offline = true
	if p.Companion != "" {
		if err := p.subject.Account.Workers(p.Companion).Delete(ctx); err != nil {
			return fmt.Errorf("delete %s, the companion of %s: %w", p.Companion, p.Site, err)
		}
	}
	if p.store != nil {
		if err := p.deleteKeys(ctx); err != nil {
			return err
		}
	}
	p.Done = true
	return nil
}

// takeOffline deletes the script or the project. After an error it checks whether the deletion
// happened, because the answer may have been lost, or the run cancelled. If the check fails, the
// outcome is unknown. For a project it is also unknown while KV still shows it, for up to a minute.
func (p *Plan) takeOffline(ctx context.Context) error {
	err := p.subject.Send(ctx, p.subject.Workers.Delete)
	if err == nil {
		return nil
	}
	look, cancel := wait.Detached(ctx, wait.Confirm)
	defer cancel()
	_, state := p.subject.Workers.Activations(look)
	switch {
	case errors.Is(state, cloud.ErrNotFound) && !p.subject.InPlace:
		p.Offline = true
		return ctx.Err()
	case notDone(err), state == nil && !p.subject.Project:
		return err
	}
	return fmt.Errorf("%w: %w", cloud.ErrUnknown, err)
}

// notDone reports whether a call that failed was certainly not carried out.
func notDone(err error) bool {
	return errors.Is(err, cloud.ErrRefused) || errors.Is(err, cloud.ErrQuota) || errors.Is(err, cloud.ErrUnsent)
}

// checkOffline returns cloud.ErrOvertaken if the site is live again. KV may go on showing what
// was live of a project before.
func (p *Plan) checkOffline(ctx context.Context) error {
	now, err := p.subject.Workers.Activations(ctx)
	switch {
	case errors.Is(err, cloud.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("find whether %s is still offline: %w", p.Site, err)
	case p.subject.Project && len(now) > 0 && now[0].ID == p.active:
		return nil
	}
	p.Offline = false
	return cloud.ErrOvertaken
}

// deleteKeys deletes the planned keys and those that were written since, unless a deployment was
// made meanwhile, which may need them. If one is made while they are deleted, it says so.
func (p *Plan) deleteKeys(ctx context.Context) error {
	listed, err := p.subject.Leftovers(ctx, p.store)
	if err != nil {
		return err
	}
	if err := p.checkOffline(ctx); err != nil {
		return err
	}
	seen := make(map[string]bool, len(p.keys))
	var keys []string
	for _, key := range slices.Concat(p.keys, listed) {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	p.Keys = len(keys)
	for some := range slices.Chunk(keys, cloud.MaxBulkPairs) {
		left, err := cloud.DeleteConfirmed(ctx, p.store, some, 2*time.Second)
		if err != nil {
			return fmt.Errorf("delete the keys of %s: %w", p.Site, err)
		}
		if len(left) > 0 {
			return finding.New(finding.CaseDeleteIgnored,
				finding.Facts{Site: p.Site, What: humanize.Count(len(left), "key"), Cause: cloud.ErrIgnored})
		}
	}
	if err = p.checkOffline(ctx); errors.Is(err, cloud.ErrOvertaken) {
		return finding.New(finding.CaseDeleteLate, finding.Facts{Site: p.Site})
	}
	return nil // if the look fails, the deletion is done all the same
}
