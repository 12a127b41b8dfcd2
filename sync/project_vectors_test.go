package kvsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
)

// projectVector is a deploy by the TypeScript library, which writes the same format: see
// testdata/project.
type projectVector struct {
	Deploy struct {
		Project string
		Now     int64 // milliseconds since 1970 UTC
		Random  string
	}
	Before map[string]vectorValue
	Result struct {
		Deployment, Version, Loader string
	}
	Writes map[string]vectorValue
}

// vectorValue is bytes: in base64 or, for large values, as texts with the number of their
// repetitions.
type vectorValue []byte

func (v *vectorValue) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, (*[]byte)(v))
	}
	var long struct{ Runs [][2]any }
	if err := json.Unmarshal(b, &long); err != nil {
		return err
	}
	for _, run := range long.Runs {
		text, _ := run[0].(string)
		times, _ := run[1].(float64)
		*v = append(*v, bytes.Repeat([]byte(text), int(times))...)
	}
	return nil
}

func (v vectorValue) MarshalJSON() ([]byte, error) {
	const period = 16
	if len(v) < 1<<20 {
		return json.Marshal([]byte(v))
	}
	if !bytes.Equal(v[period:], v[:len(v)-period]) || len(v)%period != 0 {
		return nil, fmt.Errorf("a value of %d bytes repeats no text of %d", len(v), period)
	}
	return json.Marshal(map[string][][2]any{"runs": {{string(v[:period]), len(v) / period}}})
}

func bytesOf(values map[string]vectorValue) memoryKV {
	kv := memoryKV{}
	for key, value := range values {
		kv[key] = value
	}
	return kv
}

