package upload

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// bulk is a store that records the lifetimes in a bulk write.
type bulk struct {
	cloud.Store
	lives map[string]int
}

func (b *bulk) PutBulk(_ context.Context, body []byte, _ int) ([]string, error) {
	var pairs []struct {
		Key string
		TTL int `json:"expiration_ttl"`
	}
	if err := json.Unmarshal(body, &pairs); err != nil {
		return nil, err
	}
	for _, p := range pairs {
		b.lives[p.Key] = p.TTL
	}
	return nil, nil
}

func (b *bulk) Put(context.Context, string, []byte) error {
	return errors.New("a raw body has no lifetime")
}

// A value with a TTL is never sent as a raw body, because a raw body has no lifetime. For
// example, the receipt of a large site is larger than rawMin.
func TestKeysWithALifetime(t *testing.T) {
	t.Parallel()
	o := Options{Parallel: 2, Memory: 64 << 20, Budget: NewBudget()}
	s := &bulk{lives: make(map[string]int)}
	large, small := Value("large", "large", make([]byte, 9<<20)), Value("small", "small", []byte("x"))
	large.TTL = 12 * time.Hour
	if err := Run(t.Context(), s, []*Item{large, small}, o); err != nil {
		t.Fatal(err)
	}
	if len(s.lives) != 2 || s.lives["large"] != 12*60*60 || s.lives["small"] != 0 {
		t.Errorf("the lifetimes are %v", s.lives)
	}
}
