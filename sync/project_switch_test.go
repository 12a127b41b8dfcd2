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

// lagging is a KV in which the write of what is active happens or does not happen, while its answer
// is lost or is a refusal. Reads return the old value for the whole test.
type lagging struct {
	memoryKV
	old, written []byte
	answer       error
}

func (l *lagging) Store(string) cloud.Store { return l }

func (l *lagging) Put(ctx context.Context, key string, value []byte) error {
	if key != "project/shop/current" {
		return l.memoryKV.Put(ctx, key, value)
	}
	l.written = bytes.Clone(value)
	return l.answer
}

func (l *lagging) Get(ctx context.Context, key string) ([]byte, error) {
	if key != "project/shop/current" {
		return l.memoryKV.Get(ctx, key)
	}
	if l.old == nil {
		return nil, cloud.ErrNotFound
	}
	return l.old, nil
}

// KV may show a write only after a minute or more. If the answer to the switch is lost, an old
// value does not prove that the switch did not happen. A refusal does.
func TestProjectSwitchIsNotKnown(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		for answer, unknown := range map[error]bool{errors.New("the connection broke"): true, cloud.ErrRefused: false,
			cloud.ErrQuota: false} {
			kv := &lagging{memoryKV: memoryKV{}, answer: answer}
			if !first {
				kv.memoryKV = deployedTwice(t)
				kv.old = kv.memoryKV["project/shop/current"]
			}
			e, err := New(site.Config{Project: "shop", Namespace: "ns", Account: kv})
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.Deploy(t.Context(), textSource(kv.memoryKV, "three"), cloud.Worker{}, plan.Options{})
			if kv.written == nil || !errors.Is(err, cloud.ErrUnknown) == unknown || !unknown && !errors.Is(err, answer) {
				t.Errorf("first: %v, the answer %q: %v", first, answer, err)
			}
		}
	}
}
