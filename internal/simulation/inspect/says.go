package inspect

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// says is the binding KV_SYNC of a version.
type says struct {
	Format     int
	Site       string
	Deployment string
	Manifest   string
	Next       string
	Source     string
	Index      string
	Commit     string
	Namespace  string
	Retain     int
	Grace      int64
	Repository struct{ Name string }
	Companion  string // the site whose companion it is
}

// readSays returns the metadata of a version. It is nil for a version of another tool.
func (c *Checker) readSays(v *model.Version) *says {
	s, known := c.said[v]
	if !known {
		s = decodeSays(v)
		c.said[v] = s
	}
	return s
}

func decodeSays(v *model.Version) *says {
	b := v.Binding("KV_SYNC")
	if b == nil {
		return nil
	}
	var s says
	if json.Unmarshal(b["json"], &s) != nil || s.Companion != "" {
		return nil
	}
	return &s
}

// message is what an activation's message says.
type message struct {
	deployment, commit, hold string
	rollback                 bool
}

func readMessage(text string) (m message) {
	words := strings.Fields(text)
	mark := func(name string) string {
		for _, w := range words {
			if v, ok := strings.CutPrefix(w, name); ok {
				return v
			}
		}
		return ""
	}
	m.commit, m.hold = mark("kv-sync-commit:"), mark("kv-sync-hold:")
	switch {
	case strings.HasPrefix(text, "Rollback to ") && len(words) > 2:
		m.rollback, m.deployment = true, words[2]
	case strings.HasSuffix(text, ")") && len(words) > 1 && words[len(words)-2] == "(kv-sync":
		m.deployment = strings.TrimSuffix(words[len(words)-1], ")")
	}
	return m
}

// written is when the key of a site was made: by its nonce, or by the id of a deployment.
func written(rest string) (at time.Time, ok bool) {
	letter, name, _ := strings.Cut(rest, "/")
	switch letter {
	case "b", "m", "h", "t", "p":
		_, nonce, _ := strings.Cut(name, ".")
		b, err := hex.DecodeString(nonce)
		if err != nil || len(b) != 8 {
			return at, false
		}
		return time.Unix(int64(binary.BigEndian.Uint32(b)), 0), true
	case "d":
		if len(name) != len("20060102-150405-00000000") {
			return at, false
		}
		at, err := time.Parse("20060102-150405", name[:15])
		return at, err == nil
	}
	return at, false
}
