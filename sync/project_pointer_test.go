package kvsync

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// failing is a KV that does not show what is active at first, and then fails to
// give it.
type failing struct {
	memoryKV
	asked bool
}

func (kv *failing) Store(string) cloud.Store { return kv }

func (kv *failing) Get(ctx context.Context, key string) ([]byte, error) {
	if key != "project/shop/current" {
		return kv.memoryKV.Get(ctx, key)
	}
	if !kv.asked {
		kv.asked = true
		return nil, cloud.ErrNotFound
	}
	return nil, errors.New("the connection broke")
}

// A switch of a project looks at what is active first. Where that cannot be read
// it writes nothing: the list of what was live would be lost.
func TestProjectSwitchNeedsThePointer(t *testing.T) {
	t.Parallel()
	kv := &failing{memoryKV: deployedTwice(t)}
	before := bytes.Clone(kv.memoryKV["project/shop/current"])
	e, err := New(site.Config{Project: "shop", Namespace: "ns", Account: kv})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Deploy(t.Context(), textSource(kv.memoryKV, "three"), cloud.Worker{}, plan.Options{}); err == nil {
		t.Error("it was deployed")
	}
	if !bytes.Equal(before, kv.memoryKV["project/shop/current"]) {
		t.Error("what is active was written over")
	}
}
