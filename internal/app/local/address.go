package local

import (
	"strings"

	"github.com/kv-sync/kv-sync/internal/loopback"
)

// platformRoot returns the root address of the platform with this API address. It refuses an
// address that is not on loopback, so that the control token is sent nowhere else.
func platformRoot(api string) (string, bool) {
	if !strings.HasPrefix(api, "http://") || !loopback.URL(api) {
		return "", false
	}
	return strings.CutSuffix(api, "/client/v4")
}