// This engine reads what the TypeScript library writes, and would write the same bytes. A deploy of
// the same files over it uploads nothing.
func TestProjectVectors(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../testdata/project/*.json")
	if err != nil || len(names) < 10 {
		t.Fatalf("found %d vectors, %v", len(names), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var v projectVector
		if err := json.Unmarshal(b, &v); err != nil || v.Deploy.Project == "" {
			continue // a table of another kind
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			testProjectVector(t, &v)
		})
	}
}

func testProjectVector(t *testing.T, v *projectVector) {
	kv := bytesOf(v.Before)
	maps.Copy(kv, bytesOf(v.Writes))
	later := func() time.Time { return time.UnixMilli(v.Deploy.Now).Add(time.Minute) }
	e, err := New(site.Config{Project: v.Deploy.Project, Namespace: "ns", Account: TimedAccount{kv, later}, Now: later})
	if err != nil {
		t.Fatal(err)
	}
	past, err := e.History(t.Context())
	if err != nil || past[0].ID != v.Result.Deployment || past[0].Version != v.Result.Version || past[0].Record == nil {
		t.Fatalf("history: %+v, %v; want %+v", past, err, v.Result)
	}
	if verified, err := e.Verify(t.Context(), true); err != nil || !verified.Whole() {
		t.Errorf("verify: %+v, %v", verified, err)
	}
	l, err := e.Client().ReadLive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Client().Manifest(t.Context(), l.Meta)
	if err != nil {
		t.Fatal(err)
	}
	k := e.Client().Keys()
	stored, err := manifest.EncodeStored(m)
	if ref, _ := manifest.ParseRef(l.Meta.Manifest); err != nil || !bytes.Equal(stored, kv[k.Manifest(ref)]) {
		t.Errorf("the stored manifest is written otherwise here: %v\n%q\n%q", err, stored, kv[k.Manifest(ref)])
	}
	ref, _ := manifest.ParseRef(v.Result.Version)
	var version projectVersion
	if err := json.Unmarshal(kv[k.Blob(ref)], &version); err != nil {
		t.Fatal(err)
	}
	if again, err := marshalJSON(version); err != nil || !bytes.Equal(again, kv[k.Blob(ref)]) {
		t.Errorf("the version is written otherwise here: %v\n%s\n%s", err, again, kv[k.Blob(ref)])
	}
	loader, err := project.LoaderID(v.Deploy.Project, version.Served, version.Code)
	if err != nil || loader != v.Result.Loader || version.Loader != loader {
		t.Errorf("the loader's id is %s here, %s there: %v", loader, v.Result.Loader, err)
	}
	servedRef, _ := manifest.ParseRef(version.Served)
	if served, err := manifest.EncodeServed(m); err != nil || !bytes.Equal(served, kv[k.Blob(servedRef)]) {
		t.Errorf("the served manifest is written otherwise here: %v\n%q\n%q", err, served, kv[k.Blob(servedRef)])
	}
	for _, a := range m.Assets {
		if a.Chunked() {
			testChunkedVector(t, kv, k, a)
		}
	}
	e.Client().Serving = m.Serving
	p, err := e.Plan(t.Context(), &listed{m, kv, k}, cloud.Worker{}, plan.Options{})
	if err != nil || len(p.Added)+len(p.Changed)+len(p.Removed)+p.Blobs > 0 || p.Unchanged != len(m.Assets) {
		t.Errorf("the same files are the plan %+v, %v", p, err)
	}
}

// The TypeScript library splits a file into the same chunks: its hash and its index are those of
// this engine, except for the nonces.
func testChunkedVector(t *testing.T, kv memoryKV, k manifest.Keys, a manifest.Asset) {
	there, err := manifest.DecodeChunkIndex(kv[k.Blob(a.Blob)], a)
	if err != nil {
		t.Fatal(err)
	}
	h := manifest.NewHasher(a.Size)
	for _, ref := range there.Chunks {
		_, _ = h.Write(kv[k.Blob(ref)])
		if a.Blob.Nonce == ref.Nonce {
			t.Errorf("%s: the index and a chunk have one nonce", a.Path)
		}
	}
	if got := h.Sum(); got != a.Blob.Hash {
		t.Errorf("%s hashes to %s here, %s there", a.Path, got, a.Blob.Hash)
	}
	if !bytes.Equal(there.Encode(), kv[k.Blob(a.Blob)]) {
		t.Errorf("the index of %s is encoded differently here", a.Path)
	}
}

var update = flag.Bool("update", false, "write testdata/project/go anew")

// writtenHere is a KV that this engine wrote, for the TypeScript library to read.
type writtenHere struct {
	About   string                 `json:"about"`
	Project string                 `json:"project"`
	Loader  string                 `json:"loader"`
	HasCode bool                   `json:"has_code"`
	Files   files                  `json:"files"`
	KV      map[string]vectorValue `json:"kv"`
}

// files are contents by path. Long texts are written into a vector as a vectorValue.
type files map[string]text

type text string

func (t text) MarshalJSON() ([]byte, error) {
	if len(t) < 1<<20 {
		return json.Marshal(string(t))
	}
	return json.Marshal(vectorValue(t))
}

func (t *text) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var long vectorValue
	err := json.Unmarshal(b, &long)
	*t = text(long)
	return err
}

// This engine wrote testdata/project/go once, because the keys contain the time of the run. It
// still reads these files, and -update writes them again. The tests in worker/test read them with
// the library.
func TestProjectsWrittenHere(t *testing.T) {
	t.Parallel()
	small := files{"/index.html": "<h1>Shop</h1>", "/about.html": "About", "/ü b.txt": "ü"}
	changed := files{"/index.html": "<h1>Sale</h1>", "/ü b.txt": "ü"}
	film := text(strings.Repeat("0123456789abcdef", 28<<16|1))
	filmed := files{"/index.html": "<h1>Film</h1>", "/film.mp4": film}
	code := cloud.Worker{
		Main: "index.js", CompatibilityDate: "2026-10-01",
		Modules: []cloud.Module{
			{Name: "index.js", Type: "application/javascript+module",
				Content: []byte(`import text from "./a.txt"; ` +
					`export default { fetch: (r, env) => new URL(r.url).pathname === "/code" ? ` +
					`new Response(text + env.NAME) : env.ASSETS.fetch(r) }`)},
			{Name: "a.txt", Type: "text/plain", Content: []byte("hello \u2028")},
		},
		Bindings: []cloud.Binding{{Name: "NAME", Type: "plain_text",
			Fields: map[string]json.RawMessage{"text": json.RawMessage(`"Ada"`)}}},
	}
	for _, c := range []struct {
		name, about string
		steps       []files
		worker      cloud.Worker
		back        bool
	}{
		{"assets-only", "A first deploy without code.", []files{small}, cloud.Worker{}, false},
		{"changed", "Code, and a second deploy that changed a file and removed one.", []files{small, changed}, code, false},
		{"chunked", "A file of more than 25 MiB, and a second deploy that changed another.",
			[]files{{"/index.html": "Soon", "/film.mp4": film}, filmed}, cloud.Worker{}, false},
		{"rolled-back", "The same, and a rollback to the first.", []files{small, changed}, code, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join("../testdata/project/go", c.name+".json")
			want := c.steps[len(c.steps)-1]
			if c.back {
				want = c.steps[0]
			}
			if *update {
				writeProject(t, name, c.about, c.steps, want, c.worker, c.back)
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var v writtenHere
			if err := json.Unmarshal(b, &v); err != nil || !maps.Equal(v.Files, want) {
				t.Fatalf("%v, files %v; go test ./sync -run WrittenHere -update writes it anew", err, v.Files)
			}
			e, err := New(site.Config{Project: v.Project, Namespace: "ns", Account: bytesOf(v.KV)})
			if err != nil {
				t.Fatal(err)
			}
			if verified, err := e.Verify(t.Context(), true); err != nil || !verified.Whole() ||
				verified.Deployments[0].Files != len(want) {
				t.Errorf("verify: %+v, %v", verified, err)
			}
		})
	}
}

func writeProject(t *testing.T, name, about string, steps []files, want files, w cloud.Worker, back bool) {
	kv := memoryKV{}
	e, err := New(site.Config{Project: "shop", Namespace: "ns", Account: kv, Actor: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		src := &listed{&manifest.Manifest{}, kv, "x"}
		for _, path := range slices.Sorted(maps.Keys(step)) {
			size := int64(len(step[path]))
			h := manifest.NewHasher(size)
			io.WriteString(h, string(step[path])) //nolint:errcheck // it never fails
			ref := manifest.Ref{Hash: h.Sum()}
			kv[src.k.Blob(ref)] = []byte(step[path])
			src.Assets = append(src.Assets, manifest.Asset{Path: path, Blob: ref, Size: size,
				ContentType: "text/html; charset=utf-8", Modified: 1_700_000_000})
		}
		if _, err := e.Deploy(t.Context(), src, w, plan.Options{AnyOrder: true}); err != nil {
			t.Fatal(err)
		}
	}
	if back {
		if _, err := e.Rollback(t.Context(), RollbackOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	maps.DeleteFunc(kv, func(key string, _ []byte) bool { return strings.HasPrefix(key, "x/") })
	var at pointer
	var live projectVersion
	if err := errors.Join(json.Unmarshal(kv["project/shop/current"], &at), json.Unmarshal(at.Version, &live)); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]vectorValue)
	for key, value := range kv {
		values[key] = value
	}
	b, err := json.MarshalIndent(writtenHere{about, "shop", live.Loader, live.Main != "", want, values}, "", " ")
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, append(b, '\n'), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// listed is a source with the files of a manifest.
type listed struct {
	*manifest.Manifest
	kv memoryKV
	k  manifest.Keys
}

func (*listed) Changed(context.Context, manifest.Origin, []manifest.Dir) ([]string, bool, error) {
	return nil, false, nil
}

func (l *listed) Origin(context.Context) (manifest.Origin, error) {
	return manifest.Origin{Kind: "folder"}, nil
}
func (l *listed) Files(context.Context, *manifest.Manifest) (*manifest.Listing, error) {
	out := &manifest.Listing{Origin: manifest.Origin{Kind: "folder"}, Redirects: l.Redirects, Headers: l.Headers}
	for _, a := range l.Assets {
		b := l.kv[l.k.Blob(a.Blob)]
		a.Blob.Nonce = manifest.Nonce{}
		out.Files = append(out.Files, manifest.File{Asset: a,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }})
	}
	out.Origin.ID = manifest.FolderID(out)
	return out, nil
}
func (l *listed) Compare(context.Context, string, string) (manifest.Relation, error) {
	return manifest.RelationNewer, nil
}
func (l *listed) Remember([]manifest.Asset) {}

// memoryKV is an account with one namespace, by key.
type memoryKV map[string][]byte

// memories guards every memoryKV while an engine works on it.
var memories sync.Mutex

func (kv memoryKV) FindNamespace(context.Context, string) (string, error)   { return "ns", nil }
func (kv memoryKV) CreateNamespace(context.Context, string) (string, error) { return "ns", nil }
func (kv memoryKV) Time() (time.Time, bool)                                 { return time.Now(), true }
func (kv memoryKV) Store(string) cloud.Store                                { return kv }
func (kv memoryKV) Workers(string) cloud.Workers                            { return nil }

func (kv memoryKV) PutBulk(_ context.Context, body []byte, n int) ([]string, error) {
	var pairs []struct {
		Key    string
		Value  []byte
		Base64 bool
	}
	if err := json.Unmarshal(body, &pairs); err != nil || len(pairs) != n {
		return nil, fmt.Errorf("%d pairs, said to be %d: %w", len(pairs), n, err)
	}
	memories.Lock()
	defer memories.Unlock()
	for _, p := range pairs {
		kv[p.Key] = p.Value
	}
	return nil, nil
}

func (kv memoryKV) Put(_ context.Context, key string, value []byte) error {
	memories.Lock()
	defer memories.Unlock()
	kv[key] = bytes.Clone(value)
	return nil
}

func (kv memoryKV) Get(_ context.Context, key string) ([]byte, error) {
	memories.Lock()
	defer memories.Unlock()
	if b, ok := kv[key]; ok {
		return b, nil
	}
	return nil, cloud.ErrNotFound
}

func (kv memoryKV) List(_ context.Context, prefix, _ string) (page []cloud.KeyInfo, next string, err error) {
	memories.Lock()
	defer memories.Unlock()
	for _, key := range slices.Sorted(maps.Keys(kv)) {
		if strings.HasPrefix(key, prefix) {
			page = append(page, cloud.KeyInfo{Name: key})
		}
	}
	return page, "", nil
}

func (kv memoryKV) DeleteBulk(_ context.Context, names []string) ([]string, error) {
	memories.Lock()
	defer memories.Unlock()
	for _, name := range names {
		delete(kv, name)
	}
	return nil, nil
}
