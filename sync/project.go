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

// projectConfig says which project is deployed, and how.
type projectConfig struct {
	// ID is the project's id.
	ID      string
	Account Account
	// Actor is who deploys, for the activation; may be "".
	Actor string
	Now   func() time.Time
	// FindNamespace returns the id of the namespace, or an error that wraps
	// ErrNotFound.
	FindNamespace func(context.Context) (string, error)
	// Upload is how the values of a version are written.
	Upload uploadOptions
}

// projectWorkers implements [Workers] over a namespace. It promises less than
// Cloudflare's versions do: KV is eventually consistent, and the last write wins.
type projectWorkers struct {
	projectConfig

	distrust  bool // see Distrust
	mu        sync.Mutex
	namespace string // as it was found, or ""
	last      pointer
	made      map[string]json.RawMessage // versions that this run has uploaded, by id
}

var _ Workers = (*projectWorkers)(nil)

// newProjectWorkers sends nothing.
func newProjectWorkers(c projectConfig) *projectWorkers { return &projectWorkers{projectConfig: c} }

// Distrust says whether to write the served manifest again although the live
// version has an equal one, which may be missing.
func (p *projectWorkers) Distrust(live bool) { p.distrust = live }

// versionStamp is what the engine reads of a version: all but the code.
type versionStamp struct {
	Format  int             `json:"format"`
	Project string          `json:"project"`
	Served  string          `json:"served"`
	Meta    json.RawMessage `json:"kv_sync"`
}

// Activations implements [Workers]: one request, and where the namespace is
// known by its title one more to find it.
func (p *projectWorkers) Activations(ctx context.Context) ([]Activation, error) {
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
func (p *projectWorkers) current(ctx context.Context) (at pointer, err error) {
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
		return at, fmt.Errorf("project %s was deployed by a newer kv-sync (format %d); update kv-sync", p.ID, newer.Format)
	}
	if err := json.Unmarshal(b, &at); err != nil || len(at.Activations) == 0 {
		return pointer{}, fmt.Errorf("read %s: it was not written by kv-sync; delete that key if nothing needs it", p.keys().Current())
	}
	if ref, err := ParseRef(at.version()); err != nil || HashOf(at.Version) != ref.Hash {
		return pointer{}, fmt.Errorf("read %s: the version in it, %.100q: %w; delete that key and deploy again: nothing is live between",
			p.keys().Current(), at.version(), errDamaged)
	}
	return at, nil
}

// Version implements [Workers]. The active one came with the activations.
func (p *projectWorkers) Version(ctx context.Context, id string) (Version, error) {
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
			return Version{}, p.invalidVersion(id, err)
		}
		out.Keeps = append(out.Keeps, ref)
	}
	// Whoever wrote the version may have known the namespace as a binding only.
	var says map[string]json.RawMessage
	if err := json.Unmarshal(v.Meta, &says); err != nil || says == nil {
		return Version{}, p.invalidVersion(id, errors.New("it does not say of itself what it is"))
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
func (p *projectWorkers) read(ctx context.Context, id string) (json.RawMessage, error) {
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
		return nil, p.invalidVersion(id, err)
	}
	store, err := p.store(ctx)
	if err != nil {
		return nil, err
	}
	if b, err = store.Get(ctx, p.keys().Blob(ref)); err == nil && HashOf(b) != ref.Hash {
		err = p.invalidVersion(id, errDamaged)
	}
	return b, err
}

func (p *projectWorkers) parse(id string, b []byte) (*versionStamp, error) {
	var newer struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(b, &newer) == nil && newer.Format > projectFormat {
		return nil, fmt.Errorf("version %.100q of project %s was made by a newer kv-sync (format %d); update kv-sync", id, p.ID, newer.Format)
	}
	var v versionStamp
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, p.invalidVersion(id, err)
	}
	if v.Project != p.ID {
		return nil, p.invalidVersion(id, fmt.Errorf("it belongs to the project %.80q", v.Project))
	}
	return &v, nil
}

