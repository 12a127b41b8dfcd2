package project

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/upload"
)

const (
	// Format is that of the versions, and of a pointer without an incarnation.
	Format = 1
	// IncarnatedFormat is the format version of a pointer with an incarnation. Earlier
	// releases do not know incarnations and must not read it: they would look for the
	// wrong keys.
	IncarnatedFormat = 2
	// MaxActivations limits the history in the pointer.
	MaxActivations = 100
)

// Config says which project is deployed, and how.
type Config struct {
	// ID is the project's id.
	ID      string
	Account cloud.Account
	// Actor is recorded in the activation as the person who deploys; may be "".
	Actor string
	Now   func() time.Time
	// FindNamespace returns the id of the namespace, or an error that wraps
	// ErrNotFound.
	FindNamespace func(context.Context) (string, error)
	// Upload configures how the values of a version are written.
	Upload upload.Options
}

// Workers implements [cloud.Workers] over a namespace.
type Workers struct {
	Config

	mu        sync.Mutex
	distrust  bool     // see Distrust
	mended    *Pointer // in place of one that cannot be read; see Distrust
	namespace string   // "" if it is not known yet
	last      Pointer
	made      map[string]json.RawMessage // versions that this run has uploaded, by id
}

var _ cloud.Workers = (*Workers)(nil)

// New returns the Workers of a project. It sends nothing.
func New(c Config) *Workers { return &Workers{Config: c} }

// versionStamp is the part of a version that this package reads: all but the code.
type versionStamp struct {
	Format  int             `json:"format"`
	Project string          `json:"project"`
	Served  string          `json:"served"`
	Meta    json.RawMessage `json:"kv_sync"`
}

// Activations implements [cloud.Workers]: one request, and one more if the namespace
// has to be found.
func (w *Workers) Activations(ctx context.Context) ([]cloud.Activation, error) {
	at, err := w.current(ctx)
	w.remember(at)
	if err != nil {
		return nil, err
	}
	out := make([]cloud.Activation, len(at.Activations))
	for i, a := range at.Activations {
		out[i] = cloud.Activation{
			ID: a.ID, Created: a.Time, Message: a.Message, Author: a.Author,
			Versions: []cloud.Share{{Version: a.Version, Percent: 100}},
		}
	}
	return out, nil
}

// current reads the pointer, or returns ErrNotFound. For a tombstone it returns both
// ErrNotFound and a pointer that only has the incarnation and the time of the deletion.
func (w *Workers) current(ctx context.Context) (at Pointer, err error) {
	store, err := w.store(ctx)
	if err != nil {
		return at, err
	}
	var absent error // ErrNotFound for a tombstone, which is a whole value
	at, err = cloud.ReadAs(ctx, store, w.pointerKey(), func(b []byte) (Pointer, error) {
		at, err := w.decode(b)
		if errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrNewer) {
			absent, err = err, nil
		}
		return at, err
	})
	if cloud.Undecodable(err) {
		return w.replaced(ctx, store, err)
	}
	return at, cmp.Or(err, absent)
}

// decode reads a pointer. It returns ErrNotFound for that of a deleted project.
func (w *Workers) decode(b []byte) (at Pointer, err error) {
	// Read the format first: the rest of a newer format is unknown.
	var newer struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(b, &newer) == nil && newer.Format > IncarnatedFormat {
		return at, fmt.Errorf("read the live version of project %s (format %d): %w", w.ID, newer.Format, manifest.ErrNewer)
	}
	err = json.Unmarshal(b, &at)
	if err == nil && !at.Deleted.IsZero() && !at.Incarnation.IsZero() {
		return Pointer{Incarnation: at.Incarnation, Deleted: at.Deleted}, fmt.Errorf("project %s was deleted: %w", w.ID,
			cloud.ErrNotFound)
	}
	if err != nil || len(at.Activations) == 0 || at.Format != formatOf(at.Incarnation) {
		return Pointer{}, finding.New(CaseRecordUnread, finding.Facts{Path: w.pointerKey()})
	}
	if ref, err := manifest.ParseRef(at.version()); err != nil || manifest.HashOf(at.Version) != ref.Hash {
		return Pointer{}, finding.New(CaseCurrentUnread, finding.Facts{
			Path: w.pointerKey(), What: fmt.Sprintf("%.100q", at.version()), Cause: manifest.ErrDamaged,
		})
	}
	if err := w.checkActive(at); err != nil {
		return Pointer{}, err
	}
	return at, nil
}

// Version implements [cloud.Workers]. It sends no request for the active version.
func (w *Workers) Version(ctx context.Context, id string) (cloud.Version, error) {
	b, err := w.read(ctx, id)
	if err != nil {
		return cloud.Version{}, err
	}
	return w.describe(id, b)
}

