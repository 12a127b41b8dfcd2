package overlay_test

import (
	"fmt"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// A page that was written at run time covers the file of the deployment, until a
// deploy has the same content.
func ExampleEdits() {
	page := func(body string) overlay.Entry {
		return overlay.Entry{Path: "/news.html", Nonce: manifest.Nonce{1}, Content: &overlay.Content{
			Hash: manifest.HashOf([]byte(body)), Size: int64(len(body)), Type: "text/html",
		}}
	}
	m := &manifest.Manifest{Assets: []manifest.Asset{{
		Path: "/news.html", Blob: manifest.Ref{Hash: manifest.HashOf([]byte("new"))}, Size: 3, ContentType: "text/html",
	}}}
	for _, body := range []string{"other", "new"} {
		edits := overlay.Edits{Entries: []overlay.Entry{page(body)}}
		covering, _ := edits.Adopt(m)
		fmt.Println(len(covering), "covered,", len(m.Adopted), "adopted")
	}
	// Output:
	// 1 covered, 0 adopted
	// 0 covered, 1 adopted
}
