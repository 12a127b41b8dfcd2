// Package pulltest writes a site's overlay into KV, for tests of the code that reads an overlay.
package pulltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Edit is an entry of the overlay.
type Edit struct {
	Path string `json:"path"`
	// Content is nil if the page was deleted.
	Content *string `json:"content"`
	// Was are the replaced contents, newest first. nil means no file.
	Was     []*string   `json:"was"`
	Type    string      `json:"type"` // the default is text/html; charset=utf-8
	Headers [][2]string `json:"headers,omitempty"`
	Time    time.Time   `json:"time"`
	Author  string      `json:"author,omitempty"`
	Message string      `json:"message,omitempty"`
	// Lost says that KV does not have the content.
	Lost bool `json:"lost"`
}

// Nonce returns the nonce of the edit, which is derived from its fields.
func (e Edit) Nonce() (n manifest.Nonce) {
	text, _ := json.Marshal(e) // it cannot fail, because the years have four digits
	h := manifest.HashOf(text)
	copy(n[:], h[:])
	return n
}

// Values returns the keys and values of an overlay. It sorts edits.
func Values(site string, edits []Edit) (map[string][]byte, error) {
	values := make(map[string][]byte)
	entries := []map[string]any{}
	slices.SortFunc(edits, func(a, b Edit) int { return strings.Compare(a.Path, b.Path) })
	for _, e := range edits {
		was := []any{}
		for _, w := range e.Was {
			if w == nil {
				was = append(was, nil)
			} else {
				was = append(was, manifest.HashOf([]byte(*w)).String())
			}
		}
		entry := map[string]any{
			"path": e.Path, "nonce": e.Nonce(), "time": e.Time,
			"author": e.Author, "message": e.Message, "was": was,
		}
		if e.Content != nil {
			hash := manifest.HashOf([]byte(*e.Content)).String()
			entry["hash"], entry["size"], entry["headers"] = hash, len(*e.Content), e.Headers
			if entry["type"] = e.Type; e.Type == "" {
				entry["type"] = "text/html; charset=utf-8"
			}
			if !e.Lost {
				values[site+"/o/b/"+hash+"."+e.Nonce().String()] = []byte(*e.Content)
			}
		}
		entries = append(entries, entry)
	}
	record, err := json.Marshal(map[string]any{"format": 1, "site": site, "revision": len(edits), "entries": entries})
	values[site+"/o/record"] = record
	return values, err
}

// Account is an account of Cloudflare.
type Account struct{ BaseURL, ID, Token string }

// Write stores edits as the overlay of a site, in the account's first namespace.
func (a Account) Write(ctx context.Context, site string, edits []Edit) error {
	namespaces := a.BaseURL + "/accounts/" + a.ID + "/storage/kv/namespaces"
	var list struct{ Result []struct{ ID string } }
	response, err := a.send(ctx, http.MethodGet, namespaces, nil)
	if err == nil {
		err = json.Unmarshal(response, &list)
	}
	if err == nil && len(list.Result) == 0 {
		err = errors.New("there is no namespace; deploy first")
	}
	if err != nil {
		return err
	}
	values, err := Values(site, edits)
	if err != nil {
		return err
	}
	for key, value := range values {
		address := namespaces + "/" + list.Result[0].ID + "/values/" + url.PathEscape(key)
		if _, err := a.send(ctx, http.MethodPut, address, value); err != nil {
			return err
		}
	}
	return nil
}

func (a Account) send(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	response, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s %s", method, address, res.Status, response)
	}
	return response, err
}
