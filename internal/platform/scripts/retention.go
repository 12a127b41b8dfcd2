package scripts

import (
	"os"
	"slices"
	"time"
)

// maxVersions is the number of versions of a script that are stored, in addition to those of
// the listed deployments. Without a limit a deploy on every save would fill the disk, and the
// script's file, which each deploy rewrites, would grow. Cloudflare stores more versions, but
// can also list and deploy only the newest.
const maxVersions = 2 * maxListed

// uploadGrace is how long an unused module is kept, because an upload in progress may use it.
const uploadGrace = time.Minute

// dropOldVersions drops the oldest deployments and versions. It returns the dropped versions.
// s.mu is held.
func (sc *Script) dropOldVersions() (dropped []*Version) {
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
	var kept []*Version
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

// removeUnusedModules removes the modules of dropped versions that no other version uses. A
// module that cannot be removed is harmless. s.mu is held.
func (s *Store) removeUnusedModules(dropped []*Version) {
	if len(dropped) == 0 {
		return
	}
	used := map[string]bool{}
	for _, a := range s.accounts {
		for _, sc := range a.Scripts {
			for _, v := range sc.Versions {
				for _, m := range v.files() {
					used[m.Hash] = true
				}
			}
		}
	}
	for _, v := range dropped {
		for _, m := range slices.DeleteFunc(v.files(), func(m Module) bool { return used[m.Hash] }) {
			if info, err := os.Stat(s.ModuleFile(m)); err == nil && time.Since(info.ModTime()) > uploadGrace {
				_ = os.Remove(s.ModuleFile(m))
			}
		}
	}
}
