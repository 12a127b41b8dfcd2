package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// The floor is the lower bound for a first deploy. It hashes the files of a folder and sends them
// with the fewest requests. It does nothing else: no ignore rules, no content types, no manifest,
// no Worker, no retry, no confirmation.
const (
	floorBatch    = 4 << 20   // the largest number of bytes of the values in a bulk write
	floorRaw      = 512 << 10 // the size from which a value has a request of its own
	floorParallel = 8
)

// apiClient sends requests to an account.
type apiClient struct{ base, account, token string }

func clientFromEnvironment() apiClient {
	return apiClient{os.Getenv("CLOUDFLARE_API_BASE_URL"), os.Getenv("CLOUDFLARE_ACCOUNT_ID"),
		os.Getenv("CLOUDFLARE_API_TOKEN")}
}

// send sends a request and returns the member result of the response. Another status than 200 is
// an error.
func (c apiClient) send(ctx context.Context, method, path string, body []byte) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/accounts/"+c.account+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %.200s", method, path, res.Status, raw)
	}
	var response struct{ Result json.RawMessage }
	err = json.Unmarshal(raw, &response)
	return response.Result, err
}

// floorFile is a file with its size.
type floorFile struct {
	path string
	size int64
}

func floor(ctx context.Context, dir string, api apiClient) error {
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = floorParallel
	result, err := api.send(ctx, http.MethodPost, "/storage/kv/namespaces", []byte(`{"title":"floor"}`))
	if err != nil {
		return err
	}
	var namespace struct{ ID string }
	if err := json.Unmarshal(result, &namespace); err != nil {
		return err
	}
	at := "/storage/kv/namespaces/" + namespace.ID
	batches, err := floorBatches(dir)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(floorParallel)
	free := make(chan []byte, floorParallel)
	for _, batch := range batches {
		g.Go(func() error {
			if batch[0].size >= floorRaw {
				value, err := os.ReadFile(batch[0].path)
				if err != nil {
					return err
				}
				_, err = api.send(ctx, http.MethodPut, at+"/values/"+keyOf(value), value)
				return err
			}
			var body []byte
			select {
			case body = <-free:
			default:
				body = make([]byte, 0, floorBatch/3*4+512<<10)
			}
			body, err := floorBody(body[:0], batch)
			if err != nil {
				return err
			}
			_, err = api.send(ctx, http.MethodPut, at+"/bulk", body)
			free <- body
			return err
		})
	}
	return g.Wait()
}

// keyOf returns the key of a value: its hash.
func keyOf(value []byte) string {
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:])
}

// floorBatches returns the files of a folder in batches. A large file has a batch of its own. The
// small files fill batches of floorBatch bytes.
func floorBatches(dir string) (batches [][]floorFile, err error) {
	var small []floorFile
	var bytes int64
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f := floorFile{path, info.Size()}
		if f.size >= floorRaw {
			batches = append(batches, []floorFile{f})
			return nil
		}
		if bytes+f.size > floorBatch {
			batches, small, bytes = append(batches, small), nil, 0
		}
		small, bytes = append(small, f), bytes+f.size
		return nil
	})
	if len(small) > 0 {
		batches = append(batches, small)
	}
	return batches, err
}

// floorBody appends the body of a bulk write of a batch.
func floorBody(body []byte, batch []floorFile) ([]byte, error) {
	for i, f := range batch {
		value, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			body = append(body, '[')
		} else {
			body = append(body, ',')
		}
		body = append(body, `{"key":"`+keyOf(value)+`","base64":true,"value":"`...)
		body = base64.StdEncoding.AppendEncode(body, value)
		body = append(body, `"}`...)
	}
	return append(body, ']'), nil
}
