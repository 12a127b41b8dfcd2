package app

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
)

// The flag and the input rehash reach the source.
func TestRehash(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "false": false, "": false} {
		s := &Site{settings: &config.Settings{}}
		s.in.Give(options.Values{options.Rehash: value})
		if got := s.sourceOptions("folder").Rehash; got != want {
			t.Errorf("with %q it is %v", value, got)
		}
	}
}
