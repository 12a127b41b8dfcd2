package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// Store is one KV namespace. All its calls can be repeated safely, and are retried.
type Store struct {
	account *Account
	id      string
}

var (
	_ cloud.Store      = (*Store)(nil)
	_ cloud.BulkReader = (*Store)(nil)
)

// PutBulk sends one bulk write. It returns the keys that the API reports as not written. If the
// response does not report on every key, PutBulk returns an error. body is not copied; the
// caller may reuse it afterwards.
func (s *Store) PutBulk(ctx context.Context, body []byte, pairs int) (unconfirmed []string, err error) {
	c := &call{
		what:  fmt.Sprintf("write %d KV pairs", pairs),
		needs: kvEdit,
		body:  payload{jsonType, [][]byte{body}},
		read:  func(e envelope) (err error) { unconfirmed, err = readBulk(e, pairs); return err },
	}
	err = s.do(ctx, c, func(id string, o ...option.RequestOption) error {
		var p kv.NamespaceBulkUpdateParams
		p.AccountID.Value = s.account.id
		_, err := s.account.namespaces.BulkUpdate(ctx, id, p, o...)
		return err
	})
	return unconfirmed, err
}

// DeleteBulk deletes up to kvsync.MaxBulkPairs keys. It returns the same as PutBulk. For no keys
// it sends no request.
func (s *Store) DeleteBulk(ctx context.Context, keys []string) (unconfirmed []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	body, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	c := &call{
		what:  fmt.Sprintf("delete %d KV keys", len(keys)),
		needs: kvEdit,
		body:  payload{jsonType, [][]byte{body}},
		read:  func(e envelope) (err error) { unconfirmed, err = readBulk(e, len(keys)); return err },
	}
	err = s.do(ctx, c, func(id string, o ...option.RequestOption) error {
		var p kv.NamespaceBulkDeleteParams
		p.AccountID.Value = s.account.id
		_, err := s.account.namespaces.BulkDelete(ctx, id, p, o...)
		return err
	})
	return unconfirmed, err
}

// readBulk decodes the result for n pairs or keys and returns the failed ones. A response with
// status 200 may report failed keys.
func readBulk(e envelope, n int) ([]string, error) {
	var r struct {
		Done   *int     `json:"successful_key_count"`
		Failed []string `json:"unsuccessful_keys"`
	}
	if err := json.Unmarshal(e.Result, &r); err != nil {
		return nil, fmt.Errorf("its result does not have the documented form: %w", err)
	}
	if r.Done == nil || *r.Done+len(r.Failed) < n {
		return nil, fmt.Errorf("it does not report on all of the %d keys", n)
	}
	return r.Failed, nil
}

// Put writes one value without metadata. value is not copied; the caller may reuse it afterwards.
func (s *Store) Put(ctx context.Context, key string, value []byte) error {
	name, err := segment("KV key", key)
	if err != nil {
		return err
	}
	c := &call{
		what:  fmt.Sprintf("write KV key %q", key),
		needs: kvEdit,
		body:  payload{"application/octet-stream", [][]byte{value}},
	}
	return s.do(ctx, c, func(id string, o ...option.RequestOption) error {
		var p kv.NamespaceValueUpdateParams
		p.AccountID.Value = s.account.id
		_, err := s.account.namespaces.Values.Update(ctx, id, name, p, o...)
		return err
	})
}

