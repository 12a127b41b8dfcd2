package manifest_test

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A file is hashed in one pass. Its key has the hash and the nonce of the run.
func Example() {
	const page = "<h1>Hello</h1>"
	h := manifest.NewHasher(int64(len(page)))
	_, _ = io.Copy(h, strings.NewReader(page))

	nonce := manifest.NewNonce(time.Unix(1_763_000_000, 0))
	asset := manifest.Asset{
		Path: "/index.html", Blob: manifest.Ref{Hash: h.Sum(), Nonce: nonce},
		Size: int64(len(page)), ContentType: "text/html; charset=utf-8",
	}
	key := manifest.Keys("blog").Blob(asset.Blob)
	fmt.Println(key[:14], len(key))

	class, ref, written := manifest.Keys("blog").Parse(key)
	fmt.Println(class == manifest.KeyBlob, ref == asset.Blob, written.UTC())
	// Output:
	// blog/b/e2c6c0e 88
	// true true 2025-11-13 02:13:20 +0000 UTC
}

// Every later release reads what EncodeStored wrote.
func ExampleDecodeStored() {
	stored, err := manifest.EncodeStored(&manifest.Manifest{
		Site:   "blog",
		Assets: []manifest.Asset{{Path: "/a.txt", Size: 1, ContentType: "text/plain"}},
	})
	if err != nil {
		panic(err)
	}
	m, err := manifest.DecodeStored(stored)
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Site, m.At("/a.txt").ContentType, m.At("/b.txt") == nil)
	// Output: blog text/plain true
}
