package pathname

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

func TestManifestRoundTrip(t *testing.T) {
	t.Parallel()
	m := &Manifest{
		Entries:   map[string]Entry{"/a": {ContentType: "text/plain", ETag: "1"}, "/b": {ETag: "2"}},
		Unsettled: []string{"/a", "/gone"},
	}
	const want = `{"/a":{"contentType":"text/plain","etag":"1"},"/b":{"etag":"2"},` +
		`"kv-sync":{"contentType":"","etag":"","unsettled":["/a","/gone"]}}`
	if got := string(m.Encode()); got != want {
		t.Errorf("encoded\n%s, want\n%s", got, want)
	}
	got, err := Decode([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestDecodeRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, `[]`, `{`, `{"a":{"etag":"1"}}`, `{"kv-sync":{"unsettled":["a"]}}`, `{"kv-sync":{"unsettled":[""]}}`,
	} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("decoded %s, want an error", text)
		}
	}
}

func TestDecodeSortsUnsettled(t *testing.T) {
	t.Parallel()
	m, err := Decode([]byte(`{"kv-sync":{"unsettled":["/b","/a","/b"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/a", "/b"}, m.Unsettled); diff != "" {
		t.Errorf("unsettled (-want +got):\n%s", diff)
	}
}

func TestDuringWriteChangesETags(t *testing.T) {
	t.Parallel()
	before := &Manifest{
		Entries:   map[string]Entry{"/a": {ETag: "old"}, "/b": {ETag: "old"}, "/c": {ETag: "old"}},
		Unsettled: []string{"/c"},
	}
	got := before.DuringWrite([]string{"/b", "/a", "/new"}, manifest.NewNonce(time.Unix(1_700_000_000, 0)))
	if diff := cmp.Diff([]string{"/a", "/b", "/c", "/new"}, got.Unsettled); diff != "" {
		t.Errorf("unsettled (-want +got):\n%s", diff)
	}
	a, b := got.Entries["/a"].ETag, got.Entries["/b"].ETag
	if a == "old" || b == "old" || a == b {
		t.Errorf("the ETags of written files are %q and %q, want two new ones", a, b)
	}
	if got.Entries["/c"].ETag != "old" || before.Entries["/a"].ETag != "old" {
		t.Error("an ETag changed that should not")
	}
	if _, there := got.Entries["/new"]; there {
		t.Error("the manifest names a file that is not written yet")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k := Keys("project/shop")
	item := k.Item(manifest.File{Asset: manifest.Asset{Path: "/a"}})
	got := []string{k.Manifest(), k.Asset("/index.html"), item.Key(manifest.Hash{})}
	want := []string{"project/shop/manifest", "project/shop/assets/index.html", "project/shop/assets/a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}
