package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A response with status 200 may report failed keys.
func TestBulkReportsFailedKeys(t *testing.T) {
	partial := result(`{"successful_key_count":1,"unsuccessful_keys":["b"]}`)
	inBubble(t, func(t *testing.T, s *server) {
		failed, err := s.store().PutBulk(t.Context(), pairs, pairCount)
		if err != nil || !reflect.DeepEqual(failed, []string{"b"}) {
			t.Fatal(failed, err)
		}
		failed, err = s.store().DeleteBulk(t.Context(), []string{"a", "b"})
		if err != nil || !reflect.DeepEqual(failed, []string{"b"}) {
			t.Fatal(failed, err)
		}
		base := "/accounts/" + testAccount + "/storage/kv/namespaces/" + testSpace
		got := s.requests()
		if r := got[0]; r.Method != "PUT" || r.Path != base+"/bulk" || r.Type != "application/json" {
			t.Errorf("%+v", r)
		}
		if r := got[1]; r.Method != "POST" || r.Path != base+"/bulk/delete" || string(r.Body) != `["a","b"]` {
			t.Errorf("%+v", r)
		}
	}, partial)
}

func TestBulkResultWithMissingKeysIsAnError(t *testing.T) {
	for _, r := range []string{`{}`, `null`, `[]`, `{"successful_key_count":1}`,
		`{"successful_key_count":0,"unsuccessful_keys":["b"]}`} {
		inBubble(t, func(t *testing.T, s *server) {
			if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err == nil {
				t.Error(r)
			}
			if _, err := s.store().DeleteBulk(t.Context(), []string{"a", "b"}); err == nil {
				t.Error(r)
			}
		}, result(r))
	}
}

func TestDeleteOfNoKeysSendsNoRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		if _, err := s.store().DeleteBulk(t.Context(), nil); err != nil || len(s.requests()) != 0 {
			t.Fatal(err, s.requests())
		}
	}, bulkOK)
}