// invalidVersion is the error for a version that kv-sync did not write so. It names
// the key to delete: a version that is gone blocks nothing.
func (p *projectWorkers) invalidVersion(id string, cause error) error {
	p.mu.Lock()
	active := p.last.version() == id
	p.mu.Unlock()
	key, remedy := p.keys().Current(), "delete that key and deploy again: nothing is live between"
	if ref, err := ParseRef(id); err == nil && !active {
		key, remedy = p.keys().Blob(ref), "delete that key to go on without it"
	}
	return fmt.Errorf("version %.100q of project %s was not written by kv-sync: %w; it is stored in %s: %s", id, p.ID, cause, key, remedy)
}

// UploadVersion implements [Workers].
func (p *projectWorkers) UploadVersion(ctx context.Context, u Upload) (string, error) {
	v := projectVersion{Format: projectFormat, Project: p.ID}
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
		return "", fmt.Errorf("make a version of project %s: the upload names no namespace", p.ID)
	}
	p.mu.Lock()
	p.namespace = namespace
	p.mu.Unlock()

	nonce := newNonce(p.Now())
	servedRef, items := p.served(served, nonce)
	v.Served = servedRef.String()
	if v.Loader, err = loaderID(p.ID, v.Served, v.projectCode); err != nil {
		return "", err
	}
	b, err := marshalJSON(v)
	if err != nil {
		return "", fmt.Errorf("encode a version of project %s: %w", p.ID, err)
	}
	if len(b) > MaxValueBytes/2 { // it lies in KV by itself, and beside the activations
		return "", fmt.Errorf("the code of project %s takes %d bytes of KV, more than the %d that one value may hold of it; bundle less", p.ID, len(b), MaxValueBytes/2)
	}
	ref := Ref{Hash: HashOf(b), Nonce: nonce}
	items = append(items, value("the version", p.keys().Blob(ref), b))
	if err := runUpload(ctx, p.Account.Store(namespace), items, p.Upload); err != nil {
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
func (p *projectWorkers) served(b []byte, nonce Nonce) (Ref, []*item) {
	ref := Ref{Hash: HashOf(b), Nonce: nonce}
	p.mu.Lock()
	defer p.mu.Unlock()
	var active versionStamp
	if !p.distrust && json.Unmarshal(p.last.Version, &active) == nil {
		if old, err := ParseRef(active.Served); err == nil && old.Hash == ref.Hash {
			return old, nil
		}
	}
	return ref, []*item{value("the served manifest", p.keys().Blob(ref), b)}
}

// Activate implements [Workers]. KV has no precondition on a write either, so
// it looks first whether what was active when the caller last asked still is.
// Any answer but a plain no leaves open whether it was carried out.
func (p *projectWorkers) Activate(ctx context.Context, versions []Share, message string, _ bool) error {
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
		ID: newNonce(p.Now()).String(), Time: p.Now().UTC().Truncate(time.Millisecond), Version: versions[0].Version, Message: message, Author: p.Actor,
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
func (p *projectWorkers) PutScript(ctx context.Context, u Upload) error {
	id, err := p.UploadVersion(ctx, u)
	if err != nil {
		return err
	}
	return p.Activate(ctx, []Share{{Version: id, Percent: 100}}, u.Message, false)
}

// MigrationTag implements [Workers]: a project has no Durable Objects.
func (p *projectWorkers) MigrationTag(context.Context) (string, error) { return "", nil }

// PatchSettings implements [Workers]: a project has no settings.
func (p *projectWorkers) PatchSettings(context.Context, map[string]json.RawMessage) error { return nil }

// URL implements [Workers]: where a project is reachable, its loader decides.
func (p *projectWorkers) URL(context.Context) (string, error) { return "", nil }

// EnableURL implements [Workers].
func (p *projectWorkers) EnableURL(context.Context) error { return nil }

func (p *projectWorkers) keys() keys { return keys(projectPrefix + "/" + p.ID) }

// store is the namespace, or ErrNotFound where it does not exist yet.
func (p *projectWorkers) store(ctx context.Context) (Store, error) {
	p.mu.Lock()
	known := p.namespace
	p.mu.Unlock()
	if known == "" {
		found, err := p.FindNamespace(ctx)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.namespace, known = found, found
		p.mu.Unlock()
	}
	return p.Account.Store(known), nil
}
