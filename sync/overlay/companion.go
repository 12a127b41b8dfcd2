package overlay

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// The Durable Object of a site's overlay is in a script of its own, the companion of
// the site, so that the site's Worker needs no migrations. A Worker with migrations has
// no previews, and cannot be rolled back to a version from before its last migration.
//
// The companion is deployed, with the protocol of the site's Worker, before a version
// of the site that is bound to it is uploaded.
const (
	companionSuffix = "-overlay"
	Class           = "Overlay"
	// Tag is the only migration of a companion. It creates the class.
	Tag = "overlay-v1"
)

// Protocol is the number of the protocol between a site's Worker and its companion. A
// companion is never replaced by one with a lower number.
const Protocol = 1

// MaxSite is the greatest length of the name of a site with an overlay: the name of
// the companion is longer, and a script under workers.dev has at most 63 characters.
const MaxSite = 63 - len(companionSuffix)

// CompanionName is the name of the companion script of a site.
func CompanionName(site string) string { return site + companionSuffix }

// Rights are what a site's Worker may write at run time, for itself and for clients
// that have the secret of its HTTP interface.
type Rights struct {
	Write bool `json:"write,omitempty"`
	// Rules permits writes of _redirects and _headers, too.
	Rules bool `json:"rules,omitempty"`
}

// Meta is what a version says about its overlay. It is empty for a project, whose
// companion belongs to its loader.
type Meta struct {
	CompanionCode
	// Rights are here because the Worker reads them from this binding.
	Rights
}

// CompanionCode identifies the code of a companion, so that a deploy knows without a
// request whether the companion is the one that it would deploy.
type CompanionCode struct {
	Protocol int `json:"protocol,omitempty"`
	// Code is a hash of the companion's code.
	Code string `json:"code,omitempty"`
}

// CompanionMeta is the companion's KV_SYNC binding, which marks it as a companion.
type CompanionMeta struct {
	Format    int    `json:"format"`
	Companion string `json:"companion"` // the site
	Namespace string `json:"namespace"`
	CompanionCode
}

// NewClass is the migration that creates the class of the Durable Object.
func NewClass() *cloud.MigrationPlan {
	step := json.RawMessage(`{"new_sqlite_classes":["` + Class + `"]}`)
	return &cloud.MigrationPlan{NewTag: Tag, Steps: []json.RawMessage{step}}
}

// ReadCompanion reads the binding that marks a script as a companion. It returns the zero
// value if the script is not one.
func ReadCompanion(ctx context.Context, script cloud.Workers) (is CompanionMeta, exists bool, err error) {
	at, err := script.Activations(ctx)
	if errors.Is(err, cloud.ErrNotFound) {
		return is, false, nil
	}
	if err != nil || len(at) == 0 {
		return is, true, err
	}
	v, err := script.Version(ctx, at[0].Main())
	if err != nil {
		return is, true, err
	}
	for _, b := range v.Bindings {
		if b.Name == cloud.BindingMeta && b.Type == "json" && json.Unmarshal(b.Fields["json"], &is) != nil {
			is = CompanionMeta{} // another tool uses that name for its binding
		}
	}
	return is, true, nil
}
