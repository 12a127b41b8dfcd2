package overlay

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// The Durable Object of a site's overlay lives in a script of its own beside the
// site's, its companion: the site's Worker stays free of migrations, which take
// the previews from a Worker, and which no rollback can cross.
//
// The companion is there, and speaks the protocol that the site's Worker speaks,
// before a version of the site is uploaded that is bound to it.
const (
	companionSuffix = "-overlay"
	Class           = "Overlay"
	// companionTag is the one migration of a companion, which makes the class.
	Tag = "overlay-v1"
)

// OverlayProtocol is the number of the protocol between a site's Worker and its
// companion. A companion is never replaced by one of a lower number.
const Protocol = 1

// MaxOverlaySite is how long the name of a site with an overlay may be: a script
// under workers.dev has a name of at most 63 characters, and the companion's is
// longer.
const MaxSite = 63 - len(companionSuffix)

// CompanionName is what the companion script of a site is called.
func CompanionName(site string) string { return site + companionSuffix }

// Rights are what a site's own Worker may write at run time, and by it who has
// the secret of its HTTP interface.
type Rights struct {
	Write bool `json:"write,omitempty"`
	// Rules lets _redirects and _headers be written too.
	Rules bool `json:"rules,omitempty"`
}

// MetaOverlay is what a version says of its overlay. Of a project, whose
// companion is its loader's, every member is left out.
type Meta struct {
	CompanionCode
	// The Worker reads them here.
	Rights
}

// companionCode tells companions apart: with it a deploy knows without a request
// whether the companion is the one that it would deploy.
type CompanionCode struct {
	Protocol int `json:"protocol,omitempty"`
	// Code is a hash of the companion's code.
	Code string `json:"code,omitempty"`
}

// companionMeta is the companion's KV_SYNC binding, by which it is known as one.
type CompanionMeta struct {
	Format    int    `json:"format"`
	Companion string `json:"companion"` // the site
	Namespace string `json:"namespace"`
	CompanionCode
}

// newOverlayClass creates the class of the Durable Object.
func NewClass() *cloud.MigrationPlan {
	return &cloud.MigrationPlan{NewTag: Tag, Steps: []json.RawMessage{json.RawMessage(`{"new_sqlite_classes":["` + Class + `"]}`)}}
}

// readCompanion reads what a script says of itself. It is zero for one that is
// nobody's companion.
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
			is = CompanionMeta{} // it is somebody's who uses that name
		}
	}
	return is, true, nil
}
