// Command exchange is the Go half of the test kv-assets-index/tests/exchange.rs. The test checks
// that Go and Rust read each other's indexes of assets.
//
//	exchange write SEED N   writes N random indexes to stdout
//	exchange rewrite        reads indexes from stdin, and writes each to stdout again
//
// In both streams, a little-endian uint32 with the length comes before each index.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := run(os.Args[1:], bufio.NewReader(os.Stdin), out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "exchange:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "write":
		seed, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return fmt.Errorf("number of indexes: %w", err)
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for range n {
			if err := writeIndex(out, randomIndex(random)); err != nil {
				return err
			}
		}
		return nil
	case len(args) == 1 && args[0] == "rewrite":
		for {
			index, err := readIndex(in)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := writeIndex(out, index); err != nil {
				return err
			}
		}
	}
	return errors.New("usage: exchange write SEED N, or exchange rewrite")
}

func writeIndex(out io.Writer, index kvassets.Index) error {
	b := kvassets.EncodeIndex(index)
	_, err := out.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

// readIndex returns the next index of a stream, or [io.EOF] at the end of the stream.
func readIndex(in io.Reader) (kvassets.Index, error) {
	var length uint32
	if err := binary.Read(in, binary.LittleEndian, &length); err != nil {
		return nil, err
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, fmt.Errorf("read an index of %d bytes: %w", length, err)
	}
	return kvassets.DecodeIndex(b)
}

// randomIndex returns an index of up to 40 files. Many files share a folder, and some names have
// unusual characters.
func randomIndex(random *rand.Rand) kvassets.Index {
	paths := map[string]bool{}
	for range random.IntN(41) {
		name := []string{}
		for range 1 + random.IntN(4) {
			name = append(name, randomName(random))
		}
		paths[strings.Join(name, "/")] = true
	}
	index := kvassets.Index{}
	for path := range paths {
		hash := kvassets.NewHasher()
		_, _ = hash.Write([]byte(path)) // it never fails
		key := kvassets.Key(path, hash.Sum())
		// The random shifts give small and large numbers.
		modified, size := random.Uint64()>>random.IntN(64), random.Uint64()>>random.IntN(64)
		index = append(index, kvassets.Entry{Path: path, Key: key, Modified: modified, Size: size})
	}
	return index
}

func randomName(random *rand.Rand) string {
	unusual := []string{".well-known", "a.tar.gz", "foo.", "日本", "\u00e9", "e\u0301", "\x00", "\U0010ffff", "a b", "100%",
		"\"", "\n", strings.Repeat("long", 100)}
	if random.IntN(4) == 0 {
		return unusual[random.IntN(len(unusual))]
	}
	ext := []string{"", ".html", ".css", ".svg"}
	return "f" + strconv.Itoa(random.IntN(20)) + ext[random.IntN(len(ext))]
}
