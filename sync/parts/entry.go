package parts

import (
	"math"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// entry is one entry of a sequence. Two entries are equal if and only if they have the same form.
type entry struct {
	// Asset is the file. A directory has its path, and its tree as the OID.
	manifest.Asset
	until, last uint32 // of a retired file
	// gone is set in a difference for a path that the parts have and the sequence does not.
	gone bool
}

// entriesOf returns the entries of a manifest, by kind. number is the deployment's.
func entriesOf(m *manifest.Manifest, number uint32) (all [len(kinds)][]entry) {
	files := make([]entry, len(m.Assets))
	for i, a := range m.Assets {
		a.Modified = seconds(a.Modified)
		files[i] = entry{Asset: a}
	}
	sortEntries(files)
	dirs := make([]entry, 0, len(m.Dirs))
	known := make(map[string]bool, len(m.Dirs))
	for _, d := range m.Dirs {
		dirs = append(dirs, entry{Asset: manifest.Asset{Path: d.Path, OID: d.Tree}})
		known[d.Path] = true
	}
	for last, i := "", 0; i < len(files); i++ {
		if d := directory(files[i].Path); d != last && !known[d] {
			dirs = append(dirs, entry{Asset: manifest.Asset{Path: d}})
			last = d
		}
	}
	sortEntries(dirs)
	retired := make([]entry, len(m.Retired))
	for i, r := range m.Retired {
		r.Modified, r.OID = seconds(r.Modified), ""
		last := max(int64(number)+int64(r.Left), 0)
		retired[i] = entry{Asset: r.Asset, until: uint32(seconds(r.Until)), last: uint32(min(last, math.MaxUint32))}
	}
	sortEntries(retired)
	return [...][]entry{files, dirs, retired}
}

// seconds limits a time, in seconds since 1970 UTC, to what the format has room for.
func seconds(t int64) int64 { return min(max(t, 0), math.MaxUint32) }

// retired returns the retired file of an entry.
func (e entry) retired(number uint32) manifest.Retired {
	return manifest.Retired{Asset: e.Asset, Until: int64(e.until), Left: int(int64(e.last) - int64(number))}
}