var oddKeys = []string{
	"blog/b/0123.abcd", "a b", "a%2Fb", "a%b", "a?b#c", "a/../b", "..a", "ключ/日本", "a+b&c=d;e", `q"\`, ":x", "//", "a\nb",
}

// A defect of the SDK: it does not escape the names of keys.
func TestKeyIsOnePathSegment(t *testing.T) {
	for _, key := range oddKeys {
		inBubble(t, func(t *testing.T, s *server) {
			if err := s.store().Put(t.Context(), key, []byte("v")); err != nil {
				t.Fatal(key, err)
			}
			if _, err := s.store().Get(t.Context(), key); err != nil {
				t.Fatal(key, err)
			}
			for _, r := range s.requests() {
				got, err := url.PathUnescape(strings.TrimPrefix(r.Path,
					"/accounts/"+testAccount+"/storage/kv/namespaces/"+testSpace+"/values/"))
				if err != nil || got != key || strings.Count(r.Path, "/") != 8 {
					t.Errorf("%q became %s", key, r.Path)
				}
			}
		}, result("{}"))
	}
}

func TestDotNamesAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ctx := t.Context()
		for _, name := range []string{"", ".", ".."} {
			_, getErr := s.store().Get(ctx, name)
			_, spaceErr := s.account.Store(name).PutBulk(ctx, pairs, pairCount)
			_, scriptErr := s.account.Workers(name).Activations(ctx)
			_, versionErr := s.script().Version(ctx, name)
			for i, err := range []error{getErr, s.store().Put(ctx, name, nil), spaceErr, scriptErr, versionErr} {
				if err == nil {
					t.Errorf("%q: call %d was sent", name, i)
				}
			}
		}
		if n := len(s.requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	}, result("{}"))
}

// A defect of the SDK: it sends a value as a form.
func TestPutSendsRawBytes(t *testing.T) {
	for _, value := range [][]byte{nil, {}, {0, 0xff, '\r', '\n'}, bytes.Repeat([]byte("x"), 1<<20)} {
		inBubble(t, func(t *testing.T, s *server) {
			if err := s.store().Put(t.Context(), "k", value); err != nil {
				t.Fatal(err)
			}
			if r := s.requests()[0]; r.Method != "PUT" || r.Type != "application/octet-stream" || !bytes.Equal(r.Body, value) {
				t.Errorf("%s %s of %d bytes", r.Method, r.Type, len(r.Body))
			}
		}, result("{}"))
	}
}

func TestGet(t *testing.T) {
	t.Run("unchanged bytes", func(t *testing.T) {
		// The value looks like an envelope of the API.
		want := `{"success":false,"errors":[{"code":10009,"message":"x"}]}`
		inBubble(t, func(t *testing.T, s *server) {
			got, err := s.store().Get(t.Context(), "k")
			if err != nil || string(got) != want {
				t.Fatalf("%q %v", got, err)
			}
		}, answer(200, want))
	})
	t.Run("truncated", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			got, err := s.store().Get(t.Context(), "k")
			if err != nil || string(got) != "whole" || len(s.requests()) != 2 {
				t.Fatalf("%q %v", got, err)
			}
		}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = w.Write([]byte("who"))
		}, answer(200, "whole"))
	})
	t.Run("slow, but not stalled", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			got, err := s.store().Get(t.Context(), "k")
			if err != nil || len(got) != 10 || len(s.requests()) != 1 {
				t.Fatal(len(got), len(s.requests()), err)
			}
		}, func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(DefaultStall / 2)
			}
		})
	})
	t.Run("larger than the limit", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			_, err := s.store().Get(t.Context(), "k")
			if !errors.Is(err, errTooLarge) || len(s.requests()) != 1 {
				t.Fatal(len(s.requests()), err)
			}
		}, func(w http.ResponseWriter, _ *http.Request) {
			block := make([]byte, 1<<20)
			for range 26 {
				_, _ = w.Write(block)
			}
		})
	})
	t.Run("largest value", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			got, err := s.store().Get(t.Context(), "k")
			if err != nil || len(got) != manifest.MaxValueBytes {
				t.Fatal(len(got), err)
			}
		}, func(w http.ResponseWriter, _ *http.Request) {
			block := make([]byte, 1<<20)
			for range 25 {
				_, _ = w.Write(block)
			}
		})
	})
}

// ErrNotFound means that the key or the script is missing. A missing account or namespace is
// another error, because prune and verify act on ErrNotFound.
func TestNotFoundMeansOnlyKeyOrScript(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply reply
		want  bool
	}{
		{"key", refuse(404, 10009, "get: 'key not found'"), true},
		{"script", refuse(404, 10007, "This Worker does not exist on your account."), true},
		{"script, older code", refuse(400, 10090, "workers.api.error.service_not_found"), true},
		{"version", refuse(404, 10100, "version not found"), true},
		{"namespace", refuse(404, 10013, "get: 'namespace not found'"), false},
		{"account", refuse(404, 7003, "Could not route to /accounts/x, perhaps your object identifier is invalid?"), false},
		{"another server", page(404, "nginx"), false},
		{"no permission", refuse(403, 10000, "Authentication error"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				_, err := s.store().Get(t.Context(), "k")
				if err == nil || errors.Is(err, cloud.ErrNotFound) != tc.want {
					t.Error(err)
				}
				_, err = s.script().Activations(t.Context())
				if err == nil || errors.Is(err, cloud.ErrNotFound) != tc.want {
					t.Error(err)
				}
			}, tc.reply)
		})
	}
}

func listed(cursor string, keys ...string) reply {
	list := make([]map[string]any, 0)
	for _, k := range keys {
		list = append(list, map[string]any{"name": k, "metadata": map[string]any{"t": 1}})
	}
	body, _ := json.Marshal(map[string]any{"success": true, "errors": []any{}, "messages": []any{}, "result": list,
		"result_info": map[string]any{"count": len(list), "cursor": cursor}})
	return answer(200, string(body))
}

// A defect of the SDK: its pager stops at an empty page, and sends no prefix with a cursor.
func TestListContinuesAfterAnEmptyPage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		var all []string
		cursor := ""
		for {
			page, next, err := s.store().List(t.Context(), "blog/", cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range page {
				all = append(all, k.Name)
				if string(k.Metadata) != `{"t":1}` {
					t.Errorf("metadata %s", k.Metadata)
				}
			}
			if cursor = next; next == "" {
				break
			}
		}
		if !reflect.DeepEqual(all, []string{"blog/a", "blog/b"}) {
			t.Error(all)
		}
		for i, r := range s.requests() {
			q, _ := url.ParseQuery(r.Query)
			if q.Get("prefix") != "blog/" || q.Get("limit") != "1000" || q.Get("cursor") != []string{"", "c+1/=", "c2"}[i] {
				t.Errorf("query %s", r.Query)
			}
		}
	}, listed("c+1/=", "blog/a"), listed("c2"), listed("", "blog/b"))
}

func TestListWithoutMetadata(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		page, _, err := s.store().List(t.Context(), "", "")
		if err != nil || len(page) != 2 || page[0].Metadata != nil || page[1].Metadata != nil {
			t.Fatal(page, err)
		}
		if strings.Contains(s.requests()[0].Query, "prefix") {
			t.Error(s.requests()[0].Query)
		}
	}, answer(200, `{"success":true,"result":[{"name":"a"},{"name":"b","metadata":null}],"result_info":{}}`))
}

// Prune deletes nothing after a partial or failed listing, so an invalid listing must be an
// error.
func TestInvalidListingIsAnError(t *testing.T) {
	for name, r := range map[string]reply{
		"a key of another site":  listed("", "blog/a", "shop/a"),
		"the same cursor":        listed("c1", "blog/a"),
		"no result_info":         answer(200, `{"success":true,"result":[{"name":"blog/a"}]}`),
		"result_info null":       answer(200, `{"success":true,"result":[{"name":"blog/a"}],"result_info":null}`),
		"no list":                answer(200, `{"success":true,"result":null,"result_info":{"cursor":""}}`),
		"success:false in a 200": refuse(200, 10001, "nope"),
		"a key without a name":   answer(200, `{"success":true,"result":[{}],"result_info":{"cursor":""}}`),
		"an object as result":    answer(200, `{"success":true,"result":{"keys":[]},"result_info":{"cursor":""}}`),
		"no envelope":            answer(200, `[]`),
		"no success member":      answer(200, `{"result":[],"result_info":{"cursor":""}}`),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				page, next, err := s.store().List(t.Context(), "blog/", "c1")
				if err == nil || page != nil || next != "" {
					t.Fatal(page, next, err)
				}
			}, r)
		})
	}
}

func namespaces(pageOf, total int, titles ...string) reply {
	list := make([]map[string]string, 0)
	for _, title := range titles {
		list = append(list, map[string]string{"id": "id-" + title, "title": title})
	}
	body, _ := json.Marshal(map[string]any{"success": true, "result": list,
		"result_info": map[string]int{"page": pageOf, "per_page": 100, "total_pages": total}})
	return answer(200, string(body))
}

// findOrCreateNamespace finds or creates a namespace in the same way as the engine.
func findOrCreateNamespace(ctx context.Context, a *Account, title string) (string, error) {
	id, err := a.FindNamespace(ctx, title)
	if !errors.Is(err, cloud.ErrNotFound) {
		return id, err
	}
	return a.CreateNamespace(ctx, title)
}

func TestNamespace(t *testing.T) {
	t.Run("on the second page", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			id, err := findOrCreateNamespace(t.Context(), s.account, "c")
			if err != nil || id != "id-c" {
				t.Fatal(id, err)
			}
			if q := s.requests()[1].Query; q != "page=2&per_page=100" {
				t.Error(q)
			}
		}, namespaces(1, 2, "a", "b"), namespaces(2, 2, "c"))
	})
	t.Run("on the second page, without a total", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			id, err := s.account.FindNamespace(t.Context(), "c")
			if err != nil || id != "id-c" || len(s.requests()) != 2 {
				t.Fatal(id, err)
			}
		}, namespaces(1, 0, strings.Split(strings.Repeat("a ", 99)+"a", " ")...), namespaces(2, 0, "c"))
	})
	t.Run("missing", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			_, err := s.account.FindNamespace(t.Context(), "x")
			if !errors.Is(err, cloud.ErrNotFound) || len(s.requests()) != 1 {
				t.Fatal(err)
			}
		}, namespaces(1, 1, "a"))
	})
	t.Run("created", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			id, err := findOrCreateNamespace(t.Context(), s.account, "x")
			if err != nil || id != "new" {
				t.Fatal(id, err)
			}
			if r := s.requests()[1]; r.Method != "POST" || string(r.Body) != `{"title":"x"}` {
				t.Errorf("%+v", r)
			}
		}, namespaces(1, 1), result(`{"id":"new","title":"x"}`))
	})
	taken := refuse(400, 10014, "create namespace: 'a namespace with this account ID and title already exists'")
	t.Run("created by another process, listed late", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			id, err := findOrCreateNamespace(t.Context(), s.account, "x")
			if err != nil || id != "id-x" {
				t.Fatal(id, err)
			}
		}, namespaces(1, 1), taken, namespaces(1, 1), namespaces(1, 1, "x"))
	})
	t.Run("created, but the response was lost", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			id, err := findOrCreateNamespace(t.Context(), s.account, "x")
			if err != nil || id != "id-x" {
				t.Fatal(id, err)
			}
		}, namespaces(1, 1), cut, taken, namespaces(1, 1, "x"))
	})
	t.Run("taken, but never listed", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			start := time.Now()
			_, err := findOrCreateNamespace(t.Context(), s.account, "x")
			wantErr(t, err, "10014")
			if d := time.Since(start); d > 2*time.Minute {
				t.Error(d)
			}
		}, namespaces(1, 1), taken, namespaces(1, 1))
	})
	t.Run("listing without a list", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			_, err := findOrCreateNamespace(t.Context(), s.account, "x")
			if err == nil || errors.Is(err, cloud.ErrNotFound) {
				t.Fatal(err)
			}
			for _, r := range s.requests() {
				if r.Method != "GET" {
					t.Fatal("created a namespace without knowing that there is none")
				}
			}
		}, result("null"))
	})
}
