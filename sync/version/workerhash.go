package version

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// WorkerHash identifies the code and the settings of a Worker. Versions with equal
// hashes behave equally. The manifest is not part of it.
func WorkerHash(w cloud.Worker, serving manifest.Serving, rights overlay.Rights) string {
	h := newFieldHash("worker 1")
	h.put(w.Main, w.CompatibilityDate, strings.Join(w.CompatibilityFlags, ","), serving.HTMLHandling, serving.NotFound)
	if serving.EdgeCache != 0 {
		h.put("edge cache", strconv.Itoa(serving.EdgeCache))
	}
	if serving.MemoryCache != nil {
		h.put("memory cache", strconv.FormatInt(*serving.MemoryCache, 10))
	}
	if serving.CacheStatus {
		h.put("cache status")
	}
	if serving.Overlay {
		h.put("overlay")
	}
	// Retire is the only part of the routing that no module contains. It is hashed so
	// that a change of it is deployed.
	if w.Routing != nil && len(w.Routing.Retire) > 0 {
		h.put("retire", strconv.Itoa(len(w.Routing.Retire)))
		h.put(w.Routing.Retire...)
	}
	if w.Companion != nil {
		h.put("companion", CodeHash(*w.Companion), fmt.Sprint(rights))
	}
	h.modules(w.Modules)
	bindings := slices.Clone(w.Bindings)
	slices.SortFunc(bindings, func(a, b cloud.Binding) int { return strings.Compare(a.Name, b.Name) })
	for _, b := range bindings {
		h.put("binding", b.Name, b.Type)
		hashFields(h, b.Fields)
		if b.Unnamed != nil {
			h.put("unnamed", b.Unnamed.Hint)
		}
	}
	for _, m := range w.Migrations {
		h.put("migration", m.Tag, string(m.Step))
	}
	hashFields(h, w.Settings)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// CodeHash identifies the code of a Worker without settings.
func CodeHash(w cloud.Worker) string {
	h := newFieldHash("code 1")
	h.put(w.Main, w.CompatibilityDate, strings.Join(w.CompatibilityFlags, ","))
	h.modules(w.Modules)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fieldHash hashes texts, each with its length, so that different lists have different
// hashes.
type fieldHash struct{ hash.Hash }

func newFieldHash(kind string) fieldHash {
	h := fieldHash{sha256.New()}
	h.put(kind)
	return h
}

func (h fieldHash) put(parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
}

func (h fieldHash) modules(list []cloud.Module) {
	sorted := slices.SortedFunc(slices.Values(list), func(a,
		b cloud.Module) int {
		return strings.Compare(a.Name, b.Name)
	})
	for _, m := range sorted {
		h.put("module", m.Name, m.Type, string(m.Content))
	}
}

func hashFields(h hash.Hash, fields map[string]json.RawMessage) {
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(h, "%d:%s%d:%s", len(n), n, len(fields[n]), fields[n])
	}
	_, _ = io.WriteString(h, ";") // writing to a hash never fails
}
