package layout

import (
	"context"

	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// VerifiedDeployment is the result for one deployment.
type VerifiedDeployment struct {
	Deployment string `json:"deployment"`
	Version    string `json:"version_id"`
	Live       bool   `json:"live,omitempty"`
	Retained   bool   `json:"retained"`
	Files      int    `json:"files"`
	// Missing are pathnames whose blob, or a chunk of it, does not exist. Corrupt
	// are those whose blob does not have the hash in its key.
	Missing []string `json:"missing,omitempty"`
	Corrupt []string `json:"corrupt,omitempty"`
	// Problem is why the manifest or version of the deployment cannot be read, or
	// "".
	Problem string `json:"problem,omitempty"`
}

// Verifier is one run of a verification. It lists each namespace once.
type Verifier struct {
	*site.Client
	// ReadData also reads the blobs of retained deployments.
	ReadData bool
	// Rooted are the keys that a retained deployment names.
	Rooted map[string]bool
	// Blobs checks those below the site's prefix.
	Blobs *site.Blobs

	namespaces map[place]map[string]bool
}

// NewVerifier begins a verification.
func NewVerifier(c *site.Client, readData bool) *Verifier {
	return &Verifier{Client: c, ReadData: readData, Rooted: make(map[string]bool), Blobs: c.Blobs(c.Keys()),
		namespaces: make(map[place]map[string]bool)}
}

// Listed returns the keys in a version's namespace that may be the site's. Each
// namespace is listed once.
func (v *Verifier) Listed(ctx context.Context, of Keeper, m *version.Meta) (map[string]bool, error) {
	in := place{m.Namespace, of.Prefix()}
	if v.namespaces[in] == nil {
		there, err := v.KeysBelow(ctx, v.Account.Store(m.Namespace), in.prefix)
		if err != nil {
			return nil, err
		}
		v.namespaces[in] = there
	}
	return v.namespaces[in], nil
}

// place is where a deployment's keys are.
type place struct{ namespace, prefix string }

// Known are the keys that were listed for a version, if any were.
func (v *Verifier) Known(of Keeper, m *version.Meta) map[string]bool {
	return v.namespaces[place{m.Namespace, of.Prefix()}]
}
