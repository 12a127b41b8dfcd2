package kvsync

import (
	"context"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
)

// A plan walks the assets in order, so a manifest that is out of order is no
// manifest.
func TestStoredRefusesDisorder(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([]Asset){
		"two exchanged": func(a []Asset) { a[1], a[2] = a[2], a[1] },
		"one twice":     func(a []Asset) { a[2].Path = a[1].Path },
	} {
		m := realistic(5, false)
		spoil(m.Assets)
		b, err := EncodeStored(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeStored(b); err == nil || !strings.Contains(err.Error(), "order") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A count is believed only as far as there are bytes for it.
func TestStoredBoundsMemory(t *testing.T) {
	b := append([]byte(storedMagic), storedVersion, 0, 0, 0)
	b = append(binary.AppendUvarint(b, 2), "{}"...)
	b = binary.AppendUvarint(b, 1<<24) // nonces
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := DecodeStored(b); err == nil {
		t.Error("it was read")
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 16<<20 {
		t.Errorf("%d bytes took %d of memory", len(b), after.TotalAlloc-before.TotalAlloc)
	}
}

// Releases that know nothing of chunks go by the flag: it says what is there.
func TestStoredFlags(t *testing.T) {
	t.Parallel()
	whole, chunked := realistic(5, false), realistic(5, false)
	chunked.Assets[3].Size = MaxValueBytes + 1
	for _, m := range []*Manifest{whole, chunked} {
		b, err := EncodeStored(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeStored(b); err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint16(b[6:], storedChunked^m.storedFlags())
		if _, err := DecodeStored(b); err == nil {
			t.Errorf("with the flags %#x it was read", storedChunked^m.storedFlags())
		}
	}
}

// Text that moves from one field of a Worker to the next makes another Worker.
func TestWorkerHashTellsFieldsApart(t *testing.T) {
	t.Parallel()
	e := &Engine{}
	same := func(what string, a, b Worker) {
		if e.workerHash(a) == e.workerHash(b) {
			t.Errorf("%s: two Workers have one hash", what)
		}
	}
	same("main and date", Worker{Main: "a", CompatibilityDate: "bc"}, Worker{Main: "ab", CompatibilityDate: "c"})
	same("name and content", Worker{Modules: []Module{{Name: "a", Type: "t", Content: []byte("c")}}}, Worker{Modules: []Module{{Name: "at", Content: []byte("c")}}})
	same("two modules and one", Worker{Modules: []Module{{Name: "a"}, {Name: "b"}}}, Worker{Modules: []Module{{Name: "a", Content: []byte("module" + "b")}}})
}

// repeating is a store that gives the same cursor again and again.
type repeating struct {
	Store
	calls int
}

func (r *repeating) List(context.Context, string, string) ([]KeyInfo, string, error) {
	if r.calls++; r.calls > 100 {
		return nil, "", nil
	}
	return []KeyInfo{{Name: "blog/b/x"}}, "again", nil
}

// A listing that does not get on is an error, and not an endless run.
func TestListingThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	r := &repeating{}
	err := (&Engine{Config: Config{Site: "blog"}}).eachKey(t.Context(), r, "blog/", func(KeyInfo) error { return nil })
	if err == nil || r.calls > 2 {
		t.Errorf("%d pages, %v", r.calls, err)
	}
}

// What the API lists is not searched for keys of others: only those below the
// site's own prefix are of any class.
func TestKeysOfOthersHaveNoClass(t *testing.T) {
	t.Parallel()
	ref := Ref{Hash: HashOf([]byte("x")), Nonce: Nonce{1}}
	for _, name := range []string{keys("blog-2").blob(ref), keys("blo").blob(ref), "b/" + ref.String(), keys("blog").blob(ref)[1:], keys("blog").blob(ref) + "0", keys("blog").manifest(ref) + "/"} {
		if class, _, _ := keys("blog").parse(name); class != classUnknown {
			t.Errorf("%s is of the class %c", name, class)
		}
	}
	for _, class := range []keyClass{classBlob, classManifest} {
		name := "blog/" + string(class) + "/" + ref.String()
		if got, _, _ := keys("blog").parse(name); got != class {
			t.Errorf("%s is of the class %d", name, got)
		}
	}
}
