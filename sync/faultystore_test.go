package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// pathnameManifest is project/{id}/manifest, as handleAssetRequest reads it.
type pathnameManifest map[string]struct {
	ContentType string   `json:"contentType"`
	ETag        string   `json:"etag"`
	Unsettled   []string `json:"unsettled"`
}

// storeFault is a fault of one request to a store.
type storeFault int

const (
	none       storeFault = iota
	refused               // nothing of it is carried out
	halfDone              // some of its keys are, and the reply is lost
	replyLost             // all of it is, and the reply is lost
	someLeft              // some keys are left out, and the reply says so
	deadBefore            // nothing of it is carried out, nor of any later one
	deadAfter             // it is carried out, and nothing later is
)

// faultyStore is a namespace in memory whose requests can fail. After each write it checks that the
// manifest is true.
type faultyStore struct {
	mu     sync.Mutex
	values map[string]string
	fault  func() storeFault
	dead   bool
	reads  int
	writes int
	last   map[string]time.Time // of each key's writes by this run
	broken []string
}

var errInjected = errors.New("an injected fault")

// act carries out a request with these keys, as far as its fault permits.
func (s *faultyStore) act(keys []string, do func(key string)) (left []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.dead {
		return nil, errInjected
	}
	what := s.fault()
	s.dead = what == deadBefore || what == deadAfter
	for i, key := range keys {
		if what == refused || what == deadBefore || what == halfDone && i%2 == 0 {
			continue
		}
		if what == someLeft && i%2 == 0 && len(keys) > 1 {
			left = append(left, key)
			continue
		}
		do(key)
		if time.Since(s.last[key]) < time.Second {
			s.broken = append(s.broken, key+" is written twice within a second")
		}
		s.last[key] = time.Now()
	}
	s.check()
	if what == none || what == someLeft {
		return left, nil
	}
	return nil, errInjected
}

// check checks that everything the manifest names exists, and has the named hash unless it is
// unsettled. An unsettled file must have a new ETag, so that no cache takes an old copy for the
// file that is being written.
func (s *faultyStore) check() {
	var m pathnameManifest
	_ = json.Unmarshal([]byte(s.values["project/shop/manifest"]), &m) // absent at first
	etags := map[string]int{}
	for _, e := range m {
		etags[e.ETag]++
	}
	for path, e := range m {
		value, there := s.values["project/shop/assets"+path]
		switch unsettled := slices.Contains(m["kv-sync"].Unsettled, path); {
		case !strings.HasPrefix(path, "/"):
		case !there:
			s.broken = append(s.broken, path+" is named and not there")
		case unsettled && (len(e.ETag) == 64 || etags[e.ETag] > 1):
			s.broken = append(s.broken, path+" is being written under the ETag "+e.ETag)
		case !unsettled && manifest.HashOf([]byte(value)).String() != e.ETag:
			s.broken = append(s.broken, path+" is not what the manifest says")
		}
	}
}

func (s *faultyStore) PutBulk(_ context.Context, body []byte, _ int) ([]string, error) {
	var pairs []struct {
		Key   string
		Value []byte
	}
	if err := json.Unmarshal(body, &pairs); err != nil {
		return nil, err
	}
	values := map[string]string{}
	var keys []string
	for _, p := range pairs {
		values[p.Key] = string(p.Value)
		keys = append(keys, p.Key)
	}
	return s.act(keys, func(key string) { s.values[key] = values[key] })
}

func (s *faultyStore) Put(_ context.Context, key string, value []byte) error {
	_, err := s.act([]string{key}, func(key string) { s.values[key] = string(value) })
	return err
}

func (s *faultyStore) DeleteBulk(_ context.Context, keys []string) ([]string, error) {
	return s.act(keys, func(key string) { delete(s.values, key) })
}

func (s *faultyStore) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if v, ok := s.values[key]; ok {
		return []byte(v), nil
	}
	return nil, cloud.ErrNotFound
}

func (s *faultyStore) List(_ context.Context, prefix, _ string) (page []cloud.KeyInfo, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		if strings.HasPrefix(name, prefix) {
			page = append(page, cloud.KeyInfo{Name: name})
		}
	}
	return page, "", nil
}

// faultyAccount is an account with one namespace.
type faultyAccount struct{ *faultyStore }

func (f faultyAccount) Time() (time.Time, bool)                                 { return time.Now(), true }
func (f faultyAccount) FindNamespace(context.Context, string) (string, error)   { return "ns", nil }
func (f faultyAccount) CreateNamespace(context.Context, string) (string, error) { return "ns", nil }
func (f faultyAccount) Store(string) cloud.Store                                { return f.faultyStore }
func (f faultyAccount) Workers(string) cloud.Workers                            { return nil }

// neighbours are keys that a deploy of the project "shop" must not touch.
var neighbours = map[string]string{
	"project/shop/current": "{}", "project/shop/b/x": "blob", "project/shop/assetsx": "?",
	"project/shop2/manifest": "{}", "project/shop2/assets/a": "theirs", "project/sho/assets/a": "theirs",
	"blog/b/x": "blob",
}

func newFaultyStore() *faultyStore {
	return &faultyStore{values: maps.Clone(neighbours), fault: func() storeFault { return none }}
}

func (s *faultyStore) engine(t *testing.T) *kvsync.Engine {
	s.last = map[string]time.Time{}
	e, err := kvsync.New(site.Config{Project: "shop", Layout: "pathname", Account: faultyAccount{s}, Namespace: "ns"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wantProject fails unless the project has exactly these files and no other key was changed.
func (s *faultyStore) wantProject(t *testing.T, want files) {
	t.Helper()
	values := maps.Clone(neighbours)
	wanted := pathnameManifest{}
	for path, body := range want {
		values["project/shop/assets"+path] = body
		e := wanted[path]
		e.ContentType, e.ETag = "text/plain; charset=utf-8", manifest.HashOf([]byte(body)).String()
		wanted[path] = e
	}
	var got pathnameManifest
	if err := json.Unmarshal([]byte(s.values["project/shop/manifest"]), &got); err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(got, wanted, func(a, b struct {
		ContentType string   `json:"contentType"`
		ETag        string   `json:"etag"`
		Unsettled   []string `json:"unsettled"`
	}) bool {
		return a.ContentType == b.ContentType && a.ETag == b.ETag && a.Unsettled == nil
	}) {
		t.Fatalf("the manifest is %v, want %v", got, wanted)
	}
	values["project/shop/manifest"] = s.values["project/shop/manifest"]
	if !maps.Equal(s.values, values) {
		t.Fatalf("there is %v, want %v", keysOf(s.values), keysOf(values))
	}
}
