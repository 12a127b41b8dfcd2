package overlay

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

const overlayRecordText = `{"format":1,"site":"blog","revision":7,"entries":[
 {"path":"/gone.html","nonce":"6740f2a81b2c3d4e","time":"2026-11-21T10:00:00Z","was":["%h"]},
 {"path":"/news.html","nonce":"6740f2a81b2c3d4f","hash":"%h","size":5,"type":"text/html","time":"2026-11-21T10:00:01Z",
  "author":"Ada","message":"first news","headers":[["x-robots-tag","noindex"]],"was":["%h",null]}]}`

func overlayRecordBytes(site string) []byte {
	s := strings.ReplaceAll(overlayRecordText, "%h", manifest.HashOf([]byte("hello")).String())
	return []byte(strings.Replace(s, `"blog"`, `"`+site+`"`, 1))
}

func TestDecodeOverlay(t *testing.T) {
	r, err := Decode("blog", overlayRecordBytes("blog"))
	if err != nil {
		t.Fatal(err)
	}
	gone, news := r.Entries[0], r.Entries[1]
	hello := manifest.HashOf([]byte("hello"))
	switch {
	case r.Revision != 7, len(r.Entries) != 2, gone.Content != nil, gone.Path != "/gone.html", gone.Was[0] != hello:
		t.Errorf("the record is %+v", r)
	case news.Content == nil, news.Content.Hash != hello, news.Content.Size != 5, news.Author != "Ada",
		news.Message != "first news",
		news.Nonce.String() != "6740f2a81b2c3d4f", news.Was[0] != hello, !news.Was[1].IsZero(),
		news.Content.Headers[0] != [2]string{"x-robots-tag", "noindex"}:
		t.Errorf("the entry is %+v, its content %+v", news, news.Content)
	}
}

func TestDecodeOverlayRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"newer":        {`"format":1`, `"format":2`},
		"no format":    {`"format":1,`, ``},
		"another site": {`"site":"blog"`, `"site":"shop"`},
		"no pathname":  {`"/gone.html"`, `"gone.html"`},
		"order":        {`"/gone.html"`, `"/zone.html"`},
		"twice":        {`"/gone.html"`, `"/news.html"`},
		"nonce":        {`6740f2a81b2c3d4e`, `6740F2a81b2c3d4e`},
		"no type":      {`"type":"text/html"`, `"type":""`},
		"size":         {`"size":5`, `"size":-5`},
		"cut":          {`null]}]}`, `null]}]`},
	} {
		b := bytes.Replace(overlayRecordBytes("blog"), []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(b, overlayRecordBytes("blog")) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Decode("blog", b); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func FuzzDecodeOverlay(f *testing.F) {
	f.Add(overlayRecordBytes("blog"))
	f.Add([]byte(`{"format":1,"site":"blog"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode("blog", b)
		if err != nil {
			return
		}
		for i, o := range r.Entries {
			if o.Path[0] != '/' || i > 0 && r.Entries[i-1].Path >= o.Path {
				t.Errorf("the entry %d is %q", i, o.Path)
			}
			if c := o.Content; c != nil && (c.Size < 0 || c.Size > manifest.MaxFileBytes || c.Type == "") {
				t.Errorf("%q has the content %+v", o.Path, c)
			}
		}
		if other, err := Decode("shop", b); err == nil {
			t.Errorf("another site reads it as %+v", other)
		}
	})
}

// oneValue is a namespace with the values of a map.
type oneValue struct {
	cloud.Store
	values map[string][]byte
}

func (o oneValue) Get(_ context.Context, key string) ([]byte, error) {
	if v, ok := o.values[key]; ok {
		return v, nil
	}
	return nil, cloud.ErrNotFound
}

func TestOverlayCopy(t *testing.T) {
	ctx := t.Context()
	large := bytes.Repeat([]byte("0123456789abcdef"), (manifest.MaxValueBytes+manifest.ChunkBytes)/16)
	h := manifest.NewHasher(int64(len(large)))
	_, _ = h.Write(large)
	x := manifest.NewChunkIndex(int64(len(large)))
	values := map[string][]byte{}
	for rest := large; len(rest) > 0; {
		chunk := rest[:min(manifest.ChunkBytes, len(rest))]
		rest = rest[len(chunk):]
		ref := manifest.Ref{Hash: manifest.HashOf(chunk), Nonce: manifest.Nonce{2}}
		x.Chunks = append(x.Chunks, ref)
		values[manifest.Keys("blog/o").Blob(ref)] = chunk
	}
	values[manifest.Keys("blog/o").Blob(manifest.Ref{Hash: h.Sum(), Nonce: manifest.Nonce{1}})] = x.Encode()
	small := manifest.Ref{Hash: manifest.HashOf([]byte("hello")), Nonce: manifest.Nonce{3}}
	values[manifest.Keys("blog/o").Blob(small)] = []byte("hello")

	o := &Snapshot{store: oneValue{values: values}, keys: manifest.Keys("blog").Overlay()}
	entries := map[string]*Entry{
		"hello":       {Path: "/small", Nonce: small.Nonce, Content: &Content{Hash: small.Hash, Size: 5}},
		string(large): {Path: "/large", Nonce: manifest.Nonce{1}, Content: &Content{Hash: h.Sum(), Size: int64(len(large))}},
	}
	for want, entry := range entries {
		var got bytes.Buffer
		if err := o.Copy(ctx, entry, &got); err != nil || got.String() != want {
			t.Errorf("%s: %d bytes, %v", entry.Path, got.Len(), err)
		}
	}

	values[manifest.Keys("blog/o").Blob(small)] = []byte("hallo")
	if err := o.Copy(ctx, entries["hello"], &bytes.Buffer{}); !errors.Is(err, manifest.ErrDamaged) {
		t.Errorf("the bytes in KV are not those that were written: %v", err)
	}
	delete(values, manifest.Keys("blog/o").Blob(small))
	if err := o.Copy(ctx, entries["hello"], &bytes.Buffer{}); !errors.Is(err, cloud.ErrNotFound) {
		t.Errorf("the blob does not exist: %v", err)
	}
}