// describe returns what the bytes of a version say.
func (w *Workers) describe(id string, b []byte) (cloud.Version, error) {
	v, err := w.parse(id, b)
	if err != nil {
		return cloud.Version{}, err
	}
	w.mu.Lock()
	namespace := w.namespace
	w.mu.Unlock()
	out := cloud.Version{ID: id, Bindings: []cloud.Binding{
		binding(cloud.BindingBlobs, "kv_namespace", "namespace_id", cloud.JSONString(namespace)),
	}}
	for _, s := range []string{id, v.Served} {
		ref, err := manifest.ParseRef(s)
		if err != nil {
			return cloud.Version{}, w.invalidVersion(id, err)
		}
		out.Keeps = append(out.Keeps, ref)
	}
	// The TypeScript library writes no id of the namespace: it only has the binding.
	var says map[string]json.RawMessage
	if err := json.Unmarshal(v.Meta, &says); err != nil || says == nil {
		return cloud.Version{}, w.invalidVersion(id, errors.New("it has no description"))
	}
	says["namespace"] = cloud.JSONString(namespace)
	meta, err := json.Marshal(says)
	if err != nil {
		return cloud.Version{}, err
	}
	out.Bindings = append(out.Bindings, binding(cloud.BindingMeta, "json", "json", meta))
	return out, nil
}

func binding(name, kind, field string, value json.RawMessage) cloud.Binding {
	return cloud.Binding{Name: name, Type: kind, Fields: map[string]json.RawMessage{field: value}}
}

// read returns the bytes of a version.
func (w *Workers) read(ctx context.Context, id string) (json.RawMessage, error) {
	w.mu.Lock()
	b := w.made[id]
	if b == nil && w.last.version() == id {
		b = w.last.Version
	}
	w.mu.Unlock()
	if b != nil {
		return b, nil
	}
	ref, err := manifest.ParseRef(id)
	if err != nil {
		return nil, w.invalidVersion(id, err)
	}
	store, err := w.store(ctx)
	if err != nil {
		return nil, err
	}
	if b, err = cloud.ReadAs(ctx, store, w.Keys().Blob(ref), ref.Hash.Whole); errors.Is(err, manifest.ErrDamaged) {
		err = w.invalidVersion(id, err)
	}
	return b, err
}

func (w *Workers) parse(id string, b []byte) (*versionStamp, error) {
	var newer struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(b, &newer) == nil && newer.Format > Format {
		return nil, fmt.Errorf("read version %.100q of project %s (format %d): %w", id, w.ID, newer.Format, manifest.ErrNewer)
	}
	var v versionStamp
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, w.invalidVersion(id, err)
	}
	if v.Project != w.ID {
		return nil, w.invalidVersion(id, fmt.Errorf("it belongs to the project %.80q", v.Project))
	}
	return &v, nil
}

// invalidVersion returns the error for a version with content that kv-sync does not write.
// The error names the key, because a person may delete an earlier version that is invalid.
func (w *Workers) invalidVersion(id string, cause error) error {
	w.mu.Lock()
	active := w.last.version() == id
	w.mu.Unlock()
	c, key := CaseActiveUnread, w.pointerKey()
	if ref, err := manifest.ParseRef(id); err == nil && !active {
		c, key = CaseVersionUnread, w.Keys().Blob(ref)
	}
	return finding.New(c, finding.Facts{
		Site: "project " + w.ID, What: fmt.Sprintf("%.100q", id), Path: key, Cause: cause,
	})
}

// UploadVersion implements [cloud.Workers].
func (w *Workers) UploadVersion(ctx context.Context, u cloud.Upload) (string, error) {
	v := Version{Format: Format, Project: w.ID}
	var served []byte
	var err error
	if v.Code, served, err = codeOf(u.Worker); err != nil {
		return "", err
	}
	namespace := ""
	for _, b := range u.Bindings {
		switch b.Name {
		case cloud.BindingMeta:
			v.Meta = b.Fields["json"]
		case cloud.BindingBlobs:
			err = json.Unmarshal(b.Fields["namespace_id"], &namespace)
		}
	}
	if err != nil || namespace == "" {
		return "", fmt.Errorf("upload a version of project %s: the upload names no namespace", w.ID)
	}
	w.mu.Lock()
	w.namespace = namespace
	w.mu.Unlock()

	nonce := manifest.NewNonce(w.Now())
	servedRef, items := w.served(served, nonce)
	v.Served = servedRef.String()
	if v.Loader, err = LoaderID(w.ID, v.Served, v.Code); err != nil {
		return "", err
	}
	b, err := manifest.EncodeJSON(v)
	if err != nil {
		return "", fmt.Errorf("encode a version of project %s: %w", w.ID, err)
	}
	ref := manifest.Ref{Hash: manifest.HashOf(b), Nonce: nonce}
	items = append(items, upload.Value("the version", w.Keys().Blob(ref), b))
	if err := upload.Run(ctx, w.Account.Store(namespace), items, w.Upload); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.made == nil {
		w.made = make(map[string]json.RawMessage)
	}
	w.made[ref.String()] = b
	return ref.String(), nil
}

