package source

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// withPrefix lists the objects whose ids begin with at least two digits.
func (d *objectDirectory) withPrefix(prefix string) ([]string, error) {
	var ids []string
	entries, err := os.ReadDir(filepath.Join(d.path, prefix[:2]))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	for _, e := range entries {
		if id := prefix[:2] + e.Name(); strings.HasPrefix(id, prefix) && isID(id) {
			ids = append(ids, id)
		}
	}
	err = d.search(func(p *pack) (bool, error) {
		more, err := p.withPrefix(prefix)
		ids = append(ids, more...)
		return false, err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func (p *pack) withPrefix(prefix string) (ids []string, err error) {
	var low objectID
	if _, err := hex.Decode(low[:], []byte(prefix+strings.Repeat("0", 2*sha1Bytes-len(prefix)))); err != nil {
		return nil, err
	}
	count := int(p.fanout[255])
	var id objectID
	at := func(n int) objectID {
		if _, e := p.index.ReadAt(id[:], indexIDs+int64(n)*sha1Bytes); e != nil && err == nil {
			err = e
		}
		return id
	}
	first := sort.Search(count, func(n int) bool { got := at(n); return bytes.Compare(got[:], low[:]) >= 0 })
	for n := first; n < count; n++ {
		got := at(n)
		name := hex.EncodeToString(got[:])
		if err != nil || !strings.HasPrefix(name, prefix) {
			break
		}
		ids = append(ids, name)
	}
	return ids, err
}
