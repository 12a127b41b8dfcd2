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

// failing is a KV that at first does not have the record of what is active, and then fails to read
// it.
type failing struct {
	memoryKV
	asked bool
}

func (f *failing) Store(string) cloud.Store { return f }

func (f *failing) Get(ctx context.Context, key string) ([]byte, error) {
	if key != "project/shop/current" {
		return f.memoryKV.Get(ctx, key)
	}
	if !f.asked {
		f.asked = true
		return nil, cloud.ErrNotFound
	}
	return nil, errors.New("the connection broke")
}

// A switch of a project first reads what is active. If that fails, it writes nothing, because the
// list of what was live would be lost.
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
