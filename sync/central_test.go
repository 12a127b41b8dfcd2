package kvsync_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// central is an account with one script and one namespace, whose state is in one place. Each
// request of an actor waits for its turn, in an order that a seed decides.
type central struct {
	mu sync.Mutex // also of all below

	kv          map[string][]byte
	versions    map[string]*centralVersion
	uploaded    []string // the ids of versions, oldest first
	activations []cloud.Activation
	listed      int // how many activations the API lists

	waiting []*request
	// intercept may replace what a request does. It is nil without faults.
	intercept func(actor, kind string, do func() error) error
}

type centralVersion struct {
	cloud.Version
	number  int
	secrets map[string]string
}

// request is a request that waits for its turn.
type request struct {
	actor, kind string
	go_         chan struct{}
}

func newCentral() *central {
	return &central{kv: make(map[string][]byte), versions: make(map[string]*centralVersion), listed: 10}
}

// run gives the waiting requests their turns until all actors are done. Actors have
// different speeds.
func (c *central) run(random *rand.Rand, actors map[string]func()) {
	var working sync.WaitGroup
	speed := make(map[string]int)
	for _, name := range slices.Sorted(maps.Keys(actors)) {
		speed[name] = 1 + random.IntN(8)
		working.Go(func() {
			c.turn(name, "begin")
			actors[name]()
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	for {
		synctest.Wait()
		select {
		case <-done:
			return
		default:
		}
		if next := c.pick(random, speed); next != nil {
			close(next.go_)
		} else {
			time.Sleep(time.Millisecond) // somebody waits for a while
		}
	}
}

func (c *central) pick(random *rand.Rand, speed map[string]int) *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.waiting, func(a, b *request) int {
		return cmp.Or(strings.Compare(a.actor, b.actor), strings.Compare(a.kind, b.kind))
	})
	total := 0
	for _, r := range c.waiting {
		total += speed[r.actor]
	}
	if total == 0 {
		return nil
	}
	at := random.IntN(total)
	for i, r := range c.waiting {
		if at -= speed[r.actor]; at < 0 {
			c.waiting = slices.Delete(c.waiting, i, i+1)
			return r
		}
	}
	return nil
}

// turn waits for the request's turn. A request without an actor does not wait.
func (c *central) turn(actor, kind string) {
	if actor == "" {
		return
	}
	r := &request{actor, kind, make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, r)
	c.mu.Unlock()
	<-r.go_
}

// as returns the account as seen by one actor. For "" requests do not wait.
func (c *central) as(actor string) cloud.Account { return &centralAccount{c, actor} }

type centralAccount struct {
	*central
	actor string
}

// request carries out a request in its turn.
func (a *centralAccount) request(ctx context.Context, kind string, do func() error) error {
	a.turn(a.actor, kind)
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.intercept != nil {
		return a.intercept(a.actor, kind, do)
	}
	return do()
}

func (a *centralAccount) FindNamespace(ctx context.Context, _ string) (string, error) {
	return "space", a.request(ctx, "find namespace", func() error { return nil })
}

func (a *centralAccount) CreateNamespace(ctx context.Context, title string) (string, error) {
	return a.FindNamespace(ctx, title)
}
func (a *centralAccount) Store(string) cloud.Store     { return (*centralStore)(a) }
func (a *centralAccount) Workers(string) cloud.Workers { return (*centralWorkers)(a) }

type centralStore centralAccount

func (s *centralStore) request(ctx context.Context, kind string, do func() error) error {
	return (*centralAccount)(s).request(ctx, kind, do)
}

func (s *centralStore) PutBulk(ctx context.Context, body []byte, _ int) ([]string, error) {
	return nil, s.request(ctx, "kv.bulk.put", func() error {
		var pairs []struct {
			Key, Value string
			Base64     bool
		}
		if err := json.Unmarshal(body, &pairs); err != nil {
			return err
		}
		for _, p := range pairs {
			value := []byte(p.Value)
			if p.Base64 {
				if err := json.Unmarshal(cloud.JSONString(p.Value), &value); err != nil {
					return err
				}
			}
			s.kv[p.Key] = value
		}
		return nil
	})
}

func (s *centralStore) Put(ctx context.Context, key string, value []byte) error {
	return s.request(ctx, "kv.put "+key, func() error { s.kv[key] = slices.Clone(value); return nil })
}

func (s *centralStore) Get(ctx context.Context, key string) (value []byte, err error) {
	err = s.request(ctx, "kv.get "+key, func() error {
		var ok bool
		if value, ok = s.kv[key]; !ok {
			return cloud.ErrNotFound
		}
		return nil
	})
	return value, err
}

func (s *centralStore) List(ctx context.Context, prefix, _ string) (page []cloud.KeyInfo, _ string, err error) {
	err = s.request(ctx, "kv.list "+prefix, func() error {
		for _, k := range slices.Sorted(maps.Keys(s.kv)) {
			if strings.HasPrefix(k, prefix) {
				page = append(page, cloud.KeyInfo{Name: k})
			}
		}
		return nil
	})
	return page, "", err
}

func (s *centralStore) DeleteBulk(ctx context.Context, keys []string) ([]string, error) {
	return nil, s.request(ctx, "kv.bulk.delete", func() error {
		for _, k := range keys {
			delete(s.kv, k)
		}
		return nil
	})
}

type centralWorkers centralAccount

func (w *centralWorkers) request(ctx context.Context, kind string, do func() error) error {
	return (*centralAccount)(w).request(ctx, kind, do)
}

func (w *centralWorkers) Activations(ctx context.Context) (list []cloud.Activation, err error) {
	err = w.request(ctx, "look", func() error {
		if len(w.activations) == 0 {
			return cloud.ErrNotFound
		}
		list = slices.Clone(w.activations[:min(len(w.activations), w.listed)])
		return nil
	})
	return list, err
}

func (w *centralWorkers) Version(ctx context.Context, id string) (v cloud.Version, err error) {
	err = w.request(ctx, "version "+id, func() error {
		known, ok := w.versions[id]
		if !ok {
			return cloud.ErrNotFound
		}
		v = known.Version
		return nil
	})
	return v, err
}

func (w *centralWorkers) UploadVersion(ctx context.Context, u cloud.Upload) (id string, err error) {
	err = w.request(ctx, "upload version", func() error { id = w.upload(u); return nil })
	return id, err
}

// upload adds a version; mu is held.
func (w *centralWorkers) upload(u cloud.Upload) string {
	v := &centralVersion{number: len(w.uploaded) + 1, secrets: make(map[string]string)}
	v.ID, v.Created = fmt.Sprintf("version-%d", v.number), time.Now()
	for _, b := range u.Bindings {
		if b.Type == "inherit" {
			var from string
			_ = json.Unmarshal(b.Fields["version_id"], &from)
			for _, old := range w.versions[from].Bindings {
				if old.Name == b.Name {
					b = old
				}
			}
			if secret, ok := w.versions[from].secrets[b.Name]; ok {
				v.secrets[b.Name] = secret
			}
		}
		v.Bindings = append(v.Bindings, b)
	}
	w.versions[v.ID], w.uploaded = v, append(w.uploaded, v.ID)
	return v.ID
}

func (w *centralWorkers) MigrationTag(context.Context) (string, error) { return "", nil }

func (w *centralWorkers) Activate(ctx context.Context, versions []cloud.Share, message string, force bool) error {
	return w.request(ctx, "activate", func() error {
		next, ok := w.versions[versions[0].Version]
		if !ok {
			return errors.New("there is no such version")
		}
		if now := w.versions[w.activations[0].Main()]; !force && next.number < now.number &&
			!maps.Equal(next.secrets, now.secrets) {
			return cloud.ErrSecretChanged
		}
		w.activate(versions, message)
		return nil
	})
}

// activate adds an activation; mu is held.
func (w *centralWorkers) activate(versions []cloud.Share, message string) {
	a := cloud.Activation{ID: fmt.Sprintf("activation-%d", len(w.activations)+1), Created: time.Now(), Versions: versions,
		Message: message}
	w.activations = slices.Insert(w.activations, 0, a)
}

func (w *centralWorkers) PutScript(ctx context.Context, u cloud.Upload) error {
	return w.request(ctx, "put script", func() error {
		w.activate([]cloud.Share{{Version: w.upload(u), Percent: 100}}, u.Message)
		return nil
	})
}

// errNotDeployed is Cloudflare's answer to a change of a secret while the newest version
// is not active.
var errNotDeployed = errors.New("10215: the latest version is not currently deployed")

// setSecret changes a secret as another tool does.
func (w *centralWorkers) setSecret(ctx context.Context, name, value string) error {
	return w.request(ctx, "secret", func() error {
		now := w.versions[w.activations[0].Main()]
		if now.number != len(w.uploaded) {
			return errNotDeployed
		}
		w.activate([]cloud.Share{{Version: w.edited(now, name, value), Percent: 100}}, "")
		return nil
	})
}

// edited adds a version with a changed secret. mu is held.
func (w *centralWorkers) edited(from *centralVersion, name, value string) string {
	v := &centralVersion{Version: from.Version, number: len(w.uploaded) + 1, secrets: maps.Clone(from.secrets)}
	v.ID, v.Created = fmt.Sprintf("version-%d", v.number), time.Now()
	v.secrets[name] = value
	v.Bindings = append(slices.DeleteFunc(slices.Clone(v.Bindings), func(b cloud.Binding) bool { return b.Name == name }),
		cloud.Binding{Name: name, Type: "secret_text"})
	w.versions[v.ID], w.uploaded = v, append(w.uploaded, v.ID)
	return v.ID
}

func (w *centralWorkers) PatchSettings(ctx context.Context, _ map[string]json.RawMessage) error {
	return w.request(ctx, "settings", func() error { return nil })
}

func (w *centralWorkers) URL(context.Context) (string, error) {
	return "https://blog.example.workers.dev", nil
}

func (w *centralWorkers) URLEnabled(context.Context) (bool, error) { return true, nil }

func (w *centralWorkers) EnableURL(ctx context.Context) error {
	return w.request(ctx, "address", func() error { return nil })
}

func (a *centralAccount) Time() (time.Time, bool) { return time.Now(), true }

func (w *centralWorkers) Delete(context.Context) error { return errors.New("not part of a round") }
