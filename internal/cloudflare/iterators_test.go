package cloudflare_test

import (
	"fmt"
	"testing"

	"github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/shared"
	"github.com/cloudflare/cloudflare-go/v7/workers"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// The iterators of the Go SDK return each element of a list once, over several pages, and end.
func TestGoSDKIterators(t *testing.T) {
	t.Parallel()
	const elements = 45
	f := platformtest.Start(t)
	client := cloudflare.NewClient(option.WithBaseURL(f.BaseURL), option.WithAPIToken(f.Token), option.WithMaxRetries(0))
	account := cloudflare.F(f.AccountID)

	for i := range elements {
		if _, err := client.KV.Namespaces.New(t.Context(), kv.NamespaceNewParams{AccountID: account,
			Title: cloudflare.F(fmt.Sprintf("space-%02d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	namespaces := client.KV.Namespaces.ListAutoPaging(t.Context(), kv.NamespaceListParams{AccountID: account})
	ids := all(t, namespaces, func(n kv.Namespace) string { return n.ID })
	if len(ids) != elements {
		t.Fatalf("%d namespaces, want %d", len(ids), elements)
	}

	for i := range elements {
		if _, err := client.KV.Namespaces.Values.Update(t.Context(), ids[0], fmt.Sprintf("key-%02d", i),
			kv.NamespaceValueUpdateParams{AccountID: account, Value: cloudflare.F[kv.NamespaceValueUpdateParamsValueUnion](
				shared.UnionString("v"))}); err != nil {
			t.Fatal(err)
		}
	}
	keys := client.KV.Namespaces.Keys.ListAutoPaging(t.Context(), ids[0], kv.NamespaceKeyListParams{AccountID: account,
		Limit: cloudflare.F(10.0)})
	if names := all(t, keys, func(k kv.Key) string { return k.Name }); len(names) != elements {
		t.Errorf("%d keys, want %d", len(names), elements)
	}

	scripts := client.Workers.Scripts.ListAutoPaging(t.Context(), workers.ScriptListParams{AccountID: account})
	if names := all(t, scripts, func(s workers.ScriptListResponse) string { return s.ID }); len(names) != 0 {
		t.Errorf("scripts %v, want none", names)
	}
}

// iterator is an iterator of the SDK.
type iterator[T any] interface {
	Next() bool
	Current() T
	Err() error
}

// all returns what identifies the elements. No element may come twice.
func all[T any](t *testing.T, it iterator[T], id func(T) string) (list []string) {
	t.Helper()
	seen := map[string]bool{}
	for it.Next() {
		name := id(it.Current())
		if seen[name] {
			t.Fatalf("%T returns %s twice", it, name)
		}
		seen[name] = true
		list = append(list, name)
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
