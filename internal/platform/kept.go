package platform

import (
	"os"
	"slices"
	"time"
)

// maxKept is how many versions of a script are kept beside those that its listed
// deployments name: who deploys on every save would fill the disk else, and each
// deploy writes the script's file anew. Cloudflare keeps more, but lists and deploys
// only the newest as well.
const maxKept = 2 * maxListed

// inUpload is how long a module that nobody names is left alone: an upload that is
// under way may name it yet.
const inUpload = time.Minute

// forget drops the oldest deployments and versions, and returns these. s.mu is held.
func (sc *script) forget() (dropped []*version) {
	sc.Deployments = sc.Deployments[max(0, len(sc.Deployments)-maxDeployments):]
	if len(sc.Versions) <= maxKept {
		return nil
	}
	named := map[string]bool{}
	for _, d := range sc.Deployments {
		for _, s := range d.Versions {
			named[s.Version] = true
		}
	}
	oldest := sc.Versions[len(sc.Versions)-maxKept].Number
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

// sweep removes the modules of dropped versions that no other version has. A file that
// cannot be removed harms nobody. s.mu is held.
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
			if info, err := os.Stat(s.moduleFile(m)); err == nil && time.Since(info.ModTime()) > inUpload {
				_ = os.Remove(s.moduleFile(m))
			}
		}
	}
}