// served returns the blob of a served manifest. If the active version has an equal
// manifest, it is that blob, so that equal content keeps its loader id. Otherwise it is a
// new blob, with the item that writes it.
func (w *Workers) served(b []byte, nonce manifest.Nonce) (manifest.Ref, []*upload.Item) {
	ref, keys := manifest.Ref{Hash: manifest.HashOf(b), Nonce: nonce}, w.Keys()
	w.mu.Lock()
	defer w.mu.Unlock()
	var active versionStamp
	if !w.distrust && json.Unmarshal(w.last.Version, &active) == nil {
		if old, err := manifest.ParseRef(active.Served); err == nil && old.Hash == ref.Hash {
			return old, nil
		}
	}
	return ref, []*upload.Item{upload.Value("the served manifest", keys.Blob(ref), b)}
}

// slowRead is the longest time that the read before a switch may take. The caller has checked
// that its blobs are younger than half of the grace period, which is 10 minutes at least.
const slowRead = 5 * time.Minute

// Activate implements [cloud.Workers]. KV has no conditional write, so Activate first
// checks that the version that was active at the caller's last call of Activations still
// is. If that check fails, the error wraps [cloud.ErrUnsent]. After any other error except
// a refusal the write may have happened.
func (w *Workers) Activate(ctx context.Context, versions []cloud.Share, message string, _ bool) error {
	if len(versions) != 1 {
		return errors.New("the traffic of a project cannot be split")
	}
	b, err := w.read(ctx, versions[0].Version)
	if err != nil {
		return fmt.Errorf("%w: read version %s: %w", cloud.ErrUnsent, versions[0].Version, err)
	}
	store, err := w.store(ctx)
	if err != nil {
		return err
	}
	asked := w.Now()
	now, err := w.current(ctx)
	if err != nil && !errors.Is(err, cloud.ErrNotFound) {
		return fmt.Errorf("%w: read what is live: %w", cloud.ErrUnsent, err)
	}
	w.mu.Lock()
	before, made := w.last, w.made[versions[0].Version] != nil
	w.mu.Unlock()
	if made && w.Now().Sub(asked) >= slowRead {
		return cloud.ErrOvertaken // the caller checks again whether its blobs may still be used
	}
	if now.active() != before.active() || now.Incarnation != before.Incarnation {
		return cloud.ErrOvertaken
	}
	format := formatOf(now.Incarnation)
	next := Pointer{Format: format, Incarnation: now.Incarnation, Version: b, Activations: append([]Activation{{
		ID: manifest.NewNonce(w.Now()).String(), Time: w.Now().UTC().Truncate(time.Millisecond),
		Version: versions[0].Version, Message: message, Author: w.Actor,
	}}, now.Activations[:min(len(now.Activations), MaxActivations-1)]...)}
	value, err := manifest.EncodeJSON(next)
	if err != nil {
		return fmt.Errorf("encode %s: %w", w.pointerKey(), err)
	}
	err = store.Put(ctx, w.pointerKey(), value)
	if err == nil || errors.Is(err, cloud.ErrQuota) || errors.Is(err, cloud.ErrRefused) {
		return err
	}
	return fmt.Errorf("%w: %w", cloud.ErrUnknown, err)
}

// PutScript implements [cloud.Workers].
func (w *Workers) PutScript(ctx context.Context, u cloud.Upload) error {
	id, err := w.UploadVersion(ctx, u)
	if err != nil {
		return err
	}
	return w.Activate(ctx, []cloud.Share{{Version: id, Percent: 100}}, u.Message, false)
}

// MigrationTag implements [cloud.Workers]: a project has no Durable Objects.
func (w *Workers) MigrationTag(context.Context) (string, error) { return "", nil }

// PatchSettings implements [cloud.Workers]: a project has no settings.
func (w *Workers) PatchSettings(context.Context, map[string]json.RawMessage) error { return nil }

// URL implements [cloud.Workers]: a project has the address that its loader gives it.
func (w *Workers) URL(context.Context) (string, error) { return "", nil }

// URLEnabled implements [cloud.Workers].
func (w *Workers) URLEnabled(context.Context) (bool, error) { return false, nil }

// EnableURL implements [cloud.Workers].
func (w *Workers) EnableURL(context.Context) error { return nil }

// Keys returns the keys of the project's incarnation as of the last call of Activations
// or Delete.
func (w *Workers) Keys() manifest.Keys {
	w.mu.Lock()
	defer w.mu.Unlock()
	return manifest.ProjectKeys(w.ID, w.last.Incarnation)
}

// store returns the namespace, or ErrNotFound if it does not exist yet.
func (w *Workers) store(ctx context.Context) (cloud.Store, error) {
	w.mu.Lock()
	known := w.namespace
	w.mu.Unlock()
	if known == "" {
		var err error
		if known, err = w.FindNamespace(ctx); err != nil {
			return nil, err
		}
		w.mu.Lock()
		w.namespace = known
		w.mu.Unlock()
	}
	return w.Account.Store(known), nil
}
