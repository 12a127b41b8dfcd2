package pointers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// readings is a namespace that counts how it is read. Every odd project exists.
type readings struct {
	cloud.Store
	refuses      bool
	single, bulk int
}

func (r *readings) value(key string) []byte {
	var n int
	if _, err := fmt.Sscanf(key, "project/p%d/current", &n); err != nil || n%2 == 0 {
		return nil
	}
	return []byte(key)
}

func (r *readings) Get(_ context.Context, key string) ([]byte, error) {
	r.single++
	if v := r.value(key); v != nil {
		return v, nil
	}
	return nil, cloud.ErrNotFound
}

func (r *readings) GetBulk(_ context.Context, keys []string) (map[string][]byte, error) {
	r.bulk++
	if r.refuses {
		return nil, fmt.Errorf("too many bytes: %w", cloud.ErrRefused)
	}
	if len(keys) > cloud.MaxBulkReads {
		return nil, fmt.Errorf("%d keys", len(keys))
	}
	out := map[string][]byte{}
	for _, key := range keys {
		if v := r.value(key); v != nil {
			out[key] = v
		}
	}
	return out, nil
}

// What is live of many projects costs a hundredth of the requests. It is never older than
// fresh, and a second read of it is one of its own.
func TestPointersAreReadAlong(t *testing.T) {
	for name, tt := range map[string]struct {
		projects     int
		pause        time.Duration // between two projects
		refuses      bool
		again        bool
		single, bulk int
	}{
		"many":               {projects: 250, bulk: 3},
		"one":                {projects: 1, single: 1},
		"each twice":         {projects: 250, again: true, bulk: 3, single: 250},
		"slow ones":          {projects: 4, pause: fresh + 1, bulk: 3, single: 1},
		"too large together": {projects: 250, refuses: true, bulk: 1, single: 250},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ids []string
				for i := range tt.projects {
					ids = append(ids, fmt.Sprintf("p%d", i))
				}
				r := &readings{refuses: tt.refuses}
				answered := 0
				s := New(ids).In(r, "space", func() { answered++ })
				reads := 1
				if tt.again {
					reads = 2
				}
				for _, id := range ids {
					for range reads {
						key := "project/" + id + "/current"
						value, err := s.Get(t.Context(), key)
						want := r.value(key)
						if string(value) != string(want) || (want == nil) != errors.Is(err, cloud.ErrNotFound) {
							t.Errorf("%s: got %q, %v", key, value, err)
						}
					}
					time.Sleep(tt.pause)
				}
				if refused := tt.refuses || tt.bulk == 0; refused != (answered == 0) {
					t.Errorf("%d answers were reported", answered)
				}
				if r.single != tt.single || r.bulk != tt.bulk {
					t.Errorf("%d single and %d bulk reads, want %d and %d", r.single, r.bulk, tt.single, tt.bulk)
				}
			})
		})
	}
}

// Another namespace of the same run has projects of its own.
func TestPointersOfTwoNamespaces(t *testing.T) {
	p := New([]string{"p1", "p3", "p5"})
	one, two := &readings{}, &readings{}
	for _, id := range []string{"p1", "p3"} {
		for _, r := range []*readings{one, two} {
			s := p.In(r, fmt.Sprintf("%p", r), func() {})
			if _, err := s.Get(t.Context(), "project/"+id+"/current"); err != nil {
				t.Error(err)
			}
		}
	}
	if one.bulk == 0 || two.bulk == 0 {
		t.Errorf("%d and %d bulk reads: one namespace answered for the other", one.bulk, two.bulk)
	}
}
