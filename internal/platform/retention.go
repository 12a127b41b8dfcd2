package platform

import (
	"os"
	"slices"
	"time"
)

// maxVersions is how many versions of a script are stored besides those of its listed
// deployments. Otherwise a deploy on every save would fill the disk, and each deploy
// rewrites the script's file. Cloudflare stores more, but also lists and deploys only
// the newest.
const maxVersions = 2 * maxListed

// uploadGrace is how long an unused module is not deleted: an upload that is under way
// may still use it.
const uploadGrace = time.Minute

// forget drops the oldest deployments and versions, and returns the versions. s.mu is
// held.
func (sc *script) forget() (dropped []*version) {
	sc.Deployments = sc.Deployments[max(0, len(sc.Deployments)-maxDeployments):]
	if len(sc.Versions) <= maxVersions {
		return nil
	}
	named := map[string]bool{}
	for _, d := range sc.Deployments {
		for _, s := range d.Versions {
			named[s.Version] = true
		}
	}
	oldest := sc.Versions[len(sc.Versions)-maxVersions].Number
	var kept []*version
	for _, v := range sc.Versions {
		if v.Number >= oldest || named[v.ID] {
			kept = append(kept, v)
		} else {
			dropped = append(dropped, v)
		}
	}
	sc.Versions = kept
	return dropped
}

// sweep removes the modules of dropped versions that no other version uses. Leftovers
// are harmless. s.mu is held.
func (s *Server) sweep(dropped []*version) {
	if len(dropped) == 0 {
		return
	}
	used := map[string]bool{}
	for _, a := range s.accounts {
		for _, sc := range a.scripts {
			for _, v := range sc.Versions {
				for _, m := range v.Modules {
					used[m.Hash] = true
				}
			}
		}
	}
	for _, v := range dropped {
		for _, m := range slices.DeleteFunc(slices.Clone(v.Modules), func(m module) bool { return used[m.Hash] }) {
			if info, err := os.Stat(s.moduleFile(m)); err == nil && time.Since(info.ModTime()) > uploadGrace {
				_ = os.Remove(s.moduleFile(m))
			}
		}
	}
}
