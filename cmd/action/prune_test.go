package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
)

// A dry run of a prune deletes no keys.
func TestDryPruneDeletesNothing(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
	r.job(commit, nil, nil).want(t, 0)
	account, err := cloudflare.New(cloudflare.Options{Token: r.platform.Token, AccountID: r.platform.AccountID,
		BaseURL: r.platform.BaseURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(account.Close)
	id, err := account.FindNamespace(t.Context(), "kv-sync")
	if err != nil {
		t.Fatal(err)
	}
	// A blob of a deploy that failed two days ago.
	left := fmt.Sprintf("site/b/%s.%08x%08x", strings.Repeat("ab", 32), time.Now().Add(-48*time.Hour).Unix(), 1)
	store := account.Store(id)
	if err := store.Put(t.Context(), left, []byte("x")); err != nil {
		t.Fatal(err)
	}
	keys := func() int {
		t.Helper()
		page, next, err := store.List(t.Context(), left, "")
		if err != nil || next != "" {
			t.Fatal(next, err)
		}
		return len(page)
	}
	r.job(commit, map[string]string{"mode": "prune", "dry-run": "true"}, nil).want(t, 0, "1 keys would be deleted")
	if keys() != 1 {
		t.Error("a dry run deleted a key")
	}
	r.job(commit, map[string]string{"mode": "prune"}, nil).want(t, 0, "1 keys were deleted")
	if keys() != 0 {
		t.Error("a prune left the key")
	}
}
