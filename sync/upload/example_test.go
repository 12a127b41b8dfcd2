package upload_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// printing is a namespace that prints how many pairs a bulk write has.
type printing struct{ cloud.Store }

func (printing) PutBulk(_ context.Context, _ []byte, pairs int) (unconfirmed []string, err error) {
	fmt.Println("one request with", pairs, "pairs")
	return nil, nil
}

// Two files with the same bytes share a key, and all small values one request.
func ExampleRun() {
	nonce := manifest.NewNonce(time.Unix(1_763_000_000, 0))
	file := func(path, body string) *upload.Item {
		return upload.NewItem("blog", manifest.File{
			Asset: manifest.Asset{Path: path, Size: int64(len(body))},
			Open:  func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil },
		}, nonce, nil)
	}
	items := []*upload.Item{
		file("/a.txt", "hello"), file("/b.txt", "hello"),
		upload.Value("the record", "blog/d/1", []byte("{}")),
	}
	err := upload.Run(context.Background(), printing{}, items, upload.Options{
		Parallel: 8, Memory: 64 << 20, Budget: upload.NewBudget(),
	})
	fmt.Println(err, items[0].Got == manifest.HashOf([]byte("hello")))
	// Output:
	// one request with 2 pairs
	// <nil> true
}
