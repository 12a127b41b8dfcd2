package kvsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A project is the code and the assets of a Dynamic Worker, which a loader gets
// out of KV: both switch together, by one write of project/{id}/current. To the
// engine it is a script like any other, whose versions lie in KV.
// docs/format.md specifies what they look like.
const (
	projectFormat  = 1
	maxActivations = 100
)

// project implements [Workers] over a namespace. What it promises is less than
// Cloudflare's versions do: KV is eventually consistent and the last write wins.
type project struct {
	id      string
	account Account
	actor   string
	now     func() time.Time
	// find returns the id of the namespace, or ErrNotFound.
	find func(context.Context) (string, error)
	// anew: what is live is not believed to be there.
	anew bool
	// write writes values and returns when every key is confirmed.
	write func(context.Context, Store, []*item) error

	mu        sync.Mutex
	namespace string // as it was found, or ""
	last      pointer
	made      map[string]json.RawMessage // versions that this run has uploaded, by id
}

var _ Workers = (*project)(nil)

// pointer is the value of project/{id}/current.
type pointer struct {
	Format      int                 `json:"format"`
	Activations []projectActivation `json:"activations"`
	// Version is what the newest activation names, whole.
	Version json.RawMessage `json:"version"`
}

type projectActivation struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Version string    `json:"version"`
	Message string    `json:"message"`
	Author  string    `json:"author,omitempty"`
}

// projectVersion is one version of a project. Its id is the [Ref] of the blob
// that holds it.
type projectVersion struct {
	Format  int    `json:"format"`
	Project string `json:"project"`
	Loader  string `json:"loader"`
	Served  string `json:"served"`
	projectCode
	Meta json.RawMessage `json:"kv_sync"`
}

// versionStamp is what the engine reads of a version: all but the code.
type versionStamp struct {
	Format  int             `json:"format"`
	Project string          `json:"project"`
	Served  string          `json:"served"`
	Meta    json.RawMessage `json:"kv_sync"`
}

// Activations implements [Workers]: one request, and where the namespace is
// known by its title one more to find it.
func (p *project) Activations(ctx context.Context) ([]Activation, error) {
	at, err := p.current(ctx)
	p.mu.Lock()
	p.last = at
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := make([]Activation, len(at.Activations))
	for i, a := range at.Activations {
		out[i] = Activation{ID: a.ID, Created: a.Time, Versions: []Share{{Version: a.Version, Percent: 100}}, Message: a.Message, Author: a.Author}
	}
	return out, nil
}

// current reads the pointer, or returns ErrNotFound.
func (p *project) current(ctx context.Context) (at pointer, err error) {
	store, err := p.store(ctx)
	if err != nil {
		return at, err
	}
	b, err := store.Get(ctx, p.keys().Current())
	if err != nil {
		return at, err
	}
	// The format comes first: of a newer one nothing else need be as here.
	var newer struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(b, &newer) == nil && newer.Format > projectFormat {
		return at, fmt.Errorf("project %s was deployed by a newer kv-sync (format %d); update kv-sync", p.id, newer.Format)
	}
	if err := json.Unmarshal(b, &at); err != nil || len(at.Activations) == 0 {
		return pointer{}, fmt.Errorf("read %s: it is not of kv-sync's making; delete that key if nothing needs it", p.keys().Current())
	}
	if ref, err := ParseRef(at.version()); err != nil || HashOf(at.Version) != ref.Hash {
		return pointer{}, fmt.Errorf("read %s: the version in it, %.100q: %w; delete that key and deploy again: nothing is live between",
			p.keys().Current(), at.version(), errDamaged)
	}
	return at, nil
}

// active is the id of the activation in force, or "".
func (p *pointer) active() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].ID
}

// version is the one that is active, or "".
func (p *pointer) version() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].Version
}

