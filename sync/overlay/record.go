package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Record lists what was written at run time, as KV shows it: a write may take a
// minute to become visible.
type Record struct {
	// Revision counts the commits of the overlay.
	Revision int64
	// Entries is sorted by Path, bytewise, without duplicates.
	Entries []Entry
}

// format is the newest format of the record that this release reads.
const format = 1

type recordJSON struct {
	Format   int         `json:"format"`
	Site     string      `json:"site"`
	Revision int64       `json:"revision"`
	Entries  []entryJSON `json:"entries"`
}

type entryJSON struct {
	Path    string      `json:"path"`
	Nonce   string      `json:"nonce"`
	Hash    *string     `json:"hash"`
	Size    int64       `json:"size"`
	Type    string      `json:"type"`
	Headers [][2]string `json:"headers"`
	Time    time.Time   `json:"time"`
	Author  string      `json:"author"`
	Message string      `json:"message"`
	Was     []*string   `json:"was"`
}

// Decode reads the record of a site. It refuses one that belongs to another site, has
// a newer format, or is damaged.
func Decode(site string, b []byte) (*Record, error) {
	var j recordJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("decode overlay record: %w", err)
	}
	switch {
	case j.Format > format:
		return nil, fmt.Errorf("decode overlay record: format %d: %w", j.Format, manifest.ErrNewer)
	case j.Format < 1:
		return nil, errors.New("decode overlay record: it has no format")
	case j.Site != site:
		return nil, fmt.Errorf("decode overlay record: it belongs to the site %.80q", j.Site)
	}
	r := &Record{Revision: j.Revision, Entries: make([]Entry, len(j.Entries))}
	for i := range j.Entries {
		if err := j.Entries[i].decode(&r.Entries[i]); err != nil {
			return nil, fmt.Errorf("decode overlay record: entry %d: %w", i, err)
		}
		if i > 0 && r.Entries[i-1].Path >= r.Entries[i].Path {
			return nil, fmt.Errorf("decode overlay record: %.200q is out of order", r.Entries[i].Path)
		}
	}
	return r, nil
}

func (j *entryJSON) decode(o *Entry) error {
	*o = Entry{Path: j.Path, Time: j.Time, Author: j.Author, Message: j.Message}
	if !strings.HasPrefix(j.Path, "/") {
		return fmt.Errorf("%.200q is not a pathname", j.Path)
	}
	var err error
	if o.Nonce, err = manifest.ParseNonce(j.Nonce); err != nil {
		return fmt.Errorf("%.200q: its nonce: %w", j.Path, err)
	}
	if j.Hash != nil {
		if j.Size < 0 || j.Size > manifest.MaxFileBytes || j.Type == "" {
			return fmt.Errorf("%.200q: %d bytes of the type %.80q are not a valid content", j.Path, j.Size, j.Type)
		}
		o.Content = &Content{Size: j.Size, Type: j.Type, Headers: j.Headers}
		if o.Content.Hash, err = manifest.ParseHash(*j.Hash); err != nil {
			return fmt.Errorf("%.200q: its hash: %w", j.Path, err)
		}
	}
	o.Was = make([]manifest.Hash, len(j.Was))
	for i, w := range j.Was {
		if w == nil {
			continue
		}
		if o.Was[i], err = manifest.ParseHash(*w); err != nil {
			return fmt.Errorf("%.200q: the hash of an earlier content: %w", j.Path, err)
		}
	}
	return nil
}