// Get returns a complete value, or ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) (value []byte, err error) {
	name, err := segment("KV key", key)
	if err != nil {
		return nil, err
	}
	c := &call{what: fmt.Sprintf("read KV key %q", key), needs: kvEdit, value: &value}
	err = s.do(ctx, c, func(id string, o ...option.RequestOption) error {
		var p kv.NamespaceValueGetParams
		p.AccountID.Value = s.account.id
		_, err := s.account.namespaces.Values.Get(ctx, id, name, p, o...) //nolint:bodyclose // send closes the body
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// GetBulk implements [cloud.BulkReader]. It asks for the metadata, too: only then the documented
// result names a key that does not exist.
func (s *Store) GetBulk(ctx context.Context, keys []string) (values map[string][]byte, err error) {
	body, err := json.Marshal(map[string]any{"keys": keys, "type": "text", "withMetadata": true})
	if err != nil {
		return nil, err
	}
	c := &call{
		what:  fmt.Sprintf("read %d KV keys", len(keys)),
		needs: kvEdit,
		body:  payload{jsonType, [][]byte{body}},
		read:  func(e envelope) (err error) { values, err = readValues(e, keys); return err },
	}
	err = s.do(ctx, c, func(id string, o ...option.RequestOption) error {
		var p kv.NamespaceBulkGetParams
		p.AccountID.Value = s.account.id
		_, err := s.account.namespaces.BulkGet(ctx, id, p, o...)
		return err
	})
	return values, err
}

// readValues decodes the result of a bulk read. It must name every key: a key that does not
// exist is null.
func readValues(e envelope, keys []string) (map[string][]byte, error) {
	var r struct {
		Values map[string]*struct {
			Value *string `json:"value"`
		} `json:"values"`
	}
	if err := json.Unmarshal(e.Result, &r); err != nil {
		return nil, fmt.Errorf("its result does not have the documented form: %w", err)
	}
	out := make(map[string][]byte, len(keys))
	for _, key := range keys {
		found, named := r.Values[key]
		switch {
		case !named:
			return nil, fmt.Errorf("it does not name the key %q", key)
		case found == nil:
		case found.Value == nil:
			return nil, fmt.Errorf("it has no value for the key %q", key)
		default:
			out[key] = []byte(*found.Value)
		}
	}
	return out, nil
}

// List returns one page of keys, and the cursor of the next page, or "" after the last page. A
// page may be empty although more pages follow. List returns an error if a key does not have the
// prefix, or if the next cursor is the same. Prune relies on this.
func (s *Store) List(ctx context.Context, prefix, cursor string) (page []cloud.KeyInfo, next string, err error) {
	c := &call{
		what:  fmt.Sprintf("list the KV keys under %q", prefix),
		needs: kvEdit,
		read: func(e envelope) (err error) {
			page, next, err = readPage(e, prefix, cursor)
			return err
		},
	}
	err = s.do(ctx, c, func(id string, o ...option.RequestOption) error {
		var p kv.NamespaceKeyListParams
		p.AccountID.Value = s.account.id
		o = append(o, option.WithQuery("limit", strconv.Itoa(cloud.ListPageKeys)))
		if prefix != "" {
			// Also with a cursor: a request with only the cursor lists keys with any prefix.
			o = append(o, option.WithQuery("prefix", prefix))
		}
		if cursor != "" {
			o = append(o, option.WithQuery("cursor", cursor))
		}
		_, err := s.account.namespaces.Keys.List(ctx, id, p, o...)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}

func readPage(e envelope, prefix, cursor string) ([]cloud.KeyInfo, string, error) {
	var keys []struct {
		Name     string
		Metadata json.RawMessage
	}
	if err := json.Unmarshal(e.Result, &keys); err != nil || keys == nil {
		return nil, "", errors.New("its result is not a list of keys")
	}
	var info *struct{ Cursor string }
	if err := json.Unmarshal(e.ResultInfo, &info); err != nil || info == nil {
		return nil, "", errors.New("it does not say whether there are more keys")
	}
	if info.Cursor != "" && info.Cursor == cursor {
		return nil, "", errors.New("its cursor is that of the same page")
	}
	page := make([]cloud.KeyInfo, len(keys))
	for i, k := range keys {
		if k.Name == "" || !strings.HasPrefix(k.Name, prefix) {
			return nil, "", fmt.Errorf("it lists the key %q, which does not have the prefix %q", clip(clean(k.Name), 100),
				prefix)
		}
		page[i].Name = k.Name
		if !bytes.Equal(k.Metadata, []byte("null")) {
			page[i].Metadata = k.Metadata
		}
	}
	return page, info.Cursor, nil
}

// do makes a call on this namespace.
func (s *Store) do(ctx context.Context, c *call, request func(id string, o ...option.RequestOption) error) error {
	id, err := segment("KV namespace", s.id)
	if err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	return s.account.do(ctx, c, func(o ...option.RequestOption) error { return request(id, o...) })
}