// Version implements [Workers]. The active one came with the activations.
func (p *project) Version(ctx context.Context, id string) (Version, error) {
	b, err := p.read(ctx, id)
	if err != nil {
		return Version{}, err
	}
	v, err := p.parse(id, b)
	if err != nil {
		return Version{}, err
	}
	p.mu.Lock()
	namespace := p.namespace
	p.mu.Unlock()
	out := Version{ID: id, Bindings: []Binding{
		{Name: BindingBlobs, Type: "kv_namespace", Fields: map[string]json.RawMessage{"namespace_id": quote(namespace)}},
	}}
	for _, s := range []string{id, v.Served} {
		ref, err := ParseRef(s)
		if err != nil {
			return Version{}, p.alien(id, err)
		}
		out.Keeps = append(out.Keeps, ref)
	}
	// Whoever wrote the version may have known the namespace as a binding only.
	var says map[string]json.RawMessage
	if err := json.Unmarshal(v.Meta, &says); err != nil || says == nil {
		return Version{}, p.alien(id, errors.New("it does not say of itself what it is"))
	}
	says["namespace"] = quote(namespace)
	meta, err := json.Marshal(says)
	if err != nil {
		return Version{}, err
	}
	out.Bindings = append(out.Bindings, Binding{Name: BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": meta}})
	return out, nil
}

// read returns a version's bytes.
func (p *project) read(ctx context.Context, id string) (json.RawMessage, error) {
	p.mu.Lock()
	b := p.made[id]
	if b == nil && p.last.version() == id {
		b = p.last.Version
	}
	p.mu.Unlock()
	if b != nil {
		return b, nil
	}
	ref, err := ParseRef(id)
	if err != nil {
		return nil, p.alien(id, err)
	}
	store, err := p.store(ctx)
	if err != nil {
		return nil, err
	}
	if b, err = store.Get(ctx, p.keys().Blob(ref)); err == nil && HashOf(b) != ref.Hash {
		err = p.alien(id, errDamaged)
	}
	return b, err
}

func (p *project) parse(id string, b []byte) (*versionStamp, error) {
	var newer struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(b, &newer) == nil && newer.Format > projectFormat {
		return nil, fmt.Errorf("version %.100q of project %s was made by a newer kv-sync (format %d); update kv-sync", id, p.id, newer.Format)
	}
	var v versionStamp
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, p.alien(id, err)
	}
	if v.Project != p.id {
		return nil, p.alien(id, fmt.Errorf("it belongs to the project %.80q", v.Project))
	}
	return &v, nil
}

// alien is the error for a version that kv-sync has not written so. What is
// gone stands in nobody's way, so to delete it is the way out.
func (p *project) alien(id string, cause error) error {
	p.mu.Lock()
	active := p.last.version() == id
	p.mu.Unlock()
	key, then := p.keys().Current(), "delete that key and deploy again: nothing is live between"
	if ref, err := ParseRef(id); err == nil && !active {
		key, then = p.keys().Blob(ref), "delete that key to go on without it"
	}
	return fmt.Errorf("version %.100q of project %s is not of kv-sync's making: %w; it lies in %s: %s", id, p.id, cause, key, then)
}

// UploadVersion implements [Workers].
func (p *project) UploadVersion(ctx context.Context, u Upload) (string, error) {
	v := projectVersion{Format: projectFormat, Project: p.id}
	var served []byte
	var err error
	if v.projectCode, served, err = codeOf(u.Worker); err != nil {
		return "", err
	}
	namespace := ""
	for _, b := range u.Bindings {
		switch b.Name {
		case BindingMeta:
			v.Meta = b.Fields["json"]
		case BindingBlobs:
			err = json.Unmarshal(b.Fields["namespace_id"], &namespace)
		}
	}
	if err != nil || namespace == "" {
		return "", fmt.Errorf("make a version of project %s: the upload names no namespace", p.id)
	}
	p.mu.Lock()
	p.namespace = namespace
	p.mu.Unlock()

	nonce := newNonce(p.now())
	manifest, items := p.served(served, nonce)
	v.Served = manifest.String()
	if v.Loader, err = p.loader(v.Served, v.projectCode); err != nil {
		return "", err
	}
	b, err := marshalJSON(v)
	if err != nil {
		return "", fmt.Errorf("encode a version of project %s: %w", p.id, err)
	}
	if len(b) > MaxValueBytes/2 { // it lies in KV by itself, and beside the activations
		return "", fmt.Errorf("the code of project %s takes %d bytes of KV, more than the %d that one value may hold of it; bundle less", p.id, len(b), MaxValueBytes/2)
	}
	ref := Ref{Hash: HashOf(b), Nonce: nonce}
	items = append(items, value("the version", p.keys().Blob(ref), b))
	if err := p.write(ctx, p.account.Store(namespace), items); err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made == nil {
		p.made = make(map[string]json.RawMessage)
	}
	p.made[ref.String()] = b
	return ref.String(), nil
}

// served is the blob of a served manifest: the active version's, if it is the
// same, so that the same content keeps its loader's id; else a new one, and the
// item that writes it.
func (p *project) served(b []byte, nonce Nonce) (Ref, []*item) {
	ref := Ref{Hash: HashOf(b), Nonce: nonce}
	p.mu.Lock()
	defer p.mu.Unlock()
	var active versionStamp
	if !p.anew && json.Unmarshal(p.last.Version, &active) == nil {
		if old, err := ParseRef(active.Served); err == nil && old.Hash == ref.Hash {
			return old, nil
		}
	}
	return ref, []*item{value("the served manifest", p.keys().Blob(ref), b)}
}

// loader is the id under which a Worker Loader keeps what it loads: another one
// for another content.
func (p *project) loader(served string, code projectCode) (string, error) {
	content := []any{served, nil}
	if code.Main != "" {
		content[1] = code
	}
	b, err := marshalJSON(content)
	if err != nil {
		return "", fmt.Errorf("encode the code of project %s: %w", p.id, err)
	}
	return p.id + ":" + HashOf(b).String()[:32], nil
}

// Activate implements [Workers]. KV has no precondition on a write either, so
// it looks first whether what was active when the caller last asked still is.
// Any answer but a plain no leaves open whether it was carried out.
func (p *project) Activate(ctx context.Context, versions []Share, message string, _ bool) error {
	if len(versions) != 1 {
		return errors.New("the traffic of a project cannot be split")
	}
	b, err := p.read(ctx, versions[0].Version)
	if err != nil {
		return fmt.Errorf("read version %s: %w", versions[0].Version, err)
	}
	store, err := p.store(ctx)
	if err != nil {
		return err
	}
	now, err := p.current(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	p.mu.Lock()
	before := p.last
	p.mu.Unlock()
	if now.active() != before.active() {
		return errOvertaken
	}
	next := pointer{Format: projectFormat, Version: b, Activations: append([]projectActivation{{
		ID: newNonce(p.now()).String(), Time: p.now().UTC().Truncate(time.Millisecond), Version: versions[0].Version, Message: message, Author: p.actor,
	}}, now.Activations[:min(len(now.Activations), maxActivations-1)]...)}
	value, err := marshalJSON(next)
	if err != nil {
		return fmt.Errorf("encode %s: %w", p.keys().Current(), err)
	}
	err = store.Put(ctx, p.keys().Current(), value)
	if err == nil || errors.Is(err, ErrQuota) || errors.Is(err, ErrRefused) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

// PutScript implements [Workers].
func (p *project) PutScript(ctx context.Context, u Upload) error {
	id, err := p.UploadVersion(ctx, u)
	if err != nil {
		return err
	}
	return p.Activate(ctx, []Share{{Version: id, Percent: 100}}, u.Message, false)
}

// MigrationTag implements [Workers]: a project has no Durable Objects.
func (p *project) MigrationTag(context.Context) (string, error) { return "", nil }

// PatchSettings implements [Workers]: a project has no settings.
func (p *project) PatchSettings(context.Context, map[string]json.RawMessage) error { return nil }

// URL implements [Workers]: where a project is reachable, its loader decides.
func (p *project) URL(context.Context) (string, error) { return "", nil }

// EnableURL implements [Workers].
func (p *project) EnableURL(context.Context) error { return nil }

func (p *project) keys() keys { return keys(projectPrefix + "/" + p.id) }

// store is the namespace, or ErrNotFound where it does not exist yet.
func (p *project) store(ctx context.Context) (Store, error) {
	p.mu.Lock()
	known := p.namespace
	p.mu.Unlock()
	if known == "" {
		found, err := p.find(ctx)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.namespace, known = found, found
		p.mu.Unlock()
	}
	return p.account.Store(known), nil
}
