package cloud_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// pages is a namespace whose listing has one key a page.
type pages struct {
	cloud.Store
	keys []string
}

func (p *pages) List(_ context.Context, prefix, cursor string) ([]cloud.KeyInfo, string, error) {
	rest := p.keys
	if cursor != "" {
		_, after, _ := strings.Cut(strings.Join(p.keys, " "), cursor+" ")
		rest = strings.Fields(after)
	}
	if len(rest) < 2 {
		return []cloud.KeyInfo{{Name: rest[0]}}, "", nil
	}
	return []cloud.KeyInfo{{Name: rest[0]}}, rest[0], nil
}

// EachKey follows the cursor to the end of a listing.
func ExampleEachKey() {
	namespace := &pages{keys: []string{"blog/b/1", "blog/b/2", "blog/d/1"}}
	err := cloud.EachKey(context.Background(), namespace, "blog/", func(k cloud.KeyInfo) error {
		fmt.Println(k.Name)
		return nil
	})
	fmt.Println(err)
	// Output:
	// blog/b/1
	// blog/b/2
	// blog/d/1
	// <nil>
}
